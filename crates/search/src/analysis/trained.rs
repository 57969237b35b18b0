//! Networks with what their seeds came to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::numbers::{Interval, mean, squares};
use crate::{NetworkKey, Outcome, Row, Tradeoff};

/// A network that was trained for so many epochs, at least once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trained {
    /// Which network.
    pub network: NetworkKey,
    /// Its name for people.
    pub name: String,
    /// Passes over the training images.
    pub epochs: u64,
    /// Whether it was trained for no more epochs elsewhere: of several rungs only the highest one counts.
    pub longest: bool,
    /// Depth coefficient.
    pub depth: f64,
    /// Width coefficient.
    pub width: f64,
    /// Side of the input in pixels.
    pub resolution: usize,
    /// The baseline's rows, where the search changes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<String>>,
    /// Multiply-adds of one image.
    pub macs: u64,
    /// Trainable values.
    pub params: u64,
    /// Values put out.
    pub activations: u64,
    /// The plan's own cost.
    pub cost: f64,
    /// Images that it was measured on.
    pub images: u64,
    /// One for each seed, in order.
    pub seeds: Vec<SeedResult>,
    /// Mean top-1 of the seeds, 0 to 1.
    pub top1: f64,
    /// Standard deviation between its own seeds; none with a single one.
    pub deviation: Option<f64>,
    /// Standard error of the mean, from the pooled deviation of all networks of as many epochs.
    pub error: Option<f64>,
    /// 95 % interval of the mean, from the same.
    pub interval: Option<Interval>,
    /// Binomial standard error of one measurement on so many images: shared by all networks, since the images are.
    pub images_error: f64,
}

/// One training of a network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SeedResult {
    /// From which seed.
    pub seed: u64,
    /// Share of the images that were named rightly.
    pub top1: f64,
    /// Mean cross entropy in nats.
    pub loss: f64,
}

/// How much the seeds of a network differ, pooled over the networks of as many epochs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Noise {
    /// Passes over the training images.
    pub epochs: u64,
    /// Standard deviation of the top-1 of a single training.
    pub deviation: f64,
    /// Its degrees of freedom: trainings less networks.
    pub degrees: f64,
    /// How often the networks' means would differ as much by chance if all were equally good (one-way analysis of variance).
    pub chance: Option<f64>,
}

/// A trial that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The network's name.
    pub name: String,
    /// Passes over the training images.
    pub epochs: u64,
    /// From which seed.
    pub seed: u64,
    /// Why, in a sentence.
    pub reason: String,
}

impl Trained {
    /// What it trades off.
    pub fn tradeoff(&self) -> Tradeoff {
        Tradeoff { cost: self.cost, top1: self.top1 }
    }

    /// Its top-1 from this seed.
    pub fn from_seed(&self, seed: u64) -> Option<f64> {
        self.seeds.iter().find(|result| result.seed == seed).map(|result| result.top1)
    }

    fn new(row: &Row) -> Self {
        Self {
            network: row.trial.network,
            name: row.name.clone(),
            epochs: row.trial.epochs,
            longest: false,
            depth: row.depth,
            width: row.width,
            resolution: row.resolution,
            blocks: row.blocks.clone(),
            macs: row.macs,
            params: row.params,
            activations: row.activations,
            cost: row.cost,
            images: 0,
            seeds: Vec::new(),
            top1: 0.0,
            deviation: None,
            error: None,
            interval: None,
            images_error: 0.0,
        }
    }

    fn tops(&self) -> Vec<f64> {
        self.seeds.iter().map(|result| result.top1).collect()
    }
}

/// Sorts the rows out; of a trial that is there twice the first row counts.
pub(super) fn trained(rows: &[Row]) -> (Vec<Trained>, Vec<Noise>, Vec<Failure>) {
    let (mut trained, failures) = gather(rows);
    let mut highest: BTreeMap<NetworkKey, u64> = BTreeMap::new();
    for network in &mut trained {
        network.seeds.sort_by_key(|result| result.seed);
        let tops = network.tops();
        network.top1 = mean(&tops).unwrap_or(0.0);
        network.deviation = (tops.len() > 1).then(|| (squares(&tops) / (tops.len() - 1) as f64).sqrt());
        network.images_error = (network.top1 * (1.0 - network.top1) / network.images.max(1) as f64).sqrt();
        let epochs = highest.entry(network.network).or_default();
        *epochs = network.epochs.max(*epochs);
    }
    let epochs: BTreeSet<u64> = trained.iter().map(|network| network.epochs).collect();
    let noise: Vec<Noise> = epochs.into_iter().filter_map(|epochs| pooled(&trained, epochs)).collect();
    for network in &mut trained {
        network.longest = highest.get(&network.network) == Some(&network.epochs);
        if let Some(noise) = noise.iter().find(|noise| noise.epochs == network.epochs) {
            let error = noise.deviation / (network.seeds.len() as f64).sqrt();
            network.error = Some(error);
            network.interval = Interval::around(network.top1, error, noise.degrees);
        }
    }
    (trained, noise, failures)
}

