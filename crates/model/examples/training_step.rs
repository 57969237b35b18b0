//! Times training steps on random images and labels: forward with the loss, backward, and gradient descent with momentum.
//!
//! ```text
//! cargo run --release -p efficientnet-model --example training_step -- \
//!     device=flex network=efficientnet-b0 size=224 batch=8 steps=10 path=fused padding=same
//! ```
//!
//! Prints `key=value` words: medians in milliseconds, the loss after the last step, the peak memory of the process.
//! `scripts/benchmark_training.py` runs it beside PyTorch.

use std::collections::HashMap;
use std::error::Error;
use std::time::Instant;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{Distribution, Gradients, Int, Tensor, activation};
use efficientnet_arch::{ArchSpec, Padding};
use efficientnet_model::Network;
use efficientnet_ops::{Path, optimise, set_path};

fn main() -> Result<(), Box<dyn Error>> {
    let words: HashMap<String, String> = std::env::args()
        .skip(1)
        .map(|word| match word.split_once('=') {
            Some((key, value)) => Ok((key.to_string(), value.to_string())),
            None => Err(format!("`{word}` is not of the form key=value")),
        })
        .collect::<Result<_, _>>()?;
    let word = |key: &str, otherwise: &str| words.get(key).cloned().unwrap_or_else(|| otherwise.to_string());
    let number = |key: &str, otherwise: usize| word(key, &otherwise.to_string()).parse::<usize>();

    set_path(match word("path", "fused").as_str() {
        "fused" => Path::Fused,
        "composed" => Path::Composed,
        other => return Err(format!("a path is `fused` or `composed`, not `{other}`").into()),
    });
    let device = efficientnet_backend::device(&word("device", "flex"))?.autodiff();
    let mut spec = ArchSpec::named(&word("network", "efficientnet-b0"))?;
    spec.padding = match word("padding", "same").as_str() {
        "same" => Padding::Same,
        "symmetric" => Padding::Symmetric,
        other => return Err(format!("a padding is `same` or `symmetric`, not `{other}`").into()),
    };
    let (batch, size, steps) = (number("batch", 8)?, number("size", 224)?, number("steps", 10)?.max(1));

    device.seed(1);
    let mut network = Network::init(&spec, &device)?.materialize();
    let images = Tensor::random([batch, 3, size, size], Distribution::Normal(0.0, 1.0), &device);
    let labels: Vec<i32> = (0..batch).map(|image| (image * 37 % spec.num_classes) as i32).collect();
    let labels = Tensor::<1, Int>::from_ints(labels.as_slice(), &device).reshape([batch, 1]);

    let mut descent = Descent { buffers: HashMap::new(), gradients: None };
    let (mut times, mut last) = ([const { Vec::new() }; 4], 0.0);
    // The first two warm up.
    for step in 0..steps + 2 {
        let start = Instant::now();
        let logits = network.forward(images.clone());
        let loss = -activation::log_softmax(logits, 1).gather(1, labels.clone()).mean();
        last = loss.clone().into_scalar::<f32>();
        let forward = start.elapsed();
        descent.gradients = Some(loss.backward());
        device.sync()?;
        let backward = start.elapsed();
        network = network.map(&mut descent);
        device.sync()?;
        let whole = start.elapsed();
        let parts = [whole, forward, backward - forward, whole - backward];
        if step >= 2 {
            for (times, part) in times.iter_mut().zip(parts) {
                times.push(1e3 * part.as_secs_f64());
            }
        }
    }
    let [whole, forward, backward, update] = times.map(median);
    println!(
        "median_ms={whole:.1} forward_ms={forward:.1} backward_ms={backward:.1} update_ms={update:.1} loss={last:.4} peak_mib={:.0}",
        peak_mebibytes()
    );
    Ok(())
}

/// An optimiser's state, by parameter.
struct Descent {
    buffers: HashMap<ParamId, Tensor<1>>,
    gradients: Option<Gradients>,
}

impl ModuleMapper for Descent {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = self.gradients.as_mut().and_then(|gradients| param.val().grad_remove(gradients));
        let Some(gradient) = gradient else { return param };
        let (id, tensor, mapper) = param.consume();
        let shape = tensor.dims();
        let weight = tensor.inner().flatten::<1>(0, D - 1);
        let gradient = gradient.flatten::<1>(0, D - 1);
        let buffer = self.buffers.remove(&id).unwrap_or_else(|| weight.zeros_like());
        let options =
            optimise::Sgd { learning_rate: 0.01, momentum: 0.9, nesterov: false, weight_decay: 1e-5 };
        let [weight, buffer] = optimise::sgd(weight, gradient, buffer, options);
        self.buffers.insert(id, buffer);
        let weight: Tensor<D> = Tensor::from_inner(weight.reshape(shape));
        Param::from_mapped_value(id, weight.require_grad(), mapper)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// 0 where the system does not say.
fn peak_mebibytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or(0.0) / 1024.0
}
