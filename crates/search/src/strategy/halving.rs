//! Successive halving (Jamieson and Talwalkar 2016): all networks for few epochs, the best of them for more.
//!
//! A rung keeps the best 1/eta of the one before it, rounded up, and trains them eta times as long, anew, since a longer
//! schedule is another one; the last rung has the proxy's whole epochs. What ranks is the mean top-1 over the seeds that were
//! measured. Networks without any come last, and equal ones in the order of their keys.
//!
//! Ranked by accuracy alone, the dearest networks of a grid would win, since "close to 2" covers costs of which one is 1.7
//! times another. So where networks do not cost the same, they are ranked by how far they lie above the line that fits
//! accuracy over the logarithm of the cost best (least squares over the networks of the rung). Under eight networks that
//! line would follow the noise, and accuracy itself ranks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Results, Round, Strategy, trials};
use crate::{Candidate, NetworkKey, Trial};

/// Networks that it takes for a line.
const ENOUGH: usize = 8;

/// Rungs of rising length.
#[derive(Debug, Clone)]
pub struct Halving {
    networks: Vec<Arc<Candidate>>,
    eta: u64,
    rungs: Vec<u64>,
    seeds: Vec<u64>,
    by_cost: bool,
}

impl Halving {
    /// Rungs from `min_epochs` to `epochs`. `by_cost` says whether accuracy is compared at equal cost.
    pub fn new(
        networks: &[Arc<Candidate>],
        eta: u64,
        min_epochs: u64,
        epochs: u64,
        seeds: &[u64],
        by_cost: bool,
    ) -> Self {
        let (networks, seeds) = (networks.to_vec(), seeds.to_vec());
        Self { networks, eta, rungs: rungs(eta, min_epochs, epochs), seeds, by_cost }
    }

    fn kept(&self, count: usize) -> usize {
        (count as u64).div_ceil(self.eta.max(2)).max(1) as usize
    }

    /// The best of a rung that has ended.
    fn best(
        &self,
        networks: &[Arc<Candidate>],
        epochs: u64,
        results: &Results,
    ) -> Result<Vec<Arc<Candidate>>, String> {
        let measured: Vec<(NetworkKey, f64, f64)> = networks
            .iter()
            .filter_map(|network| {
                let key = NetworkKey::of(&network.spec);
                Some((key, network.cost, mean_top1(key, epochs, &self.seeds, results)?))
            })
            .collect();
        if measured.is_empty() {
            return Err(format!(
                "every trial of {epochs} epochs failed, so none can be gone on with; see their reasons in the journal"
            ));
        }
        let costs_and_scores: Vec<(f64, f64)> =
            measured.iter().map(|(_, cost, top1)| (*cost, *top1)).collect();
        let line = if self.by_cost { line(&costs_and_scores) } else { None };
        let score = |(key, cost, top1): &(NetworkKey, f64, f64)| {
            (*key, top1 - line.map_or(0.0, |(at_one, slope)| at_one + slope * cost.ln()))
        };
        let scores: BTreeMap<NetworkKey, f64> = measured.iter().map(score).collect();
        let mut ranked: Vec<(NetworkKey, &Arc<Candidate>)> =
            networks.iter().map(|network| (NetworkKey::of(&network.spec), network)).collect();
        let score = |key: &NetworkKey| scores.get(key).copied().unwrap_or(f64::NEG_INFINITY);
        ranked.sort_by(|(a, _), (b, _)| score(b).total_cmp(&score(a)).then(a.cmp(b)));
        Ok(ranked.into_iter().take(self.kept(networks.len())).map(|(_, network)| network.clone()).collect())
    }
}

impl Strategy for Halving {
    fn round(&self, results: &Results) -> Result<Option<Round>, String> {
        let mut networks = self.networks.clone();
        for (rung, &epochs) in self.rungs.iter().enumerate() {
            let trials: Vec<Trial> = trials(&networks, epochs, &self.seeds);
            if trials.iter().any(|trial| !results.contains_key(&trial.id)) {
                let mut round = Round { trials, ..Round::default() };
                let mut count = networks.len();
                for later in &self.rungs[rung + 1..] {
                    count = self.kept(count);
                    let trials = (count * self.seeds.len()) as u64;
                    round.later += trials;
                    round.later_epochs += trials * later;
                }
                return Ok(Some(round));
            }
            if rung + 1 < self.rungs.len() {
                networks = self.best(&networks, epochs, results)?;
            }
        }
        Ok(None)
    }
}

/// The lengths of the rungs: `min_epochs`, eta times that and so on, the last one `epochs`.
pub(crate) fn rungs(eta: u64, min_epochs: u64, epochs: u64) -> Vec<u64> {
    let longer = |length: &u64| Some(length.saturating_mul(eta.max(2)));
    let mut rungs: Vec<u64> = std::iter::successors(Some(min_epochs.max(1)), longer)
        .take_while(|length| *length < epochs)
        .collect();
    rungs.push(epochs);
    rungs
}

fn mean_top1(network: NetworkKey, epochs: u64, seeds: &[u64], results: &Results) -> Option<f64> {
    let top1 = |seed: &u64| results.get(&crate::TrialId { network, epochs, seed: *seed })?.top1();
    let measured: Vec<f64> = seeds.iter().filter_map(top1).collect();
    (!measured.is_empty()).then(|| measured.iter().sum::<f64>() / measured.len() as f64)
}

/// Height at a cost of 1 and slope over the cost's logarithm of the line that fits best; none where there are too few
/// points for one, or all at one cost.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    if points.len() < ENOUGH {
        return None;
    }
    let count = points.len() as f64;
    let mean_cost = points.iter().map(|(cost, _)| cost.ln()).sum::<f64>() / count;
    let mean_top1 = points.iter().map(|(_, top1)| top1).sum::<f64>() / count;
    let spread: f64 = points.iter().map(|(cost, _)| (cost.ln() - mean_cost).powi(2)).sum();
    let slope: f64 =
        points.iter().map(|(cost, top1)| (cost.ln() - mean_cost) * (top1 - mean_top1)).sum::<f64>() / spread;
    let at_one = mean_top1 - slope * mean_cost;
    (spread > 1e-9 && at_one.is_finite()).then_some((at_one, slope))
}
