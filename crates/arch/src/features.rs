//! Where a detector or a segmenter taps the network: the last map before each halving of the size.

use serde::Serialize;

use crate::{ArchSpec, Block};

/// A place in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tap {
    /// Behind the first convolution (before ResNet's pooling).
    Stem,
    /// Behind a block.
    Block {
        /// Index of the stage.
        stage: usize,
        /// Index of the block in its stage.
        block: usize,
    },
}

/// A feature map: `reduction_i` of the official code, at `1 / 2^i` of the input's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FeatureInfo {
    /// i: 1 to 5.
    pub reduction: usize,
    /// Channels of the map.
    pub channels: usize,
    /// Where it comes out.
    pub tap: Tap,
}

impl ArchSpec {
    /// The five feature maps. The head's convolution is not among them: it stands behind `reduction_5`.
    pub fn features(&self) -> Vec<FeatureInfo> {
        let mut features = Vec::new();
        let mut last = (Tap::Stem, self.stem.conv.out_channels);
        let mut close = |(tap, channels): (Tap, usize)| {
            features.push(FeatureInfo { reduction: features.len() + 1, channels, tap });
        };
        if self.stem.max_pool.is_some_and(|(_, stride)| stride > 1) {
            close(last);
        }
        for (s, stage) in self.stages.iter().enumerate() {
            for (b, block) in stage.blocks.iter().enumerate() {
                if Block::stride(block) > 1 {
                    close(last);
                }
                last = (Tap::Block { stage: s, block: b }, block.out_channels());
            }
        }
        close(last);
        features
    }
}
