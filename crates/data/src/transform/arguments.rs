//! The arguments of an operation, one parameter after the other.

use std::ops::RangeInclusive;

use crate::augment::{Fill, Sampling};
use crate::normalize::Normalization;
use crate::resample::Interpolation;
use crate::syntax::{Argument, Call, Problem, Value};

/// The largest side that an operation may make, in pixels: more than any network takes, and few enough to allocate.
const MAX_OUTPUT_SIDE: f64 = 10_000.0;

/// The arguments of a call that no parameter has taken yet.
pub struct Arguments<'a> {
    call: &'a Call,
    left: Vec<&'a Argument>,
}

impl<'a> Arguments<'a> {
    pub fn new(call: &'a Call) -> Self {
        Self { call, left: call.arguments.iter().collect() }
    }

    /// Takes the argument with this name, or else the first one without a name that `fits`.
    fn take(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Option<&'a Argument> {
        let named = self.left.iter().position(|argument| argument.name.as_deref() == Some(name));
        let place = named.or_else(|| {
            self.left.iter().position(|argument| argument.name.is_none() && fits(&argument.value))
        })?;
        Some(self.left.remove(place))
    }

    pub fn optional_size(&mut self, name: &str, least: f64) -> Result<Option<usize>, Problem> {
        let argument = self.take(name, |value| matches!(value, Value::Number(_)));
        argument.map(|argument| whole_number(argument, name, least)).transpose()
    }

    /// A size that may be 0 and must be written with its name.
    pub fn named_size(&mut self, name: &str) -> Result<Option<usize>, Problem> {
        let argument = self.take(name, |_| false);
        argument.map(|argument| whole_number(argument, name, 0.0)).transpose()
    }

    pub fn size(&mut self, name: &str) -> Result<usize, Problem> {
        let size = self.optional_size(name, 1.0)?;
        size.ok_or_else(|| self.missing("a size in pixels, like `224`"))
    }

    /// One number stands for both.
    pub fn height_and_width(&mut self) -> Result<[usize; 2], Problem> {
        let height = self.size("height")?;
        Ok([height, self.optional_size("width", 1.0)?.unwrap_or(height)])
    }

    pub fn interpolation(&mut self) -> Result<Interpolation, Problem> {
        let interpolation = self.optional_interpolation()?;
        interpolation.ok_or_else(|| self.missing("an interpolation, `bilinear` or `bicubic`"))
    }

    pub fn optional_interpolation(&mut self) -> Result<Option<Interpolation>, Problem> {
        let Some(argument) = self.take("interpolation", |value| matches!(value, Value::Word(_))) else {
            return Ok(None);
        };
        match &argument.value {
            Value::Word(word) => {
                word.parse().map(Some).map_err(|message| Problem::new(message, argument.place.clone()))
            }
            _ => Err(Problem::new("an interpolation is `bilinear` or `bicubic`", argument.place.clone())),
        }
    }

    /// A number; without a default it must be given.
    pub fn number(
        &mut self,
        name: &str,
        default: Option<f64>,
        allowed: RangeInclusive<f64>,
    ) -> Result<f64, Problem> {
        let Some(argument) = self.take(name, |value| matches!(value, Value::Number(_))) else {
            return default.ok_or_else(|| self.missing(&format!("a number, `{name}`")));
        };
        match argument.value {
            Value::Number(number) if allowed.contains(&number) => Ok(number),
            _ => {
                let message = format!("`{name}` is a number from {} to {}", allowed.start(), allowed.end());
                Err(Problem::new(message, argument.place.clone()))
            }
        }
    }

    /// As [`Arguments::number`], for one that must be written with its name.
    pub fn named_number(
        &mut self,
        name: &str,
        default: f64,
        allowed: RangeInclusive<f64>,
    ) -> Result<f64, Problem> {
        match self.left.iter().any(|argument| argument.name.as_deref() == Some(name)) {
            true => self.number(name, None, allowed),
            false => Ok(default),
        }
    }

