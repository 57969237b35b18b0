//! The backend extension: which operations there are.

// Burn's next release leaves `ndarray` and `tch` behind; until then they are backends as others.
#![allow(deprecated)]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata, backend_extension, ops::ConvOptions};

use crate::{Activation, default, optimise};

/// The operations on a backend's own tensors, forward and backward apart.
///
/// Shapes: `x`, `y` and their gradients are `[batch, channels, height, width]`; `gamma`, `beta`, `mean`, `variance` are
/// `[channels]`; `gate` is `[batch, channels, 1, 1]`. Every body here is made of Burn's operations; a backend overrides what
/// it can do better. `Autodiff` overrides the forward ones and calls the backward ones of the backend inside.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    LibTorch: cfg(feature = "tch"),
    Autodiff
)]
pub trait TrainingOps: Backend {
    /// Convolution without bias and dilation.
    fn conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self> {
        Self::conv2d(x, weight, None, options)
    }

    /// Gradient of [`TrainingOps::conv`] for its input, of shape `shape`.
    fn conv_input_gradient(
        dy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        shape: [usize; 4],
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        default::conv_input_gradient::<Self>(dy, weight, shape, options)
    }

    /// Gradient of [`TrainingOps::conv`] for its weight, of shape `shape`.
    fn conv_weight_gradient(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        shape: [usize; 4],
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        default::conv_weight_gradient::<Self>(x, dy, shape, options)
    }

    /// Both gradients of [`TrainingOps::conv`], for its input and its weight.
    fn conv_gradients(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (x_shape, weight_shape) = (x.shape().dims(), weight.shape().dims());
        let dw = Self::conv_weight_gradient(x, dy.clone(), weight_shape, options.clone());
        (Self::conv_input_gradient(dy, weight, x_shape, options), dw)
    }

    /// Batch normalisation with the batch's own statistics, and the activation. Gives `y`, mean, biased variance, and
    /// the number of values `[1]` that they were taken over.
    fn norm_act(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        default::norm_act::<Self>(x, gamma, beta, epsilon, activation)
    }

    /// Normalisation with statistics that are given, and the activation.
    fn norm_act_frozen(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        epsilon: f64,
        activation: Activation,
    ) -> FloatTensor<Self> {
        default::norm_act_frozen::<Self>(x, gamma, beta, mean, variance, epsilon, activation)
    }

    /// Gradients of [`TrainingOps::norm_act`] for `x`, `gamma` and `beta`.
    #[allow(clippy::too_many_arguments, reason = "each is a tensor of the formula")]
    fn norm_act_backward(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        count: FloatTensor<Self>,
        epsilon: f64,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let parameters = [gamma, beta, mean, variance];
        default::norm_act_backward::<Self>(x, dy, parameters, Some(count), epsilon, activation)
    }

    /// Gradients of [`TrainingOps::norm_act_frozen`] for `x`, `gamma` and `beta`; the statistics are constants.
    #[allow(clippy::too_many_arguments, reason = "each is a tensor of the formula")]
    fn norm_act_frozen_backward(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        epsilon: f64,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        default::norm_act_backward::<Self>(x, dy, [gamma, beta, mean, variance], None, epsilon, activation)
    }

    /// `x / (1 + e^-x)`.
    fn silu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        default::activate::<Self>(Activation::Silu, x)
    }

    /// Gradient of [`TrainingOps::silu`].
    fn silu_backward(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        default::activation_gradient::<Self>(Activation::Silu, x, dy)
    }

    /// Every plane of `x` times its number in `gate`.
    fn scale_channels(x: FloatTensor<Self>, gate: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_mul(x, gate)
    }

    /// Gradients of [`TrainingOps::scale_channels`] for `x` and `gate`.
    fn scale_channels_backward(
        x: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        default::scale_channels_backward::<Self>(x, gate, dy)
    }

    /// Mean of every plane, `[batch, channels, 1, 1]`.
    fn mean_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        default::mean_pool::<Self>(x)
    }

    /// Gradient of [`TrainingOps::mean_pool`] for a map of `height` times `width`.
    fn mean_pool_backward(dy: FloatTensor<Self>, height: usize, width: usize) -> FloatTensor<Self> {
        default::mean_pool_backward::<Self>(dy, height, width)
    }

    /// Sum of `x dy` over every plane, `[batch, channels, 1, 1]`.
    fn plane_products(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_sum_dims(Self::float_mul(x, dy), &[2, 3])
    }

    /// Every plane of `x` times its number in `gate` plus its number in `shift`, both `[batch, channels, 1, 1]`.
    fn scale_and_shift(
        x: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        Self::float_add(Self::float_mul(x, gate), shift)
    }

    /// Squeeze-and-excitation, of weights `[squeezed, channels, 1, 1]` and `[channels, squeezed, 1, 1]`. Gives `y`, the
    /// means `[batch, channels]`, what goes into the activation `[batch, squeezed]`, and the gate
    /// `[batch, channels, 1, 1]`.
    fn squeeze_excite(
        x: FloatTensor<Self>,
        reduce: FloatTensor<Self>,
        reduce_bias: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        default::squeeze_excite::<Self>(x, [reduce, reduce_bias, expand, expand_bias], activation)
    }

    /// Gradients of [`TrainingOps::squeeze_excite`] for `x` and the four parameters.
    #[allow(clippy::too_many_arguments, clippy::type_complexity, reason = "each is a tensor of the formula")]
    fn squeeze_excite_backward(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        squeezed: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        reduce: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        default::squeeze_excite_backward::<Self>(x, dy, [mean, squeezed, gate], [reduce, expand], activation)
    }

    /// Sums over all processes, by the function of [`norm_sync`](crate::norm_sync); `values` itself without one. The gradient is the sum
    /// of the processes' gradients.
    fn sum_over_processes(values: FloatTensor<Self>) -> FloatTensor<Self> {
        default::sum_over_processes::<Self>(values)
    }

    /// One step of [`optimise::rmsprop_tf`]: weight, mean of squares, momentum.
    fn rmsprop_tf(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        mean_square: FloatTensor<Self>,
        momentum: FloatTensor<Self>,
        options: optimise::RmspropTf,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        default::rmsprop_tf::<Self>(weight, gradient, mean_square, momentum, options)
    }

    /// One step of [`optimise::sgd`]: weight, buffer.
    fn sgd(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        buffer: FloatTensor<Self>,
        options: optimise::Sgd,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        default::sgd::<Self>(weight, gradient, buffer, options)
    }

    /// Step `t` of [`optimise::adamw`]: weight, first and second moment.
    fn adamw(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        options: optimise::AdamW,
        t: u64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        default::adamw::<Self>(weight, gradient, first, second, options, t)
    }

    /// `average + amount (value - average)`.
    fn lerp(average: FloatTensor<Self>, value: FloatTensor<Self>, amount: f32) -> FloatTensor<Self> {
        default::lerp::<Self>(average, value, amount)
    }
}

#[cfg(feature = "ndarray")]
impl TrainingOps for burn::backend::NdArray {}
