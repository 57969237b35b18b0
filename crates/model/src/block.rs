//! A block: a chain of convolutions, perhaps gated, perhaps with a residual around it.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{DType, Device, Tensor, activation};
use efficientnet_arch::{Activation, ArchSpec, Block as BlockSpec, Residual, SqueezeExcite as SqueezeSpec};
use efficientnet_ops as ops;

use crate::init;
use crate::layers::{ConvUnit, StochasticDepth, activate, convolve, fused};

/// Squeeze-and-excitation (Hu et al., CVPR 2018): `x * sigmoid(expand(act(reduce(mean(x)))))`.
#[derive(Module, Debug)]
pub struct SqueezeExcite {
    /// 1x1 with bias, `[squeezed, channels, 1, 1]`.
    pub reduce: Conv2d,
    /// 1x1 with bias, `[channels, squeezed, 1, 1]`.
    pub expand: Conv2d,
    #[module(skip)]
    act: Activation,
}

impl SqueezeExcite {
    fn new(se: &SqueezeSpec, act: Activation, device: &Device) -> Self {
        Self {
            reduce: init::biased_conv(se.channels, se.squeezed, device),
            expand: init::biased_conv(se.squeezed, se.channels, device),
            act,
        }
    }

    /// # Shapes
    /// - input and output: `[batch, channels, height, width]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        if let (true, Some(reduce), Some(expand)) = (ops::is_fused(&x), &self.reduce.bias, &self.expand.bias)
        {
            let fused = ops::SqueezeExcite {
                reduce: (self.reduce.weight.val(), reduce.val()),
                expand: (self.expand.weight.val(), expand.val()),
                activation: fused(self.act),
            };
            return fused.forward(x);
        }
        // Vectors: they cost nothing in f32.
        let mean = ops::mean_pool(x.clone().cast(DType::F32));
        let squeezed = activate(self.act, convolve(&self.reduce, mean));
        let gate = activation::sigmoid(convolve(&self.expand, squeezed));
        let precision = x.dtype();
        ops::scale_channels(x, gate.cast(precision))
    }
}

/// One block of any family.
#[derive(Module, Debug)]
pub struct Block {
    /// The chain, in order of execution.
    pub units: Vec<ConvUnit>,
    /// Squeeze-and-excitation, where the block has one.
    pub se: Option<SqueezeExcite>,
    /// ResNet's 1x1 convolution on the residual.
    pub shortcut: Option<ConvUnit>,
    drop_path: StochasticDepth,
    /// The gate follows the unit with this index.
    se_after: usize,
    has_residual: bool,
    #[module(skip)]
    act_after_add: Option<Activation>,
}

impl Block {
    /// Builds one block of `spec` with the official initial values.
    pub fn new(block: &BlockSpec, spec: &ArchSpec, device: &Device) -> Self {
        let unit = |unit| ConvUnit::new(unit, spec, device);
        let shortcut = match &block.residual {
            Residual::Projection(shortcut) => Some(unit(shortcut)),
            Residual::None | Residual::Identity => None,
        };
        Self {
            units: block.units.iter().map(unit).collect(),
            se: block.se.as_ref().map(|se| SqueezeExcite::new(se, spec.activation, device)),
            shortcut,
            drop_path: StochasticDepth::new(block.drop_path),
            se_after: block.se.as_ref().map_or(0, |se| se.after),
            has_residual: block.residual != Residual::None,
            act_after_add: block.act_after_add.then_some(spec.activation),
        }
    }

    /// # Shapes
    /// - input: `[batch, in, height, width]`
    /// - output: `[batch, out, ceil(height / stride), ceil(width / stride)]`
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let residual = self.has_residual.then(|| input.clone());
        let mut x = input;
        for (index, unit) in self.units.iter().enumerate() {
            x = unit.forward(x);
            match &self.se {
                Some(se) if self.se_after == index => x = se.forward(x),
                _ => {}
            }
        }
        if let Some(residual) = residual {
            let residual = match &self.shortcut {
                Some(shortcut) => shortcut.forward(residual),
                None => residual,
            };
            x = ops::add_residual(self.drop_path.forward(x), residual);
        }
        match self.act_after_add {
            Some(act) => activate(act, x),
            None => x,
        }
    }
}
