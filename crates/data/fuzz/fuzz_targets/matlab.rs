//! Any bytes are a MATLAB file whose variable has no more numbers than the file has bytes, or an error; an array has the
//! same numbers behind compression, whose checksum is right here.

#![no_main]

use std::io::Write;

use efficientnet_data::matlab::decode;
use flate2::{Compression, write::ZlibEncoder};
use libfuzzer_sys::fuzz_target;

/// Text, then version 1 and the order of bytes.
const HEADER: usize = 128;

fn header() -> Vec<u8> {
    let mut header = vec![b' '; HEADER];
    header[HEADER - 4..].copy_from_slice(b"\x00\x01IM");
    header
}

fn compressed(elements: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(elements).expect("memory");
    let data = encoder.finish().expect("memory");
    [&header(), &15u32.to_le_bytes()[..], &(data.len() as u32).to_le_bytes(), &data].concat()
}

/// Whether these are one element of the kind that arrays have, with nothing behind it.
fn is_one_array(elements: &[u8]) -> bool {
    let Some((tag, data)) = elements.split_first_chunk::<8>() else { return false };
    tag[..4] == 14u32.to_le_bytes() && tag[4..] == (data.len() as u32).to_le_bytes()
}

fn read(file: &[u8]) -> Result<Vec<u32>, String> {
    decode(file, "a").inspect_err(|reason| assert!(!reason.is_empty() && !reason.contains('\n')))
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(numbers) = read(bytes) {
        // A byte of deflate is at most 1032 of what it unpacks to.
        assert!(numbers.len() <= 1032 * bytes.len());
    }
    let elements = bytes.get(HEADER..).unwrap_or_default();
    let plain = read(&[&header(), elements].concat());
    let packed = read(&compressed(elements));
    if let Ok(numbers) = &plain {
        assert!(numbers.len() <= 1032 * elements.len());
    }
    if is_one_array(elements) {
        assert_eq!(plain.is_ok(), packed.is_ok(), "{plain:?} {packed:?}");
        assert_eq!(plain.ok(), packed.ok());
    }
});
