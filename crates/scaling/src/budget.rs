//! What a network may cost: a number and a unit, `1.8GMACs`, `12Mparams`, `40Mactivations`, `64MiB`.

use std::{fmt, str::FromStr};

use efficientnet_arch::Totals;
use serde::{Deserialize, Serialize};

use crate::ScalingError;

/// What is counted. The conventions are those of [`efficientnet_arch::Counts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Multiply-adds of one image (the paper's FLOPs).
    Macs,
    /// Trainable values.
    Params,
    /// Values put out by convolutions, max pooling and the classifier.
    Activations,
    /// Most bytes of activations that are alive at once, for one image in f32.
    PeakActivationBytes,
}

impl Quantity {
    /// This count of a network.
    pub fn of(self, totals: &Totals) -> u64 {
        match self {
            Self::Macs => totals.macs,
            Self::Params => totals.params,
            Self::Activations => totals.activations,
            Self::PeakActivationBytes => totals.peak_activation_bytes,
        }
    }

    /// A number of these for people: `386 MMACs`, `5.74 MiB`.
    pub fn show(self, amount: u64) -> String {
        let (prefixes, word) = match self {
            Self::Macs => (DECIMAL, "MACs"),
            Self::Params => (DECIMAL, "params"),
            Self::Activations => (DECIMAL, "activations"),
            Self::PeakActivationBytes => (BINARY, "B"),
        };
        let amount = amount as f64;
        let fits = prefixes.iter().rev().find(|(_, unit)| amount >= *unit);
        let (prefix, unit) = fits.copied().unwrap_or(("", 1.0));
        let value = amount / unit;
        let decimals = if value >= 100.0 || unit == 1.0 { 0 } else { 2 };
        format!("{value:.decimals$} {prefix}{word}")
    }
}

const DECIMAL: &[(&str, f64)] = &[("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12), ("P", 1e15)];
const BINARY: &[(&str, f64)] =
    &[("Ki", 1024.0), ("Mi", 1_048_576.0), ("Gi", 1_073_741_824.0), ("Ti", 1_099_511_627_776.0)];

/// An upper bound on one count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Budget {
    quantity: Quantity,
    amount: u64,
}

impl Budget {
    /// At most `amount` of `quantity`.
    ///
    /// # Errors
    /// [`ScalingError::Number`] for 0: no network costs nothing.
    pub fn new(quantity: Quantity, amount: u64) -> Result<Self, ScalingError> {
        match amount {
            0 => Err(ScalingError::Number { what: "the budget", value: "0".into(), expected: "above 0" }),
            amount => Ok(Self { quantity, amount }),
        }
    }

    /// What is counted.
    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// How much of it there may be.
    pub fn amount(&self) -> u64 {
        self.amount
    }
}

/// In full, so that it parses to the same: `1800000000MACs`.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.quantity {
            Quantity::Macs => "MACs",
            Quantity::Params => "params",
            Quantity::Activations => "activations",
            Quantity::PeakActivationBytes => "B",
        };
        write!(f, "{}{word}", self.amount)
    }
}

impl From<Budget> for String {
    fn from(budget: Budget) -> Self {
        budget.to_string()
    }
}

impl TryFrom<String> for Budget {
    type Error = ScalingError;

    fn try_from(text: String) -> Result<Self, ScalingError> {
        text.parse()
    }
}

impl FromStr for Budget {
    type Err = ScalingError;

    fn from_str(text: &str) -> Result<Self, ScalingError> {
        let error = |reason| ScalingError::BudgetSyntax { text: text.to_string(), reason };
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(end);
        let (quantity, factor) = unit_of(unit.trim()).map_err(error)?;
        let amount = match number.parse::<u64>() {
            Ok(whole) if factor == 1.0 => whole,
            _ => scaled(number, factor).map_err(error)?,
        };
        Self::new(quantity, amount)
    }
}

fn scaled(number: &str, factor: f64) -> Result<u64, &'static str> {
    let amount = number.parse::<f64>().map_err(|_| "it does not begin with a number above 0")? * factor;
    // 2^64, from where on the cast would stop at the largest number.
    if amount < 18_446_744_073_709_551_616.0 {
        Ok(amount.round() as u64)
    } else {
        Err("it does not fit 64 bits")
    }
}

