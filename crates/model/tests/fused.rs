//! A whole network in training: fused operations against composed ones, and what happens to running statistics.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Distribution, Gradients, Tensor, TensorData};
use efficientnet_arch::{Activation, ArchSpec, TensorKind, TensorSpec};
use efficientnet_model::Network;
use efficientnet_ops::{Path, set_path};
use efficientnet_weights::{Weights, synthetic};

/// The path is the process's: one test at a time.
static PATH: Mutex<()> = Mutex::new(());

fn on(path: Path) -> MutexGuard<'static, ()> {
    let guard = PATH.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    set_path(path);
    guard
}

fn device(name: &str) -> Device {
    efficientnet_backend::device(name).unwrap()
}

/// B0 without what is random in training.
fn network(name: &str, device: &Device) -> Network {
    network_of(ArchSpec::named(name).unwrap(), device)
}

fn network_of(spec: ArchSpec, device: &Device) -> Network {
    let mut spec = spec.with_classes(10);
    spec.dropout = 0.0;
    for block in spec.stages.iter_mut().flat_map(|stage| &mut stage.blocks) {
        block.drop_path = 0.0;
    }
    if spec.activation != Activation::Silu {
        return Network::from_weights(decided(&spec), device).unwrap();
    }
    // Random numbers are the backend's, for all threads: other tests wait.
    let _guard = on(Path::Fused);
    device.seed(3);
    Network::init(&spec, device).unwrap().materialize()
}

/// Weights with which nothing comes near to where a ReLU bends: behind every normalisation a channel's values are within half of its
/// shift, which is below 0, between, or (for ReLU6) above 6. Otherwise the rounding of a number of about 0 decides whether its whole
/// gradient passes, and there is one such number in any network: gradients of one path would differ by up to a quarter on images that
/// differ by a millionth.
fn decided(spec: &ArchSpec) -> Weights {
    Weights::from_tensors(spec.clone(), |tensor: &TensorSpec| match tensor.kind {
        TensorKind::BnWeight => vec![0.1; tensor.len()],
        TensorKind::BnBias => (0..tensor.len()).map(|i| [1.0, -1.0, 3.0, 7.0, 4.5][i % 5]).collect(),
        kind => synthetic::tensor(&tensor.name(), kind, &tensor.shape),
    })
}

fn images(device: &Device) -> Tensor<4> {
    let value = |i: usize| (i as f32 * 0.37).sin() + (i as f32 * 0.011).cos();
    let values: Vec<f32> = (0..4 * 3 * 64 * 64).map(value).collect();
    Tensor::from_data(TensorData::new(values, [4, 3, 64, 64]), device)
}

/// Gradients, or running statistics, by parameter.
struct Collector<'a> {
    gradients: Option<&'a Gradients>,
    found: ById,
}

impl ModuleVisitor for Collector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = match self.gradients {
            Some(gradients) => param.val().grad(gradients),
            None => Some(param.val()),
        };
        if let Some(value) = value {
            self.found.insert(param.id.val(), value.into_data().iter::<f64>().collect());
        }
    }
}

/// Values of tensors, by their identity in Burn.
type ById = BTreeMap<u64, Vec<f64>>;

fn collected(network: &Network, gradients: Option<&Gradients>) -> ById {
    let mut collector = Collector { gradients, found: BTreeMap::new() };
    network.visit(&mut collector);
    collector.found
}

/// Logits, gradients and all values of `valid()` after one step.
fn step(network: Network, path: Path) -> (Vec<f64>, ById, ById) {
    let _guard = on(path);
    let device = network.stem.conv.weight.device();
    let logits = network.forward(images(&device));
    let weights: Tensor<2> =
        Tensor::from_floats([[1.0, -1.0, 2.0, 0.5, -0.3, 0.1, 1.7, -2.0, 0.0, 0.9]], &device);
    let gradients = (logits.clone() * weights).sum().backward();
    let gradients = collected(&network, Some(&gradients));
    (logits.into_data().iter::<f64>().collect(), gradients, collected(&network.valid(), None))
}

