//! Normalisation with activation against Burn's own operations, forward and backward.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use burn::tensor::module::{batch_norm, batch_norm_train};
use burn::tensor::{Device, Gradients, Tensor, activation};
use common::{BACKWARD, FORWARD, Numbers, assert_close, devices, flex, numbers, tensor};
use efficientnet_ops::{Activation, norm_act, norm_act_frozen};

const ACTIVATIONS: [Activation; 5] =
    [Activation::None, Activation::Relu, Activation::Relu6, Activation::Silu, Activation::Sigmoid];

fn activated(activation: Activation, x: Tensor<4>) -> Tensor<4> {
    match activation {
        Activation::None => x,
        Activation::Relu => activation::relu(x),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Silu => activation::silu(x),
        Activation::Sigmoid => activation::sigmoid(x),
    }
}

struct Inputs {
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
}

impl Inputs {
    fn new(shape: [usize; 4], device: &Device) -> Self {
        let channels = [shape[1]];
        Self {
            x: (tensor(shape, 1, device) * 1.5 + 0.7).detach().require_grad(),
            gamma: tensor(channels, 2, device).require_grad(),
            beta: tensor(channels, 3, device).require_grad(),
        }
    }

    fn compare(&self, what: &str, found: Tensor<4>, expected: Tensor<4>) {
        assert_close(what, found.clone(), expected.clone(), FORWARD);
        let upstream: Tensor<4> = tensor(found.dims(), 4, &found.device());
        let found: Gradients = (found * upstream.clone()).sum().backward();
        let expected: Gradients = (expected * upstream).sum().backward();
        let both = |tensor: &Tensor<1>| (tensor.grad(&found).unwrap(), tensor.grad(&expected).unwrap());
        let (dx, dx_expected) = (self.x.grad(&found).unwrap(), self.x.grad(&expected).unwrap());
        assert_close(&format!("dx of {what}"), dx, dx_expected, BACKWARD);
        let (dgamma, dgamma_expected) = both(&self.gamma);
        assert_close(&format!("dgamma of {what}"), dgamma, dgamma_expected, BACKWARD);
        let (dbeta, dbeta_expected) = both(&self.beta);
        assert_close(&format!("dbeta of {what}"), dbeta, dbeta_expected, BACKWARD);
    }
}

fn shapes() -> Vec<[usize; 4]> {
    // Channels of named networks, then odd ones, among them a single value a channel.
    let mut shapes: Vec<[usize; 4]> =
        [16, 24, 32, 40, 64, 80, 96, 112, 144, 192, 240, 320, 480, 672, 960, 1152, 1280, 2048]
            .map(|channels| [2, channels, 5, 4])
            .to_vec();
    shapes.extend([[1, 3, 1, 1], [2, 5, 1, 1], [3, 1, 1, 7], [1, 7, 13, 11], [5, 2, 33, 31]]);
    let mut numbers = Numbers(7);
    shapes.extend(
        (0..20).map(|_| [(1, 4), (1, 40), (1, 20), (2, 20)].map(|(from, to)| numbers.between(from, to))),
    );
    shapes
}

#[test]
fn with_the_statistics_of_the_batch() {
    for device in devices() {
        for (i, shape) in shapes().into_iter().enumerate() {
            let inputs = Inputs::new(shape, &device);
            let act = ACTIVATIONS[i % ACTIVATIONS.len()];
            let Inputs { x, gamma, beta } = &inputs;
            let found = norm_act(x.clone(), gamma.clone(), beta.clone(), 1e-3, act);
            let expected = batch_norm_train(x.clone(), gamma.clone(), beta.clone(), 1e-3);
            let what = format!("{act:?} of {shape:?}");
            assert_close(&format!("mean of {what}"), found.mean, expected.mean, FORWARD);
            assert_close(&format!("variance of {what}"), found.variance, expected.variance, FORWARD);
            assert_eq!(numbers(found.count), [(shape[0] * shape[2] * shape[3]) as f64]);
            inputs.compare(&what, found.output, activated(act, expected.output));
        }
    }
}

#[test]
fn with_given_statistics() {
    for device in devices() {
        for (i, shape) in shapes().into_iter().enumerate() {
            let inputs = Inputs::new(shape, &device);
            let act = ACTIVATIONS[i % ACTIVATIONS.len()];
            let (mean, variance) =
                (tensor([shape[1]], 5, &device), tensor([shape[1]], 6, &device).abs() + 0.1);
            let parameters = [inputs.gamma.clone(), inputs.beta.clone()];
            let statistics = [mean.clone(), variance.clone()];
            let found = norm_act_frozen(inputs.x.clone(), parameters.clone(), statistics, 1e-3, act);
            let [gamma, beta] = parameters;
            let expected = batch_norm(inputs.x.clone(), gamma, beta, mean, variance, 1e-3);
            inputs.compare(&format!("{act:?} of {shape:?}"), found, activated(act, expected));
        }
    }
}

#[test]
fn the_unbiased_variance_divides_by_one_less() {
    let device = flex().autodiff();
    let inputs = Inputs::new([2, 3, 4, 5], &device);
    let norm = norm_act(inputs.x, inputs.gamma, inputs.beta, 1e-3, Activation::Silu);
    let expected = norm.variance.clone() * (40.0 / 39.0);
    assert_close("unbiased", norm.unbiased_variance(), expected, 1e-6);
    let single = Inputs::new([1, 3, 1, 1], &device);
    let norm = norm_act(single.x, single.gamma, single.beta, 1e-3, Activation::None);
    assert_eq!(numbers(norm.unbiased_variance()), [0.0; 3]);
}

#[test]
fn parameters_that_are_frozen_get_no_gradient() {
    let device = flex().autodiff();
    let x = tensor([2, 3, 4, 4], 1, &device).require_grad();
    let (gamma, beta) = (tensor([3], 2, &device), tensor([3], 3, &device));
    let norm = norm_act(x.clone(), gamma.clone(), beta.clone(), 1e-3, Activation::Silu);
    let gradients = norm.output.sum().backward();
    assert!(x.grad(&gradients).is_some());
    assert!(gamma.grad(&gradients).is_none() && beta.grad(&gradients).is_none());
}
