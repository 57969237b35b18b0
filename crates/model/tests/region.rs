//! Networks in training on `tch`, which LibTorch records and differentiates as a whole, against the composed path.

#![cfg(feature = "tch")]
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Distribution, Gradients, Tensor, activation::log_softmax};
use efficientnet_arch::{Activation, ArchSpec, Coefficients};
use efficientnet_model::{Freeze, Network};
use efficientnet_ops::{Path, set_path};

/// The path is the process's, and so are random numbers: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// `tch` with autodiff.
fn device() -> (Device, MutexGuard<'static, ()>) {
    let device = efficientnet_backend::device("tch").unwrap().autodiff();
    (device, ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// Few channels and blocks of a family, with what is random in training or without.
fn small(name: &str, random: bool) -> ArchSpec {
    let spec = ArchSpec::named(name).unwrap();
    let mut spec =
        spec.rescaled(Coefficients { width: 0.5, depth: 0.5, resolution: 64 }).unwrap().with_classes(10);
    if !random {
        spec.dropout = 0.0;
        for block in spec.stages.iter_mut().flat_map(|stage| &mut stage.blocks) {
            block.drop_path = 0.0;
        }
    }
    spec
}

fn network(spec: &ArchSpec, device: &Device) -> Network {
    device.seed(3);
    let network = Network::init(spec, device).unwrap();
    // Weights are drawn when they are first asked for.
    values(&network);
    network
}

fn images(seed: u64, device: &Device) -> Tensor<4> {
    device.seed(seed);
    Tensor::random([4, 3, 64, 64], Distribution::Normal(0.0, 1.0), device)
}

/// Values of tensors, by their identity in Burn.
type ById = BTreeMap<u64, Vec<f64>>;

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
            self.found.insert(param.id.val(), numbers(value));
        }
    }
}

fn collected(network: &Network, gradients: Option<&Gradients>) -> ById {
    let mut collector = Collector { gradients, found: BTreeMap::new() };
    network.visit(&mut collector);
    collector.found
}