    /// A whole number from 1.
    pub fn count(&mut self, name: &str, most: usize) -> Result<usize, Problem> {
        let argument = self.take(name, |value| matches!(value, Value::Number(_)));
        let argument = argument.ok_or_else(|| self.missing(&format!("a whole number, `{name}`")))?;
        match argument.value {
            Value::Number(count) if count.fract() == 0.0 && (1.0..=most as f64).contains(&count) => {
                Ok(count as usize)
            }
            _ => {
                let message = format!("`{name}` is a whole number from 1 to {most}");
                Err(Problem::new(message, argument.place.clone()))
            }
        }
    }

    /// The only word that this parameter can be.
    pub fn word(&mut self, name: &str, word: &str) -> Result<(), Problem> {
        let argument = self.take(name, |value| matches!(value, Value::Word(_)));
        let argument = argument.ok_or_else(|| self.missing(&format!("a {name}, `{word}`")))?;
        match &argument.value {
            Value::Word(written) if written == word => Ok(()),
            _ => Err(Problem::new(format!("the only {name} is `{word}`"), argument.place.clone())),
        }
    }

    /// `interpolation=`, of rotations and the like.
    pub fn sampling(&mut self) -> Result<Sampling, Problem> {
        let Some(argument) = self.take("interpolation", |_| false) else { return Ok(Sampling::default()) };
        match &argument.value {
            Value::Word(word) => {
                word.parse().map_err(|message| Problem::new(message, argument.place.clone()))
            }
            _ => {
                let message = "`interpolation` is `nearest`, `bilinear` or `bicubic`";
                Err(Problem::new(message, argument.place.clone()))
            }
        }
    }

    /// `fill=`, of what stands beyond an image.
    pub fn canvas_fill(&mut self) -> Result<Fill, Problem> {
        self.fill(Fill::default(), &[Fill::Grey, Fill::Mean, Fill::Black])
    }

    /// `fill=`, one of these.
    pub fn fill(&mut self, default: Fill, known: &[Fill]) -> Result<Fill, Problem> {
        let Some(argument) = self.take("fill", |_| false) else { return Ok(default) };
        let named = match &argument.value {
            Value::Word(word) => known.iter().find(|fill| fill.name() == word),
            _ => None,
        };
        named.copied().ok_or_else(|| {
            let names: Vec<String> = known.iter().map(|fill| format!("`{}`", fill.name())).collect();
            Problem::new(format!("`fill` is one of {}", names.join(", ")), argument.place.clone())
        })
    }

    /// Two numbers above 0, the smaller one first.
    pub fn range(&mut self, name: &str, default: [f64; 2], most: f64) -> Result<[f64; 2], Problem> {
        let Some(argument) = self.take(name, |value| matches!(value, Value::Range(..))) else {
            return Ok(default);
        };
        match argument.value {
            Value::Range(from, to) if 0.0 < from && from <= to && to <= most => Ok([from, to]),
            _ => {
                let message = format!(
                    "`{name}` is a range above 0 and up to {most}, the smaller number first, like `0.5..1`"
                );
                Err(Problem::new(message, argument.place.clone()))
            }
        }
    }

    pub fn flag(&mut self, name: &str, default: bool) -> Result<bool, Problem> {
        let Some(argument) = self.take(name, |_| false) else { return Ok(default) };
        match &argument.value {
            Value::Word(word) if word == "true" => Ok(true),
            Value::Word(word) if word == "false" => Ok(false),
            _ => Err(Problem::new(format!("`{name}` is `true` or `false`"), argument.place.clone())),
        }
    }

    pub fn normalization(&mut self) -> Result<Normalization, Problem> {
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

    pub fn finish(self) -> Result<(), Problem> {
        match self.left.first() {
            None => Ok(()),
            Some(argument) => {
                let message = format!("`{}` takes no such argument", self.call.name);
                Err(Problem::new(message, argument.place.clone()))
            }
        }
    }
}

fn whole_number(argument: &Argument, name: &str, least: f64) -> Result<usize, Problem> {
    match argument.value {
        Value::Number(size) if size.fract() == 0.0 && (least..=MAX_OUTPUT_SIDE).contains(&size) => {
            Ok(size as usize)
        }
        _ => {
            let message = format!("`{name}` is a whole number of pixels from {least} to {MAX_OUTPUT_SIDE}");
            Err(Problem::new(message, argument.place.clone()))
        }
    }
}
