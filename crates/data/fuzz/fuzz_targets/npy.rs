//! Any bytes are a finite array of the size that it claims, which is written as it was read, or an error.

#![no_main]

use efficientnet_data::npy;
use efficientnet_data_fuzz::path;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for rank in [1, 4] {
        let Ok(array) = npy::decode(bytes, bytes.len() as u64, rank) else { continue };
        assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
        assert!(array.values.len() * 4 <= bytes.len() && array.values.iter().all(|value| value.is_finite()));
        let path = path("array.npy");
        npy::write(&path, &array).expect("a file in memory");
        assert_eq!(npy::read(&path, rank).expect("what was written"), array);
    }
});