/// Parameters and running statistics.
fn values(network: &Network) -> ById {
    network.settle();
    collected(network, None)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn size(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn distance(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let difference: Vec<f64> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
    size(&difference) / size(expected).max(1e-12)
}

/// Gradients of the same parameters, each within a thousandth of its size.
#[track_caller]
fn assert_same(what: &str, found: &ById, expected: &ById) {
    assert!(found.keys().eq(expected.keys()), "{what}: {} and not {} tensors", found.len(), expected.len());
    let largest = expected.values().map(|values| size(values)).fold(0.0, f64::max);
    for (id, expected) in expected {
        // A shift that the next normalisation takes away again has no gradient but rounding.
        if size(expected) < 1e-5 * largest {
            assert!(size(&found[id]) < 1e-5 * largest, "{what}: a gradient is not 0");
            continue;
        }
        let error = distance(&found[id], expected);
        assert!(error < 1e-3, "{what}: a gradient of {} differs by {error:.1e}", expected.len());
    }
}

/// Runs `pass` on a copy of the network by LibTorch's own graph and by Burn's operations. Clones share running statistics,
/// so each has its own.
#[track_caller]
fn on_both_paths<T>(network: &Network, pass: impl Fn(&Network) -> T) -> [(T, ById); 2] {
    [Path::Fused, Path::Composed].map(|path| {
        set_path(path);
        let network = network.valid().train();
        let found = pass(&network);
        set_path(Path::Fused);
        (found, values(&network))
    })
}

/// A weight for each image and class, which is no mean of anything.
fn weighted(logits: Tensor<2>) -> Tensor<1> {
    let device = logits.device();
    let images = Tensor::<2>::from_floats([[2.0], [0.0], [-0.5], [1.0]], &device);
    let classes: [[f32; 10]; 1] = [[1.0, -1.0, 2.0, 0.5, -0.3, 0.1, 1.7, -2.0, 0.0, 0.9]];
    (log_softmax(logits, 1) * images * Tensor::from_floats(classes, &device)).sum()
}

#[track_caller]
fn compare(what: &str, network: &Network, device: &Device) {
    let pass = |network: &Network| {
        let x = images(5, device).require_grad();
        let logits = network.forward(x.clone());
        let gradients = weighted(logits.clone()).backward();
        let dx = numbers(x.grad(&gradients).unwrap());
        (numbers(logits), dx, collected(network, Some(&gradients)))
    };
    let [((logits, dx, gradients), moved), ((expected_logits, expected_dx, expected), expected_moved)] =
        on_both_paths(network, pass);
    assert!(distance(&logits, &expected_logits) < 1e-4, "{what}");
    assert!(distance(&dx, &expected_dx) < 1e-3, "{what}: images, {:.1e}", distance(&dx, &expected_dx));
    assert_same(what, &gradients, &expected);
    for (id, expected) in &expected_moved {
        // A mean may be nothing but rounding: after a normalisation without activation.
        let difference = distance(&moved[id], expected) * size(expected).max(1e-12);
        let allowed = 1e-4 * size(expected).max(1e-2 * (expected.len() as f64).sqrt());
        assert!(difference < allowed, "{what}: values differ by {difference:.1e}, not {allowed:.1e}");
    }
}

#[test]
fn networks_learn_as_on_the_composed_path() {
    let (device, _alone) = device();
    for name in ["efficientnet-b0", "efficientnetv2-s", "mobilenetv2", "resnet18"] {
        let spec = ArchSpec { activation: Activation::Silu, ..small(name, false) };
        compare(name, &network(&spec, &device), &device);
    }
}

/// Its gradient is had from its result, so nothing may be added to that in place, nor to a block's input.
#[test]
fn networks_with_relu_can_be_differentiated() {
    let (device, _alone) = device();
    for name in ["efficientnet-b0", "efficientnetv2-s", "resnet18"] {
        for activation in [Activation::Relu, Activation::Relu6] {
            let network = network(&ArchSpec { activation, ..small(name, true) }, &device);
            let gradients = weighted(network.forward(images(5, &device))).backward();
            let gradients = collected(&network, Some(&gradients));
            assert!(gradients.values().flatten().all(|value| value.is_finite()), "{name}");
            assert!(gradients.len() > 20, "{name} has {} gradients", gradients.len());
        }
    }
}

#[test]
fn what_is_frozen_stays_so() {
    let (device, _alone) = device();
    let start = network(&small("efficientnet-b0", false), &device);
    let copy = || start.valid().train();
    compare("frozen normalisation", &copy().with_frozen_norm(), &device);
    compare("two frozen stages", &copy().with_frozen(Freeze::Stages(2)), &device);
    compare("a linear probe", &copy().with_frozen(Freeze::Backbone), &device);

    let probe = copy().with_frozen(Freeze::Backbone);
    let before = values(&probe);
    let gradients = weighted(probe.forward(images(5, &device))).backward();
    assert_eq!(collected(&probe, Some(&gradients)).len(), 2);
    assert_eq!(values(&probe), before);
}

#[test]
fn gradients_of_batches_add_up() {
    let (device, _alone) = device();
    let start = network(&small("efficientnet-b0", false), &device);
    let together = |network: &Network| {
        let losses = [1, 2].map(|seed| weighted(network.forward(images(seed, &device))));
        let [first, second] = losses;
        collected(network, Some(&(first + second * 3.0).backward()))
    };
    let [(found, _), (expected, _)] = on_both_paths(&start, together);
    assert_same("in one backward", &found, &expected);

    let apart = |network: &Network| {
        let passes = [(1, 1.0), (2, 3.0)].map(|(seed, factor)| {
            let loss = weighted(network.forward(images(seed, &device))) * factor;
            collected(network, Some(&loss.backward()))
        });
        let [mut sum, second] = passes;
        for (sum, second) in sum.values_mut().zip(second.values()) {
            sum.iter_mut().zip(second).for_each(|(sum, second)| *sum += second);
        }
        sum
    };
    let [(found, _), _] = on_both_paths(&start, apart);
    assert_same("one after the other", &found, &expected);
}

#[test]
fn random_layers_draw_the_same_numbers_on_both_paths() {
    let (device, _alone) = device();
    let start = network(&small("efficientnet-b0", true), &device);
    let x = images(5, &device);
    let [(found, _), (expected, _)] = on_both_paths(&start, |network| {
        [7, 7, 8].map(|seed| {
            device.seed(seed);
            numbers(network.forward(x.clone()))
        })
    });
    for (found, expected) in found.iter().zip(&expected) {
        assert!(distance(found, expected) < 1e-4);
    }
    assert_eq!(found[0], found[1]);
    assert!(distance(&found[2], &found[0]) > 1e-2, "nothing is dropped");
}

#[test]
fn taps_give_the_gradients_of_the_whole() {
    let (device, _alone) = device();
    let start = network(&small("efficientnet-b0", false), &device);
    let gradients = [false, true].map(|taps| {
        let network = start.valid().train();
        let x = images(5, &device);
        let logits = match taps {
            true => network.classify(network.forward_features(x).head),
            false => network.forward(x),
        };
        collected(&network, Some(&weighted(logits).backward()))
    });
    assert_same("taps", &gradients[1], &gradients[0]);
}

#[test]
fn a_weight_that_changes_before_the_backward_pass_does_no_harm() {
    let (device, _alone) = device();
    let start = network(&small("efficientnet-b0", false), &device);
    let gradients = [false, true].map(|changes| {
        let network = start.valid().train();
        let loss = weighted(network.forward(images(5, &device)));
        if changes {
            // Adds to each weight as an optimiser does.
            let _ = network.clone().map(&mut Descend);
        }
        collected(&network, Some(&loss.backward()))
    });
    assert_eq!(gradients[0], gradients[1]);
}

struct Descend;

impl burn::module::ModuleMapper for Descend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let average =
            efficientnet_ops::optimise::lerp(tensor.clone().inner(), tensor.inner().ones_like(), 0.5);
        Param::from_mapped_value(id, Tensor::from_inner(average).require_grad(), mapper)
    }
}

#[test]
fn a_graph_that_is_dropped_or_used_up_leaves_the_next_one_alone() {
    let (device, _alone) = device();
    let start = network(&small("efficientnet-b0", false), &device);
    let expected = {
        let network = start.valid().train();
        let gradients = weighted(network.forward(images(5, &device))).backward();
        collected(&network, Some(&gradients))
    };
    let network = start.valid().train();
    drop(network.forward(images(1, &device)));
    let logits = network.forward(images(5, &device));
    let (first, second) = (weighted(logits.clone()), logits.sum());
    let gradients = collected(&network, Some(&first.backward()));
    assert_same("after a graph that was dropped", &gradients, &expected);
    // As anywhere in Burn: a graph serves once.
    assert!(catch_unwind(AssertUnwindSafe(|| second.backward())).is_err());
}
