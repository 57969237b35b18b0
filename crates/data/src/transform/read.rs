//! From a call, as it is written, to the operation.

use super::arguments::Arguments;
use super::op::Op;
use crate::augment::Fill;
use crate::random_crop::CROP_PADDING;
use crate::resample::Interpolation;
use crate::syntax::{Call, Problem};

/// More than any proportions that make sense, and few enough to compute with.
const MAX_RATIO: f64 = 100.0;

/// The official recipes use up to 28, for B7.
const MAX_MAGNITUDE: f64 = 30.0;

/// The paper tries up to 3 layers.
const MAX_LAYERS: usize = 16;

/// Beyond it every colour would be black or white.
const MAX_JITTER: f64 = 10.0;

/// Beyond it every share would be a half.
const MAX_ALPHA: f64 = 1000.0;

/// Every operation, in the order in which a pipeline has them.
const NAMES: [&str; 16] = [
    "decode",
    "resize",
    "squash",
    "center_crop",
    "padded_center_crop",
    "random_resized_crop",
    "random_crop",
    "flip",
    "autoaugment",
    "randaugment",
    "trivialaugment",
    "color_jitter",
    "random_erasing",
    "normalize",
    "mixup",
    "cutmix",
];

/// Gives a call its meaning.
pub fn op(call: &Call) -> Result<Op, Problem> {
    let mut arguments = Arguments::new(call);
    let op = match call.name.as_str() {
        "decode" => {
            Op::Decode { exif: arguments.flag("exif", true)?, scaled: arguments.flag("scaled", false)? }
        }
        "resize" => Op::Resize { short: arguments.size("size")?, interpolation: arguments.interpolation()? },
        "squash" => {
            let [height, width] = arguments.height_and_width()?;
            Op::Squash { height, width, interpolation: arguments.interpolation()? }
        }
        "center_crop" => {
            let [height, width] = arguments.height_and_width()?;
            Op::CenterCrop { height, width }
        }
        "padded_center_crop" => Op::PaddedCenterCrop {
            size: arguments.size("size")?,
            padding: arguments.optional_size("padding", 0.0)?.unwrap_or(CROP_PADDING),
        },
        "random_resized_crop" => {
            let [height, width] = arguments.height_and_width()?;
            Op::RandomResizedCrop {
                height,
                width,
                area: arguments.range("area", [0.08, 1.0], 1.0)?,
                ratio: arguments.range("ratio", [3.0 / 4.0, 4.0 / 3.0], MAX_RATIO)?,
                interpolation: arguments.optional_interpolation()?.unwrap_or(Interpolation::Bicubic),
            }
        }
        "random_crop" => {
            let padding = arguments.named_size("padding")?.unwrap_or(0);
            let [height, width] = arguments.height_and_width()?;
            Op::RandomCrop { height, width, padding }
        }
        "flip" => Op::Flip { probability: arguments.number("probability", Some(0.5), 0.0..=1.0)? },
        "autoaugment" => {
            arguments.word("policy", "v0")?;
            let (sampling, fill) = (arguments.sampling()?, arguments.canvas_fill()?);
            Op::AutoAugment { sampling, fill }
        }
        "randaugment" => Op::RandAugment {
            std: arguments.named_number("std", 0.0, 0.0..=MAX_MAGNITUDE)?,
            increasing: arguments.flag("increasing", false)?,
            sampling: arguments.sampling()?,
            fill: arguments.canvas_fill()?,
            layers: arguments.count("layers", MAX_LAYERS)?,
            magnitude: arguments.number("magnitude", None, 0.0..=MAX_MAGNITUDE)?,
        },
        "trivialaugment" => {
            Op::TrivialAugment { sampling: arguments.sampling()?, fill: arguments.canvas_fill()? }
        }
        "color_jitter" => Op::ColorJitter {
            brightness: arguments.number("brightness", Some(0.0), 0.0..=MAX_JITTER)?,
            contrast: arguments.number("contrast", Some(0.0), 0.0..=MAX_JITTER)?,
            saturation: arguments.number("saturation", Some(0.0), 0.0..=MAX_JITTER)?,
            hue: arguments.number("hue", Some(0.0), 0.0..=0.5)?,
        },
        "random_erasing" => Op::RandomErasing {
            probability: arguments.number("probability", Some(0.25), 0.0..=1.0)?,
            area: arguments.range("area", [0.02, 1.0 / 3.0], 1.0)?,
            ratio: arguments.range("ratio", [0.3, 10.0 / 3.0], MAX_RATIO)?,
            fill: arguments.fill(Fill::Mean, &[Fill::Mean, Fill::Noise, Fill::Black, Fill::Grey])?,
        },
        "mixup" => {
            let probability = arguments.named_number("prob", 1.0, 0.0..=1.0)?;
            Op::MixUp { alpha: arguments.number("alpha", None, 0.0..=MAX_ALPHA)?, probability }
        }
        "cutmix" => {
            let probability = arguments.named_number("prob", 1.0, 0.0..=1.0)?;
            Op::CutMix { alpha: arguments.number("alpha", None, 0.0..=MAX_ALPHA)?, probability }
        }
        "normalize" => Op::Normalize(arguments.normalization()?),
        name => {
            let message = format!("there is no operation `{name}`; there are {}", NAMES.join(", "));
            return Err(Problem::new(message, call.place.clone()));
        }
    };
    arguments.finish()?;
    Ok(op)
}
