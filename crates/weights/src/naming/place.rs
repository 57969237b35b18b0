//! A layer's place in the network, read off our own path for it.

use efficientnet_arch::{ArchSpec, Block, Stage};

/// A layer with parameters.
pub(super) enum Place<'a> {
    /// The first convolution.
    Stem(Part),
    /// A convolution of a block.
    Unit(BlockAt<'a>, usize, Part),
    /// The convolution of a block's residual (ResNet).
    Shortcut(BlockAt<'a>, Part),
    /// Squeeze-and-excitation: the convolution to fewer channels, or the one back.
    Squeeze(BlockAt<'a>, Gate),
    /// The last convolution.
    Head(Part),
    /// The fully connected layer.
    Classifier,
}

/// A convolution or the batch normalisation behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Conv,
    Bn,
}

/// The two convolutions of squeeze-and-excitation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Reduce,
    Expand,
}

/// A block with its place.
pub(super) struct BlockAt<'a> {
    pub stage: usize,
    /// Index in its stage.
    pub block: usize,
    /// Index in the network.
    pub flat: usize,
    pub row: &'a Stage,
    pub spec: &'a Block,
}

impl BlockAt<'_> {
    /// The role of a convolution of the chain: `expand`, `depthwise`, `fused`, `project`, `conv1`...
    pub fn role(&self, unit: usize) -> &str {
        &self.spec.units[unit].role
    }

    /// Whether the chain has a convolution with this role.
    pub fn has(&self, role: &str) -> bool {
        self.spec.units.iter().any(|unit| unit.role == role)
    }
}

impl<'a> Place<'a> {
    /// The place of `stages.1.blocks.0.expand.conv`, `stem.bn`, `classifier`...; `None` for a path that no layer has.
    pub fn parse(spec: &'a ArchSpec, layer: &str) -> Option<Self> {
        let segments: Vec<&str> = layer.split('.').collect();
        match segments[..] {
            ["stem", part] => Some(Self::Stem(Part::parse(part)?)),
            ["head", part] => Some(Self::Head(Part::parse(part)?)),
            ["classifier"] => Some(Self::Classifier),
            ["stages", stage, "blocks", block, role, part] => {
                let at = block_at(spec, stage.parse().ok()?, block.parse().ok()?)?;
                match (role, part) {
                    ("se", "reduce") => Some(Self::Squeeze(at, Gate::Reduce)),
                    ("se", "expand") => Some(Self::Squeeze(at, Gate::Expand)),
                    ("shortcut", _) => Some(Self::Shortcut(at, Part::parse(part)?)),
                    _ => {
                        let unit = at.spec.units.iter().position(|unit| unit.role == role)?;
                        Some(Self::Unit(at, unit, Part::parse(part)?))
                    }
                }
            }
            _ => None,
        }
    }
}

fn block_at(spec: &ArchSpec, stage: usize, block: usize) -> Option<BlockAt<'_>> {
    let row = spec.stages.get(stage)?;
    let before: usize = spec.stages[..stage].iter().map(|stage| stage.blocks.len()).sum();
    Some(BlockAt { stage, block, flat: before + block, row, spec: row.blocks.get(block)? })
}

impl Part {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "conv" => Some(Self::Conv),
            "bn" => Some(Self::Bn),
            _ => None,
        }
    }

    /// One of two words.
    pub fn pick<'w>(self, conv: &'w str, bn: &'w str) -> &'w str {
        match self {
            Self::Conv => conv,
            Self::Bn => bn,
        }
    }

    /// Its index in a pair, as torchvision counts.
    pub fn index(self) -> usize {
        self as usize
    }
}

impl Gate {
    /// One of two words.
    pub fn pick<'w>(self, reduce: &'w str, expand: &'w str) -> &'w str {
        match self {
            Self::Reduce => reduce,
            Self::Expand => expand,
        }
    }
}
