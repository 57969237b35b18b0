//! Any bytes are an image or an error, never a panic and never more memory than an image may take.

#![no_main]

use efficientnet_data::decode_bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = decode_bytes(bytes, "fuzz") {
        assert_eq!(image.pixels().len(), image.width() * image.height() * 3);
    }
});
