//! The files are by `scripts/fixtures/flowers.py`.

use std::io::Write;

use flate2::write::ZlibEncoder;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const LABELS: &[u8] = include_bytes!("../../tests/fixtures/flowers/imagelabels.mat");
const SETS: &[u8] = include_bytes!("../../tests/fixtures/flowers/setid.mat");

/// A file with these elements behind its header.
fn file(elements: &[u8]) -> Vec<u8> {
    [&LABELS[..HEADER], elements].concat()
}

fn long(kind: u32, data: &[u8]) -> Vec<u8> {
    let padding = vec![0; data.len().next_multiple_of(8) - data.len()];
    [&kind.to_le_bytes(), &(data.len() as u32).to_le_bytes(), data, &padding].concat()
}

/// A row called `a`.
fn row(class: u8, sizes: &[i32], kind: u32, numbers: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
    let content =
        [long(6, &[class, 0, 0, 0, 0, 0, 0, 0]), long(5, &sizes), long(1, b"a"), long(kind, numbers)];
    long(MATRIX, &content.concat())
}

fn compressed(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    let data = encoder.finish().unwrap();
    [&COMPRESSED.to_le_bytes(), &(data.len() as u32).to_le_bytes()[..], &data].concat()
}

#[test]
fn every_form_of_numbers() {
    assert_eq!(decode(LABELS, "labels").unwrap(), [2, 2, 3, 1, 1, 3, 2, 1, 3]);
    assert_eq!(decode(SETS, "trnid").unwrap(), [4, 1, 3]);
    assert_eq!(decode(SETS, "valid").unwrap(), [7, 5]);
    assert_eq!(decode(SETS, "tstid").unwrap(), [9, 2, 6, 8]);
    for (kind, bytes) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4), (6, 4), (12, 8), (13, 8)] {
        let numbers: Vec<u8> = [7u64, 100].iter().flat_map(|n| n.to_le_bytes()[..bytes].to_vec()).collect();
        assert_eq!(decode(&file(&row(9, &[1, 2], kind, &numbers)), "a").unwrap(), [7, 100], "kind {kind}");
    }
    let single: Vec<u8> = [0f32, 16_777_216.0].iter().flat_map(|n| n.to_le_bytes()).collect();
    assert_eq!(decode(&file(&compressed(&row(7, &[2, 1], 7, &single))), "a").unwrap(), [0, 1 << 24]);
    assert_eq!(decode(&file(&row(6, &[0, 0], 9, &[])), "a").unwrap(), [0u32; 0]);
}

#[test]
fn other_files_are_refused() {
    let header = |place: usize, byte: u8| {
        let mut file = LABELS.to_vec();
        file[place] = byte;
        decode(&file, "labels").unwrap_err()
    };
    assert_eq!(header(125, 2), "it is of version 7.3, which is HDF5, instead of level 5");
    assert_eq!(header(127, b'I'), "it is no MATLAB file of level 5");
    assert_eq!(decode(b"MATLAB", "labels").unwrap_err(), "it ends in its header");
    assert_eq!(decode(LABELS, "label").unwrap_err(), "it has no variable `label`");
    let mut swapped = LABELS.to_vec();
    swapped[124..128].copy_from_slice(b"\x01\0MI");
    assert!(decode(&swapped, "labels").unwrap_err().contains("most significant byte first"));
}

#[test]
fn other_arrays_are_refused() {
    let reason = |row: Vec<u8>| decode(&file(&row), "a").unwrap_err();
    assert_eq!(reason(row(4, &[1, 1], 4, b"a\0")), "`a` is no array of real numbers");
    assert_eq!(reason(row(6, &[1, 3], 2, &[1, 2])), "`a` has 2 numbers instead of 3");
    assert_eq!(reason(row(6, &[1, 1], 1, &[0xFF])), "-1 in `a` is no whole number from 0");
    assert_eq!(reason(row(6, &[1, 1], 9, &0.5f64.to_le_bytes())), "0.5 in `a` is no whole number from 0");
    assert_eq!(reason(row(6, &[1, 1], 9, &f64::NAN.to_le_bytes())), "NaN in `a` is no whole number from 0");
    assert_eq!(reason(row(6, &[1, 1], 9, &[0; 7])), "it is damaged (a part of a number)");
    assert_eq!(reason(row(6, &[1, 1], 8, &[0; 8])), "it is damaged (numbers of kind 8)");
    assert_eq!(reason(row(6, &[1, 1], 2, &[0; 9])), "it is damaged (9 bytes where there can be 8)");
    for sizes in [[i32::MAX; 2], [-1, 1], [1 << 12, 1 << 11]] {
        assert_eq!(reason(row(6, &sizes, 2, &[0])), "`a` has more than 4194304 numbers");
    }
}

/// The outer length is right; what is inside the compression is not.
#[test]
fn damage_behind_compression_is_noticed() {
    for place in HEADER + 8..LABELS.len() {
        let mut damaged = LABELS.to_vec();
        damaged[place] ^= 0x10;
        assert!(decode(&damaged, "labels").is_err(), "byte {place}");
    }
    for length in HEADER + 1..LABELS.len() {
        let reason = decode(&LABELS[..length], "labels").unwrap_err();
        assert_eq!(reason, "it is cut off", "{length}");
    }
    let mut longer = row(6, &[1, 1], 2, &[1]);
    longer.push(7);
    assert_eq!(decode(&file(&compressed(&longer)), "a").unwrap_err(), "`a` is longer than it says");
}

/// Sixteen megabytes out of a thousandth of that are not unpacked where a name or a size says enough.
#[test]
fn a_small_file_does_not_become_a_large_array() {
    let zeros = vec![0; 16 << 20];
    let bomb = file(&compressed(&row(6, &[1, 16 << 20], 2, &zeros)));
    assert!(bomb.len() < 100_000);
    assert_eq!(decode(&bomb, "a").unwrap_err(), "`a` has more than 4194304 numbers");
    assert_eq!(decode(&bomb, "b").unwrap_err(), "it has no variable `b`");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is changed, before compression or after it, there are numbers or a phrase.
    #[test]
    fn no_file_panics(changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..5), packed: bool, end: Index) {
        let numbers: Vec<u8> = (0..20u8).collect();
        let mut content = row(6, &[4, 5], 2, &numbers);
        let change = |bytes: &mut Vec<u8>| {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
        };
        let mut whole = if packed {
            change(&mut content);
            file(&compressed(&content))
        } else {
            let mut whole = [SETS, &content].concat();
            change(&mut whole);
            whole
        };
        for name in ["a", "valid", "tstid", "none"] {
            if let Err(reason) = decode(&whole, name) {
                prop_assert!(!reason.is_empty() && !reason.contains('\n'));
            }
        }
        whole.truncate(end.index(whole.len()));
        prop_assert!(decode(&whole, "none").is_err());
    }
}
