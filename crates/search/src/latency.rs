//! What a network takes on one machine, in milliseconds, from measured pieces.
//!
//! Multiply-adds tell how fast a network is only roughly: depthwise layers, large maps and activations cost more than they
//! count. A network is therefore cut into [`Piece`]s (stem, blocks, head), each different one is measured once, and the sum
//! over its pieces, corrected by a line that is fitted to a few networks measured whole, is the [`Predictor`]'s answer for
//! networks that were never run. How far it is off on networks that the line was not fitted to is its [`Accuracy`].
//!
//! What was measured is a [`LatencyTable`]: a JSON file which grows as other networks are asked for, and which several
//! processes may share. Clocks are known here only as a trait, so that all of this is tested without one.

mod error;
mod file;
mod fit;
mod predictor;
mod table;

use efficientnet_arch::{ArchSpec, Piece};
use serde::{Deserialize, Serialize};

pub use error::LatencyError;
pub use fit::{Accuracy, Correction, Point};
pub use predictor::Predictor;
pub use table::{LatencyTable, Setup, Whole};

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
    /// What each piece takes alone, in the order given.
    ///
    /// # Errors
    /// A sentence: what could not be built or run.
    fn pieces(&mut self, pieces: &[Piece]) -> Result<Vec<Timing>, String>;

    /// What each network takes as a whole, in the order given.
    ///
    /// # Errors
    /// A sentence: what could not be built or run.
    fn networks(&mut self, specs: &[ArchSpec]) -> Result<Vec<Timing>, String>;
}

impl<C: Clock + ?Sized> Clock for &mut C {
    fn pieces(&mut self, pieces: &[Piece]) -> Result<Vec<Timing>, String> {
        (**self).pieces(pieces)
    }

    fn networks(&mut self, specs: &[ArchSpec]) -> Result<Vec<Timing>, String> {
        (**self).networks(specs)
    }
}

#[cfg(test)]
mod tests;
