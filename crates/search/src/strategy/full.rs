//! All networks, or some drawn of them, each for the whole of the proxy's epochs.

use std::sync::Arc;

use efficientnet_data::{Purpose, Random};

use super::{Results, Round, Strategy, trials};
use crate::{Candidate, Trial};

/// One round: networks times seeds, all networks from the first seed, then all from the second, so that a search that is
/// stopped early has something of everything.
#[derive(Debug, Clone)]
pub struct Full {
    trials: Vec<Trial>,
}

impl Full {
    /// All networks.
    pub fn new(networks: &[Arc<Candidate>], epochs: u64, seeds: &[u64]) -> Self {
        Self { trials: trials(networks, epochs, seeds) }
    }

    /// So many networks, drawn without replacement; all where there are no more. They keep their order, and which they are
    /// follows from `draw`.
    pub fn drawn(networks: &[Arc<Candidate>], count: usize, draw: u64, epochs: u64, seeds: &[u64]) -> Self {
        let mut places: Vec<usize> = (0..networks.len()).collect();
        Random::new(draw, 0, 0, Purpose::Order).shuffle(&mut places);
        places.truncate(count);
        places.sort_unstable();
        let drawn: Vec<Arc<Candidate>> =
            places.into_iter().filter_map(|place| networks.get(place).cloned()).collect();
        Self::new(&drawn, epochs, seeds)
    }
}

impl Strategy for Full {
    fn round(&self, results: &Results) -> Result<Option<Round>, String> {
        let open = self.trials.iter().any(|trial| !results.contains_key(&trial.id));
        Ok(open.then(|| Round { trials: self.trials.clone(), ..Round::default() }))
    }
}
