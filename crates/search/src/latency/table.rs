//! What was measured, on what: one JSON file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fit::predicted_by_others;
use super::{Accuracy, Correction, Point, Timing};
use crate::NetworkKey;

/// With what was measured: what was asked for, and what it ran on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Setup {
    /// The device as it was asked for, such as `flex` or `cuda:0`.
    pub device: String,
    /// What computed: `compiled` or `burn`.
    pub engine: String,
    /// Images in one forward pass; times are of the pass.
    pub batch: usize,
    /// The device in its driver's words.
    pub device_description: String,
    /// The processor's name, where the system tells it.
    pub processor: Option<String>,
    /// Threads of a pass on a processor.
    pub threads: usize,
    /// The day of the first measurement.
    pub date: String,
}

impl Setup {
    /// The machine for people.
    pub fn machine(&self) -> String {
        let processor = self.processor.as_deref().unwrap_or("an unnamed processor");
        format!("{}, {processor}, {} threads", self.device_description, self.threads)
    }
}

/// A network that was measured whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Whole {
    /// Its name for people.
    pub name: String,
    /// The sum of its pieces, in milliseconds.
    pub pieces_ms: f64,
    /// The network itself.
    #[serde(flatten)]
    pub timing: Timing,
}

/// Everything that was measured with one [`Setup`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyTable {
    /// With what.
    pub setup: Setup,
    /// From sums of pieces to networks, once it was fitted.
    pub correction: Option<Correction>,
    /// By [`efficientnet_arch::Piece::key`].
    pub pieces: BTreeMap<String, Timing>,
    /// Networks measured whole.
    pub networks: BTreeMap<NetworkKey, Whole>,
}

impl LatencyTable {
    /// With nothing in it.
    pub fn new(setup: Setup) -> Self {
        Self { setup, ..Self::default() }
    }

    /// The networks for a fit.
    pub fn points(&self) -> Vec<Point> {
        self.networks.values().map(Whole::point).collect()
    }

    /// How well networks are predicted that the correction was not fitted to; none for fewer than three.
    pub fn accuracy(&self) -> Option<Accuracy> {
        Accuracy::leave_one_out(&self.points())
    }

    /// What a network that was measured whole should take by its pieces, the correction fitted to all others.
    pub fn predicted_by_others(&self, key: NetworkKey) -> Option<f64> {
        let index = self.networks.keys().position(|other| *other == key)?;
        Some(predicted_by_others(&self.points(), index))
    }
}

impl Whole {
    fn point(&self) -> Point {
        Point { name: self.name.clone(), sum: self.pieces_ms, measured: self.timing.median_ms }
    }
}
