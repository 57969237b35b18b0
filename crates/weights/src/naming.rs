//! The names that other libraries give to a network's tensors, and how they lay out the values.
//!
//! One pure function for each library, from a layer of ours (its place in the network) to the name of theirs. The names are
//! those of timm 1.0, torchvision 0.24, efficientnet_pytorch 0.7 and Keras 3.15; `tests/reference_names.rs` holds every one
//! of them to the libraries' own state dicts.

use std::{fmt, str::FromStr};

use efficientnet_arch::{ArchSpec, TensorSpec};
use serde::{Deserialize, Serialize};

use crate::WeightsError;

mod efficientnet_pytorch;
mod keras;
mod place;
mod tf_slim;
mod timm;
mod torchvision;

pub(crate) use keras::is_bystander as keras_bystander;
use place::Place;

/// A library's way to name a network's tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Naming {
    /// Ours: the names of [`ArchSpec::tensors`].
    Native,
    /// timm: `blocks.1.0.conv_pw.weight`. The `tf_` models have the same names as the plain ones.
    Timm,
    /// torchvision: `features.2.0.block.0.0.weight`.
    Torchvision,
    /// lukemelas/EfficientNet-PyTorch: `_blocks.1._expand_conv.weight`.
    EfficientnetPytorch,
    /// Keras applications: `block2a_expand_conv/kernel`, in TensorFlow's layout.
    Keras,
    /// TF-slim's MobileNetV2 with batch normalisation folded into the convolutions: `block1.expand.weight`.
    TfSlim,
}

/// How a tensor's values lie in the file, against PyTorch's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// As in PyTorch.
    Same,
    /// `(kh, kw, in, out)` for `[out, in, kh, kw]`.
    Hwio,
    /// `(kh, kw, channels, 1)` for `[channels, 1, kh, kw]`.
    HwioDepthwise,
    /// `(in, out)` for `[out, in]`.
    Transposed,
    /// `[out, in, 1, 1]` for `[out, in]`: a classifier kept as a 1x1 convolution.
    Pointwise,
    /// `(1, 1, in, out)` for `[out, in]`: the same in TensorFlow's layout.
    PointwiseHwio,
}

/// Where a tensor's values come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A tensor of the file.
    File {
        /// Its name.
        name: String,
        /// Another spelling that is read, too: Keras 3 has `kernel` where the published files have `depthwise_kernel`.
        also: Option<String>,
        /// How its values lie.
        layout: Layout,
    },
    /// One value throughout: what batch normalisation becomes where it is folded into the convolution.
    Constant(f32),
}

/// One row of the table: a tensor of ours and where its values come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// Our tensor, its shape in PyTorch's order.
    pub tensor: TensorSpec,
    /// Where its values come from.
    pub origin: Origin,
}

impl Naming {
    /// All namings, ours first.
    pub const ALL: [Self; 6] =
        [Self::Native, Self::Timm, Self::Torchvision, Self::EfficientnetPytorch, Self::Keras, Self::TfSlim];

    /// The name by which it is asked for.
    pub fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Timm => "timm",
            Self::Torchvision => "torchvision",
            Self::EfficientnetPytorch => "efficientnet-pytorch",
            Self::Keras => "keras",
            Self::TfSlim => "tf-slim",
        }
    }

    pub(crate) fn list() -> String {
        Self::ALL.map(Self::word).join(", ")
    }

    /// Whether files of this naming come from PyTorch, whose state dicts also count batches.
    pub fn is_pytorch(self) -> bool {
        matches!(self, Self::Timm | Self::Torchvision | Self::EfficientnetPytorch)
    }

    /// For every tensor of the network, in order of execution, where its values come from; `None` where the library has no
    /// names for such a network.
    pub fn table(self, spec: &ArchSpec) -> Option<Vec<Mapping>> {
        spec.tensors().into_iter().map(|tensor| self.mapping(spec, tensor)).collect()
    }

    fn mapping(self, spec: &ArchSpec, tensor: TensorSpec) -> Option<Mapping> {
        let place = Place::parse(spec, &tensor.layer)?;
        let origin = match self {
            Self::Native => named(tensor.name(), Layout::Same),
            Self::Timm => named(pytorch(timm::layer(spec, &place)?, &tensor), Layout::Same),
            Self::Torchvision => named(pytorch(torchvision::layer(spec, &place)?, &tensor), Layout::Same),
            Self::EfficientnetPytorch => {
                named(pytorch(efficientnet_pytorch::layer(spec, &place)?, &tensor), Layout::Same)
            }
            Self::Keras => keras::origin(spec, &place, &tensor)?,
            Self::TfSlim => tf_slim::origin(spec, &place, &tensor)?,
        };
        Some(Mapping { tensor, origin })
    }
}

