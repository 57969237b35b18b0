//! The operations on Burn's tensors. Each chooses its path by [`is_fused`].

use burn::backend::Dispatch;
use burn::backend::ops::ConvOptions;
use burn::tensor::Tensor;
use burn::tensor::module::{adaptive_avg_pool2d, batch_norm};

use crate::path::is_convolution_fused;
use crate::{Activation, TrainingOps, composed, is_fused};

type Ops = Dispatch;

/// What [`norm_act`] gives.
#[derive(Debug, Clone)]
pub struct Norm {
    /// `[batch, channels, height, width]`.
    pub output: Tensor<4>,
    /// Mean of the batch, `[channels]`, without a gradient.
    pub mean: Tensor<1>,
    /// Biased variance of the batch (divided by the count), `[channels]`, without a gradient.
    pub variance: Tensor<1>,
    /// Over how many values the two were taken, `[1]`: batch times height times width, of all processes where
    /// [`norm_sync`](crate::norm_sync) is set.
    pub count: Tensor<1>,
}

impl Norm {
    /// What a running variance takes: `variance * count / (count - 1)`, the unbiased one, as PyTorch and TensorFlow's fused
    /// batch normalisation do. Of a single value it is 0.
    pub fn unbiased_variance(&self) -> Tensor<1> {
        let others = (self.count.clone() - 1.0).clamp_min(1.0);
        self.variance.clone() * (self.count.clone() / others)
    }
}

/// Convolution, with padding that may differ on all sides.
///
/// # Shapes
/// - x: `[batch, in, height, width]`, weight: `[out, in / groups, rows, columns]`, bias: `[out]`
/// - output: `[batch, out, ..]` as the options say
///
/// With cross-correlation `y = x * w`: `dx` is `dy`, with zeros between where a stride left pixels out, convolved with the
/// weight, and `dw` is `x` correlated with `dy` (Dumoulin and Visin, 2016).
///
/// # Panics
/// Where shapes and options do not fit together.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: ConvOptions<2>,
) -> Tensor<4> {
    if !is_convolution_fused(&x) || options.dilation != [1, 1] {
        return burn::tensor::module::conv2d(x, weight, bias, options);
    }
    let [_, channels, ..] = x.dims();
    let [out, per_group, ..] = weight.dims();
    assert!(
        per_group * options.groups == channels && out % options.groups == 0,
        "a weight {:?} in {} groups does not fit {channels} channels",
        weight.dims(),
        options.groups
    );
    let y = Tensor::from_dispatch(Ops::conv(x.into_dispatch(), weight.into_dispatch(), options));
    match bias {
        Some(bias) => y + bias.reshape([1, out, 1, 1]),
        None => y,
    }
}

/// Batch normalisation with the batch's own statistics, and the activation behind it (Ioffe and Szegedy, 2015).
///
/// `y = act(gamma (x - mean) / sqrt(variance + epsilon) + beta)`. Kept for the gradient: `x` and per-channel numbers; the
/// activation's slope is computed again.
///
/// # Shapes
/// - x and output: `[batch, channels, height, width]`, gamma, beta: `[channels]`
///
/// # Panics
/// Where gamma or beta have not one number a channel.
pub fn norm_act(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    activation: Activation,
) -> Norm {
    assert_channels(&x, [&gamma, &beta]);
    if !is_fused(&x) {
        return composed::norm_act(x, gamma, beta, epsilon, activation);
    }
    let (gamma, beta) = (gamma.into_dispatch(), beta.into_dispatch());
    let (output, mean, variance, count) = Ops::norm_act(x.into_dispatch(), gamma, beta, epsilon, activation);
    Norm {
        output: Tensor::from_dispatch(output),
        mean: Tensor::from_dispatch(mean),
        variance: Tensor::from_dispatch(variance),
        count: Tensor::from_dispatch(count),
    }
}

/// As [`norm_act`], with a mean and a variance that are constants: normalisation that is frozen.
///
/// # Shapes
/// - x and output: `[batch, channels, height, width]`, all others: `[channels]`
///
/// # Panics
/// As [`norm_act`].
pub fn norm_act_frozen(
    x: Tensor<4>,
    [gamma, beta]: [Tensor<1>; 2],
    [mean, variance]: [Tensor<1>; 2],
    epsilon: f64,
    activation: Activation,
) -> Tensor<4> {
    assert_channels(&x, [&gamma, &beta, &mean, &variance]);
    if !is_fused(&x) {
        return composed::activate(activation, batch_norm(x, gamma, beta, mean, variance, epsilon));
    }
    let [gamma, beta, mean, variance] = [gamma, beta, mean, variance].map(Tensor::into_dispatch);
    let output = Ops::norm_act_frozen(x.into_dispatch(), gamma, beta, mean, variance, epsilon, activation);
    Tensor::from_dispatch(output)
}

