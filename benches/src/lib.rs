//! The one list of workloads that all benchmarks draw from.

use burn::tensor::{Device, Tensor, TensorData};
use efficientnet_arch::{ArchSpec, TensorSpec};
use efficientnet_backend::Backend;
use efficientnet_model::Network;
use efficientnet_weights::{Weights, synthetic};

/// The backends in this binary that can run here, with their devices. One that cannot says why and is left out.
pub fn devices() -> Vec<(Backend, Device)> {
    let open = |backend: Backend| match efficientnet_backend::device(backend.name()) {
        Ok(device) => Some((backend, device)),
        Err(error) => {
            eprintln!("left out: {error}");
            None
        }
    };
    Backend::compiled().filter_map(open).collect()
}

/// A published network.
///
/// # Panics
/// Where no network has the name.
#[allow(clippy::expect_used)]
pub fn spec(name: &str) -> ArchSpec {
    ArchSpec::named(name).expect("a benchmark names a published network")
}

/// Values from a rule: the same network on every device.
pub fn weights(spec: &ArchSpec) -> Weights {
    let rule = |tensor: &TensorSpec| synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape);
    Weights::from_tensors(spec.clone(), rule)
}

/// A network with values from a rule.
///
/// # Panics
/// Where the rule's values do not fit the spec, which they do by construction.
#[allow(clippy::expect_used)]
pub fn network(spec: &ArchSpec, device: &Device) -> Network {
    Network::from_weights(weights(spec), device).expect("the rule's values fit")
}

/// A batch `[batch, channels, side, side]` of values from a rule.
pub fn input(batch: usize, channels: usize, side: usize, device: &Device) -> Tensor<4> {
    let shape = [batch, channels, side, side];
    Tensor::from_data(TensorData::new(synthetic::input("input.0", shape), shape), device)
}
