//! What is said at the end of a search, or of a shard's share.

use std::collections::BTreeMap;
use std::path::Path;

use efficientnet_search::{Ended, NetworkKey, Row, Study};
use serde::Serialize;

use crate::args::search::SearchArgs;
use crate::error::CliError;
use crate::output::{self, scaled};

/// Networks that are shown; all of them are in the report.
const SHOWN: usize = 40;

#[derive(Serialize)]
struct Report<'a> {
    folder: &'a Path,
    ended: &'static str,
    /// Trials of other shards that this one waits for.
    missing: u64,
    trials: usize,
    failed: usize,
    networks: Vec<Network>,
}

/// A network with its trials of most epochs.
#[derive(Serialize)]
struct Network {
    network: NetworkKey,
    name: String,
    macs: u64,
    params: u64,
    cost: f64,
    epochs: u64,
    seeds: usize,
    /// Mean over the seeds, 0 to 1.
    top1: f64,
    /// Lowest and highest of a seed.
    range: [f64; 2],
}

/// Prints what is known, as text or JSON.
pub fn print(args: &SearchArgs, folder: &Path, ended: Ended) -> Result<(), CliError> {
    let record = Study::read(folder)?;
    let failed = record.rows.iter().filter(|row| row.outcome.top1().is_none()).count();
    let (word, missing) = match ended {
        Ended::Complete => ("complete", 0),
        Ended::Stopped => ("stopped", 0),
        Ended::Waiting { trials } => ("waiting", trials),
    };
    let networks = networks(&record.rows);
    let report = Report { folder, ended: word, missing, trials: record.rows.len(), failed, networks };
    if args.json {
        return output::json(&report);
    }
    output::text(&report.text(ended))
}

/// Networks, cheapest first.
fn networks(rows: &[Row]) -> Vec<Network> {
    let mut groups: BTreeMap<NetworkKey, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.outcome.top1().is_some()) {
        groups.entry(row.trial.network).or_default().push(row);
    }
    let mut networks: Vec<Network> = groups.into_values().filter_map(|rows| network(&rows)).collect();
    networks.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.network.cmp(&b.network)));
    networks
}

fn network(rows: &[&Row]) -> Option<Network> {
    let epochs = rows.iter().map(|row| row.trial.epochs).max()?;
    let longest = rows.iter().filter(|row| row.trial.epochs == epochs);
    let mut scores: Vec<f64> = longest.filter_map(|row| row.outcome.top1()).collect();
    scores.sort_by(f64::total_cmp);
    let row = rows.first()?;
    Some(Network {
        network: row.trial.network,
        name: row.name.clone(),
        macs: row.macs,
        params: row.params,
        cost: row.cost,
        epochs,
        seeds: scores.len(),
        top1: scores.iter().sum::<f64>() / scores.len() as f64,
        range: [*scores.first()?, *scores.last()?],
    })
}

/// So many trials, in words.
pub fn trials(count: usize) -> String {
    format!("{count} trial{}", if count == 1 { "" } else { "s" })
}

impl Report<'_> {
    fn text(&self, ended: Ended) -> String {
        let header = ["network", "macs", "params", "cost", "epochs", "seeds", "top-1 %", "from", "to"];
        let rows = self.networks.iter().take(SHOWN).map(Network::cells);
        let mut lines = vec![output::table(&header, &header[1..], rows)];
        if self.networks.len() > SHOWN {
            lines.push(format!("and {} more networks", self.networks.len() - SHOWN));
        }
        let failed =
            if self.failed > 0 { format!(", of which {} failed", self.failed) } else { String::new() };
        lines.push(format!("\n{}{failed}; the search is in {}", trials(self.trials), self.folder.display()));
        lines.push(ended.to_string());
        lines.join("\n")
    }
}

impl Network {
    fn cells(&self) -> Vec<String> {
        let percent = |share: f64| format!("{:.2}", share * 100.0);
        vec![
            self.name.clone(),
            scaled(self.macs, 1e6, "M"),
            scaled(self.params, 1e6, "M"),
            format!("{:.4e}", self.cost),
            self.epochs.to_string(),
            self.seeds.to_string(),
            percent(self.top1),
            percent(self.range[0]),
            percent(self.range[1]),
        ]
    }
}
