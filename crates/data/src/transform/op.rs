//! The operations of a pipeline: what they are called, which arguments they take, how they are written.

use std::fmt;
use std::ops::Range;

use crate::normalize::Normalization;
use crate::resample::Interpolation;
use crate::syntax::{Argument, Call, Problem, Value};

/// The largest side that an operation may make, in pixels: more than any network takes, and few enough to allocate.
const MAX_OUTPUT_SIDE: f64 = 10_000.0;

/// The official code's `CROP_PADDING` (tensorflow/tpu, `models/official/efficientnet/preprocessing.py`).
pub const CROP_PADDING: usize = 32;

/// One operation of a [`Transform`](crate::Transform). Sizes are in pixels and above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Op {
    /// `decode`, `decode(exif=false)`: file to RGB, see [`DecodeOptions`](crate::DecodeOptions).
    Decode {
        /// Turn the image as its EXIF orientation says.
        exif: bool,
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
    /// `normalize(imagenet)`, `normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])`: levels to values.
    Normalize(Normalization),
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode { exif: true } => write!(f, "decode"),
            Self::Decode { exif: false } => write!(f, "decode(exif=false)"),
            Self::Resize { short, interpolation } => write!(f, "resize({short}, {interpolation})"),
            Self::Squash { height, width, interpolation } if height == width => {
                write!(f, "squash({height}, {interpolation})")
            }
            Self::Squash { height, width, interpolation } => {
                write!(f, "squash({height}, {width}, {interpolation})")
            }
            Self::CenterCrop { height, width } if height == width => write!(f, "center_crop({height})"),
            Self::CenterCrop { height, width } => write!(f, "center_crop({height}, {width})"),
            Self::PaddedCenterCrop { size, padding } => write!(f, "padded_center_crop({size}, {padding})"),
            Self::Normalize(normalization) => write!(f, "normalize({normalization})"),
        }
    }
}

/// Gives a call its meaning.
pub fn op(call: &Call) -> Result<Op, Problem> {
    let mut arguments = Arguments { call, left: call.arguments.iter().collect() };
    let op = match call.name.as_str() {
        "decode" => Op::Decode { exif: arguments.flag("exif", true)? },
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
        "normalize" => Op::Normalize(arguments.normalization()?),
        name => {
            let message = format!(
                "there is no operation `{name}`; there are decode, resize, squash, center_crop, padded_center_crop \
                 and normalize"
            );
            return Err(Problem::new(message, call.place.clone()));
        }
    };
    arguments.finish()?;
    Ok(op)
}

/// The arguments of a call that no parameter has taken yet.
struct Arguments<'a> {
    call: &'a Call,
    left: Vec<&'a Argument>,
}

impl<'a> Arguments<'a> {
    /// Takes the argument with this name, or else the first one without a name that `fits`.
    fn take(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Option<&'a Argument> {
        let named = self.left.iter().position(|argument| argument.name.as_deref() == Some(name));
        let place = named.or_else(|| {
            self.left.iter().position(|argument| argument.name.is_none() && fits(&argument.value))
        })?;
        Some(self.left.remove(place))
    }

    fn optional_size(&mut self, name: &str, least: f64) -> Result<Option<usize>, Problem> {
        let Some(argument) = self.take(name, |value| matches!(value, Value::Number(_))) else {
            return Ok(None);
        };
        match argument.value {
            Value::Number(size) if size.fract() == 0.0 && (least..=MAX_OUTPUT_SIDE).contains(&size) => {
                Ok(Some(size as usize))
            }
            _ => {
                let message =
                    format!("`{name}` is a whole number of pixels from {least} to {MAX_OUTPUT_SIDE}");
                Err(Problem::new(message, argument.place.clone()))
            }
        }
    }

    fn size(&mut self, name: &str) -> Result<usize, Problem> {
        let size = self.optional_size(name, 1.0)?;
        size.ok_or_else(|| self.missing("a size in pixels, like `224`"))
    }

    /// One number stands for both.
    fn height_and_width(&mut self) -> Result<[usize; 2], Problem> {
        let height = self.size("height")?;
        Ok([height, self.optional_size("width", 1.0)?.unwrap_or(height)])
    }

