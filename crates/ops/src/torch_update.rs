//! Updates on `tch`, written where the tensors lie as long as nobody else holds them.
//!
//! An update reads and writes every weight and little else, so what it takes is how often it goes through memory. `addcmul_` with a
//! tensor of one number is ATen's `y += a x` in one pass.

// Burn's next release leaves `tch` behind.
#![allow(deprecated)]

use burn::backend::libtorch::TchTensor;
use tch::Tensor;

use crate::optimise::{AdamW, RmspropTf, Sgd};

/// The tensor itself, or a copy where somebody else holds it.
fn owned(tensor: TchTensor) -> TchTensor {
    if tensor.can_mut() { tensor } else { TchTensor::new(tensor.tensor.copy()) }
}

/// `y += a x`.
fn add_scaled(y: &mut Tensor, x: &Tensor, a: f64) {
    let _ = y.addcmul_(x, &Tensor::full([1], a, (y.kind(), y.device())));
}

/// The gradient with weight decay added to it.
fn decayed(gradient: TchTensor, weight: &TchTensor, decay: f32) -> TchTensor {
    if decay == 0.0 {
        return gradient;
    }
    let mut gradient = owned(gradient);
    add_scaled(&mut gradient.tensor, &weight.tensor, decay.into());
    gradient
}

/// Weight, mean of squares, momentum.
pub(crate) fn rmsprop_tf(
    weight: TchTensor,
    gradient: TchTensor,
    mean_square: TchTensor,
    momentum: TchTensor,
    options: RmspropTf,
) -> (TchTensor, TchTensor, TchTensor) {
    let gradient = decayed(gradient, &weight, options.weight_decay).tensor;
    let [mut weight, mut mean_square, mut momentum] = [weight, mean_square, momentum].map(owned);
    let _ = mean_square.tensor.lerp_(&gradient.square(), f64::from(1.0 - options.decay));
    let mut root = &mean_square.tensor + f64::from(options.epsilon);
    let _ = momentum.tensor.g_mul_scalar_(f64::from(options.momentum));
    add_scaled(&mut momentum.tensor, &gradient.divide(&root.sqrt_()), options.learning_rate.into());
    let _ = weight.tensor.g_sub_(&momentum.tensor);
    (weight, mean_square, momentum)
}

/// Weight, buffer.
pub(crate) fn sgd(
    weight: TchTensor,
    gradient: TchTensor,
    buffer: TchTensor,
    options: Sgd,
) -> (TchTensor, TchTensor) {
    let momentum = f64::from(options.momentum);
    let rate = -f64::from(options.learning_rate);
    let gradient = decayed(gradient, &weight, options.weight_decay);
    let [mut weight, mut buffer] = [weight, buffer].map(owned);
    let _ = buffer.tensor.g_mul_scalar_(momentum);
    let _ = buffer.tensor.g_add_(&gradient.tensor);
    if options.nesterov {
        let mut step = owned(gradient);
        add_scaled(&mut step.tensor, &buffer.tensor, momentum);
        add_scaled(&mut weight.tensor, &step.tensor, rate);
    } else {
        add_scaled(&mut weight.tensor, &buffer.tensor, rate);
    }
    (weight, buffer)
}

/// Weight, first and second moment.
pub(crate) fn adamw(
    weight: TchTensor,
    gradient: TchTensor,
    first: TchTensor,
    second: TchTensor,
    options: AdamW,
    t: u64,
) -> (TchTensor, TchTensor, TchTensor) {
    let [b1, b2] = options.betas;
    let correction = |beta: f32| 1.0 - f64::from(beta).powf(t as f64);
    let gradient = gradient.tensor;
    let [mut weight, mut first, mut second] = [weight, first, second].map(owned);
    let _ = weight.tensor.g_mul_scalar_(f64::from(1.0 - options.learning_rate * options.weight_decay));
    let _ = first.tensor.lerp_(&gradient, f64::from(1.0 - b1));
    let _ = second.tensor.lerp_(&gradient.square(), f64::from(1.0 - b2));
    let mut root = second.tensor.sqrt();
    let _ = root.g_mul_scalar_(1.0 / correction(b2).sqrt());
    let _ = root.g_add_scalar_(f64::from(options.epsilon));
    let rate = -f64::from(options.learning_rate) / correction(b1);
    add_scaled(&mut weight.tensor, &first.tensor.divide(&root), rate);
    (weight, first, second)
}

/// `average + amount (value - average)`.
pub(crate) fn lerp(average: TchTensor, value: TchTensor, amount: f32) -> TchTensor {
    let mut average = owned(average);
    let _ = average.tensor.lerp_(&value.tensor, f64::from(amount));
    average
}
