//! Loss, gradients and steps against PyTorch: `scripts/fixtures/training.py` made the fixture and says what is in it.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::{BTreeMap, HashMap};

use burn::module::ParamId;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use efficientnet_arch::{ArchSpec, TensorKind, TensorSpec};
use efficientnet_model::Network;
use efficientnet_ops::{Path, set_path};
use efficientnet_train::{Example, Optimizer, OptimizerOptions, Rule, pass};
use efficientnet_weights::{Weights, synthetic};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    batches: Vec<BatchOf>,
    label_smoothing: f64,
    soft_targets: Vec<Vec<f32>>,
    losses: HashMap<String, Loss>,
    optimizers: HashMap<String, OptimizerOf>,
    zero_gradient: Vec<String>,
    rounding: f64,
    tolerances: HashMap<String, Tolerance>,
}

#[derive(Deserialize)]
struct BatchOf {
    input: String,
    labels: Vec<usize>,
}

#[derive(Deserialize)]
struct Loss {
    loss: f64,
    logits: Vec<Vec<f64>>,
    gradients: BTreeMap<String, (f64, Vec<f64>)>,
}

#[derive(Deserialize)]
struct OptimizerOf {
    settings: Settings,
    losses: Vec<f64>,
    steps: BTreeMap<String, BTreeMap<String, Moved>>,
}

/// The tensor's norm, that of its way, and samples.
type Moved = (f64, f64, Vec<f64>);

#[derive(Deserialize)]
struct Settings {
    rates: Vec<f64>,
    decay: f64,
}

#[derive(Deserialize, Clone, Copy)]
struct Tolerance {
    worst: f64,
    median: Option<f64>,
}

const CLASSES: usize = 10;
/// A software graphics adapter takes minutes for a training step.
const COVERED: [&str; 3] = ["flex", "ndarray", "tch"];

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/training.json")).unwrap()
}

/// Without dropout and stochastic depth.
fn spec() -> ArchSpec {
    let mut spec = ArchSpec::named("efficientnet-b0").unwrap().with_classes(CLASSES);
    spec.baseline.drop_path = 0.0;
    spec.dropout = 0.0;
    spec.rescaled(spec.coefficients).unwrap()
}

fn network(device: &Device) -> Network {
    let rule = |tensor: &TensorSpec| synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape);
    Network::from_weights(Weights::from_tensors(spec(), rule), device).unwrap()
}

/// Label smoothing as the loader does it: the rest is spread over all classes.
fn smoothed(labels: &[usize], smoothing: f64) -> Vec<f32> {
    let target = |label: usize, class: usize| {
        let own = if class == label { 1.0 - smoothing } else { 0.0 };
        (own + smoothing / CLASSES as f64) as f32
    };
    labels.iter().flat_map(|label| (0..CLASSES).map(|class| target(*label, class))).collect()
}

fn example(batch: &BatchOf, targets: Vec<f32>, device: &Device) -> Example {
    let count = batch.labels.len();
    let labels: Vec<i32> = batch.labels.iter().map(|label| *label as i32).collect();
    let input = synthetic::input(&batch.input, [count, 3, 64, 64]);
    Example {
        images: Tensor::from_data(TensorData::new(input, [count, 3, 64, 64]), device),
        targets: Tensor::from_data(TensorData::new(targets, [count, CLASSES]), device),
        labels: Tensor::<1, Int>::from_data(TensorData::new(labels, [count]), device),
    }
}

/// A gradient in PyTorch's order.
fn gradient(gradients: &GradientsParams, id: ParamId, spec: &TensorSpec) -> Vec<f64> {
    let data = match spec.kind {
        TensorKind::LinearWeight => gradients.get::<2>(id).unwrap().transpose().into_data(),
        TensorKind::ConvWeight | TensorKind::DepthwiseWeight => gradients.get::<4>(id).unwrap().into_data(),
        _ => gradients.get::<1>(id).unwrap().into_data(),
    };
    data.convert::<f64>().try_to_vec::<f64>().unwrap()
}

