//! What came of an evolution, in numbers: for the report, and for whoever takes the winner on.

use efficientnet_scaling::BaselineFile;
use serde::Serialize;

use super::resample::{Comparison, compare};
use super::{Entry, Evolution, EvolveError, History, Objective};
use crate::{NetworkKey, Results, Tradeoff, hypervolume, pareto_front};

/// Both searches beside each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvolutionSummary {
    /// How networks were judged.
    pub objective: Objective,
    /// Combinations of choices in the space.
    pub space: f64,
    /// Networks that each search was to train.
    pub networks: usize,
    /// What both start from.
    pub baseline: Scored,
    /// The best of both searches by its reward; the baseline where nothing is better. What was chosen for its luck, too,
    /// is worth a little less than it seems.
    pub winner: Scored,
    /// The search that the winner is from; `evolution` where both came to as good a one.
    pub winner_of: &'static str,
    /// Where the hypervolume ends: the cost of the most expensive network of both searches, a top1 of 0.
    pub reference: Tradeoff,
    /// `reference.cost` over the baseline's cost.
    pub reference_ratio: f64,
    /// Evolution, then random search.
    pub arms: Vec<ArmSummary>,
    /// Whether evolution was better.
    pub comparison: Option<Comparison>,
}

/// A network with what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// Its name for people.
    pub name: String,
    /// Which network.
    pub network: NetworkKey,
    /// Its rows as block strings.
    pub blocks: Vec<String>,
    /// In the plan's measure.
    pub cost: f64,
    /// Over the baseline's.
    pub cost_ratio: f64,
    /// Mean over the seeds.
    pub top1: Option<f64>,
    /// By the mean.
    pub reward: f64,
    /// top1 of each seed; none for a trial that failed.
    pub seeds: Vec<Option<f64>>,
    /// The rewards of the worst and of the best seed alone.
    pub reward_range: [f64; 2],
}

/// What one search came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmSummary {
    /// `evolution` or `random`.
    pub name: &'static str,
    /// Networks whose trials have all ended.
    pub networks: usize,
    /// Networks that could not be trained from any seed.
    pub failed: usize,
    /// The best by its reward.
    pub best: Scored,
    /// After how many networks it came to that, from 1.
    pub best_at: usize,
    /// The best reward after each network.
    pub best_so_far: Vec<f64>,
    /// Networks that no other of this search beats in cost and top1, cheapest first.
    pub front: Vec<FrontMember>,
    /// The area under that front up to the reference: cost over the baseline's, times top1.
    pub hypervolume: f64,
}

/// A network on a front.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrontMember {
    /// Its name for people.
    pub name: String,
    /// Which network.
    pub network: NetworkKey,
    /// What it costs, and its mean top1.
    #[serde(flatten)]
    pub place: Tradeoff,
}

impl EvolutionSummary {
    /// Sums up what is known; `None` as long as neither the baseline nor any other network has a reward.
    ///
    /// # Errors
    /// Those of [`Evolution::histories`].
    pub fn of(search: &Evolution<'_>, results: &Results) -> Result<Option<Self>, EvolveError> {
        let mut histories = search.histories(results)?;
        histories.iter_mut().for_each(|history| history.entries.retain(|entry| entry.reward.is_some()));
        let [evolution, random] = &histories[..] else { return Ok(None) };
        let Some(first) = evolution.entries.first().filter(|_| !random.entries.is_empty()) else {
            return Ok(None);
        };
        let costs = evolution.entries.iter().chain(&random.entries).map(|entry| entry.cost);
        let reference = Tradeoff { cost: costs.fold(0.0, f64::max), top1: 0.0 };
        let judge = Judge { objective: search.objective(), baseline_cost: search.baseline_cost(), reference };
        let arms: Vec<ArmSummary> = [evolution, random].map(|history| judge.arm(history)).into();
        let winning = match arms[1].best.reward > arms[0].best.reward {
            true => &arms[1],
            false => &arms[0],
        };
        Ok(Some(Self {
            objective: search.objective(),
            space: search.space().size(),
            networks: search.plan().networks,
            baseline: judge.scored(first),
            winner: winning.best.clone(),
            winner_of: winning.name,
            reference,
            reference_ratio: reference.cost / judge.baseline_cost,
            comparison: compare(evolution, random, &search.objective(), search.plan().seed),
            arms,
        }))
    }

    /// The winner as a baseline's file, to be scaled like any other.
    ///
    /// # Errors
    /// [`EvolveError::Winner`] where no file gives this network.
    pub fn winner_toml(&self, search: &Evolution<'_>) -> Result<String, EvolveError> {
        let rows: Result<Vec<_>, _> = self.winner.blocks.iter().map(|row| row.parse()).collect();
        let spec = search.candidate(&search.space().genome(&rows?)?)?.spec;
        let text = BaselineFile::of(&spec, &self.winner.name).and_then(|file| file.to_toml());
        text.map_err(EvolveError::Winner)
    }
}

/// What networks are held against.
struct Judge {
    objective: Objective,
    baseline_cost: f64,
    reference: Tradeoff,
}

impl Judge {
    fn arm(&self, history: &History) -> ArmSummary {
        let entries = &history.entries;
        let mut best = &entries[0];
        let mut best_at = 1;
        let mut best_so_far = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            if entry.reward > best.reward {
                (best, best_at) = (entry, index + 1);
            }
            best_so_far.push(best.reward.unwrap_or(0.0));
        }
        let trained: Vec<(&Entry, Tradeoff)> = entries
            .iter()
            .filter_map(|entry| entry.top1.map(|top1| (entry, Tradeoff { cost: entry.cost, top1 })))
            .collect();
        let places: Vec<Tradeoff> = trained.iter().map(|(_, place)| *place).collect();
        let on_front = |index: usize| {
            let (entry, place) = trained[index];
            FrontMember { name: entry.name.clone(), network: entry.key, place }
        };
        ArmSummary {
            name: history.name,
            networks: entries.len(),
            failed: entries.len() - trained.len(),
            best: self.scored(best),
            best_at,
            best_so_far,
            front: pareto_front(&places).into_iter().map(on_front).collect(),
            hypervolume: hypervolume(&places, self.reference) / self.baseline_cost,
        }
    }

    fn scored(&self, entry: &Entry) -> Scored {
        let rewards = entry.seeds.iter().map(|top1| self.objective.reward(top1.unwrap_or(0.0), entry.cost));
        Scored {
            name: entry.name.clone(),
            network: entry.key,
            blocks: entry.blocks.clone(),
            cost: entry.cost,
            cost_ratio: entry.cost / self.baseline_cost,
            top1: entry.top1,
            reward: entry.reward.unwrap_or(0.0),
            seeds: entry.seeds.clone(),
            reward_range: [rewards.clone().fold(f64::INFINITY, f64::min), rewards.fold(0.0, f64::max)],
        }
    }
}