fn named(name: String, layout: Layout) -> Origin {
    Origin::File { name, also: None, layout }
}

/// The PyTorch libraries agree on the last segment, and so do we.
fn pytorch(layer: String, tensor: &TensorSpec) -> String {
    format!("{layer}.{}", tensor.field)
}

impl Mapping {
    /// Name and shape of the file's tensor, or `None` for a constant.
    pub fn external(&self) -> Option<(&str, Vec<usize>)> {
        match &self.origin {
            Origin::File { name, layout, .. } => Some((name, layout.external_shape(&self.tensor.shape))),
            Origin::Constant(_) => None,
        }
    }
}

impl Layout {
    /// The file's shape for a shape in PyTorch's order.
    pub fn external_shape(self, shape: &[usize]) -> Vec<usize> {
        match (self, shape) {
            (Self::Hwio, &[out, input, h, w]) => vec![h, w, input, out],
            (Self::HwioDepthwise, &[channels, one, h, w]) => vec![h, w, channels, one],
            (Self::Transposed, &[out, input]) => vec![input, out],
            (Self::Pointwise, &[out, input]) => vec![out, input, 1, 1],
            (Self::PointwiseHwio, &[out, input]) => vec![1, 1, input, out],
            _ => shape.to_vec(),
        }
    }

    /// Values from the file's order into PyTorch's; `shape` is PyTorch's.
    pub fn to_pytorch(self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
        match self.axes(shape) {
            Some([out, input, window]) => reversed(&values, [window, input, out]),
            None => values,
        }
    }

    /// Values from PyTorch's order into the file's; `shape` is PyTorch's.
    pub fn from_pytorch(self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
        match self.axes(shape) {
            Some(axes) => reversed(&values, axes),
            None => values,
        }
    }

    /// PyTorch's shape as three axes whose reverse is the file's order: every layout of TensorFlow is that.
    fn axes(self, shape: &[usize]) -> Option<[usize; 3]> {
        match (self, shape) {
            (Self::Hwio, &[out, input, h, w]) => Some([out, input, h * w]),
            (Self::HwioDepthwise, &[channels, one, h, w]) => Some([channels, one, h * w]),
            (Self::Transposed | Self::PointwiseHwio, &[out, input]) => Some([out, 1, input]),
            _ => None,
        }
    }
}

/// `[a, b, c]` becomes `[c, b, a]`. Blocks of `a` keep the reads of one line of `c` in the cache.
fn reversed(values: &[f32], [a, b, c]: [usize; 3]) -> Vec<f32> {
    const BLOCK: usize = 32;
    let mut result = vec![0.0; values.len()];
    for start in (0..a).step_by(BLOCK) {
        for j in 0..b {
            for k in 0..c {
                for i in start..(start + BLOCK).min(a) {
                    result[(k * b + j) * a + i] = values[(i * b + j) * c + k];
                }
            }
        }
    }
    result
}

impl fmt::Display for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Naming {
    type Err = WeightsError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let wanted = word.trim().to_ascii_lowercase().replace('_', "-");
        let found = Self::ALL.into_iter().find(|naming| naming.word() == wanted);
        found.ok_or_else(|| WeightsError::UnknownNaming { word: word.to_string() })
    }
}
