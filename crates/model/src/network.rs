//! The whole network.

use burn::module::Module;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::{DType, Device, Tensor};
use efficientnet_arch::{ArchSpec, Stage as StageSpec, Tap};

use crate::layers::padding;
use crate::{Block, ConvUnit, ModelError, init};

/// Blocks that share a row of the baseline's table.
#[derive(Module, Debug)]
pub struct Stage {
    /// The blocks in order; the first one carries the stride.
    pub blocks: Vec<Block>,
}

impl Stage {
    fn new(stage: &StageSpec, spec: &ArchSpec, device: &Device) -> Self {
        Self { blocks: stage.blocks.iter().map(|block| Block::new(block, spec, device)).collect() }
    }
}

/// A network of any family, built from its [`ArchSpec`].
///
/// Built on a plain device it infers. Built on [`Device::autodiff`] it trains: batch normalisation takes the batch's
/// statistics, dropout and stochastic depth are on; `network.valid()` gives a copy that infers again.
#[derive(Module, Debug)]
pub struct Network {
    /// First convolution.
    pub stem: ConvUnit,
    max_pool: Option<MaxPool2d>,
    /// The body.
    pub stages: Vec<Stage>,
    /// 1x1 convolution before the pooling, where the family has one.
    pub head: Option<ConvUnit>,
    pub(crate) dropout: Dropout,
    /// Weight `[features, classes]`, as Burn keeps it.
    pub classifier: Linear,
    #[module(skip)]
    pub(crate) spec: ArchSpec,
}

/// The maps that a detector or a segmenter taps.
#[derive(Debug, Clone)]
pub struct Features {
    /// `reduction_1` to `reduction_5`: `[batch, channels, height / 2^i, width / 2^i]`.
    pub maps: Vec<Tensor<4>>,
    /// Behind the head's convolution; `reduction_5` itself where the family has no head.
    pub head: Tensor<4>,
}

impl Network {
    /// Builds the network with the official initial values (random, see [`Device::seed`]).
    ///
    /// # Errors
    /// [`ModelError::Arch`] where the number of classes or of input channels is out of range.
    pub fn init(spec: &ArchSpec, device: &Device) -> Result<Self, ModelError> {
        let spec = spec.clone().checked()?;
        let max_pool = spec.stem.max_pool.map(|(kernel, stride)| {
            MaxPool2dConfig::new([kernel; 2])
                .with_strides([stride; 2])
                .with_padding(padding(spec.padding, kernel))
                .init()
        });
        Ok(Self {
            stem: ConvUnit::new(&spec.stem.conv, &spec, device),
            max_pool,
            stages: spec.stages.iter().map(|stage| Stage::new(stage, &spec, device)).collect(),
            head: spec.head.as_ref().map(|head| ConvUnit::new(head, &spec, device)),
            dropout: DropoutConfig::new(spec.dropout).init(),
            classifier: init::classifier(spec.num_features(), spec.num_classes, device),
            spec,
        })
    }

    /// What the network was built from.
    pub fn spec(&self) -> &ArchSpec {
        &self.spec
    }

    /// Logits of a batch of normalised images of any size.
    ///
    /// The images' number format is that of the maps and of the convolutions: shown `bf16` or `f16`, a network whose
    /// weights are `f32` computes in 16 bits (mixed precision, Micikevicius et al., ICLR 2018). Normalisation, the means
    /// over maps, the classifier and the logits are `f32`.
    ///
    /// # Shapes
    /// - input: `[batch, in_channels, height, width]`
    /// - output: `[batch, classes]`
    ///
    /// # Panics
    /// Where the input has another number of channels or lives on another device than the network.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        efficientnet_ops::in_region(self, x, Self::logits)
    }

    fn logits(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.blocks().fold(self.forward_stem(x), |x, block| block.forward(x));
        self.classify(self.forward_head(x))
    }

    /// Feature maps of a batch of normalised images.
    ///
    /// # Shapes
    /// - input: `[batch, in_channels, height, width]`
    /// - output: see [`Features`] and [`ArchSpec::features`]
    ///
    /// # Panics
    /// As [`Network::forward`].
    pub fn forward_features(&self, x: Tensor<4>) -> Features {
        let taps: Vec<Tap> = self.spec.features().iter().map(|feature| feature.tap).collect();
        let mut maps = Vec::with_capacity(taps.len());
        let mut x = self.stem.forward(x);
        if taps.contains(&Tap::Stem) {
            maps.push(x.clone());
        }
        if let Some(pool) = &self.max_pool {
            x = pool.forward(x);
        }
        for (s, stage) in self.stages.iter().enumerate() {
            for (b, block) in stage.blocks.iter().enumerate() {
                x = block.forward(x);
                if taps.contains(&Tap::Block { stage: s, block: b }) {
                    maps.push(x.clone());
                }
            }
        }
        Features { maps, head: self.forward_head(x) }
    }

    /// Logits from the head's map, for callers of [`Network::forward_features`] who want both.
    ///
    /// # Shapes
    /// - input: `[batch, features, height, width]`
    /// - output: `[batch, classes]`
    pub fn classify(&self, head: Tensor<4>) -> Tensor<2> {
        let pooled: Tensor<2> = efficientnet_ops::mean_pool(head.cast(DType::F32)).flatten(1, 3);
        self.classifier.forward(self.dropout.forward(pooled))
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.stages.iter().flat_map(|stage| &stage.blocks)
    }

    fn forward_stem(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.stem.forward(x);
        match &self.max_pool {
            Some(pool) => pool.forward(x),
            None => x,
        }
    }

    fn forward_head(&self, x: Tensor<4>) -> Tensor<4> {
        match &self.head {
            Some(head) => head.forward(x),
            None => x,
        }
    }
}
