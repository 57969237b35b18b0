//! SiLU, channel scaling and pooling against Burn's own operations, and optimisers against their composed form.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use burn::tensor::module::{adaptive_avg_pool2d, conv2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, activation};
use common::{BACKWARD, FORWARD, assert_close, devices, flex, numbers, tensor};
use efficientnet_ops::optimise::{self, AdamW, RmspropTf, Sgd};
use efficientnet_ops::{Activation, SqueezeExcite, mean_pool, scale_channels, silu};

const SHAPES: [[usize; 4]; 5] = [[1, 1, 1, 1], [2, 3, 5, 7], [3, 17, 4, 4], [1, 96, 9, 8], [2, 5, 33, 31]];

#[test]
fn silu_and_its_gradient() {
    for device in devices() {
        for shape in SHAPES {
            let x = (tensor(shape, 1, &device) * 4.0).detach().require_grad();
            let upstream: Tensor<4> = tensor(shape, 2, &device);
            let (found, expected) = (silu(x.clone()), activation::silu(x.clone()));
            assert_close("silu", found.clone(), expected.clone(), FORWARD);
            let found = (found * upstream.clone()).sum().backward();
            let expected = (expected * upstream).sum().backward();
            assert_close("dx", x.grad(&found).unwrap(), x.grad(&expected).unwrap(), BACKWARD);
        }
    }
}

#[test]
fn channel_scaling_and_its_gradients() {
    for device in devices() {
        for shape in SHAPES {
            let x = tensor(shape, 1, &device).require_grad();
            let gate = tensor([shape[0], shape[1], 1, 1], 2, &device).require_grad();
            let upstream: Tensor<4> = tensor(shape, 3, &device);
            let (found, expected) = (scale_channels(x.clone(), gate.clone()), x.clone() * gate.clone());
            assert_close("scaled", found.clone(), expected.clone(), FORWARD);
            let found = (found * upstream.clone()).sum().backward();
            let expected = (expected * upstream).sum().backward();
            assert_close("dx", x.grad(&found).unwrap(), x.grad(&expected).unwrap(), BACKWARD);
            assert_close("dgate", gate.grad(&found).unwrap(), gate.grad(&expected).unwrap(), BACKWARD);
        }
    }
}

#[test]
fn a_gate_that_is_constant() {
    let device = flex().autodiff();
    let x = tensor([2, 3, 4, 4], 1, &device).require_grad();
    let gate: Tensor<4> = tensor([2, 1, 1, 1], 2, &device);
    let wide = gate.clone().expand([2, 3, 1, 1]);
    let gradients = scale_channels(x.clone(), wide).sum().backward();
    let expected = gate.expand([2, 3, 4, 4]).inner();
    assert_close("dx", x.grad(&gradients).unwrap(), expected, BACKWARD);
}

#[test]
fn mean_pooling_and_its_gradient() {
    for device in devices() {
        for shape in SHAPES {
            let x = tensor(shape, 1, &device).require_grad();
            let upstream: Tensor<4> = tensor([shape[0], shape[1], 1, 1], 2, &device);
            let (found, expected) = (mean_pool(x.clone()), adaptive_avg_pool2d(x.clone(), [1, 1]));
            assert_close("mean", found.clone(), expected.clone(), FORWARD);
            let found = (found * upstream.clone()).sum().backward();
            let expected = (expected * upstream).sum().backward();
            assert_close("dx", x.grad(&found).unwrap(), x.grad(&expected).unwrap(), BACKWARD);
        }
    }
}

/// The devices whose updates are in place.
fn in_place() -> Vec<Device> {
    [Some(flex()), efficientnet_backend::device("tch").ok()].into_iter().flatten().collect()
}

/// Three steps on `device`; all state after them.
fn steps(device: &Device, transposed: bool) -> Vec<Tensor<2>> {
    let start = |seed| {
        let tensor: Tensor<2> = tensor([6, 11], seed, device);
        if transposed { tensor.transpose() } else { tensor }
    };
    let mut all = Vec::new();
    let options =
        RmspropTf { learning_rate: 0.1, decay: 0.9, momentum: 0.9, epsilon: 1e-3, weight_decay: 1e-2 };
    let (mut weight, mut square, mut momentum) = (start(1), start(2).ones_like(), start(2).zeros_like());
    for step in 0..3 {
        [weight, square, momentum] =
            optimise::rmsprop_tf(weight, start(10 + step), square, momentum, options);
    }
    all.extend([weight, square, momentum]);
    for nesterov in [false, true] {
        let options = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov, weight_decay: 1e-2 };
        let (mut weight, mut buffer) = (start(1), start(1).zeros_like());
        for step in 0..3 {
            [weight, buffer] = optimise::sgd(weight, start(10 + step), buffer, options);
        }
        all.extend([weight, buffer]);
    }
    let options = AdamW { learning_rate: 0.1, betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 1e-2 };
    let (mut weight, mut first, mut second) = (start(1), start(1).zeros_like(), start(1).zeros_like());
    for step in 0..3 {
        [weight, first, second] = optimise::adamw(weight, start(10 + step), first, second, options, step + 1);
    }
    all.extend([weight, first, second]);
    all.push(optimise::lerp(start(1), start(2), 0.1));
    all
}

