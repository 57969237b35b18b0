//! All trials.

use std::collections::HashMap;

use efficientnet_charts::number::whole;
use efficientnet_charts::scale::short;
use efficientnet_charts::svg::escape;
use efficientnet_scaling::to_csv;
use serde::Serialize;

use super::figure::hundred;
use crate::analysis::{Analysis, Material, Trained};
use crate::{Outcome, Row, Time, TrialId};

/// Lines that are always seen.
const SHOWN: usize = 30;

#[derive(Serialize)]
struct Line<'a> {
    network: String,
    name: &'a str,
    epochs: u64,
    seed: u64,
    depth: f64,
    width: f64,
    resolution: usize,
    macs: u64,
    params: u64,
    activations: u64,
    cost: f64,
    images: Option<u64>,
    correct: Option<u64>,
    top1: Option<f64>,
    loss: Option<f64>,
    failed: Option<&'a str>,
    blocks: String,
    seconds: Option<f64>,
    training_seconds: Option<f64>,
}

/// A line for each trial, in the order of the journal.
pub fn csv(material: &Material<'_>) -> Result<String, String> {
    let times: HashMap<TrialId, &Time> = material.times.iter().map(|time| (time.trial, time)).collect();
    let lines: Vec<Line<'_>> =
        material.rows.iter().map(|row| line(row, times.get(&row.trial).copied())).collect();
    to_csv(&lines).map_err(|error| error.to_string())
}

fn line<'a>(row: &'a Row, time: Option<&Time>) -> Line<'a> {
    let (images, correct, loss, failed) = match &row.outcome {
        Outcome::Measured { images, correct, loss } => (Some(*images), Some(*correct), Some(*loss), None),
        Outcome::Failed { reason } => (None, None, None, Some(reason.as_str())),
    };
    Line {
        network: row.trial.network.to_string(),
        name: &row.name,
        epochs: row.trial.epochs,
        seed: row.trial.seed,
        depth: row.depth,
        width: row.width,
        resolution: row.resolution,
        macs: row.macs,
        params: row.params,
        activations: row.activations,
        cost: row.cost,
        images,
        correct,
        top1: row.outcome.top1(),
        loss: loss.filter(|loss| loss.is_finite()),
        failed,
        blocks: row.blocks.as_ref().map_or_else(String::new, |blocks| blocks.join(" ")),
        seconds: time.map(|time| time.seconds),
        training_seconds: time.map(|time| time.training_seconds),
    }
}

/// The networks, the longest trained and best first.
pub fn networks(analysis: &Analysis) -> String {
    if analysis.trained.is_empty() {
        return String::new();
    }
    let mut networks: Vec<&Trained> = analysis.trained.iter().collect();
    networks.sort_by(|a, b| b.epochs.cmp(&a.epochs).then(b.top1.total_cmp(&a.top1)));
    let rows: String = networks.iter().take(SHOWN).map(|network| row(network)).collect();
    format!(
        "<div class=\"wide\"><table class=\"data\"><thead><tr><th scope=\"col\">network</th><th scope=\"col\" \
         class=\"n\">epochs</th><th scope=\"col\" class=\"n\">seeds</th><th scope=\"col\" class=\"n\">pixels</th><th \
         scope=\"col\" class=\"n\">MACs</th><th scope=\"col\" class=\"n\">params</th><th scope=\"col\" \
         class=\"n\">activations</th><th scope=\"col\" class=\"n\">top-1</th><th scope=\"col\" class=\"n\">standard \
         error</th><th scope=\"col\" class=\"n\">its seeds' spread</th></tr></thead>\n<tbody>{rows}</tbody></table></div>\n{}",
        rest(networks.len())
    )
}

fn rest(count: usize) -> String {
    match count.saturating_sub(SHOWN) {
        0 => String::new(),
        rest => format!("<p class=\"soft\">{} more in <code>trials.csv</code>.</p>\n", whole(rest as u64)),
    }
}

fn row(network: &Trained) -> String {
    let points =
        |share: Option<f64>| share.map_or_else(|| "–".into(), |share| format!("{:.2}", hundred(share)));
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td \
         class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.2} %</td><td \
         class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
        escape(&network.name),
        network.epochs,
        network.seeds.len(),
        network.resolution,
        short(network.macs as f64),
        short(network.params as f64),
        short(network.activations as f64),
        hundred(network.top1),
        points(network.error),
        points(network.deviation)
    )
}

/// What came to nothing, with its reason.
pub fn failures(analysis: &Analysis) -> String {
    let row = |failure: &crate::analysis::Failure| {
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"reason\">{}</td></tr>\n",
            escape(&failure.name),
            failure.epochs,
            failure.seed,
            escape(&failure.reason)
        )
    };
    let rows: String = analysis.failures.iter().take(SHOWN).map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<div class=\"wide\"><table class=\"data\"><thead><tr><th scope=\"col\">network</th><th scope=\"col\" \
         class=\"n\">epochs</th><th scope=\"col\" class=\"n\">seed</th><th scope=\"col\">reason</th></tr></thead>\n\
         <tbody>{rows}</tbody></table></div>\n{}",
        rest(analysis.failures.len())
    )
}
