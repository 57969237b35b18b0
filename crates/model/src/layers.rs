//! The two layers that Burn does not have: a convolution with its normalisation and activation, and stochastic depth.

use burn::module::{Flag, Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Distribution, Tensor, activation};
use efficientnet_arch::{Activation, ArchSpec, ConvUnit as UnitSpec, Padding};
use efficientnet_ops as ops;

use crate::init;

/// A convolution without bias, batch normalisation, and perhaps the activation.
#[derive(Module, Debug)]
pub struct ConvUnit {
    /// Weight `[out, in / groups, kernel, kernel]`.
    pub conv: Conv2d,
    /// Normalisation over `[batch, out, height, width]`.
    pub bn: BatchNorm,
    /// What follows the normalisation.
    #[module(skip)]
    act: Option<Activation>,
}

impl ConvUnit {
    /// Builds a unit of `spec` with the official initial values.
    pub(crate) fn new(unit: &UnitSpec, spec: &ArchSpec, device: &Device) -> Self {
        let norm = BatchNormConfig::new(unit.out_channels)
            .with_epsilon(spec.batch_norm.epsilon)
            .with_momentum(spec.batch_norm.momentum);
        Self {
            conv: init::conv(unit, spec.padding, device),
            bn: norm.init(device),
            act: unit.act.then_some(spec.activation),
        }
    }

    /// In training (a device with autodiff, and a normalisation that is not frozen) the batch's own statistics are used and
    /// the running ones move: by the momentum, and the variance by the unbiased one, as in PyTorch and TensorFlow.
    ///
    /// # Shapes
    /// - input: `[batch, in, height, width]`
    /// - output: `[batch, out, ceil(height / stride), ceil(width / stride)]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let precision = x.dtype();
        // Statistics are of f32, and what follows element by element costs a backend that fuses nothing to have in f32, too.
        let x = convolve(&self.conv, x).cast(DType::F32);
        let y = match (x.device().is_autodiff(), self.act) {
            (true, act) => normalise(&self.bn, act, x),
            (false, Some(act)) => activate(act, self.bn.forward(x)),
            (false, None) => self.bn.forward(x),
        };
        y.cast(precision)
    }
}

/// A convolution as [`Conv2d::forward`], by the fused operation where there is one, and in the precision of `x`.
pub(crate) fn convolve(conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let precision = x.dtype();
    if precision == DType::F32 && !ops::is_fused(&x) {
        return conv.forward(x);
    }
    let [_, _, height, width] = x.dims();
    let [rows, columns] = conv.kernel_size;
    let padding = match &conv.padding {
        PaddingConfig2d::Valid => [(0, 0); 2],
        PaddingConfig2d::Explicit(top, left, bottom, right) => [(*top, *bottom), (*left, *right)],
        PaddingConfig2d::Same => [same(height, rows, conv.stride[0]), same(width, columns, conv.stride[1])],
    };
    let options = ConvOptions::new_with_padding(conv.stride, padding, conv.dilation, conv.groups);
    let bias = conv.bias.as_ref().map(|bias| bias.val().cast(precision));
    ops::conv2d(x, conv.weight.val().cast(precision), bias, options)
}

/// Zeros before and after, so that `ceil(size / stride)` come out; the odd one goes behind.
fn same(size: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let covered = (size.div_ceil(stride).max(1) - 1) * stride + kernel;
    let total = covered.saturating_sub(size);
    (total / 2, total - total / 2)
}

/// Normalisation and activation on a device with autodiff.
fn normalise(bn: &BatchNorm, act: Option<Activation>, x: Tensor<4>) -> Tensor<4> {
    let device = x.device();
    let act = act.map_or(ops::Activation::None, fused);
    let (gamma, beta) = (bn.gamma.val(), bn.beta.val());
    if !bn.training.is_enabled() {
        let statistics = [&bn.running_mean, &bn.running_var].map(|state| state.value().to_device(&device));
        return ops::norm_act_frozen(x, [gamma, beta], statistics, bn.epsilon, act);
    }
    let norm = ops::norm_act(x, gamma, beta, bn.epsilon, act);
    for (state, new) in [(&bn.running_mean, norm.mean.clone()), (&bn.running_var, norm.unbiased_variance())] {
        let old = state.value_sync().to_device(&device);
        state.update((old * (1.0 - bn.momentum) + new.detach() * bn.momentum).detach());
    }
    norm.output
}

/// The name that the fused operations have for it.
pub(crate) fn fused(act: Activation) -> ops::Activation {
    match act {
        Activation::Silu => ops::Activation::Silu,
        Activation::Relu => ops::Activation::Relu,
        Activation::Relu6 => ops::Activation::Relu6,
    }
}

/// Applies a network's non-linearity.
pub(crate) fn activate(act: Activation, x: Tensor<4>) -> Tensor<4> {
    match act {
        Activation::Silu => ops::silu(x),
        Activation::Relu => activation::relu(x),
        Activation::Relu6 => x.clamp(0.0, 6.0),
    }
}

/// Burn's padding for a square kernel. Its `Same` is TensorFlow's: an odd pixel goes to the bottom and right.
pub(crate) fn padding(rule: Padding, kernel: usize) -> PaddingConfig2d {
    let half = kernel / 2;
    match rule {
        // A 1x1 kernel is never padded: saying so keeps backends on their direct path.
        _ if kernel == 1 => PaddingConfig2d::Valid,
        Padding::Same => PaddingConfig2d::Same,
        Padding::Symmetric => PaddingConfig2d::Explicit(half, half, half, half),
    }
}

/// Stochastic depth (Huang et al., ECCV 2016): in training the branch is dropped for whole samples with probability
/// `prob`, and scaled by `1 / (1 - prob)` for the others. The official code calls it drop connect.
#[derive(Module, Debug)]
pub struct StochasticDepth {
    /// Probability of dropping a sample's branch.
    pub prob: f64,
    /// Whether to behave as during training; cleared by `freeze` and `valid`.
    pub training: Param<Flag>,
}

impl StochasticDepth {
    /// # Panics
    /// Where `prob` is not in `[0, 1)`.
    pub fn new(prob: f64) -> Self {
        assert!(
            (0.0..1.0).contains(&prob),
            "stochastic depth drops with a probability in [0, 1), not {prob}"
        );
        Self { prob, training: Param::from_bool(true) }
    }

    /// # Shapes
    /// - input and output: `[batch, channels, height, width]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        // As Burn's own dropout: the device says that a backward is possible, the flag that this layer takes part in it.
        if self.prob == 0.0 || !self.training.is_enabled() || !x.device().is_autodiff() {
            return x;
        }
        let keep = 1.0 - self.prob;
        let [batch, channels, ..] = x.dims();
        let mask: Tensor<4> = Tensor::random([batch, 1, 1, 1], Distribution::Bernoulli(keep), &x.device());
        let mask = (mask / keep).cast(x.dtype());
        match ops::is_fused(&x) {
            true => ops::scale_channels(x, mask.expand([batch, channels, 1, 1])),
            false => x * mask,
        }
    }
}
