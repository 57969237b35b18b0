//! The operations of a pipeline.

use crate::augment::{Fill, Sampling};
use crate::normalize::Normalization;
use crate::resample::Interpolation;

/// One operation of a [`Transform`](crate::Transform). Sizes are in pixels and above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Op {
    /// `decode`, `decode(exif=false)`, `decode(scaled=true)`: file to RGB, see [`DecodeOptions`](crate::DecodeOptions).
    Decode {
        /// Turn the image as its EXIF orientation says.
        exif: bool,
        /// Decode a JPEG smaller where a resize would throw away more.
        scaled: bool,
    },
    /// `resize(256, bicubic)`: the shorter side becomes `short`, the longer one follows, rounded down.
    Resize {
        /// The shorter side.
        short: usize,
        /// The filter.
        interpolation: Interpolation,
    },
    /// `squash(224, bicubic)`, `squash(224, 320, bicubic)`: to exactly this size, whatever the proportions were.
    Squash {
        /// Rows.
        height: usize,
        /// Pixels in a row.
        width: usize,
        /// The filter.
        interpolation: Interpolation,
    },
    /// `center_crop(224)`, `center_crop(224, 320)`: torchvision's, which pads a smaller image with black.
    CenterCrop {
        /// Rows.
        height: usize,
        /// Pixels in a row.
        width: usize,
    },
    /// `padded_center_crop(224, 32)`: the official code's square of `size / (size + padding)` of the shorter side.
    PaddedCenterCrop {
        /// The size that a `squash` will bring the square to.
        size: usize,
        /// How much larger the image would be than the crop, at that scale.
        padding: usize,
    },
    /// `random_resized_crop(224, 0.08..1, 3/4..4/3, bicubic)`: a part of random area and proportions brought to one size,
    /// as the official code does it. The ranges and the filter given here are the defaults.
    RandomResizedCrop {
        /// Rows.
        height: usize,
        /// Pixels in a row.
        width: usize,
        /// The smallest and the largest area, as a share of the image's.
        area: [f64; 2],
        /// The least and the greatest width by height.
        ratio: [f64; 2],
        /// The filter.
        interpolation: Interpolation,
    },
    /// `random_crop(32, padding=4)`: a window at a random place of the image with black around it, CIFAR's crop; in the
    /// middle along an axis where even the padded image is smaller.
    RandomCrop {
        /// Rows.
        height: usize,
        /// Pixels in a row.
        width: usize,
        /// Black pixels on every side.
        padding: usize,
    },
    /// `flip(0.5)`: left becomes right.
    Flip {
        /// How likely, from 0 to 1.
        probability: f64,
    },
    /// `autoaugment(v0)`, `autoaugment(v0, interpolation=bilinear, fill=mean)`: one of the official policy's 25 pairs of
    /// operations.
    AutoAugment {
        /// How rotations, shears and translations sample.
        sampling: Sampling,
        /// What stands beyond the image.
        fill: Fill,
    },
    /// `randaugment(2, 9)`, `randaugment(2, 9, std=0.5, increasing=true, interpolation=bilinear, fill=mean)`: some of the
    /// official 16 operations.
    RandAugment {
        /// How many, one after the other: the paper's N.
        layers: usize,
        /// How strong, the paper's M; 10 is what AutoAugment knew as the strongest.
        magnitude: f64,
        /// The standard deviation of each operation's magnitude about `magnitude`.
        std: f64,
        /// Whether posterize, solarize and the enhancements grow stronger with the magnitude too; in the official code
        /// they do not.
        increasing: bool,
        /// How rotations, shears and translations sample.
        sampling: Sampling,
        /// What stands beyond the image, and a cutout's colour.
        fill: Fill,
    },
    /// `trivialaugment`, `trivialaugment(interpolation=bilinear, fill=black)`: one operation of any strength, from
    /// torchvision's wide ranges.
    TrivialAugment {
        /// How rotations, shears and translations sample.
        sampling: Sampling,
        /// What stands beyond the image.
        fill: Fill,
    },
    /// `color_jitter(0.4, 0.4, 0.4, hue=0.1)`: torchvision's, in random order.
    ColorJitter {
        /// The factor is drawn within 1 plus and minus this.
        brightness: f64,
        /// The factor is drawn within 1 plus and minus this.
        contrast: f64,
        /// The factor is drawn within 1 plus and minus this.
        saturation: f64,
        /// The shift is drawn within plus and minus this, at most half the circle.
        hue: f64,
    },
    /// `random_erasing(0.25, 0.02..1/3, 0.3..10/3, fill=mean)`: paints over a rectangle. The ranges and the fill given here
    /// are the defaults.
    RandomErasing {
        /// How likely, from 0 to 1.
        probability: f64,
        /// The smallest and the largest area, as a share of the image's.
        area: [f64; 2],
        /// The least and the greatest height by width.
        ratio: [f64; 2],
        /// What it is painted with.
        fill: Fill,
    },
    /// `normalize(imagenet)`, `normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])`: levels to values.
    Normalize(Normalization),
    /// `mixup(0.2)`, `mixup(0.2, prob=0.5)`: a batch is mixed with itself, see [`Mix`](crate::Mix).
    MixUp {
        /// Both parameters of the beta distribution of the share; 0 turns it off.
        alpha: f64,
        /// How likely a batch is mixed, where its turn it is.
        probability: f64,
    },
    /// `cutmix(1)`, `cutmix(1, prob=0.5)`: a batch gets windows of itself, see [`Mix`](crate::Mix).
    CutMix {
        /// Both parameters of the beta distribution of the share; 0 turns it off.
        alpha: f64,
        /// How likely a batch is mixed, where its turn it is.
        probability: f64,
    },
}

impl Op {
    /// Whether what it does to one image depends on random numbers.
    pub fn is_random(&self) -> bool {
        match self {
            Self::Decode { .. }
            | Self::Resize { .. }
            | Self::Squash { .. }
            | Self::CenterCrop { .. }
            | Self::PaddedCenterCrop { .. }
            | Self::Normalize(_) => false,
            Self::RandomResizedCrop { .. }
            | Self::RandomCrop { .. }
            | Self::Flip { .. }
            | Self::AutoAugment { .. }
            | Self::RandAugment { .. }
            | Self::TrivialAugment { .. }
            | Self::ColorJitter { .. }
            | Self::RandomErasing { .. } => true,
            Self::MixUp { .. } | Self::CutMix { .. } => false,
        }
    }

    /// Whether it works on batches of normalised values.
    pub fn is_batch(&self) -> bool {
        matches!(self, Self::MixUp { .. } | Self::CutMix { .. })
    }

    pub(super) fn is_resize(&self) -> bool {
        matches!(self, Self::Resize { .. } | Self::Squash { .. })
    }

    /// Whether it cuts a window of a given size.
    pub(super) fn is_crop(&self) -> bool {
        matches!(self, Self::CenterCrop { .. } | Self::RandomCrop { .. })
    }

    /// `[height, width]` of what comes out, where that is the same for every image.
    pub(super) fn output_size(&self) -> Option<[usize; 2]> {
        match *self {
            Self::Squash { height, width, .. }
            | Self::CenterCrop { height, width }
            | Self::RandomCrop { height, width, .. }
            | Self::RandomResizedCrop { height, width, .. } => Some([height, width]),
            _ => None,
        }
    }

    /// Whether what comes out may have another size than what goes in.
    pub(super) fn changes_size(&self) -> bool {
        self.output_size().is_some() || matches!(self, Self::Resize { .. } | Self::PaddedCenterCrop { .. })
    }
}
