//! Any bytes are a finite array of the size that it claims, or an error.

#![no_main]

use efficientnet_data::npy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for rank in [1, 4] {
        if let Ok(array) = npy::decode(bytes, bytes.len() as u64, rank) {
            assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
        }
    }
});