#[test]
fn optimisers_in_place_and_composed_agree() {
    let ndarray = efficientnet_backend::device("ndarray").unwrap();
    for device in in_place() {
        for transposed in [false, true] {
            let (found, expected) = (steps(&device, transposed), steps(&ndarray, transposed));
            for (i, (found, expected)) in found.into_iter().zip(expected).enumerate() {
                let what = format!("state {i} on {device:?}");
                assert_close(&what, found, expected.to_device(&device), FORWARD);
            }
        }
    }
}

#[test]
fn an_update_leaves_other_holders_alone() {
    for device in in_place() {
        let start = |seed| -> Tensor<1> { tensor([5], seed, &device) };
        let held = [1, 2, 3, 4].map(start);
        let before = held.clone().map(numbers);
        let [weight, gradient, first, second] = &held;
        let all = || (weight.clone(), gradient.clone(), first.clone(), second.clone());
        let options = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.1 };
        let (w, g, b, _) = all();
        let _ = optimise::sgd(w, g, b, options);
        let options = Sgd { nesterov: false, weight_decay: 0.0, ..options };
        let [after, _] = optimise::sgd(weight.clone(), weight.ones_like(), weight.zeros_like(), options);
        assert_close("after", after, start(1) - 0.1, FORWARD);
        let options =
            RmspropTf { learning_rate: 0.1, decay: 0.9, momentum: 0.9, epsilon: 1e-3, weight_decay: 1e-2 };
        let (w, g, s, m) = all();
        let _ = optimise::rmsprop_tf(w, g, s, m, options);
        let options = AdamW { learning_rate: 0.1, betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 1e-2 };
        let (w, g, m, v) = all();
        let _ = optimise::adamw(w, g, m, v, options, 1);
        let _ = optimise::lerp(weight.clone(), gradient.clone(), 0.5);
        assert_eq!(held.map(numbers), before, "{device:?}");
    }
}

/// Four parameters of squeeze-and-excitation.
fn squeeze_excite(channels: usize, squeezed: usize, device: &Device) -> SqueezeExcite {
    SqueezeExcite {
        reduce: (
            tensor([squeezed, channels, 1, 1], 5, device).require_grad(),
            tensor([squeezed], 6, device).require_grad(),
        ),
        expand: (
            tensor([channels, squeezed, 1, 1], 7, device).require_grad(),
            tensor([channels], 8, device).require_grad(),
        ),
        activation: Activation::Silu,
    }
}

#[test]
fn squeeze_and_excitation_and_its_gradients() {
    for device in devices() {
        for shape in SHAPES {
            let x = tensor(shape, 1, &device).require_grad();
            let se = squeeze_excite(shape[1], shape[1].div_ceil(3), &device);
            let upstream: Tensor<4> = tensor(shape, 2, &device);
            let (reduce, expand) = (se.reduce.clone(), se.expand.clone());
            let pointwise = |x, (weight, bias)| {
                conv2d(x, weight, Some(bias), ConvOptions::new([1; 2], [0; 2], [1; 2], 1))
            };
            let inner = activation::silu(pointwise(adaptive_avg_pool2d(x.clone(), [1, 1]), reduce));
            let expected = x.clone() * activation::sigmoid(pointwise(inner, expand));
            let found = se.clone().forward(x.clone());
            assert_close("scaled", found.clone(), expected.clone(), FORWARD);
            let found = (found * upstream.clone()).sum().backward();
            let expected = (expected * upstream).sum().backward();
            assert_close("dx", x.grad(&found).unwrap(), x.grad(&expected).unwrap(), BACKWARD);
            for (weight, bias) in [se.reduce, se.expand] {
                assert_close("dw", weight.grad(&found).unwrap(), weight.grad(&expected).unwrap(), BACKWARD);
                assert_close("db", bias.grad(&found).unwrap(), bias.grad(&expected).unwrap(), BACKWARD);
            }
        }
    }
}
