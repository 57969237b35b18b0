//! The operations from Burn's public ones.

use burn::backend::Dispatch;
use burn::tensor::module::{batch_norm, batch_norm_train};
use burn::tensor::{Tensor, activation as burn_activation};

use crate::functions::Norm;
use crate::{Activation, TrainingOps, norm_sync};

pub(crate) fn activate<const D: usize>(activation: Activation, x: Tensor<D>) -> Tensor<D> {
    match activation {
        Activation::None => x,
        Activation::Relu => burn_activation::relu(x),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Silu => burn_activation::silu(x),
        Activation::Sigmoid => burn_activation::sigmoid(x),
    }
}

pub(crate) fn norm_act(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    activation: Activation,
) -> Norm {
    if norm_sync::is_set() {
        return synchronised(x, gamma, beta, epsilon, activation);
    }
    let [batch, _, height, width] = x.dims();
    let count = Tensor::from_floats([(batch * height * width) as f32], &x.device());
    let norm = batch_norm_train(x, gamma, beta, epsilon);
    Norm { output: activate(activation, norm.output), mean: norm.mean, variance: norm.variance, count }
}

/// Statistics that are sums over the processes, with the gradient through them.
fn synchronised(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    activation: Activation,
) -> Norm {
    let [batch, channels, height, width] = x.dims();
    let count = Tensor::from_floats([(batch * height * width) as f32], &x.device());
    let sums = |x: Tensor<4>| -> Tensor<1> { x.sum_dims(&[0, 2, 3]).reshape([channels]) };
    let parts = Tensor::cat(vec![count, sums(x.clone()), sums(x.clone().powi_scalar(2))], 0);
    let all = <Dispatch as TrainingOps>::sum_over_processes(parts.into_dispatch());
    let all: Tensor<1> = Tensor::from_dispatch(all);
    let count = all.clone().narrow(0, 0, 1).detach();
    let mean = all.clone().narrow(0, 1, channels) / count.clone();
    let variance = all.narrow(0, channels + 1, channels) / count.clone() - mean.clone() * mean.clone();
    let variance = variance.clamp_min(0.0);
    let output = batch_norm(x, gamma, beta, mean.clone(), variance.clone(), epsilon);
    Norm { output: activate(activation, output), mean: mean.detach(), variance: variance.detach(), count }
}
