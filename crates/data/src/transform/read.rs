//! From a call, as it is written, to the operation.

use super::arguments::Arguments;
use super::op::Op;
use crate::random_crop::CROP_PADDING;
use crate::resample::Interpolation;
use crate::syntax::{Call, Problem};

/// More than any proportions that make sense, and few enough to compute with.
const MAX_RATIO: f64 = 100.0;

/// Every operation, in the order in which a pipeline has them.
const NAMES: [&str; 9] = [
    "decode",
    "resize",
    "squash",
    "center_crop",
    "padded_center_crop",
    "random_resized_crop",
    "random_crop",
    "flip",
    "normalize",
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
        "normalize" => Op::Normalize(arguments.normalization()?),
        name => {
            let message = format!("there is no operation `{name}`; there are {}", NAMES.join(", "));
            return Err(Problem::new(message, call.place.clone()));
        }
    };
    arguments.finish()?;
    Ok(op)
}
