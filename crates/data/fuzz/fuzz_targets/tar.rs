//! Any bytes are a source of images in a tar, with the bytes that the `tar` crate finds for them, or an error.
//!
//! A checksum protects every header, which a fuzzer does not hit. So it is made right where a block is marked as a header,
//! unless its place holds [`AS_IT_IS`].

#![no_main]

use std::collections::HashMap;
use std::io::Read;

use efficientnet_data::{Content, Source, TarShards, decode_bytes};
use efficientnet_data_fuzz::{exercise, file, let_decoders_panic};
use libfuzzer_sys::fuzz_target;

const BLOCK: usize = 512;
const MARK: std::ops::Range<usize> = 257..262;
const CHECKSUM: usize = 148;
const AS_IT_IS: u8 = 0xFF;
/// Decoding is for another target.
const MOST_DECODED: usize = 2;
const MOST_DECODED_BYTES: usize = 2000;

fuzz_target!(init: let_decoders_panic(), |bytes: &[u8]| {
    let bytes = with_checksums(bytes);
    let path = file("a.tar", &bytes);
    let order = ["cat", "dog", "1"].map(String::from);
    for order in [None, Some(&order[..])] {
        let Ok(source) = TarShards::open(&path, order) else { continue };
        let mut files = HashMap::new();
        exercise(&source, |index, content| {
            let Content::File(content) = content else { panic!("a tar has files") };
            assert!(content.len() <= bytes.len());
            if index < MOST_DECODED && content.len() <= MOST_DECODED_BYTES && order.is_none() {
                let _ = decode_bytes(&content, "fuzz");
            }
            files.insert(source.key(index).into_owned(), content);
        });
        // The length was asked when the tar was opened, so all that was found is read.
        assert_eq!(files.len(), source.len());
        compare(&bytes, &files);
    }
});

/// Where the `tar` crate finds a file of the same name, it finds the same bytes.
fn compare(bytes: &[u8], files: &HashMap<String, Vec<u8>>) {
    let mut archive = tar::Archive::new(bytes);
    let Ok(entries) = archive.entries() else { return };
    for entry in entries {
        let Ok(mut entry) = entry else { return };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some(file) = files.get(&name) else { continue };
        let mut found = Vec::new();
        if entry.header().entry_type().is_file() && entry.read_to_end(&mut found).is_ok() {
            assert!(*file == found, "{name} has {} bytes, not {}", found.len(), file.len());
        }
    }
}

fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(BLOCK) {
        if &block[MARK] == b"ustar" && block[CHECKSUM] != AS_IT_IS {
            let mut header = tar::Header::from_byte_slice(block).clone();
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
    }
    bytes
}
