//! What a network takes on one machine, in milliseconds, from a few networks that were measured there.
//!
//! Multiply-adds tell how fast a network is only roughly: depthwise layers, large maps and activations cost more than they
//! count. So a dozen networks are measured, each step of them where it stands (timed alone, a step finds caches that other work would
//! have left in another state); a small linear model says what multiply-adds, activations, maps and weights cost in each kind of
//! step ([`Costs`]); and the sum over its steps is the [`Predictor`]'s answer for a network that was never run. How far it is
//! off on networks that it was not fitted to is its [`Accuracy`].
//!
//! What was measured is a [`LatencyTable`]: a JSON file which several processes may share. Clocks are known here only as a
//! trait, so that all of this is tested without one.

mod accuracy;
mod calibration;
mod costs;
mod error;
mod file;
mod nonnegative;
mod predictor;
mod table;

use efficientnet_arch::ArchSpec;
use serde::{Deserialize, Serialize};

pub use accuracy::{Accuracy, Line, held_out};
pub use calibration::{Specimen, around};
pub use costs::Costs;
pub use error::LatencyError;
pub use predictor::Predictor;
pub use table::{LatencyTable, Setup, StepTime, Whole};

/// The table's file in a search's folder.
pub const TABLE: &str = "latency.json";

/// A time that was measured again and again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Median of the repeats, in milliseconds.
    pub median_ms: f64,
    /// Median distance of the repeats from that, in milliseconds.
    pub spread_ms: f64,
    /// How many repeats.
    pub repeats: usize,
}

impl Timing {
    /// The summary of times in milliseconds; none where there are none.
    pub fn of(times: &[f64]) -> Option<Self> {
        let median_ms = median(times.to_vec())?;
        let spread_ms = median(times.iter().map(|time| (time - median_ms).abs()).collect())?;
        Some(Self { median_ms, spread_ms, repeats: times.len() })
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

/// Who measures. Several at a time, so that repeats can be interleaved: what disturbs the machine for a second then
/// disturbs one repeat of each and not all repeats of one.
pub trait Clock {
    /// What each network takes, in the order given.
    ///
    /// # Errors
    /// A sentence: what could not be built or run.
    fn networks(&mut self, specs: &[ArchSpec]) -> Result<Vec<Measured>, String>;
}

/// What a network took.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// A pass of it.
    pub whole: Timing,
    /// Milliseconds of each of [`ArchSpec::steps`] in such a pass, where they can be told apart.
    pub steps: Option<Vec<f64>>,
}

impl<C: Clock + ?Sized> Clock for &mut C {
    fn networks(&mut self, specs: &[ArchSpec]) -> Result<Vec<Measured>, String> {
        (**self).networks(specs)
    }
}

#[cfg(test)]
mod tests;
