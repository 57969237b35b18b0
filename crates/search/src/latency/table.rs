//! What was measured, on what, and what follows from it: one JSON file.

use std::collections::BTreeMap;

use efficientnet_arch::{ArchSpec, Step};
use serde::{Deserialize, Serialize};

use super::{Costs, LatencyError, Measured, Timing};
use crate::NetworkKey;

/// The format. 1 had pieces that were measured one by one, and no number.
pub(super) const VERSION: u32 = 2;

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

/// A network that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Whole {
    /// Its name for people.
    pub name: String,
    /// A pass of the network.
    #[serde(flatten)]
    pub timing: Timing,
    /// Its steps, in order.
    pub steps: Vec<StepTime>,
}

/// A step of a network, and what it took there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// Milliseconds in a pass, where they could be told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
}

impl Whole {
    /// What a clock says of a network.
    ///
    /// # Errors
    /// [`LatencyError::NoTime`] for what is no time, [`LatencyError::Clock`] for times of other steps than the network's.
    pub(super) fn of(spec: &ArchSpec, measured: Measured) -> Result<Self, LatencyError> {
        let name = spec.name.clone();
        let Measured { whole: timing, steps: times } = measured;
        let steps = spec.steps();
        let is_time = |ms: f64| ms >= 0.0 && ms.is_finite();
        let wrong = times.iter().flatten().copied().find(|ms| !is_time(*ms));
        let wrong = wrong.or(Some(timing.median_ms).filter(|ms| !is_time(*ms) || *ms == 0.0));
        if let Some(milliseconds) = wrong.map(|ms| ms.to_string()) {
            return Err(LatencyError::NoTime { what: name, milliseconds });
        }
        if let Some(times) = times.as_ref().filter(|times| times.len() != steps.len()) {
            let (found, expected) = (times.len(), steps.len());
            return Err(LatencyError::Clock(format!(
                "{name} ran in {found} steps where {expected} were expected"
            )));
        }
        let ms = |index: usize| times.as_ref().and_then(|times| times.get(index).copied());
        let steps = steps.into_iter().enumerate().map(|(index, step)| StepTime { step, ms: ms(index) });
        Ok(Self { name, timing, steps: steps.collect() })
    }
}

/// Everything that was measured with one [`Setup`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyTable {
    /// The format's number.
    pub(super) version: u32,
    /// With what.
    pub setup: Setup,
    /// What work costs, once it was fitted.
    pub costs: Option<Costs>,
    /// Networks that were measured.
    pub networks: BTreeMap<NetworkKey, Whole>,
}

impl LatencyTable {
    /// With nothing in it.
    pub fn new(setup: Setup) -> Self {
        Self { version: VERSION, setup, costs: None, networks: BTreeMap::new() }
    }

    /// What work costs by all networks that were measured.
    pub(super) fn fitted(&self) -> Costs {
        Costs::fit(self.networks.values())
    }
}
