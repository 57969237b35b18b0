//! The evaluation pipeline as data: it parses, prints, and is kept with the weights as one line.
//!
//! The idea of one printable string for the whole preprocessing is big_vision's (`big_vision/pp`).

mod apply;
mod arguments;
mod augmenting;
mod check;
mod cut;
mod op;
mod print;
mod published;
mod read;
mod resized;
mod steps;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::decode::DecodeOptions;
use crate::normalize::Normalization;
use crate::syntax::{self, TransformError};

pub use op::Op;

/// From an image to a network's input, `[3, height, width]`.
///
/// Read one from its line, or make one with the constructors for the published conventions. `Display` writes the line
/// that reads back as the same transform.
///
/// ```
/// use efficientnet_data::{CropMode, Interpolation, Normalization, Transform};
///
/// let b3 = Transform::timm_eval(300, 0.904, CropMode::Center, Interpolation::Bicubic, Normalization::ImageNet)?;
/// assert_eq!(b3.to_string(), "decode | resize(331, bicubic) | center_crop(300) | normalize(imagenet)");
/// assert_eq!(b3.to_string().parse(), Ok(b3));
///
/// let error = "resize(256, cubic) | center_crop(224)".parse::<Transform>().unwrap_err();
/// assert_eq!(error.to_string(), "\
/// there is no interpolation `cubic`; there are bilinear and bicubic
///   resize(256, cubic) | center_crop(224)
///               ^^^^^");
/// # Ok::<(), efficientnet_data::TransformError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Transform {
    options: DecodeOptions,
    /// From after `decode` to before `normalize`; the last one that changes the size fixes it, and a crop follows every `resize`.
    per_image: Vec<Op>,
    normalization: Normalization,
    /// `mixup`, `cutmix`, both or none.
    per_batch: Vec<Op>,
    /// `[height, width]`
    output: [usize; 2],
}

/// Whose random numbers a transform takes: the same draw gives the same pixels, on any thread and any day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Draw {
    /// The run's seed.
    pub seed: u64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The image's place in the epoch, counted over all ranks.
    pub index: u64,
}

/// What timm does with the part of an image that is not square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CropMode {
    /// Keep the proportions and cut it off.
    #[default]
    Center,
    /// Ignore the proportions.
    Squash,
}

impl Transform {
    /// A transform of these operations; without `decode` in front, files are decoded with the defaults.
    ///
    /// # Errors
    /// [`TransformError`] where the operations make no sense together.
    pub fn new(ops: &[Op]) -> Result<Self, TransformError> {
        join(ops).parse()
    }

    /// The operations in their order, from `decode` to `normalize` and those on batches.
    pub fn ops(&self) -> Vec<Op> {
        let decode = Op::Decode { exif: self.options.exif, scaled: self.options.scaled };
        let normalize = Op::Normalize(self.normalization);
        std::iter::once(decode)
            .chain(self.per_image.iter().copied())
            .chain([normalize])
            .chain(self.per_batch.iter().copied())
            .collect()
    }

    /// How files are decoded: the first operation.
    pub fn decoding(&self) -> DecodeOptions {
        self.options
    }

    /// `[height, width]` of every image that comes out.
    pub fn output_size(&self) -> [usize; 2] {
        self.output
    }

    /// How many values one image has: 3 x height x width.
    pub fn output_len(&self) -> usize {
        3 * self.output[0] * self.output[1]
    }

    /// The last operation on one image, `normalize`.
    pub fn normalization(&self) -> Normalization {
        self.normalization
    }

    /// Whether the same image may come out in several ways, by the [`Draw`].
    pub fn is_random(&self) -> bool {
        self.per_image.iter().any(Op::is_random)
    }

    /// The operations on whole batches after `normalize`: `mixup`, `cutmix`, both or none. See
    /// [`Mix::draw`](crate::Mix::draw).
    pub fn batch_ops(&self) -> &[Op] {
        &self.per_batch
    }

    /// The same transform with another normalisation.
    pub fn with_normalization(self, normalization: Normalization) -> Self {
        Self { normalization, ..self }
    }
}

fn join(ops: &[Op]) -> String {
    ops.iter().map(Op::to_string).collect::<Vec<_>>().join(" | ")
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join(&self.ops()))
    }
}

impl FromStr for Transform {
    type Err = TransformError;

    fn from_str(text: &str) -> Result<Self, TransformError> {
        parse(text).map_err(|problem| problem.in_text(text))
    }
}

fn parse(text: &str) -> Result<Transform, syntax::Problem> {
    let calls = syntax::parse(text)?;
    let ops = calls.iter().map(read::op).collect::<Result<Vec<_>, _>>()?;
    let places: Vec<_> = calls.iter().map(|call| call.place.clone()).collect();
    check::check(&ops, &places)?;

    let mut transform = Transform {
        options: DecodeOptions::default(),
        per_image: Vec::new(),
        normalization: Normalization::Unit,
        per_batch: Vec::new(),
        output: [0; 2],
    };
    for op in ops {
        match op {
            Op::Decode { exif, scaled } => transform.options = DecodeOptions { exif, scaled },
            Op::Normalize(normalization) => transform.normalization = normalization,
            op if op.is_batch() => transform.per_batch.push(op),
            op => transform.per_image.push(op),
        }
        transform.output = op.output_size().unwrap_or(transform.output);
    }
    Ok(transform)
}

impl Serialize for Transform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Transform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = Cow::<str>::deserialize(deserializer)?;
        line.parse().map_err(serde::de::Error::custom)
    }
}
