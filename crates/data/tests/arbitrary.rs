//! Whatever the bytes of a file are: an error, or a source whose every sample is read or refused. Never a panic, and never
//! more memory than the file is long.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use efficientnet_data::{
    CsvManifest, OpenOptions, Part, Records, Source, TarShards, open_path, read_class_list, write_class_list,
};
use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;

/// Asks a source everything.
fn exercise(source: &dyn Source) {
    assert!(source.len() > 0);
    let mut keys = Vec::new();
    for index in 0..source.len() {
        assert!(source.class(index) < source.classes().len());
        keys.push(source.key(index).into_owned());
        let _ = source.read(index);
    }
    keys.sort_unstable();
    assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "a key is there twice");
}

fn in_folder(files: &[(&str, &[u8])], open: impl FnOnce(&Path)) {
    let dir = TempDir::new().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    open(dir.path());
}

fn tar_of(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        // A name that the crate refuses is left out.
        let _ = builder.append_data(&mut header, name, bytes.as_slice());
    }
    builder.into_inner().unwrap()
}

fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let dims_bytes = dims.iter().flat_map(|dim| dim.to_be_bytes());
    [0, 0, 8, dims.len() as u8].into_iter().chain(dims_bytes).chain(values.iter().copied()).collect()
}

/// A change of one byte, which does not spoil the checksum where `fixed`.
fn damage(tar: &mut [u8], at: Index, byte: u8, fixed: bool) {
    if tar.is_empty() {
        return;
    }
    let at = at.index(tar.len());
    tar[at] = byte;
    let block = at / 512 * 512;
    if fixed && tar.len() >= block + 512 {
        let mut header = tar::Header::from_byte_slice(&tar[block..block + 512]).clone();
        header.set_cksum();
        tar[block..block + 512].copy_from_slice(header.as_bytes());
    }
}

const CASES: u32 = if cfg!(debug_assertions) { 50 } else { 1000 };

/// What an entry of a tar may be called.
const NAMES: &str =
    "(\\./|/|\\.\\./)?([a-c]/){0,2}[0-9ü]{1,3}(\\.jpg|\\.png|\\.cls|\\.seg\\.png|\\.txt)?|[a-z]{120}/1.jpg";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn bytes_as_a_tar(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        in_folder(&[("a.tar", &bytes)], |dir| {
            if let Ok(source) = TarShards::open(dir.join("a.tar"), None) {
                exercise(&source);
            }
        });
    }

    #[test]
    fn damaged_tars(
        entries in prop::collection::vec((NAMES, prop::collection::vec(any::<u8>(), 0..600)), 0..5),
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), any::<bool>()), 0..4),
        cut in prop::option::of(any::<Index>()),
    ) {
        let mut bytes = tar_of(&entries);
        changes.into_iter().for_each(|(at, byte, fixed)| damage(&mut bytes, at, byte, fixed));
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        in_folder(&[("a.tar", &bytes)], |dir| {
            if let Ok(source) = TarShards::open(dir.join("a.tar"), None) {
                exercise(&source);
            }
        });
    }

    #[test]
    fn numbers_in_an_idx_header(
        dims in prop::array::uniform3(prop_oneof![0u32..4, any::<u32>()]),
        values in prop::collection::vec(any::<u8>(), 0..30),
        count in prop_oneof![0u32..4, any::<u32>()],
        labels in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let (images, labels) = (idx(&dims, &values), idx(&[count], &labels));
        in_folder(&[("train-images-idx3-ubyte", &images), ("train-labels-idx1-ubyte", &labels)], |dir| {
            if let Ok(source) = Records::idx(dir, Part::Train, None) {
                exercise(&source);
            }
        });
    }

    #[test]
    fn an_idx_file_of_the_right_length_opens(
        [count, height, width] in prop::array::uniform3(1usize..5),
        labels in prop::collection::vec(any::<u8>(), 4),
    ) {
        let dims = [count, height, width].map(|dim| dim as u32);
        let images = idx(&dims, &vec![7; count * height * width]);
        let labels = idx(&dims[..1], &labels[..count]);
        in_folder(&[("train-images-idx3-ubyte", &images), ("train-labels-idx1-ubyte", &labels)], |dir| {
            exercise(&Records::idx(dir, Part::Train, None).unwrap());
        });
    }

    #[test]
    fn bytes_as_cifar(begin in prop::collection::vec(any::<u8>(), 0..8), records in 0usize..3, odd in 0usize..2) {
        let mut bytes = begin;
        bytes.resize(records * 3074 + odd, 1);
        in_folder(&[("train.bin", &bytes)], |dir| {
            if let Ok(source) = Records::cifar(dir, Part::Train, None) {
                exercise(&source);
            }
        });
    }

    #[test]
    fn text_as_csv(text in "(path,label\r?\n)?([a-c\"]{0,2},?[0-3x\"]{0,2}\r?\n?){0,8}") {
        in_folder(&[("a.csv", text.as_bytes())], |dir| {
            if let Ok(source) = CsvManifest::open(dir.join("a.csv"), None) {
                exercise(&source);
            }
        });
    }

    #[test]
    fn bytes_as_anything(
        name in prop_oneof![Just("a.csv"), Just("a.tar"), Just("a"), Just("test_batch.bin"), Just("t10k-images-idx3-ubyte")],
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        whole in any::<bool>(),
    ) {
        in_folder(&[(name, &bytes)], |dir| {
            let path = if whole { dir.to_path_buf() } else { dir.join(name) };
            if let Ok(source) = open_path(path, &OpenOptions { part: Part::Test, ..OpenOptions::default() }) {
                exercise(source.as_ref());
            }
        });
    }

    #[test]
    fn class_lists_come_back_or_are_refused(names in prop::collection::vec("[a-b ,\u{feff}\n]{0,3}", 0..5)) {
        in_folder(&[], |dir| {
            let path = dir.join("classes.txt");
            match write_class_list(&path, &names) {
                Ok(()) => assert_eq!(read_class_list(&path).unwrap(), names),
                Err(_) => assert!(!path.exists()),
            }
        });
    }

    /// Found by the fuzz target `csv`: a byte order mark in the middle.
    #[test]
    fn class_lists_that_are_read_can_be_written(text in "([a-b \u{feff}\r]{0,3}\n){0,5}") {
        in_folder(&[("classes.txt", text.as_bytes())], |dir| {
            if let Ok(names) = read_class_list(dir.join("classes.txt")) {
                let again = dir.join("again.txt");
                write_class_list(&again, &names).unwrap();
                assert_eq!(read_class_list(&again).unwrap(), names);
            }
        });
    }
}
