//! What the parity tests share: the backends they run on, and the distance of a tensor from a fixture's digest.
//!
//! `EFFICIENTNET_TEST_BACKENDS=flex,tch` chooses the backends; without it those of `flex` and `ndarray` run that are
//! compiled in. A backend that is asked for and cannot be used is a failure, never a silent pass.

#![allow(dead_code, reason = "every test program uses a part of it")]

use std::env;
use std::sync::Mutex;

use burn::tensor::Tensor;
use efficientnet_arch::Padding;
use efficientnet_backend::{Backend, Device};
use serde::Deserialize;

/// Runs `test` on a backend's device, or says aloud that the backend was not asked for. `test` also learns whether the
/// backend is the first of those that were.
///
/// One backend at a time: each uses all cores, LibTorch's threads spin while they wait for one, and four copies of the
/// largest network would need 16 GB.
pub fn on(backend: Backend, test: impl FnOnce(&Device, bool)) {
    static ALONE: Mutex<()> = Mutex::new(());
    let Some(place) = wanted().iter().position(|each| *each == backend) else {
        eprintln!("NOT RUN on {backend}: EFFICIENTNET_TEST_BACKENDS does not ask for it");
        return;
    };
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let device = efficientnet_backend::device(backend.name()).unwrap_or_else(|error| panic!("{error}"));
    test(&device, place == 0);
}

/// The backends that were asked for.
fn wanted() -> Vec<Backend> {
    match env::var("EFFICIENTNET_TEST_BACKENDS") {
        Ok(list) => list.split(',').filter(|name| !name.trim().is_empty()).map(parse).collect(),
        Err(_) => [Backend::Flex, Backend::NdArray].into_iter().filter(|each| each.is_compiled()).collect(),
    }
}

fn parse(name: &str) -> Backend {
    let known = Backend::ALL.into_iter().find(|backend| backend.name() == name.trim());
    known.unwrap_or_else(|| panic!("EFFICIENTNET_TEST_BACKENDS: no backend is called `{}`", name.trim()))
}

/// A tensor as the fixture keeps it.
#[derive(Debug, Deserialize)]
pub struct Digest {
    shape: Vec<usize>,
    mean: f64,
    std: f64,
    /// The largest magnitude.
    max: f64,
    /// Values by flat index.
    samples: Vec<(usize, f64)>,
}

impl Digest {
    /// The largest difference between a tensor and the digest, against the largest magnitude.
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn error<const D: usize>(&self, tensor: Tensor<D>) -> Result<f64, String> {
        let shape = tensor.dims().to_vec();
        if shape != self.shape {
            return Err(format!("shape {shape:?} instead of {:?}", self.shape));
        }
        let values = floats(tensor);
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let std = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        let samples = self.samples.iter().map(|(index, expected)| (values[*index], *expected));
        Ok(relative(samples.chain([(mean, self.mean), (std, self.std)]), self.max))
    }
}

/// The largest difference of the pairs against `scale`; infinite where a value is not a number.
pub fn relative(pairs: impl Iterator<Item = (f64, f64)>, scale: f64) -> f64 {
    let errors = pairs.map(|(found, expected)| (found - expected).abs() / scale);
    errors.fold(0.0, |largest, error| if error.is_nan() { f64::INFINITY } else { error.max(largest) })
}

/// A tensor's values.
pub fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let values = tensor.into_data().try_to_vec::<f32>();
    values.unwrap_or_else(|error| panic!("no f32 values: {error:?}")).into_iter().map(f64::from).collect()
}

/// How a case departs from the published network.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Rules {
    /// Border rule.
    pub padding: Padding,
    /// Epsilon of batch normalisation.
    pub bn_epsilon: f64,
}
