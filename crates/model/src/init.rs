//! The official initial values (`conv_kernel_initializer` and `dense_kernel_initializer` of `efficientnet_model.py`).

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::Device;
use efficientnet_arch::{ConvUnit as UnitSpec, Padding};

use crate::layers::padding;

/// Normal with variance `2 / fan_out`, where the fan out of a grouped convolution counts one group's filters.
fn conv_weight() -> Initializer {
    Initializer::KaimingNormal { gain: 2f64.sqrt(), fan_out_only: true }
}

/// A unit's convolution.
pub(crate) fn conv(unit: &UnitSpec, rule: Padding, device: &Device) -> Conv2d {
    Conv2dConfig::new([unit.in_channels, unit.out_channels], [unit.kernel; 2])
        .with_stride([unit.stride; 2])
        .with_groups(unit.groups)
        .with_padding(padding(rule, unit.kernel))
        .with_bias(false)
        .with_initializer(conv_weight())
        .init(device)
}

/// One of the two 1x1 convolutions of squeeze-and-excitation; its bias begins at zero.
pub(crate) fn biased_conv(input: usize, output: usize, device: &Device) -> Conv2d {
    let mut conv = Conv2dConfig::new([input, output], [1, 1]).with_initializer(conv_weight()).init(device);
    conv.bias = Some(Initializer::Zeros.init([output], device));
    conv
}

/// Uniform in `1 / sqrt(classes)`; the bias begins at zero.
pub(crate) fn classifier(features: usize, classes: usize, device: &Device) -> Linear {
    let limit = 1.0 / (classes as f64).sqrt();
    let mut linear = LinearConfig::new(features, classes)
        .with_initializer(Initializer::Uniform { min: -limit, max: limit })
        .init(device);
    linear.bias = Some(Initializer::Zeros.init([classes], device));
    linear
}
