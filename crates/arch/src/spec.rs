//! [`ArchSpec`]: a network with every number settled, in one form for all families.
//!
//! Seven kinds of block (MBConv, fused MBConv, depthwise separable, basic, bottleneck, and the two without expansion) are
//! one and the same thing here: a chain of convolutions, each followed by batch normalisation and, where [`ConvUnit::act`]
//! says so, by the activation; a squeeze-and-excitation somewhere in the chain; a residual around it. So a counter, a
//! builder or a renamer of weights is a loop, and a new family is new data.

use serde::{Deserialize, Serialize};

use crate::{Baseline, Coefficients};

/// How a convolution treats the border.
///
/// The two are *not* interchangeable for trained weights: at stride 2 on an even size TensorFlow pads the bottom and right
/// only, PyTorch on all sides, and the same weights then give other numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// TensorFlow's `SAME`: output `ceil(input / stride)`, an odd pixel of padding goes to the bottom and right.
    Same,
    /// PyTorch's usual `k / 2` on every side.
    Symmetric,
}

/// The non-linearity of the whole network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x * sigmoid(x)`, also called swish.
    Silu,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

/// Constants of batch normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    /// Added to the variance. A part of the trained weights: inference needs the training's value.
    pub epsilon: f64,
    /// Weight of the *new* batch in the running statistics (PyTorch's and Burn's convention; TensorFlow's 0.99 is 0.01
    /// here).
    pub momentum: f64,
}

/// A convolution without bias, batch normalisation, and perhaps the activation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConvUnit {
    /// The unit's place in its block: `expand`, `depthwise`, `fused`, `project`, `conv1`..`conv3`, `shortcut`, `stem`,
    /// `head`. Part of the tensors' names.
    pub role: String,
    /// Channels in.
    pub in_channels: usize,
    /// Channels out.
    pub out_channels: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Stride in both directions.
    pub stride: usize,
    /// Groups: 1, or `in_channels` for a depthwise convolution.
    pub groups: usize,
    /// Whether the activation follows the normalisation.
    pub act: bool,
}

impl ConvUnit {
    /// True where every channel has a filter of its own.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels
    }
}

/// Squeeze-and-excitation (Hu et al., CVPR 2018): global average, two 1x1 convolutions with bias, a sigmoid gate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SqueezeExcite {
    /// Follows the unit with this index in the block's chain (after its activation).
    pub after: usize,
    /// Channels that are gated.
    pub channels: usize,
    /// Channels between the two convolutions: `max(1, int(input filters of the block * se_ratio))`.
    pub squeezed: usize,
}

impl SqueezeExcite {
    /// The channels that are left of a block's input filters: never none (official code, `efficientnet_builder.py`).
    pub fn squeezed(input_filters: usize, ratio: f64) -> usize {
        ((input_filters as f64 * ratio) as usize).max(1)
    }
}

/// What is added to a block's result.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Residual {
    /// Nothing.
    None,
    /// The block's input.
    Identity,
    /// The block's input through a 1x1 convolution (ResNet, where the shape changes).
    Projection(ConvUnit),
}

/// A block: a chain of convolutions with perhaps a squeeze-and-excitation and a residual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// The chain, in order of execution; never empty.
    pub units: Vec<ConvUnit>,
    /// Squeeze-and-excitation, where the block has one.
    pub se: Option<SqueezeExcite>,
    /// What is added at the end.
    pub residual: Residual,
    /// Whether the activation follows the addition (ResNet) or the block ends linear (MobileNetV2, EfficientNet).
    pub act_after_add: bool,
    /// Probability that stochastic depth drops the block for a sample during training. The official code calls it drop
    /// connect; it rises linearly from 0 with the block's index.
    pub drop_path: f64,
}

impl Block {
    /// Channels in.
    pub fn in_channels(&self) -> usize {
        self.units[0].in_channels
    }

    /// Channels out.
    pub fn out_channels(&self) -> usize {
        self.units[self.units.len() - 1].out_channels
    }

    /// Product of the chain's strides.
    pub fn stride(&self) -> usize {
        self.units.iter().map(|unit| unit.stride).product()
    }
}

/// Blocks that share a row of the baseline's table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The row as it would be written in the baseline's notation, with the scaled filters and repeats.
    pub args: crate::BlockArgs,
    /// The blocks; the first one carries the stride.
    pub blocks: Vec<Block>,
}

/// The first convolution, and ResNet's max pooling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stem {
    /// Stride 2 in every family here.
    pub conv: ConvUnit,
    /// Max pooling after it as (kernel, stride): ResNet's (3, 2).
    pub max_pool: Option<(usize, usize)>,
}

/// A network with every number settled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchSpec {
    /// Name for people: a published one, or the baseline's with its coefficients.
    pub name: String,
    /// The unscaled design that this is a scaling of.
    pub baseline: Baseline,
    /// By how much it is scaled. `coefficients.resolution` is the side of the square input in pixels.
    pub coefficients: Coefficients,
    /// Channels of the input image.
    pub in_channels: usize,
    /// Number of logits.
    pub num_classes: usize,
    /// Border rule of every convolution.
    pub padding: Padding,
    /// Constants of every batch normalisation.
    pub batch_norm: BatchNorm,
    /// The network's non-linearity.
    pub activation: Activation,
    /// First convolution.
    pub stem: Stem,
    /// The body.
    pub stages: Vec<Stage>,
    /// 1x1 convolution between the body and the pooling, where the family has one.
    pub head: Option<ConvUnit>,
    /// Dropout before the classifier, as a probability of dropping.
    pub dropout: f64,
}

impl ArchSpec {
    /// Side of the square input in pixels.
    pub fn resolution(&self) -> usize {
        self.coefficients.resolution
    }

    /// All blocks in order of execution.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.stages.iter().flat_map(|stage| &stage.blocks)
    }

    /// Width of the vector that enters the classifier.
    pub fn num_features(&self) -> usize {
        let body = self.blocks().last().map_or(self.stem.conv.out_channels, Block::out_channels);
        self.head.as_ref().map_or(body, |head| head.out_channels)
    }

    /// The same network for another number of classes.
    pub fn with_classes(mut self, num_classes: usize) -> Self {
        self.num_classes = num_classes;
        self
    }

    /// The same network for images of another number of channels.
    pub fn with_in_channels(mut self, in_channels: usize) -> Self {
        self.in_channels = in_channels;
        self.stem.conv.in_channels = in_channels;
        self
    }

    /// The same network with another border rule.
    pub fn with_padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// The same network with another epsilon of batch normalisation.
    pub fn with_bn_epsilon(mut self, epsilon: f64) -> Self {
        self.batch_norm.epsilon = epsilon;
        self
    }
}
