//! Numbers that are the same in every run, and the comparison.

#![allow(dead_code, reason = "each test program takes what it needs")]

use burn::tensor::{Device, Tensor, TensorData};

/// Largest relative error of a value.
pub const FORWARD: f64 = 1e-5;
/// Largest relative error of a gradient.
pub const BACKWARD: f64 = 1e-4;

/// Every backend that has the extension and is compiled in.
pub fn devices() -> Vec<Device> {
    let torch = efficientnet_backend::device("tch").ok();
    let others = ["flex", "ndarray"].map(|name| efficientnet_backend::device(name).unwrap());
    others.into_iter().chain(torch).map(Device::autodiff).collect()
}

pub fn flex() -> Device {
    efficientnet_backend::device("flex").unwrap()
}

/// A generator of whole numbers (SplitMix64; Steele et al., 2014).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `from..=to`.
    pub fn between(&mut self, from: usize, to: usize) -> usize {
        from + (self.next() % (to - from + 1) as u64) as usize
    }
}

/// Numbers of about mean 0.2 and deviation 1.
pub fn tensor<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut numbers = Numbers(seed);
    // Three uniform ones between -1 and 1 add up to variance 1.
    let mut uniform = || (numbers.next() >> 40) as f32 / (1 << 23) as f32 - 1.0;
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|_| 0.2 + uniform() + uniform() + uniform()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Every number within `limit` of its size or of the root mean square of all, whichever is larger.
#[track_caller]
pub fn assert_close<const D: usize>(what: &str, found: Tensor<D>, expected: Tensor<D>, limit: f64) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let (found, expected) = (numbers(found), numbers(expected));
    let square: f64 = expected.iter().map(|value| value * value).sum();
    // Gradients through two or three values cancel to almost nothing, and then are compared with what cancelled.
    let size = (square / expected.len().max(1) as f64).sqrt().max(0.05);
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let error = (found - expected).abs() / expected.abs().max(size);
        assert!(error <= limit, "{what}: number {i} is {found} and not {expected} (error {error:.1e})");
    }
}