fn size(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn distance(found: &[f64], expected: &[f64]) -> f64 {
    let difference: Vec<f64> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
    size(&difference) / size(expected).max(1e-12)
}

/// The network as it is and, where it has ReLUs, with SiLU in their place as well.
#[track_caller]
fn compare(name: &str, device_name: &str) {
    let spec = ArchSpec::named(name).unwrap();
    if spec.activation != Activation::Silu {
        compare_of(ArchSpec { activation: Activation::Silu, ..spec.clone() }, device_name);
    }
    compare_of(spec, device_name);
}

#[track_caller]
fn compare_of(spec: ArchSpec, device_name: &str) {
    let name = format!("{} with {:?}", spec.name, spec.activation);
    let start = network_of(spec, &device(device_name).autodiff());
    // Running statistics are shared between clones: each path has its own.
    let copy = |network: &Network| network.valid().train();
    let (logits, gradients, values) = step(copy(&start), Path::Fused);
    let (expected_logits, expected, expected_values) = step(copy(&start), Path::Composed);
    let error = distance(&logits, &expected_logits);
    assert!(error < 1e-4, "{name} on {device_name}: logits differ by {error:.1e}");
    assert_eq!(gradients.len(), expected.len());
    assert!(gradients.len() > 50);
    let largest = expected.values().map(|gradient| size(gradient)).fold(0.0, f64::max);
    for (id, expected) in &expected {
        let (found, what) =
            (&gradients[id], format!("{name} on {device_name}: a gradient of {}", expected.len()));
        // A shift that the next normalisation takes away again has no gradient but rounding.
        if size(expected) < 1e-6 * largest {
            assert!(size(found) < 1e-6 * largest, "{what} is {:.1e} and not 0", size(found));
            continue;
        }
        let error = distance(found, expected);
        assert!(error < 1e-3, "{what} differs by {error:.1e}");
    }
    for (id, expected) in &expected_values {
        // A mean may be nothing but rounding: after a normalisation without activation.
        let difference = distance(&values[id], expected) * size(expected).max(1e-12);
        let allowed = 1e-4 * size(expected).max(1e-2 * (expected.len() as f64).sqrt());
        assert!(
            difference < allowed,
            "{name} on {device_name}: values differ by {difference:.1e}, not {allowed:.1e}"
        );
    }
}

#[test]
fn gradients_of_b0_are_those_of_the_composed_path() {
    compare("efficientnet-b0", "flex");
}

#[test]
fn gradients_of_other_families_are_too() {
    compare("mobilenetv2", "flex");
    compare("resnet18", "flex");
    compare("efficientnet-lite0", "ndarray");
    if efficientnet_backend::device("tch").is_ok() {
        compare("efficientnet-b0", "tch");
    }
}

#[test]
fn the_running_variance_takes_the_unbiased_one() {
    for path in [Path::Fused, Path::Composed] {
        let network = network("efficientnet-b0", &device("flex").autodiff());
        let _guard = on(path);
        let x = images(&device("flex").autodiff());
        let convolved = network.stem.conv.forward(x.clone());
        let _ = network.forward(x);
        // `var` of Burn is the unbiased one.
        let [_, channels, ..] = convolved.dims();
        let rows: Tensor<2> = convolved.swap_dims(0, 1).flatten::<2>(1, 3).reshape([channels as i32, -1]);
        let expected: Vec<f64> =
            rows.var(1).into_data().iter::<f64>().map(|variance| 0.99 + 0.01 * variance).collect();
        let valid = network.valid();
        let found: Vec<f64> = valid.stem.bn.running_var.value().into_data().iter::<f64>().collect();
        // Biased it would be off by 1 in 4096 of a hundredth.
        assert!(distance(&found, &expected) < 3e-7, "{path:?}: {:.1e}", distance(&found, &expected));
    }
}

/// Ends the training of every normalisation.
struct Freeze;

impl ModuleMapper for Freeze {
    fn map_flag(&mut self, flag: Param<burn::module::Flag>) -> Param<burn::module::Flag> {
        flag.with_value(false)
    }
}

#[test]
fn frozen_normalisation_uses_its_running_statistics_and_leaves_them() {
    let device = device("flex");
    let frozen = network("efficientnet-b0", &device.clone().autodiff()).map(&mut Freeze);
    let mut logits = Vec::new();
    for path in [Path::Fused, Path::Composed] {
        let _guard = on(path);
        let before = collected(&frozen.valid(), None);
        let x = images(&device.clone().autodiff()).require_grad();
        let output = frozen.forward(x);
        logits.push(output.clone().into_data().iter::<f64>().collect::<Vec<_>>());
        let gradients = output.sum().backward();
        assert!(frozen.stem.bn.gamma.val().grad(&gradients).is_some());
        assert_eq!(collected(&frozen.valid(), None), before, "{path:?} moved a value");
    }
    let plain = frozen.valid().forward(images(&device)).into_data().iter::<f64>().collect::<Vec<_>>();
    assert!(distance(&logits[0], &plain) < 1e-4 && distance(&logits[1], &plain) < 1e-4);
}

#[test]
fn stochastic_depth_is_the_same_on_both_paths() {
    let layer = efficientnet_model::StochasticDepth::new(0.5);
    let device = device("flex").autodiff();
    let sums = [Path::Fused, Path::Composed].map(|path| {
        let _guard = on(path);
        device.seed(9);
        let x = Tensor::random([64, 3, 2, 2], Distribution::Default, &device).require_grad();
        let gradients = layer.forward(x.clone()).sum().backward();
        x.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap()
    });
    assert_eq!(sums[0], sums[1]);
    assert!(sums[0].contains(&0.0) && sums[0].contains(&2.0));
}
