//! What is tried next, as a pure function of what is known.

mod full;
mod halving;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Candidate, Coefficients, Lineup, NetworkKey, Outcome, Plan, Strategies, Task, Trial, TrialId};

pub use full::Full;
pub use halving::Halving;
pub(crate) use halving::rungs;

/// The trials that have ended, from all shards.
pub type Results = BTreeMap<TrialId, Outcome>;

/// Trials that can be run in any order, on any shard.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// In the order in which they are dealt out to the shards. Those that are known already are among them.
    pub trials: Vec<Trial>,
    /// Trials that will follow in later rounds, as far as one can say: for the time left.
    pub later: u64,
    /// Their epochs together.
    pub later_epochs: u64,
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

impl Plan {
    /// How the networks of a comparison or of a search for coefficients are chosen; none for an evolution, whose networks are
    /// not known beforehand.
    pub fn strategy(&self, lineup: &Lineup) -> Option<Box<dyn Strategy>> {
        let (networks, epochs, seeds) = (&lineup.candidates, self.proxy.epochs, &self.proxy.seeds);
        let Coefficients { strategy, at_cost, .. } = match &self.task {
            Task::Compare(_) => return Some(Box::new(Full::new(networks, epochs, seeds))),
            Task::Coefficients(coefficients) => coefficients,
            Task::Evolve(_) => return None,
        };
        Some(match *strategy {
            Strategies::Full => Box::new(Full::new(networks, epochs, seeds)),
            Strategies::Random { networks: count, seed } => {
                Box::new(Full::drawn(networks, count, seed, epochs, seeds))
            }
            Strategies::Halving { eta, min_epochs } => {
                Box::new(Halving::new(networks, eta, min_epochs, epochs, seeds, at_cost.is_none()))
            }
        })
    }
}

/// Networks times seeds, all of the first seed first.
pub(crate) fn trials(networks: &[Arc<Candidate>], epochs: u64, seeds: &[u64]) -> Vec<Trial> {
    let keys: Vec<NetworkKey> = networks.iter().map(|network| NetworkKey::of(&network.spec)).collect();
    let of_seed = |seed: u64| {
        let pairs = keys.iter().zip(networks);
        pairs.map(move |(network, candidate)| Trial {
            id: TrialId { network: *network, epochs, seed },
            candidate: candidate.clone(),
        })
    };
    seeds.iter().flat_map(|seed| of_seed(*seed)).collect()
}
