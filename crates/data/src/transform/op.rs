//! The operations of a pipeline, and how they are written.

use std::fmt;

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
    /// `normalize(imagenet)`, `normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])`: levels to values.
    Normalize(Normalization),
}

impl Op {
    /// Whether it depends on random numbers.
    pub fn is_random(&self) -> bool {
        matches!(self, Self::RandomResizedCrop { .. } | Self::RandomCrop { .. } | Self::Flip { .. })
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

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode { exif: true, scaled: false } => write!(f, "decode"),
            Self::Decode { exif: false, scaled: false } => write!(f, "decode(exif=false)"),
            Self::Decode { exif: true, scaled: true } => write!(f, "decode(scaled=true)"),
            Self::Decode { exif: false, scaled: true } => write!(f, "decode(exif=false, scaled=true)"),
            Self::Resize { short, interpolation } => write!(f, "resize({short}, {interpolation})"),
            Self::Squash { height, width, interpolation } => {
                write!(f, "squash({}, {interpolation})", size(*height, *width))
            }
            Self::CenterCrop { height, width } => write!(f, "center_crop({})", size(*height, *width)),
            Self::PaddedCenterCrop { size, padding } => write!(f, "padded_center_crop({size}, {padding})"),
            Self::RandomResizedCrop { height, width, area, ratio, interpolation } => {
                let (size, area, ratio) = (size(*height, *width), range(*area), range(*ratio));
                write!(f, "random_resized_crop({size}, {area}, {ratio}, {interpolation})")
            }
            Self::RandomCrop { height, width, padding: 0 } => {
                write!(f, "random_crop({})", size(*height, *width))
            }
            Self::RandomCrop { height, width, padding } => {
                write!(f, "random_crop({}, padding={padding})", size(*height, *width))
            }
            Self::Flip { probability } => write!(f, "flip({})", number(*probability)),
            Self::Normalize(normalization) => write!(f, "normalize({normalization})"),
        }
    }
}

/// One number stands for both.
fn size(height: usize, width: usize) -> String {
    if height == width { height.to_string() } else { format!("{height}, {width}") }
}

fn range([from, to]: [f64; 2]) -> String {
    format!("{}..{}", number(from), number(to))
}

/// As a fraction of small numbers where that is exact and shorter, so that `4/3` stays `4/3`.
fn number(value: f64) -> String {
    let decimal = value.to_string();
    let fraction = (2..=12).map(f64::from).find_map(|below| {
        let above = (value * below).round();
        (above / below == value).then(|| format!("{above}/{below}"))
    });
    fraction.filter(|fraction| fraction.len() < decimal.len()).unwrap_or(decimal)
}
