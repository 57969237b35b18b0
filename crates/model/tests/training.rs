//! On a device with autodiff a network trains; `valid()` brings back the one that infers.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor, Tolerance};
use efficientnet_arch::{ArchSpec, Coefficients};
use efficientnet_model::{Network, StochasticDepth};

fn plain() -> Device {
    efficientnet_backend::device("flex").unwrap()
}

fn small(name: &str) -> ArchSpec {
    let spec = ArchSpec::named(name).unwrap();
    spec.rescaled(Coefficients { width: 0.1, depth: 0.5, resolution: 32 }).unwrap().with_classes(4)
}

fn images(device: &Device) -> Tensor<4> {
    Tensor::random([4, 3, 32, 32], Distribution::Normal(1.0, 2.0), device)
}

#[test]
fn stochastic_depth_drops_whole_samples_and_scales_the_others() {
    let device = plain().autodiff();
    let layer = StochasticDepth::new(0.25);
    let dropped = layer.forward(Tensor::ones([4000, 2, 3, 3], &device));
    let samples = dropped.into_data().try_to_vec::<f32>().unwrap();
    let mut kept = 0;
    for sample in samples.chunks(18) {
        let first = sample[0];
        assert!(sample.iter().all(|v| *v == first), "a sample is dropped as a whole");
        assert!(first == 0.0 || (first - 1.0 / 0.75).abs() < 1e-6, "{first}");
        kept += usize::from(first != 0.0);
    }
    // 3000 expected, 27 a standard deviation.
    assert!((2860..3140).contains(&kept), "{kept} of 4000 were kept");
}

#[test]
fn stochastic_depth_is_off_outside_of_training() {
    let ones = |device: &Device| Tensor::<4>::ones([64, 1, 1, 1], device);
    let sum = |x: Tensor<4>| x.sum().into_scalar::<f32>();
    let layer = StochasticDepth::new(0.9);
    assert_eq!(sum(layer.forward(ones(&plain()))), 64.0, "on a plain device");
    let frozen = layer.valid();
    assert_eq!(sum(frozen.forward(ones(&plain().autodiff()))), 64.0, "in a frozen copy");
    let never = StochasticDepth::new(0.0);
    assert_eq!(sum(never.forward(ones(&plain().autodiff()))), 64.0, "with probability 0");
}

#[test]
fn every_parameter_gets_a_gradient() {
    for name in ["efficientnet-b0", "efficientnetv2-s", "mobilenetv1", "resnet18"] {
        let device = plain().autodiff();
        // Without stochastic depth, which may drop the only branch that a parameter acts through.
        let mut spec = small(name);
        for block in spec.stages.iter_mut().flat_map(|stage| &mut stage.blocks) {
            block.drop_path = 0.0;
        }
        let network = Network::init(&spec, &device).unwrap();
        let loss = network.forward(images(&device)).powf_scalar(2.0).sum();
        let gradients = loss.backward();
        let stem = network.stem.conv.weight.val().grad(&gradients).unwrap();
        let magnitude = stem.abs().sum().into_scalar::<f32>();
        assert!(magnitude.is_finite() && magnitude > 0.0, "{name}: {magnitude}");
        for (s, stage) in network.stages.iter().enumerate() {
            for (b, block) in stage.blocks.iter().enumerate() {
                for unit in &block.units {
                    assert!(unit.conv.weight.val().grad(&gradients).is_some(), "{name} {s}.{b}");
                    assert!(unit.bn.gamma.val().grad(&gradients).is_some(), "{name} {s}.{b}");
                }
            }
        }
        assert!(network.classifier.weight.val().grad(&gradients).is_some());
    }
}

#[test]
fn a_forward_pass_in_training_moves_the_running_statistics_by_the_momentum() {
    let device = plain().autodiff();
    let network = Network::init(&small("efficientnet-b0"), &device).unwrap();
    let x = images(&device);
    let convolved = network.stem.conv.forward(x.clone());
    let mean = convolved.mean_dims(&[0, 2, 3]).reshape([-1]) * 0.01;
    let _ = network.forward(x);
    let found = network.stem.bn.running_mean.value_sync().into_data();
    found.assert_approx_eq::<f32>(&mean.into_data(), Tolerance::default());
}

#[test]
fn a_valid_copy_infers_and_is_repeatable() {
    let device = plain().autodiff();
    let network = Network::init(&small("efficientnet-b0"), &device).unwrap();
    let _ = network.forward(images(&device));
    let valid = network.valid();
    let x = images(&plain());
    let first = valid.forward(x.clone()).into_data();
    let before = valid.stem.bn.running_mean.value().into_data();
    valid.forward(x).into_data().assert_eq(&first, true);
    valid.stem.bn.running_mean.value().into_data().assert_eq(&before, true);
}
