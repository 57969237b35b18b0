//! How operations are written, so that they read back as they were.

use std::fmt;

use super::Op;
use crate::augment::{Fill, Sampling};

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
            Self::AutoAugment { sampling, fill } => write!(f, "autoaugment(v0{})", canvas(*sampling, *fill)),
            Self::RandAugment { layers, magnitude, std, increasing, sampling, fill } => {
                write!(f, "randaugment({layers}, {}", number(*magnitude))?;
                if *std != 0.0 {
                    write!(f, ", std={}", number(*std))?;
                }
                if *increasing {
                    write!(f, ", increasing=true")?;
                }
                write!(f, "{})", canvas(*sampling, *fill))
            }
            Self::TrivialAugment { sampling, fill } => match canvas(*sampling, *fill).strip_prefix(", ") {
                None => write!(f, "trivialaugment"),
                Some(canvas) => write!(f, "trivialaugment({canvas})"),
            },
            Self::ColorJitter { brightness, contrast, saturation, hue } => {
                let [brightness, contrast, saturation] =
                    [brightness, contrast, saturation].map(|v| number(*v));
                write!(f, "color_jitter({brightness}, {contrast}, {saturation}, hue={})", number(*hue))
            }
            Self::RandomErasing { probability, area, ratio, fill } => {
                let (probability, area, ratio) = (number(*probability), range(*area), range(*ratio));
                write!(f, "random_erasing({probability}, {area}, {ratio}, fill={})", fill.name())
            }
            Self::Normalize(normalization) => write!(f, "normalize({normalization})"),
            Self::MixUp { alpha, probability } => write!(f, "mixup({})", mixing(*alpha, *probability)),
            Self::CutMix { alpha, probability } => write!(f, "cutmix({})", mixing(*alpha, *probability)),
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

/// Only what is not the default.
fn canvas(sampling: Sampling, fill: Fill) -> String {
    let mut text = String::new();
    if sampling != Sampling::default() {
        text += &format!(", interpolation={sampling}");
    }
    if fill != Fill::default() {
        text += &format!(", fill={}", fill.name());
    }
    text
}

fn mixing(alpha: f64, probability: f64) -> String {
    match probability {
        1.0 => number(alpha),
        _ => format!("{}, prob={}", number(alpha), number(probability)),
    }
}
