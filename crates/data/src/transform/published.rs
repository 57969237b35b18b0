//! The evaluation pipelines of the published weights.

use std::num::NonZeroUsize;

use super::{CropMode, Op, Transform};
use crate::geometry;
use crate::normalize::Normalization;
use crate::random_crop::CROP_PADDING;
use crate::resample::Interpolation;
use crate::syntax::TransformError;

impl Transform {
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
            Op::PaddedCenterCrop { size, padding: CROP_PADDING },
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
}