/// `x / (1 + e^-x)`, of which only `x` is kept: with `s = 1 / (1 + e^-x)`, `dx = dy s (1 + x (1 - s))`.
///
/// # Shapes
/// - input and output: any
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    match is_fused(&x) {
        true => Tensor::from_dispatch(Ops::silu(x.into_dispatch())),
        false => composed::activate(Activation::Silu, x),
    }
}

/// Every plane of `x` times its number in `gate`: `dx = dy gate`, `dgate` is the sum of `dy x` over a plane.
///
/// # Shapes
/// - x and output: `[batch, channels, height, width]`, gate: `[batch, channels, 1, 1]`
///
/// # Panics
/// Where the gate has not one number a plane.
pub fn scale_channels(x: Tensor<4>, gate: Tensor<4>) -> Tensor<4> {
    let [batch, channels, ..] = x.dims();
    assert_eq!(gate.dims(), [batch, channels, 1, 1], "a gate has one number a plane");
    match is_fused(&x) {
        true => Tensor::from_dispatch(Ops::scale_channels(x.into_dispatch(), gate.into_dispatch())),
        false => x * gate,
    }
}

/// The two 1x1 convolutions of squeeze-and-excitation.
#[derive(Debug, Clone)]
pub struct SqueezeExcite {
    /// Weight `[squeezed, channels, 1, 1]` and bias `[squeezed]`.
    pub reduce: (Tensor<4>, Tensor<1>),
    /// Weight `[channels, squeezed, 1, 1]` and bias `[channels]`.
    pub expand: (Tensor<4>, Tensor<1>),
    /// Between the two.
    pub activation: Activation,
}

impl SqueezeExcite {
    /// Squeeze-and-excitation (Hu et al., CVPR 2018): `x sigmoid(expand(act(reduce(mean(x)))))`. Of the maps only `x` is kept.
    ///
    /// # Shapes
    /// - input and output: `[batch, channels, height, width]`
    ///
    /// # Panics
    /// Where the weights do not fit the channels or each other.
    pub fn forward(self, x: Tensor<4>) -> Tensor<4> {
        let Self { reduce: (reduce, reduce_bias), expand: (expand, expand_bias), activation } = self;
        let [_, channels, ..] = x.dims();
        let [squeezed] = reduce_bias.dims();
        assert_eq!(reduce.dims(), [squeezed, channels, 1, 1], "the weight that squeezes {channels} channels");
        assert_eq!(
            expand.dims(),
            [channels, squeezed, 1, 1],
            "the weight that expands to {channels} channels"
        );
        assert_eq!(expand_bias.dims(), [channels], "one number a channel");
        if !is_fused(&x) {
            let pointwise = |x, weight, bias| {
                burn::tensor::module::conv2d(
                    x,
                    weight,
                    Some(bias),
                    ConvOptions::new([1; 2], [0; 2], [1; 2], 1),
                )
            };
            let squeezed = pointwise(mean_pool(x.clone()), reduce, reduce_bias);
            let gate = pointwise(composed::activate(activation, squeezed), expand, expand_bias);
            return x * composed::activate(Activation::Sigmoid, gate);
        }
        let [reduce, expand] = [reduce, expand].map(Tensor::into_dispatch);
        let [reduce_bias, expand_bias] = [reduce_bias, expand_bias].map(Tensor::into_dispatch);
        let x = x.into_dispatch();
        Tensor::from_dispatch(Ops::squeeze_excite(x, reduce, reduce_bias, expand, expand_bias, activation).0)
    }
}

/// Mean of every plane.
///
/// # Shapes
/// - input: `[batch, channels, height, width]`
/// - output: `[batch, channels, 1, 1]`
pub fn mean_pool(x: Tensor<4>) -> Tensor<4> {
    match is_fused(&x) {
        true => Tensor::from_dispatch(Ops::mean_pool(x.into_dispatch())),
        // Not `mean`: a pooling to 1x1 is a fast path of the GPU backends and can be exported.
        false => adaptive_avg_pool2d(x, [1, 1]),
    }
}

fn assert_channels<const N: usize>(x: &Tensor<4>, vectors: [&Tensor<1>; N]) {
    let [_, channels, ..] = x.dims();
    for vector in vectors {
        assert_eq!(vector.dims(), [channels], "one number a channel of {:?} is needed", x.dims());
    }
}
