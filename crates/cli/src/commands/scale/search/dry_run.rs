//! What a search would train, what it would cost, and about how long it would take.

use std::collections::BTreeMap;
use std::sync::Arc;

use efficientnet_runs::progress::duration;
use efficientnet_search::{Candidate, NetworkKey, Plan, Round};
use serde::Serialize;

use super::estimate::Pace;
use super::outcome::trials;
use crate::output::{self, scaled};
use crate::{Outcome, commands::scale::short};

#[derive(Serialize)]
struct Report<'a> {
    plan: &'a str,
    networks: Vec<Row>,
    /// Those that can be said beforehand.
    trials: usize,
    /// Those that follow from results.
    later_trials: u64,
    /// Multiply-adds of one image, times epochs, over all trials; later ones as the mean of these.
    macs_epochs: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_seconds: Option<f64>,
}

#[derive(Serialize)]
struct Row {
    network: NetworkKey,
    name: String,
    depth: f64,
    width: f64,
    resolution: usize,
    params: u64,
    macs: u64,
    activations: u64,
    cost: f64,
    trials: usize,
    epochs: u64,
}

/// Prints the first round's trials and what follows. `timed` is the number of training images and the pace, where they can be
/// had.
pub fn print(
    plan: &Plan,
    candidates: &[Arc<Candidate>],
    round: &Round,
    timed: Option<(usize, Pace)>,
    json: bool,
) -> Outcome {
    let report = report(plan, candidates, round, timed);
    if json { output::json(&report) } else { output::text(&report.text()) }
}

fn report<'a>(
    plan: &'a Plan,
    candidates: &[Arc<Candidate>],
    round: &Round,
    timed: Option<(usize, Pace)>,
) -> Report<'a> {
    let mut of_network: BTreeMap<NetworkKey, (usize, u64)> = BTreeMap::new();
    for trial in &round.trials {
        let entry = of_network.entry(trial.id.network).or_default();
        *entry = (entry.0 + 1, entry.1 + trial.id.epochs);
    }
    let epochs: u64 = round.trials.iter().map(|trial| trial.id.epochs).sum();
    let total = |of: &dyn Fn(f64) -> f64| {
        let first: f64 = round
            .trials
            .iter()
            .map(|trial| trial.id.epochs as f64 * of(trial.candidate.totals.macs as f64))
            .sum();
        first + first / epochs.max(1) as f64 * round.later_epochs as f64
    };
    Report {
        plan: &plan.name,
        networks: candidates.iter().map(|candidate| row(candidate, &of_network)).collect(),
        trials: round.trials.len(),
        later_trials: round.later,
        macs_epochs: total(&|macs| macs),
        images: timed.map(|(images, _)| images),
        estimated_seconds: timed.map(|(images, pace)| total(&|macs| pace.seconds(macs)) * images as f64),
    }
}

fn row(candidate: &Candidate, of_network: &BTreeMap<NetworkKey, (usize, u64)>) -> Row {
    let Candidate { spec, totals, cost } = candidate;
    let network = NetworkKey::of(spec);
    let (trials, epochs) = of_network.get(&network).copied().unwrap_or_default();
    Row {
        network,
        name: spec.name.clone(),
        depth: spec.coefficients.depth,
        width: spec.coefficients.width,
        resolution: spec.resolution(),
        params: totals.params,
        macs: totals.macs,
        activations: totals.activations,
        cost: *cost,
        trials,
        epochs,
    }
}

impl Report<'_> {
    fn text(&self) -> String {
        let header =
            ["network", "d", "w", "pixels", "params", "macs", "activations", "cost", "trials", "epochs"];
        let table = output::table(&header, &header[1..], self.networks.iter().map(Row::cells));
        let later = match self.later_trials {
            0 => String::new(),
            later => format!(", and about {later} that follow from their results"),
        };
        let mut lines = vec![
            format!("{}: {} networks", self.plan, self.networks.len()),
            String::new(),
            table,
            String::new(),
            format!("{}{later}", trials(self.trials)),
            format!("{} of one image x epochs", scaled(self.macs_epochs as u64, 1e9, "GMACs")),
        ];
        if let (Some(images), Some(seconds)) = (self.images, self.estimated_seconds) {
            let time = duration(std::time::Duration::from_secs_f64(seconds.min(1e9)));
            lines.push(format!(
                "about {time} on this machine, for {images} training images, measuring not counted"
            ));
        }
        lines.join("\n")
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let count = |number: u64| scaled(number, 1e6, "M");
        vec![
            self.name.clone(),
            short(self.depth),
            short(self.width),
            self.resolution.to_string(),
            count(self.params),
            count(self.macs),
            count(self.activations),
            format!("{:.4e}", self.cost),
            self.trials.to_string(),
            self.epochs.to_string(),
        ]
    }
}
