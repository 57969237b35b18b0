//! What a network may cost, counted or measured: a [`Budget`], or a time such as `20ms`.

use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::{Budget, ScalingError};

/// An upper bound on a count, or on a time of one pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Multiply-adds, parameters, activations or bytes.
    Counted(Budget),
    /// Milliseconds, above 0.
    Latency(f64),
}

/// The units of a time, in milliseconds.
const UNITS: [(&str, f64); 3] = [("ms", 1.0), ("us", 1e-3), ("s", 1e3)];

impl Limit {
    /// For people: `1.80 GMACs`, `20.00 ms`.
    pub fn show(&self) -> String {
        match self {
            Self::Counted(budget) => budget.quantity().show(budget.amount()),
            Self::Latency(milliseconds) => show_milliseconds(*milliseconds),
        }
    }

    /// How much, in counts or in milliseconds.
    pub fn amount(&self) -> f64 {
        match self {
            Self::Counted(budget) => budget.amount() as f64,
            Self::Latency(milliseconds) => *milliseconds,
        }
    }
}

/// A time for people: `20.00 ms`.
pub(crate) fn show_milliseconds(milliseconds: f64) -> String {
    let decimals = if milliseconds < 1.0 { 3 } else { 2 };
    format!("{milliseconds:.decimals$} ms")
}

impl FromStr for Limit {
    type Err = ScalingError;

    fn from_str(text: &str) -> Result<Self, ScalingError> {
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(end);
        let unit = UNITS.iter().find(|(name, _)| unit.trim().eq_ignore_ascii_case(name));
        let Some((_, factor)) = unit else {
            return text.parse().map(Self::Counted).map_err(or_a_time);
        };
        let milliseconds = number.parse::<f64>().map_or(f64::NAN, |number| number * factor);
        match milliseconds > 0.0 && milliseconds.is_finite() {
            true => Ok(Self::Latency(milliseconds)),
            false => {
                let reason = "it does not begin with a number above 0";
                Err(ScalingError::LimitSyntax { text: text.to_string(), reason })
            }
        }
    }
}

/// The sentence about a budget, with times among what there is.
fn or_a_time(error: ScalingError) -> ScalingError {
    match error {
        ScalingError::BudgetSyntax { text, reason } => ScalingError::LimitSyntax { text, reason },
        other => other,
    }
}

/// As it is written: `1800000000MACs`, `20ms`.
impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Counted(budget) => budget.serialize(serializer),
            Self::Latency(milliseconds) => serializer.collect_str(&format_args!("{milliseconds}ms")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_counts() {
        let parse = |text: &str| text.parse::<Limit>().unwrap();
        assert_eq!(parse("20ms"), Limit::Latency(20.0));
        assert_eq!(parse(" 1.5 S "), Limit::Latency(1500.0));
        assert_eq!(parse("250us"), Limit::Latency(0.25));
        assert_eq!(parse("1.8GMACs"), Limit::Counted("1.8GMACs".parse().unwrap()));
        assert_eq!(parse("12Mparams"), Limit::Counted("12Mparams".parse().unwrap()));
        let shown = ["20ms", "250us", "1.8GMACs"].map(|text| parse(text).show());
        assert_eq!(shown, ["20.00 ms", "0.250 ms", "1.80 GMACs"]);
    }

    #[test]
    fn mistakes_are_named() {
        let reason = |text: &str| text.parse::<Limit>().unwrap_err().to_string();
        for text in ["ms", "0ms", "1.2.3ms", "20 msec", "20", "-3ms"] {
            let reason = reason(text);
            assert!(
                reason.starts_with(&format!("`{text}` is no budget: ")) && reason.ends_with("or 20ms"),
                "{reason}"
            );
        }
        assert_eq!(reason("0GMACs"), "the budget is 0; it must be above 0");
    }
}