fn places(name: &str, length: usize) -> Vec<usize> {
    let place = |s: f32| ((f64::from(s) + 1.0) / 2.0 * length as f64) as usize;
    synthetic::stream(&format!("{name}.samples")).map(place).take(8).collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Differences of one quantity over the tensors.
#[derive(Default)]
struct Differences(BTreeMap<String, Vec<(f64, String)>>);

impl Differences {
    fn add(&mut self, quantity: &str, tensor: &str, difference: f64) {
        assert!(difference.is_finite(), "{quantity} of {tensor} is {difference}");
        self.0.entry(quantity.to_string()).or_default().push((difference, tensor.to_string()));
    }

    /// Holds every quantity to its tolerance; `suffix` is the optimiser and the number of steps.
    fn hold(self, tolerances: &HashMap<String, Tolerance>, suffix: &str, backend: &str) {
        for (quantity, mut differences) in self.0 {
            let key = format!("{quantity}{suffix}");
            let tolerance = tolerances[&key];
            differences.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (median, (worst, tensor)) =
                (differences[differences.len() / 2].0, differences.last().unwrap());
            println!("{backend} {key}: worst {worst:.1e} of {:.1e}, median {median:.1e}", tolerance.worst);
            assert!(
                *worst <= tolerance.worst,
                "{backend} {key}: {worst:e} of {tensor}, {:e} allowed",
                tolerance.worst
            );
            if let Some(allowed) = tolerance.median.filter(|_| differences.len() > 1) {
                assert!(median <= allowed, "{backend} {key}: median {median:e}, {allowed:e} allowed");
            }
        }
    }
}

fn check_loss(fixture: &Fixture, name: &str, targets: Vec<f32>, backend: &str, device: &Device) {
    let expected = &fixture.losses[name];
    let network = network(device);
    let example = example(&fixture.batches[0], targets, device);
    let logits =
        network.forward(example.images.clone()).into_data().convert::<f64>().try_to_vec::<f64>().unwrap();
    let passed = pass(&network, example, 1.0);
    let mut found = Differences::default();
    let flat: Vec<f64> = expected.logits.iter().flatten().copied().collect();
    let largest = flat.iter().fold(0.0, |largest: f64, logit| largest.max(logit.abs()));
    for (logit, expected) in logits.iter().zip(&flat) {
        found.add("logits", "", (logit - expected).abs() / largest);
    }
    let loss = f64::from(passed.loss.into_scalar::<f32>());
    found.add("loss", "", (loss / expected.loss - 1.0).abs());
    for tensor in network.tensors().into_iter().filter(|tensor| tensor.spec.kind.is_parameter()) {
        let (name, values) = (tensor.spec.name(), gradient(&passed.gradients, tensor.id, &tensor.spec));
        if fixture.zero_gradient.contains(&name) {
            found.add("zero_gradient", &name, norm(&values));
            continue;
        }
        let (expected, samples) = &expected.gradients[&name];
        found.add("gradient_norm", &name, (norm(&values) / expected - 1.0).abs());
        let rms = expected / (values.len() as f64).sqrt();
        let differences = places(&name, values.len())
            .into_iter()
            .zip(samples)
            .map(|(at, sample)| (values[at] - sample).abs());
        found.add("gradient_sample", &name, differences.fold(0.0, f64::max) / rms);
    }
    found.hold(&fixture.tolerances, "", backend);
}

fn rule(name: &str) -> Rule {
    match name {
        "sgd" => Rule::Sgd { momentum: 0.9, nesterov: true },
        "adamw" => Rule::AdamW { betas: [0.9, 0.999], epsilon: 1e-8 },
        "rmsprop_tf" => Rule::RmsPropTf { decay: 0.9, momentum: 0.9, epsilon: 1e-3 },
        other => panic!("{other}"),
    }
}

fn check_optimizer(fixture: &Fixture, name: &str, backend: &str, device: &Device) {
    let expected = &fixture.optimizers[name];
    let options = OptimizerOptions {
        rule: rule(name),
        weight_decay: expected.settings.decay,
        decay_norm: false,
        decay_bias: true,
        layer_decay: 1.0,
        head_rate: 1.0,
    };
    let mut network = network(device);
    let before: HashMap<_, _> = network.to_host().unwrap().into_iter().collect();
    let mut optimizer = Optimizer::new(&options, &network);
    let mut losses = Vec::new();
    for (step, (batch, rate)) in fixture.batches.iter().zip(&expected.settings.rates).enumerate() {
        let example = example(batch, smoothed(&batch.labels, fixture.label_smoothing), device);
        let passed = pass(&network, example, 1.0);
        losses.push(f64::from(passed.loss.into_scalar::<f32>()));
        network = optimizer.step(*rate, network, passed.gradients);
        let Some(expected) = expected.steps.get(&(step + 1).to_string()) else { continue };
        let mut found = Differences::default();
        for (name, tensor) in network.to_host().unwrap() {
            let now: Vec<f64> = tensor.values.iter().map(|value| f64::from(*value)).collect();
            let way: Vec<f64> =
                now.iter().zip(&before[&name].values).map(|(now, before)| now - f64::from(*before)).collect();
            let (expected, moved, samples) = &expected[&name];
            let differences = places(&name, now.len())
                .into_iter()
                .zip(samples)
                .map(|(at, sample)| ((now[at] - sample).abs(), sample));
            if fixture.zero_gradient.contains(&name) {
                found.add("zero_gradient_sample", &name, differences.fold(0.0, |worst, (d, _)| worst.max(d)));
                continue;
            }
            let rms = moved / (now.len() as f64).sqrt();
            let sample = differences.fold(0.0, |worst: f64, (difference, sample)| {
                worst.max((difference - fixture.rounding * sample.abs()).max(0.0) / rms)
            });
            found.add("norm", &name, (norm(&now) / expected - 1.0).abs());
            found.add("moved", &name, (norm(&way) / moved - 1.0).abs());
            found.add("sample", &name, sample);
        }
        let suffix = format!(".{name}.{}", step + 1);
        found.hold(&fixture.tolerances, &suffix, backend);
    }
    let example =
        example(&fixture.batches[0], smoothed(&fixture.batches[0].labels, fixture.label_smoothing), device);
    losses.push(f64::from(pass(&network, example, 1.0).loss.into_scalar::<f32>()));
    for (step, (loss, expected)) in losses.iter().zip(&expected.losses).enumerate() {
        let key = format!("loss.{name}.{}", if step == 0 { 1 } else { 5 });
        let difference = (loss / expected - 1.0).abs();
        assert!(
            difference <= fixture.tolerances[&key].worst,
            "{backend} {key}: loss {loss} and not {expected}"
        );
    }
}

/// One test and not several: the path through the operations is chosen for the whole process.
#[test]
fn losses_gradients_and_steps_are_pytorchs() {
    let fixture = fixture();
    let named = std::env::var("EFFICIENTNET_TEST_BACKENDS").unwrap_or_else(|_| "flex".to_string());
    let backends: Vec<&str> = named.split(',').filter(|name| COVERED.contains(name)).collect();
    assert!(!backends.is_empty());
    for backend in backends {
        let device = efficientnet_backend::device(backend).unwrap().autodiff();
        for path in [Path::Fused, Path::Composed] {
            set_path(path);
            let label = format!("{backend} {path:?}");
            let targets = smoothed(&fixture.batches[0].labels, fixture.label_smoothing);
            check_loss(&fixture, "smoothed", targets, &label, &device);
            check_loss(&fixture, "soft", fixture.soft_targets.concat(), &label, &device);
            for name in ["sgd", "adamw", "rmsprop_tf"] {
                check_optimizer(&fixture, name, &label, &device);
            }
        }
    }
    set_path(Path::Fused);
}
