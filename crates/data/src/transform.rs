//! The evaluation pipeline as data: it parses, prints, and is kept with the weights as one line.
//!
//! The idea of one printable string for the whole preprocessing is big_vision's (`big_vision/pp`).

mod op;

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::str::FromStr;
use std::sync::Mutex;
use std::thread;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::decode::DecodeOptions;
use crate::error::ImageError;
use crate::geometry::{self, Window};
use crate::image::RgbImage8;
use crate::normalize::Normalization;
use crate::resample::{self, Interpolation};
use crate::source::Content;
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
    /// Neither `decode` nor `normalize`; the last one fixes the size, and a crop follows every `resize`.
    spatial: Vec<Op>,
    normalization: Normalization,
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

    /// timm's evaluation: resize to `floor(size / crop_pct)`, then a centre crop of `size`
    /// (`timm/data/transforms_factory.py`, `transforms_imagenet_eval`).
    ///
    /// # Errors
    /// [`TransformError`] where a size is 0 or too large.
    pub fn timm_eval(
        size: usize,
        crop_pct: f64,
        crop_mode: CropMode,
        interpolation: Interpolation,
        normalization: Normalization,
    ) -> Result<Self, TransformError> {
        let scaled = NonZeroUsize::new(size).map_or(0, |size| geometry::scale_size(size, crop_pct));
        let resize = match crop_mode {
            CropMode::Center => Op::Resize { short: scaled, interpolation },
            CropMode::Squash => Op::Squash { height: scaled, width: scaled, interpolation },
        };
        let crop = Op::CenterCrop { height: size, width: size };
        match crop_mode {
            CropMode::Squash if scaled == size => Self::new(&[resize, Op::Normalize(normalization)]),
            _ => Self::new(&[resize, crop, Op::Normalize(normalization)]),
        }
    }

    /// torchvision's evaluation: the short side to `resize`, then a centre crop of `crop`
    /// (`torchvision/transforms/_presets.py`, `ImageClassification`).
    ///
    /// # Errors
    /// [`TransformError`] where a size is 0 or too large.
    pub fn torchvision_eval(
        crop: usize,
        resize: usize,
        interpolation: Interpolation,
        normalization: Normalization,
    ) -> Result<Self, TransformError> {
        Self::new(&[
            Op::Resize { short: resize, interpolation },
            Op::CenterCrop { height: crop, width: crop },
            Op::Normalize(normalization),
        ])
    }

    /// The official evaluation: a padded centre crop, then a resize to `size`
    /// (tensorflow/tpu, `models/official/efficientnet/preprocessing.py`).
    ///
    /// The crop is the official one; the resize is antialiased, which TensorFlow's is not, so pixels differ from the
    /// official ones where the image is made smaller.
    ///
    /// # Errors
    /// [`TransformError`] where a size is 0 or too large.
    pub fn tpu_eval(
        size: usize,
        interpolation: Interpolation,
        normalization: Normalization,
    ) -> Result<Self, TransformError> {
        Self::new(&[
            Op::PaddedCenterCrop { size, padding: op::CROP_PADDING },
            Op::Squash { height: size, width: size, interpolation },
            Op::Normalize(normalization),
        ])
    }

    /// EfficientNetV2's official evaluation: bilinear, `(level - 128) / 128`, and the padded centre crop only below
    /// 320 pixels (google/automl, `efficientnetv2/preprocessing.py`). The note at [`Transform::tpu_eval`] holds.
    ///
    /// # Errors
    /// [`TransformError`] where a size is 0 or too large.
    pub fn automl_eval(size: usize) -> Result<Self, TransformError> {
        const CROPPED_BELOW: usize = 320;
        if size < CROPPED_BELOW {
            return Self::tpu_eval(size, Interpolation::Bilinear, Normalization::AutoMl);
        }
        let squash = Op::Squash { height: size, width: size, interpolation: Interpolation::Bilinear };
        Self::new(&[squash, Op::Normalize(Normalization::AutoMl)])
    }

    /// The operations in their order, from `decode` to `normalize`.
    pub fn ops(&self) -> Vec<Op> {
        let decode = Op::Decode { exif: self.options.exif };
        let normalize = Op::Normalize(self.normalization);
        std::iter::once(decode).chain(self.spatial.iter().copied()).chain([normalize]).collect()
    }

    /// `[height, width]` of every image that comes out.
    pub fn output_size(&self) -> [usize; 2] {
        self.output
    }

    /// How many values one image has: 3 x height x width.
    pub fn output_len(&self) -> usize {
        3 * self.output[0] * self.output[1]
    }

    /// The last operation, `normalize`.
    pub fn normalization(&self) -> Normalization {
        self.normalization
    }

    /// The same transform with another normalisation.
    pub fn with_normalization(self, normalization: Normalization) -> Self {
        Self { normalization, ..self }
    }

    /// The image after every operation but `normalize`: what the reference's 8-bit image is.
    pub fn pixels(&self, image: &RgbImage8) -> RgbImage8 {
        let mut image = Cow::Borrowed(image);
        let mut ops = self.spatial.iter().peekable();
        while let Some(op) = ops.next() {
            let size = (image.width(), image.height());
            let full = match *op {
                Op::Resize { short, .. } => geometry::resized_by_short_side(size.0, size.1, short),
                Op::Squash { height, width, .. } => (width, height),
                _ => size,
            };
            image = Cow::Owned(match *op {
                Op::Resize { interpolation, .. } | Op::Squash { interpolation, .. } => {
                    // Only what the next crop keeps is computed. That is all the memory it takes, too: the long side of
                    // a very thin image may become enormous.
                    let crop = ops.next_if(|next| matches!(next, Op::CenterCrop { .. }));
                    resample::resize(&image, full, window(crop.unwrap_or(op), full), interpolation)
                }
                _ => resample::crop(&image, window(op, full)),
            });
        }
        image.into_owned()
    }

    /// The normalised image, `[3, height, width]`.
    pub fn apply(&self, image: &RgbImage8) -> Vec<f32> {
        let mut values = vec![0.0; self.output_len()];
        self.apply_into(image, &mut values);
        values
    }

    /// As [`Transform::apply`], into a place of the caller's, such as one image of a batch.
    ///
    /// # Panics
    /// If `values` has another length than [`Transform::output_len`].
    pub fn apply_into(&self, image: &RgbImage8, values: &mut [f32]) {
        assert_eq!(values.len(), self.output_len(), "the place for an image has another length");
        self.normalization.apply(self.pixels(image).pixels(), values);
    }

    /// A sample's 8-bit pixels, `[height, width, 3]`, as they go to the device: everything but `normalize`.
    ///
    /// # Errors
    /// As [`decode`](crate::decode()); `name` is what the error calls the image.
    ///
    /// # Panics
    /// If `levels` has another length than [`Transform::output_len`].
    pub fn render(
        &self,
        content: &Content,
        name: &str,
        _draw: Draw,
        levels: &mut [u8],
    ) -> Result<(), ImageError> {
        let image = match content {
            Content::File(bytes) => Cow::Owned(self.options.decode_bytes(bytes, name)?),
            Content::Pixels(image) => Cow::Borrowed(image),
        };
        levels.copy_from_slice(self.pixels(&image).pixels());
        Ok(())
    }

    /// Reads a file as the first operation says.
    ///
    /// # Errors
    /// As [`decode`](crate::decode()).
    pub fn decode(&self, path: impl AsRef<Path>) -> Result<RgbImage8, ImageError> {
        self.options.decode(path)
    }

    /// From the file to the normalised image, `[3, height, width]`.
    ///
    /// # Errors
    /// As [`decode`](crate::decode()).
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Vec<f32>, ImageError> {
        Ok(self.apply(&self.decode(path)?))
    }

    /// Loads files on `threads` threads into the images of a batch, `[paths, 3, height, width]`.
    ///
    /// The results are in the order of the paths; where one is an error, that image of the batch is left as it was.
    ///
    /// # Panics
    /// If `values` has another length than there are values in the images.
    pub fn load_batch<P: AsRef<Path> + Sync>(
        &self,
        paths: &[P],
        values: &mut [f32],
        threads: NonZeroUsize,
    ) -> Vec<Result<(), ImageError>> {
        let length = self.output_len();
        assert_eq!(values.len(), paths.len() * length, "the place for a batch has another length");
        let mut results: Vec<Result<(), ImageError>> = paths.iter().map(|_| Ok(())).collect();
        let images = values.chunks_exact_mut(length).zip(&mut results);
        let work = Mutex::new(paths.iter().zip(images));
        let next = || work.lock().ok().and_then(|mut work| work.next());
        let run = || {
            while let Some((path, (values, result))) = next() {
                *result = self.decode(path).map(|image| self.apply_into(&image, values));
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.get().min(paths.len()) {
                scope.spawn(run);
            }
            run();
        });
        results
    }
}

/// What an operation keeps of an image of `(width, height)`.
fn window(op: &Op, (width, height): (usize, usize)) -> Window {
    match *op {
        Op::CenterCrop { height: rows, width: columns } => {
            geometry::center_crop(width, height, columns, rows)
        }
        Op::PaddedCenterCrop { size, padding } => geometry::padded_center_crop(width, height, size, padding),
        _ => Window { x: 0, y: 0, width, height },
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
    let ops = calls.iter().map(op::op).collect::<Result<Vec<_>, _>>()?;
    let places: Vec<_> = calls.iter().map(|call| call.place.clone()).collect();
    op::check(&ops, &places)?;

    let mut transform = Transform {
        options: DecodeOptions::default(),
        spatial: Vec::new(),
        normalization: Normalization::Unit,
        output: [0; 2],
    };
    for op in ops {
        match op {
            Op::Decode { exif } => transform.options.exif = exif,
            Op::Normalize(normalization) => transform.normalization = normalization,
            op => transform.spatial.push(op),
        }
        if let Op::CenterCrop { height, width } | Op::Squash { height, width, .. } = op {
            transform.output = [height, width];
        }
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