fn gather(rows: &[Row]) -> (Vec<Trained>, Vec<Failure>) {
    let mut places: BTreeMap<(NetworkKey, u64), usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let (mut trained, mut failures) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(|row| seen.insert(row.trial)) {
        match &row.outcome {
            Outcome::Failed { reason } => failures.push(Failure {
                name: row.name.clone(),
                epochs: row.trial.epochs,
                seed: row.trial.seed,
                reason: reason.clone(),
            }),
            Outcome::Measured { images, loss, .. } => {
                let Some(top1) = row.outcome.top1() else { continue };
                let place = *places.entry((row.trial.network, row.trial.epochs)).or_insert_with(|| {
                    trained.push(Trained::new(row));
                    trained.len() - 1
                });
                trained[place].images = *images;
                trained[place].seeds.push(SeedResult { seed: row.trial.seed, top1, loss: *loss });
            }
        }
    }
    (trained, failures)
}

/// None where no network has two seeds.
fn pooled(trained: &[Trained], epochs: u64) -> Option<Noise> {
    let groups: Vec<Vec<f64>> =
        trained.iter().filter(|network| network.epochs == epochs).map(Trained::tops).collect();
    let all: Vec<f64> = groups.iter().flatten().copied().collect();
    let degrees = (all.len() - groups.len()) as f64;
    if degrees <= 0.0 {
        return None;
    }
    let within: f64 = groups.iter().map(|group| squares(group)).sum();
    let between = squares(&all) - within;
    let (variance, steps) = (within / degrees, groups.len() as f64 - 1.0);
    let chance =
        (variance > 0.0).then(|| super::f_tail((between / steps / variance).max(0.0), steps, degrees));
    Some(Noise { epochs, deviation: variance.sqrt(), degrees, chance: chance.flatten() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::row;

    /// By hand: squares of 0.02 + 0.08 parts in 1e4 over two degrees each.
    #[test]
    fn spread_is_pooled_over_networks() {
        let rows = [
            row(1, 4, 0, 1e6, 500),
            row(1, 4, 1, 1e6, 510),
            row(1, 4, 2, 1e6, 520),
            row(2, 4, 0, 2e6, 600),
            row(2, 4, 1, 2e6, 620),
            row(2, 4, 2, 2e6, 640),
        ];
        let (trained, noise, failures) = trained(&rows);
        assert!(failures.is_empty() && trained.len() == 2 && noise.len() == 1);
        assert!(
            (trained[0].top1 - 0.51).abs() < 1e-12 && (trained[0].deviation.unwrap() - 0.01).abs() < 1e-12
        );
        // (2 x 0.01^2 + 2 x 0.02^2) / 4 = 0.00025.
        assert!((noise[0].deviation.powi(2) - 0.00025).abs() < 1e-12 && noise[0].degrees == 4.0);
        let half = 2.776_445 * (0.00025f64 / 3.0).sqrt();
        let interval = trained[0].interval.unwrap();
        assert!((interval.high - 0.51 - half).abs() < 1e-6 && (interval.low - 0.51 + half).abs() < 1e-6);
        // F = 3 x 2 x 0.055^2 / 0.00025 = 72.6 with 1 and 4 degrees of freedom.
        assert!((noise[0].chance.unwrap() - 0.001_04).abs() < 5e-5, "{:?}", noise[0].chance);
        assert!((trained[0].images_error - (0.51f64 * 0.49 / 1000.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn only_the_highest_rung_of_a_network_counts_and_no_trial_counts_twice() {
        let rows =
            [row(1, 2, 0, 1e6, 300), row(1, 4, 0, 1e6, 500), row(2, 2, 0, 1e6, 200), row(2, 2, 0, 1e6, 900)];
        let (trained, noise, _) = trained(&rows);
        let longest: Vec<(u64, bool)> = trained.iter().map(|t| (t.epochs, t.longest)).collect();
        assert_eq!(longest, [(2, false), (4, true), (2, true)]);
        assert!(noise.is_empty() && trained[2].seeds.len() == 1 && trained[2].interval.is_none());
    }

    #[test]
    fn what_failed_is_told_apart() {
        let mut broken = row(3, 4, 1, 1e6, 0);
        broken.outcome = Outcome::Failed { reason: "the loss is no number".into() };
        let (trained, _, failures) = trained(&[broken]);
        assert!(trained.is_empty());
        assert_eq!((failures[0].seed, failures[0].reason.as_str()), (1, "the loss is no number"));
    }
}
