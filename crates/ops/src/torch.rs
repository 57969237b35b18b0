//! The operations on `tch`: ATen's own.
//!
//! Burn's LibTorch backend takes gradients apart into operations of its own (a depthwise weight's is a loop of tiny
//! convolutions). ATen's kernels for them are reached through its autograd alone, so a gradient here runs the forward operation
//! on leaves again and asks for `backward` of its product with `dy`. That costs one forward more and is still faster. A whole network
//! in f32 is spared it: see [`torch_graph`](crate::torch_graph), where the forward operations here are what LibTorch records. None of
//! them writes in place.
//!
//! Maps are kept as `[batch, height, width, channels]` in memory (ATen's `channels_last`, its faster layout on a CPU), which Burn sees
//! as strides: the first convolution brings them into that order, and what follows keeps the order of its input.

// Burn's next release leaves `tch` behind.
#![allow(deprecated)]

use burn::backend::libtorch::TchTensor;
use burn::backend::{LibTorch, TensorMetadata, ops::ConvOptions};
use tch::Tensor;

use crate::optimise::{AdamW, RmspropTf, Sgd};
use crate::{Activation, TrainingOps, default, norm_sync, torch_update};

/// The same numbers, as what a gradient is asked for.
fn leaf(tensor: &TchTensor) -> Tensor {
    tensor.tensor.detach().set_requires_grad(true)
}

/// The same numbers with the channels innermost in memory; a copy only where they are not.
fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// All numbers in the order of their memory.
fn flat(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).reshape([-1])
}

/// Gradients of the sum of `y dy` for the leaves.
fn gradients<const N: usize>(y: &Tensor, dy: &Tensor, leaves: [&Tensor; N]) -> [TchTensor; N] {
    let product = flat(y).dot(&flat(dy));
    let mut found = Tensor::run_backward(&[product], &leaves, false, false).into_iter();
    leaves.map(|leaf| TchTensor::new(found.next().unwrap_or_else(|| leaf.zeros_like())))
}

/// Asymmetric padding by a copy, as ATen has none.
fn convolve(x: &Tensor, weight: &Tensor, options: &ConvOptions<2>) -> Tensor {
    let [(top, bottom), (left, right)] = options.padding.map(|(before, after)| (before as i64, after as i64));
    let stride = options.stride.map(|stride| stride as i64);
    let groups = options.groups as i64;
    let conv =
        |x: &Tensor, padding: [i64; 2]| x.conv2d(weight, None::<Tensor>, stride, padding, [1, 1], groups);
    match options.is_asymmetric() {
        false => conv(x, [top, left]),
        true => conv(&x.constant_pad_nd([left, right, top, bottom]), [0, 0]),
    }
}

fn activate(activation: Activation, x: Tensor) -> Tensor {
    match activation {
        Activation::None => x,
        Activation::Relu => x.relu(),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Silu => x.silu(),
        Activation::Sigmoid => x.sigmoid(),
    }
}

/// ATen's batch normalisation: output, mean, and one over the deviation.
fn normalise(x: &Tensor, gamma: &Tensor, beta: &Tensor, epsilon: f64) -> (Tensor, Tensor, Tensor) {
    x.native_batch_norm(Some(gamma), Some(beta), None, None, true, 0.0, epsilon)
}

impl TrainingOps for LibTorch {
    fn conv(x: TchTensor, weight: TchTensor, options: ConvOptions<2>) -> TchTensor {
        TchTensor::new(convolve(&channels_last(&x.tensor), &weight.tensor, &options))
    }

    fn conv_gradients(
        x: TchTensor,
        dy: TchTensor,
        weight: TchTensor,
        options: ConvOptions<2>,
    ) -> (TchTensor, TchTensor) {
        let x = channels_last(&x.tensor).detach().set_requires_grad(true);
        let weight = leaf(&weight);
        let [dx, dw] = gradients(&convolve(&x, &weight, &options), &dy.tensor, [&x, &weight]);
        (dx, TchTensor::new(dw.tensor.contiguous()))
    }

    fn conv_weight_gradient(
        x: TchTensor,
        dy: TchTensor,
        shape: [usize; 4],
        options: ConvOptions<2>,
    ) -> TchTensor {
        let weight = Tensor::zeros(shape.map(|size| size as i64), (x.tensor.kind(), x.tensor.device()));
        let weight = weight.set_requires_grad(true);
        let [dw] = gradients(&convolve(&channels_last(&x.tensor), &weight, &options), &dy.tensor, [&weight]);
        TchTensor::new(dw.tensor.contiguous())
    }