    fn interpolation(&mut self) -> Result<Interpolation, Problem> {
        let argument = self.take("interpolation", |value| matches!(value, Value::Word(_)));
        let argument = argument.ok_or_else(|| self.missing("an interpolation, `bilinear` or `bicubic`"))?;
        match &argument.value {
            Value::Word(word) => {
                word.parse().map_err(|message| Problem::new(message, argument.place.clone()))
            }
            _ => Err(Problem::new("an interpolation is `bilinear` or `bicubic`", argument.place.clone())),
        }
    }

    fn flag(&mut self, name: &str, default: bool) -> Result<bool, Problem> {
        let Some(argument) = self.take(name, |_| false) else { return Ok(default) };
        match &argument.value {
            Value::Word(word) if word == "true" => Ok(true),
            Value::Word(word) if word == "false" => Ok(false),
            _ => Err(Problem::new(format!("`{name}` is `true` or `false`"), argument.place.clone())),
        }
    }

    fn normalization(&mut self) -> Result<Normalization, Problem> {
        let names = "`imagenet`, `inception`, `tf_lite`, `automl`, `unit` or `raw`";
        if let Some(argument) = self.take("name", |value| matches!(value, Value::Word(_))) {
            let named = match &argument.value {
                Value::Word(word) => Normalization::named(word),
                _ => None,
            };
            let message = || format!("a normalization is {names}, or `mean=[r, g, b], std=[r, g, b]`");
            return named.ok_or_else(|| Problem::new(message(), argument.place.clone()));
        }
        let (mean, std) = (self.channels("mean", |_| true)?, self.channels("std", |std| std > 0.0)?);
        match (mean, std) {
            (Some(mean), Some(std)) => Ok(Normalization::from_mean_std(mean, std)),
            _ => {
                Err(self.missing(&format!("a name ({names}), or both `mean=[r, g, b]` and `std=[r, g, b]`")))
            }
        }
    }

    fn channels(&mut self, name: &str, fits: impl Fn(f32) -> bool) -> Result<Option<[f32; 3]>, Problem> {
        let Some(argument) = self.take(name, |_| false) else { return Ok(None) };
        let numbers = match &argument.value {
            Value::List(numbers) => numbers.iter().map(|number| *number as f32).collect(),
            _ => Vec::new(),
        };
        match <[f32; 3]>::try_from(numbers) {
            Ok(channels) if channels.iter().all(|value| value.is_finite() && fits(*value)) => {
                Ok(Some(channels))
            }
            _ => {
                let message =
                    format!("`{name}` is three numbers, like `[0.5, 0.5, 0.5]`, and none of `std` is 0");
                Err(Problem::new(message, argument.place.clone()))
            }
        }
    }

    fn missing(&self, what: &str) -> Problem {
        Problem::new(format!("`{}` needs {what}", self.call.name), self.call.place.clone())
    }

    fn finish(self) -> Result<(), Problem> {
        match self.left.first() {
            None => Ok(()),
            Some(argument) => {
                let message = format!("`{}` takes no such argument", self.call.name);
                Err(Problem::new(message, argument.place.clone()))
            }
        }
    }
}

/// Checks that the operations make sense in this order; `places` are where they stand.
pub fn check(ops: &[Op], places: &[Range<usize>]) -> Result<(), Problem> {
    let last = ops.len() - 1;
    for (index, (op, place)) in ops.iter().zip(places).enumerate() {
        let problem = |message| Err(Problem::new(message, place.clone()));
        match op {
            Op::Decode { .. } if index > 0 => return problem("`decode` comes first, once"),
            Op::Normalize(_) if index < last => return problem("`normalize` comes last, once"),
            Op::Resize { .. } if !matches!(ops.get(index + 1), Some(Op::CenterCrop { .. })) => {
                return problem(
                    "`resize` keeps the proportions, so `center_crop` must follow; to ignore them write `squash`",
                );
            }
            _ => {}
        }
    }
    let end = Problem::new("", places[last].clone());
    if !matches!(ops[last], Op::Normalize(_)) {
        return Err(Problem {
            message: "`normalize` must follow, like `normalize(imagenet)`".to_string(),
            ..end
        });
    }
    match ops[..last].last() {
        Some(Op::CenterCrop { .. } | Op::Squash { .. }) => Ok(()),
        _ => {
            let message =
                "before `normalize` stands `center_crop` or `squash`, so that every image gets one size";
            Err(Problem { message: message.to_string(), ..end })
        }
    }
}
