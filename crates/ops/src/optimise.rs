//! Updates of optimisers, in one pass over the numbers and in place where nobody else holds the tensors.
//!
//! They take and give tensors without autodiff, as Burn's optimisers do.

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::{DType, Tensor};

pub use efficientnet_kernels::training::{AdamW, RmspropTf, Sgd};

use crate::{Path, TrainingOps, path};

/// RMSProp as TensorFlow has it, with which EfficientNet was trained: epsilon inside the root, the learning rate inside the
/// momentum. Gives weight, mean of squares (ones at first) and momentum (zeros at first).
///
/// # Shapes
/// - all: the weight's
pub fn rmsprop_tf<const D: usize>(
    weight: Tensor<D>,
    gradient: Tensor<D>,
    mean_square: Tensor<D>,
    momentum: Tensor<D>,
    options: RmspropTf,
) -> [Tensor<D>; 3] {
    if is_fused(&weight) {
        let [w, g, s, m] = [weight, gradient, mean_square, momentum].map(Tensor::into_dispatch);
        let (w, s, m) = <Dispatch as TrainingOps>::rmsprop_tf(w, g, s, m, options);
        return [w, s, m].map(Tensor::from_dispatch);
    }
    let gradient = decayed(gradient, &weight, options.weight_decay);
    let square = gradient.clone() * gradient.clone();
    let mean_square = mean_square * options.decay + square * (1.0 - options.decay);
    let step = gradient / (mean_square.clone() + options.epsilon).sqrt() * options.learning_rate;
    let momentum = momentum * options.momentum + step;
    [weight - momentum.clone(), mean_square, momentum]
}

/// Gradient descent with momentum, as PyTorch has it. Gives weight and buffer (zeros at first).
///
/// # Shapes
/// - all: the weight's
pub fn sgd<const D: usize>(
    weight: Tensor<D>,
    gradient: Tensor<D>,
    buffer: Tensor<D>,
    options: Sgd,
) -> [Tensor<D>; 2] {
    if is_fused(&weight) {
        let [w, g, b] = [weight, gradient, buffer].map(Tensor::into_dispatch);
        let (w, b) = <Dispatch as TrainingOps>::sgd(w, g, b, options);
        return [w, b].map(Tensor::from_dispatch);
    }
    let gradient = decayed(gradient, &weight, options.weight_decay);
    let buffer = buffer * options.momentum + gradient.clone();
    let step = if options.nesterov { gradient + buffer.clone() * options.momentum } else { buffer.clone() };
    [weight - step * options.learning_rate, buffer]
}

/// AdamW (Loshchilov and Hutter, ICLR 2019), step `t` from 1. Gives weight, first and second moment (zeros at first).
///
/// # Shapes
/// - all: the weight's
///
/// # Panics
/// If `t` is 0.
pub fn adamw<const D: usize>(
    weight: Tensor<D>,
    gradient: Tensor<D>,
    first: Tensor<D>,
    second: Tensor<D>,
    options: AdamW,
    t: u64,
) -> [Tensor<D>; 3] {
    assert!(t > 0, "steps are counted from 1");
    if is_fused(&weight) {
        let [w, g, m, v] = [weight, gradient, first, second].map(Tensor::into_dispatch);
        let (w, m, v) = <Dispatch as TrainingOps>::adamw(w, g, m, v, options, t);
        return [w, m, v].map(Tensor::from_dispatch);
    }
    let [b1, b2] = options.betas;
    let correction = |beta: f32| 1.0 - f64::from(beta).powf(t as f64);
    let square = gradient.clone() * gradient.clone();
    let first = first * b1 + gradient * (1.0 - b1);
    let second = second * b2 + square * (1.0 - b2);
    let root = second.clone().sqrt() / correction(b2).sqrt() + options.epsilon;
    let rate = f64::from(options.learning_rate) / correction(b1);
    let weight = weight * (1.0 - options.learning_rate * options.weight_decay);
    [weight - first.clone() / root * rate, first, second]
}

/// Moves an average of weights: `average + amount (value - average)`.
///
/// # Shapes
/// - all: the weight's
pub fn lerp<const D: usize>(average: Tensor<D>, value: Tensor<D>, amount: f32) -> Tensor<D> {
    if is_fused(&average) {
        let average = <Dispatch as TrainingOps>::lerp(average.into_dispatch(), value.into_dispatch(), amount);
        return Tensor::from_dispatch(average);
    }
    average.clone() + (value - average) * amount
}

/// `flex` and `tch` do these better than Burn's own operations.
fn is_fused<const D: usize>(weight: &Tensor<D>) -> bool {
    let device = weight.device();
    let better = match device.as_dispatch() {
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => true,
        #[cfg(feature = "tch")]
        DispatchDevice::LibTorch(_) => true,
        _ => false,
    };
    better && path() == Path::Fused && weight.dtype() == DType::F32
}

fn decayed<const D: usize>(gradient: Tensor<D>, weight: &Tensor<D>, decay: f32) -> Tensor<D> {
    match decay == 0.0 {
        true => gradient,
        false => gradient + weight.clone() * decay,
    }
}