    fn norm_act(
        x: TchTensor,
        gamma: TchTensor,
        beta: TchTensor,
        epsilon: f64,
        activation: Activation,
    ) -> (TchTensor, TchTensor, TchTensor, TchTensor) {
        if norm_sync::is_set() {
            return default::norm_act::<Self>(x, gamma, beta, epsilon, activation);
        }
        let [batch, _, height, width] = x.shape().dims::<4>().map(|size| size as i64);
        let (y, mean, inverse) = normalise(&x.tensor, &gamma.tensor, &beta.tensor, epsilon);
        // Statistics have no gradient, and outlive the graph.
        let (mean, inverse) = (mean.detach(), inverse.detach());
        let variance = (inverse.pow_tensor_scalar(-2) - epsilon).clamp_min(0.0);
        let count = Tensor::full([1], batch * height * width, (y.kind(), y.device()));
        let y = activate(activation, y);
        (TchTensor::new(y), TchTensor::new(mean), TchTensor::new(variance), TchTensor::new(count))
    }

    fn norm_act_frozen(
        x: TchTensor,
        gamma: TchTensor,
        beta: TchTensor,
        mean: TchTensor,
        variance: TchTensor,
        epsilon: f64,
        activation: Activation,
    ) -> TchTensor {
        let [gamma, beta, mean, variance] =
            [&gamma, &beta, &mean, &variance].map(|values| Some(&values.tensor));
        let y = x.tensor.batch_norm(gamma, beta, mean, variance, false, 0.0, epsilon, false);
        TchTensor::new(activate(activation, y))
    }

    fn norm_act_backward(
        x: TchTensor,
        dy: TchTensor,
        gamma: TchTensor,
        beta: TchTensor,
        mean: TchTensor,
        variance: TchTensor,
        count: TchTensor,
        epsilon: f64,
        activation: Activation,
    ) -> (TchTensor, TchTensor, TchTensor) {
        if norm_sync::is_set() {
            let parameters = [gamma, beta, mean, variance];
            return default::norm_act_backward::<Self>(x, dy, parameters, Some(count), epsilon, activation);
        }
        let [x, gamma, beta] = [&x, &gamma, &beta].map(leaf);
        let (z, ..) = normalise(&x, &gamma, &beta, epsilon);
        let leaves = [&x, &gamma, &beta];
        let [dx, dgamma, dbeta] = match activation {
            Activation::None => gradients(&z, &dy.tensor, leaves),
            // Apart, since the activation's value is not needed.
            Activation::Silu => gradients(&z, &z.detach().silu_backward(&dy.tensor), leaves),
            _ => gradients(&activate(activation, z), &dy.tensor, leaves),
        };
        (dx, dgamma, dbeta)
    }

    fn scale_channels(x: TchTensor, gate: TchTensor) -> TchTensor {
        TchTensor::new(&x.tensor * &gate.tensor)
    }

    fn squeeze_excite(
        x: TchTensor,
        reduce: TchTensor,
        reduce_bias: TchTensor,
        expand: TchTensor,
        expand_bias: TchTensor,
        activation: Activation,
    ) -> (TchTensor, TchTensor, TchTensor, TchTensor) {
        let linear = |x: &Tensor, weight: &TchTensor, bias: &TchTensor| {
            x.linear(&weight.tensor.flatten(1, 3), Some(&bias.tensor))
        };
        let mean = x.tensor.mean_dim([2i64, 3].as_slice(), false, None);
        let squeezed = linear(&mean, &reduce, &reduce_bias);
        let active = activate(activation, squeezed.shallow_clone());
        let gate = linear(&active, &expand, &expand_bias).sigmoid().unsqueeze(-1).unsqueeze(-1);
        let y = &x.tensor * &gate;
        (TchTensor::new(y), TchTensor::new(mean), TchTensor::new(squeezed), TchTensor::new(gate))
    }

    fn mean_pool(x: TchTensor) -> TchTensor {
        TchTensor::new(x.tensor.mean_dim([2i64, 3].as_slice(), true, None))
    }

    fn silu(x: TchTensor) -> TchTensor {
        TchTensor::new(x.tensor.silu())
    }

    fn silu_backward(x: TchTensor, dy: TchTensor) -> TchTensor {
        TchTensor::new(x.tensor.silu_backward(&dy.tensor))
    }

    fn rmsprop_tf(
        weight: TchTensor,
        gradient: TchTensor,
        mean_square: TchTensor,
        momentum: TchTensor,
        options: RmspropTf,
    ) -> (TchTensor, TchTensor, TchTensor) {
        torch_update::rmsprop_tf(weight, gradient, mean_square, momentum, options)
    }

    fn sgd(
        weight: TchTensor,
        gradient: TchTensor,
        buffer: TchTensor,
        options: Sgd,
    ) -> (TchTensor, TchTensor) {
        torch_update::sgd(weight, gradient, buffer, options)
    }

    fn adamw(
        weight: TchTensor,
        gradient: TchTensor,
        first: TchTensor,
        second: TchTensor,
        options: AdamW,
        t: u64,
    ) -> (TchTensor, TchTensor, TchTensor) {
        torch_update::adamw(weight, gradient, first, second, options, t)
    }

    fn lerp(average: TchTensor, value: TchTensor, amount: f32) -> TchTensor {
        torch_update::lerp(average, value, amount)
    }
}
