//! Whether a network is right as often as it says.
//!
//! Guo et al. 2017, *On Calibration of Modern Neural Networks*, section 2: predictions are sorted into bins by their
//! confidence, and in each bin the mean confidence should be the accuracy.

use serde::{Deserialize, Serialize};

use super::Outcome;
use super::class::share;
use super::tally::{BINS, from_fixed};

/// Predictions of about the same confidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bin {
    /// How many there are.
    pub images: u64,
    /// How many are right.
    pub correct: u64,
    /// Sum of their confidences, in units of 2^-32.
    pub(super) confidence: u64,
}

impl Bin {
    /// Share that is right; `None` of an empty bin.
    fn accuracy(&self) -> Option<f64> {
        share(self.correct, self.images)
    }

    /// Mean confidence; `None` of an empty bin.
    fn confidence(&self) -> Option<f64> {
        (self.images > 0).then(|| from_fixed(self.confidence) / self.images as f64)
    }

    /// Whether the counts can be of one set of predictions.
    pub(super) fn fits(&self) -> bool {
        self.correct <= self.images && u128::from(self.confidence) <= u128::from(self.images) << 32
    }
}

/// A reliability diagram as numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Expected calibration error: the distance between accuracy and confidence, each bin weighted by its images.
    pub ece: f64,
    /// Mean confidence of all predictions.
    pub confidence: f64,
    /// Share of all predictions that is right.
    pub accuracy: f64,
    /// Bin `k` holds confidences above `k / 15`, up to and including `(k + 1) / 15`; the first one holds 0, too.
    pub bins: Vec<BinMeasures>,
}

/// One bar of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BinMeasures {
    /// Predictions in the bin.
    pub images: u64,
    /// Their mean confidence; `None` of an empty bin.
    pub confidence: Option<f64>,
    /// Share of them that is right; `None` of an empty bin.
    pub accuracy: Option<f64>,
}

/// The bin of a confidence, of [`BINS`] with equal widths.
pub(super) fn bin_of(confidence: f32) -> usize {
    // A NaN becomes 0.
    let upper = (f64::from(confidence) * BINS as f64).ceil() as usize;
    upper.clamp(1, BINS) - 1
}

/// The measures of `bins`; `None` where all of them are empty.
pub(super) fn calibration(bins: &[Bin]) -> Option<Calibration> {
    let images: u64 = bins.iter().map(|bin| bin.images).sum();
    if images == 0 {
        return None;
    }
    let gap = |bin: &Bin| (bin.correct as f64 - from_fixed(bin.confidence)).abs();
    let measures = |bin: &Bin| BinMeasures {
        images: bin.images,
        confidence: bin.confidence(),
        accuracy: bin.accuracy(),
    };
    Some(Calibration {
        ece: bins.iter().map(gap).sum::<f64>() / images as f64,
        confidence: bins.iter().map(|bin| from_fixed(bin.confidence)).sum::<f64>() / images as f64,
        accuracy: bins.iter().map(|bin| bin.correct).sum::<u64>() as f64 / images as f64,
        bins: bins.iter().map(measures).collect(),
    })
}

/// Calibration error over bins of equally many predictions instead of equal widths (Nguyen and O'Connor 2015), which
/// does not leave most bins empty where a network is nearly always sure. `None` of no outcomes or no bins.
///
/// It needs every confidence and so it is no part of a tally.
pub fn adaptive_calibration_error(outcomes: &[Outcome], bins: usize) -> Option<f64> {
    if outcomes.is_empty() || bins == 0 {
        return None;
    }
    let mut sorted: Vec<(f32, bool)> =
        outcomes.iter().map(|outcome| (outcome.confidence, outcome.correct())).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let count = sorted.len();
    let bins = bins.min(count);
    let gap = |bin: usize| {
        let part = &sorted[bin * count / bins..(bin + 1) * count / bins];
        part.iter()
            .map(|(confidence, right)| f64::from(u8::from(*right)) - f64::from(*confidence))
            .sum::<f64>()
            .abs()
    };
    Some((0..bins).map(gap).sum::<f64>() / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_open_below_and_closed_above() {
        assert_eq!([0.0, 1e-9, 0.066, 0.067, 0.5, 0.934, 1.0].map(bin_of), [0, 0, 0, 1, 7, 14, 14]);
        assert_eq!([f32::NAN, -1.0, 2.0, f32::INFINITY].map(bin_of), [0, 0, 14, 14]);
    }

    #[test]
    fn equally_full_bins() {
        let outcome = |confidence: f32, right: bool| Outcome {
            label: 0,
            top: vec![usize::from(!right)],
            confidence,
            label_probability: 0.0,
            loss: 0.0,
        };
        let outcomes = [outcome(0.5, true), outcome(0.9, true), outcome(0.75, false), outcome(1.0, true)];
        // (0.5, 0.75) has 1.25 and 1 right; (0.9, 1.0) has 1.9 and 2 right.
        let found = adaptive_calibration_error(&outcomes, 2).unwrap();
        assert!((found - (0.25 + 0.1) / 4.0).abs() < 1e-7, "{found}");
        // As many bins as outcomes: 0.5 + 0.75 + 0.1 + 0.
        let found = adaptive_calibration_error(&outcomes, 100).unwrap();
        assert!((found - 1.35 / 4.0).abs() < 1e-7, "{found}");
        assert_eq!(adaptive_calibration_error(&[], 15), None);
    }
}
