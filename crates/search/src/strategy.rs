//! What is tried next, as a pure function of what is known.

use std::collections::BTreeMap;

use crate::{Outcome, Trial, TrialId};

/// The trials that have ended, from all shards.
pub type Results = BTreeMap<TrialId, Outcome>;

/// Trials that can be run in any order, on any shard.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// In the order in which they are dealt out to the shards. Those that are known already are among them.
    pub trials: Vec<Trial>,
    /// Trials that will follow in later rounds, as far as one can say: for the time left.
    pub later: u64,
}

/// How a search chooses.
pub trait Strategy {
    /// The first round that is not known completely; `None` where the search is at its end. The same results give the same
    /// round, and results that no round asked for change nothing.
    ///
    /// # Errors
    /// A sentence where no round can be had, such as when every trial failed.
    fn round(&self, results: &Results) -> Result<Option<Round>, String>;
}
