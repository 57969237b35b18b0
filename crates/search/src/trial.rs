//! A trial: one network, trained once from one seed.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Candidate, NetworkKey};

/// What tells trials apart. Two strategies that ask for the same one train it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrialId {
    /// The network.
    pub network: NetworkKey,
    /// Passes over the training images; a trial of more epochs starts anew, since its schedule is another one.
    pub epochs: u64,
    /// What its random numbers follow from.
    pub seed: u64,
}

/// As a file name: `0123456789abcdef-e8-s0`.
impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-e{}-s{}", self.network, self.epochs, self.seed)
    }
}

/// A trial that is to be run.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Which one.
    pub id: TrialId,
    /// Its network.
    pub candidate: Arc<Candidate>,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was trained and measured.
    Measured {
        /// Images that it was measured on.
        images: u64,
        /// How many of these it named rightly.
        correct: u64,
        /// Mean cross entropy on them, without label smoothing, in nats.
        loss: f64,
    },
    /// It could not be: the search goes on without it.
    Failed {
        /// Why, in a sentence.
        reason: String,
    },
}

impl Outcome {
    /// Share of the images that were named rightly; none for a trial that failed.
    pub fn top1(&self) -> Option<f64> {
        match self {
            Self::Measured { images, correct, .. } if *images > 0 => Some(*correct as f64 / *images as f64),
            _ => None,
        }
    }
}
