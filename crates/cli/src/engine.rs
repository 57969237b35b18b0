//! What computes logits: the compiled network on the CPU, or Burn's modules on a device.
//!
//! On `flex`, the default, the compiled network does: the same numbers (`tests/parity.rs` of `efficientnet-model` holds both
//! to the same fixtures), many times as fast. Other devices, and `--plain`, take Burn.

use std::fs;
use std::path::Path;
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use efficientnet_arch::ArchSpec;
use efficientnet_backend::{Backend, DeviceName};
use efficientnet_data::npy::Array;
use efficientnet_data::{Batch, Normalization, NormalizeOn};
use efficientnet_model::{CompileOptions, CompiledNetwork, Network};
use efficientnet_weights::Weights;

use crate::args::NetworkArgs;
use crate::error::CliError;
use crate::timing::milliseconds;

/// A network, ready to infer.
pub enum Engine {
    /// `efficientnet-kernels`, on the CPU.
    Compiled(Box<CompiledNetwork>),
    /// Burn, on a device.
    Burn(Box<Network>, Device, NormalizeOn),
}

impl Engine {
    /// The network of these weights, on the device that was asked for.
    pub fn new(weights: Weights, args: &NetworkArgs) -> Result<Self, CliError> {
        let name: DeviceName = args.device.parse()?;
        if args.int8.is_some() && name.backend != Backend::Flex {
            let sentence = format!("--int8 is for the CPU: write --device flex, not {}", args.device);
            return Err(CliError::Usage(sentence));
        }
        let device = efficientnet_backend::open(name, &args.device)?;
        if name.backend == Backend::Flex && !args.plain {
            return Ok(Self::Compiled(Box::new(compile(weights, args.int8.as_deref())?)));
        }
        let on = if name.computes_in_host_memory() { NormalizeOn::Host } else { NormalizeOn::Device };
        Ok(Self::Burn(Box::new(Network::from_weights(weights, &device)?), device, on))
    }

    /// What the network is.
    pub fn spec(&self) -> &ArchSpec {
        match self {
            Self::Compiled(network) => network.spec(),
            Self::Burn(network, ..) => network.spec(),
        }
    }

    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Compiled(network) if network.computes_in_bytes() => "compiled, 8 bits",
            Self::Compiled(_) => "compiled",
            Self::Burn(..) => "burn",
        }
    }

    /// Logits `[batch, classes]` of normalised images `[batch, channels, height, width]`.
    pub fn logits(&self, values: Vec<f32>, shape: [usize; 4]) -> Result<Array, CliError> {
        match self {
            Self::Compiled(network) => compiled(network, &values, shape),
            Self::Burn(network, device, _) => {
                forward(network, Tensor::from_data(TensorData::new(values, shape), device))
            }
        }
    }

    /// Logits of a batch of the loader; with `flip` the mean of those and of its mirror images'. That is what is averaged by
    /// convention, and not the probabilities.
    pub fn logits_of(
        &self,
        batch: &Batch,
        normalization: Normalization,
        flip: bool,
    ) -> Result<Array, CliError> {
        match self {
            Self::Compiled(network) => {
                let [count, height, width, channels] = batch.shape();
                let shape = [count, channels, height, width];
                let mut values = batch.values(normalization);
                let logits = compiled(network, &values, shape)?;
                if !flip {
                    return Ok(logits);
                }
                values.chunks_exact_mut(width).for_each(<[f32]>::reverse);
                Ok(mean(logits, &compiled(network, &values, shape)?))
            }
            Self::Burn(network, device, on) => {
                let images = batch.images(normalization, device, *on);
                if !flip {
                    return forward(network, images);
                }
                let mirrored = images.clone().flip([3]);
                Ok(mean(forward(network, images)?, &forward(network, mirrored)?))
            }
        }
    }
}

/// The network of these weights on the CPU, with 1x1 convolutions in 8 bits where there are ranges for them.
pub fn compile(weights: Weights, ranges: Option<&Path>) -> Result<CompiledNetwork, CliError> {
    let options = CompileOptions { threads: efficientnet_backend::threads() };
    let Some(path) = ranges else { return Ok(CompiledNetwork::from_weights(weights, options)?) };
    let text = fs::read_to_string(path).map_err(|error| CliError::reading(path, &error))?;
    let ranges = serde_json::from_str(&text).map_err(|error| {
        let path = path.display();
        CliError::Usage(format!(
            "{path} does not hold ranges of activations ({error}); make them with `efficientnet quantize`"
        ))
    })?;
    Ok(CompiledNetwork::in_bytes(weights, &ranges, options)?)
}

fn mean(mut logits: Array, others: &Array) -> Array {
    for (logit, other) in logits.values.iter_mut().zip(&others.values) {
        *logit = (*logit + other) / 2.0;
    }
    logits
}

/// Logits `[batch, classes]` of normalised images `[batch, channels, height, width]`, from the compiled network.
pub fn compiled(
    network: &CompiledNetwork,
    values: &[f32],
    [batch, _, height, width]: [usize; 4],
) -> Result<Array, CliError> {
    let values = network.forward(values, [batch, height, width])?;
    finite(Array { shape: vec![batch, network.spec().num_classes], values })
}

/// Logits `[batch, classes]` of a batch, from Burn's modules.
pub fn forward(network: &Network, x: Tensor<4>) -> Result<Array, CliError> {
    let logits = network.forward(x);
    let shape = logits.dims().to_vec();
    let values = logits.into_data().try_to_vec::<f32>();
    let values =
        values.map_err(|error| CliError::Failure(format!("the logits cannot be read: {error:?}")))?;
    finite(Array { shape, values })
}

/// [`forward`], with the milliseconds from the call to the logits in hand.
pub fn timed(network: &Network, input: &Tensor<4>) -> Result<(Array, f64), CliError> {
    let started = Instant::now();
    let logits = forward(network, input.clone())?;
    Ok((logits, milliseconds(started.elapsed())))
}

fn finite(logits: Array) -> Result<Array, CliError> {
    match logits.values.iter().all(|value| value.is_finite()) {
        true => Ok(logits),
        false => Err(CliError::Failure("the logits are not finite".to_string())),
    }
}
