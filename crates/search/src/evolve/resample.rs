//! How sure one may be that evolution beat random search.
//!
//! Two questions, with one run of each search. Were the best networks of evolution better, or lucky with their seeds? Each
//! network's seeds are drawn again with replacement, the best are picked anew, and the difference of their means has an
//! interval (bootstrap). And did choosing parents help at all? Where it did nothing, the networks that the two searches
//! came to after the population that they share would be alike, and it would not matter which search a network is said to
//! be from (permutation test).
//!
//! Neither speaks of another run of the searches from another `evolve.seed`; only other runs do.

use efficientnet_data::{Purpose, Random};
use serde::Serialize;

use super::history::mean_top1;
use super::{Entry, History, Objective};

/// Best networks of each search whose mean reward is compared.
const TOP: usize = 5;

/// Times that the seeds are drawn again, and that the networks are dealt out anew.
const DRAWS: usize = 1000;

/// Evolution beside random search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// How many of the best networks of each are looked at.
    pub top: usize,
    /// Mean reward of these: evolution's less random search's.
    pub difference: f64,
    /// Where 95 % of the differences lie when each network's seeds are drawn again; none where there is one seed.
    pub interval: Option<[f64; 2]>,
    /// Share of these differences that are above 0; none where there is one seed.
    pub above_zero: Option<f64>,
    /// How often the seeds were drawn again.
    pub draws: usize,
    /// The networks after the shared population; none as long as one of the searches has none.
    pub later: Option<Later>,
}

/// The networks that came after the population that both searches share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Later {
    /// Mean reward of evolution's children.
    pub evolution: f64,
    /// Mean reward of those drawn at random.
    pub random: f64,
    /// How often networks dealt out by chance differ by as much or more in evolution's favour.
    pub p_value: f64,
}

/// Compares the networks whose rewards are known; none where one of the searches has none yet.
pub(super) fn compare(
    evolution: &History,
    random: &History,
    objective: &Objective,
    seed: u64,
) -> Option<Comparison> {
    let known = |history: &History| -> Vec<Entry> {
        history.entries.iter().filter(|entry| entry.reward.is_some()).cloned().collect()
    };
    let arms = [known(evolution), known(random)];
    let top = arms.iter().map(Vec::len).min().filter(|count| *count > 0)?.min(TOP);
    let difference = |rewards: [Vec<f64>; 2]| {
        let [evolution, random] = rewards.map(|rewards| mean_of_best(rewards, top));
        evolution - random
    };
    let rewards = |entry: &Entry| objective.reward(mean_top1(&entry.seeds), entry.cost);
    let measured = difference([0, 1].map(|arm: usize| arms[arm].iter().map(rewards).collect()));
    let differences: Vec<f64> = match arms[0][0].seeds.len() {
        0 | 1 => Vec::new(),
        _ => (0..DRAWS).map(|draw| difference(drawn_again(&arms, objective, seed, draw as u64))).collect(),
    };
    Some(Comparison {
        top,
        difference: measured,
        interval: interval(&differences),
        above_zero: share_above_zero(&differences),
        draws: differences.len(),
        later: later(&arms, seed),
    })
}

/// Rewards from seeds that are drawn again. A network of both searches has the same in both: its luck is no difference
/// between them.
fn drawn_again(arms: &[Vec<Entry>; 2], objective: &Objective, seed: u64, draw: u64) -> [Vec<f64>; 2] {
    let mut random = Random::new(seed, 0, draw, Purpose::Resample);
    let mut known = std::collections::HashMap::new();
    let mut reward = |entry: &Entry| {
        *known.entry(entry.key).or_insert_with(|| {
            let count = entry.seeds.len();
            let seeds: Vec<_> = (0..count).map(|_| entry.seeds[random.below(count)]).collect();
            objective.reward(mean_top1(&seeds), entry.cost)
        })
    };
    let mut rewards = |arm: &Vec<Entry>| arm.iter().map(&mut reward).collect();
    [rewards(&arms[0]), rewards(&arms[1])]
}

fn mean_of_best(mut rewards: Vec<f64>, top: usize) -> f64 {
    rewards.sort_by(|a, b| b.total_cmp(a));
    mean(&rewards[..top])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// From the 2.5th to the 97.5th percentile.
fn interval(values: &[f64]) -> Option<[f64; 2]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)? as f64;
    let at = |share: f64| sorted[(last * share).round() as usize];
    Some([at(0.025), at(0.975)])
}

fn share_above_zero(values: &[f64]) -> Option<f64> {
    let above = values.iter().filter(|value| **value > 0.0).count();
    (!values.is_empty()).then(|| above as f64 / values.len() as f64)
}

/// A permutation test of the difference of the means.
fn later(arms: &[Vec<Entry>; 2], seed: u64) -> Option<Later> {
    let after = |arm: &Vec<Entry>| -> Vec<f64> {
        arm.iter().filter(|entry| entry.round > 0).filter_map(|entry| entry.reward).collect()
    };
    let (children, drawn) = (after(&arms[0]), after(&arms[1]));
    if children.is_empty() || drawn.is_empty() {
        return None;
    }
    let split = children.len();
    let mut pool = [children, drawn].concat();
    let difference = |pool: &[f64]| mean(&pool[..split]) - mean(&pool[split..]);
    let (evolution, random, measured) = (mean(&pool[..split]), mean(&pool[split..]), difference(&pool));
    let mut as_much = |draw: &usize| {
        Random::new(seed, 1, *draw as u64, Purpose::Resample).shuffle(&mut pool);
        // Sums in another order differ in the last bits.
        difference(&pool) >= measured - 1e-12
    };
    let count = (0..DRAWS).filter(|draw| as_much(draw)).count();
    // The dealing that was seen is one of the possible ones.
    Some(Later { evolution, random, p_value: (count + 1) as f64 / (DRAWS + 1) as f64 })
}