/// The prefix says millions or mebibytes by its case (`M`), so only the word's case is free.
fn unit_of(unit: &str) -> Result<(Quantity, f64), &'static str> {
    let words = [
        ("macs", Quantity::Macs),
        ("params", Quantity::Params),
        ("activations", Quantity::Activations),
        ("acts", Quantity::Activations),
        ("b", Quantity::PeakActivationBytes),
    ];
    let lower = unit.to_ascii_lowercase();
    if lower.ends_with("flops") {
        return Err(
            "FLOPs are counted once or twice a multiply-add, depending on whom one asks; MACs are clear",
        );
    }
    for (word, quantity) in words {
        let Some(prefix) = lower.strip_suffix(word) else { continue };
        // Bytes take both: 1 MB is 10^6 bytes, 1 MiB 2^20.
        let binary = if quantity == Quantity::PeakActivationBytes { BINARY } else { &[] };
        let known = DECIMAL.iter().chain(binary).chain(&[("", 1.0)]);
        let same = |(name, _): &&(&str, f64)| name.to_ascii_lowercase() == prefix.trim();
        if let Some((_, factor)) = known.into_iter().find(same) {
            return Ok((quantity, *factor));
        }
    }
    Err("its unit is none of MACs, params, activations and B with k, M, G, T, P, Ki, Mi, Gi or Ti before it")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> (Quantity, u64) {
        let budget: Budget = text.parse().unwrap();
        (budget.quantity(), budget.amount())
    }

    #[test]
    fn numbers_and_units() {
        assert_eq!(parse("1.8GMACs"), (Quantity::Macs, 1_800_000_000));
        assert_eq!(parse(" 12 M params "), (Quantity::Params, 12_000_000));
        assert_eq!(parse("40mactivations"), (Quantity::Activations, 40_000_000));
        assert_eq!(parse("64MiB"), (Quantity::PeakActivationBytes, 64 << 20));
        assert_eq!(parse("64MB"), (Quantity::PeakActivationBytes, 64_000_000));
        assert_eq!(parse("385825092macs"), (Quantity::Macs, 385_825_092));
        assert_eq!(parse("18446744073709551615B"), (Quantity::PeakActivationBytes, u64::MAX));
    }

    #[test]
    fn mistakes_are_named() {
        let reason = |text: &str| text.parse::<Budget>().unwrap_err().to_string();
        assert!(reason("1.8GFLOPs").contains("MACs are clear"));
        assert!(reason("GMACs").contains("does not begin with a number"));
        assert!(reason("1.8").contains("its unit is none of"));
        assert!(reason("1.8 parsecs").contains("its unit is none of"));
        assert!(reason("64KiMACs").contains("its unit is none of"));
        assert!(reason("").contains("its unit is none of"));
        assert!(reason("-1GMACs").contains("its unit is none of"));
        assert!(reason("1.2.3GMACs").contains("does not begin with a number"));
        assert!(reason("99999999999999PMACs").contains("64 bits"));
        assert_eq!(reason("0GMACs"), "the budget is 0; it must be above 0");
        assert_eq!(reason("0.0001params"), "the budget is 0; it must be above 0");
    }

    #[test]
    fn amounts_for_people() {
        assert_eq!(Quantity::Macs.show(385_825_092), "386 MMACs");
        assert_eq!(Quantity::Params.show(5_288_548), "5.29 Mparams");
        assert_eq!(Quantity::Activations.show(999), "999 activations");
        assert_eq!(Quantity::PeakActivationBytes.show(6_021_120), "5.74 MiB");
    }

    proptest! {
        #[test]
        fn whatever_prints_parses(amount in 1u64.., which in 0usize..4) {
            let quantities = [Quantity::Macs, Quantity::Params, Quantity::Activations, Quantity::PeakActivationBytes];
            let budget = Budget::new(quantities[which], amount).unwrap();
            prop_assert_eq!(budget.to_string().parse::<Budget>().unwrap(), budget);
        }

        #[test]
        fn no_string_panics(text in "[0-9.]{0,6}[kKMGTPi]{0,2}[A-Za-z ]{0,12}") {
            let _ = text.parse::<Budget>();
        }
    }
}
