//! A report of what lies in a search's folder.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use efficientnet_arch::{ArchSpec, Totals};
use efficientnet_charts::number::counted;

use super::{Source, Written, write_files};
use crate::analysis::Material;
use crate::{
    CostOf, Evolution, EvolutionSummary, EvolveError, NetworkKey, Plan, PlanError, Record, Results, Strategy,
    Study, StudyError, Task, count_cost,
};

/// A sentence for each thing that can go wrong with a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder holds no search that can be read.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// The plan's networks cannot be had.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The evolution's networks cannot be had.
    #[error(transparent)]
    Evolve(#[from] EvolveError),
    /// The files cannot be written.
    #[error("the report cannot be written to {}: {source}; is there room, and may you write there?", .dir.display())]
    Write {
        /// The search's folder.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes a report of the search in a folder, into the same folder. Networks cost what the journal says, and those that are
/// not in it what is counted; for a latency use [`write_with`].
///
/// # Errors
/// [`ReportError`].
pub fn write(dir: &Path) -> Result<Written, ReportError> {
    let record = Study::read(dir)?;
    let mut counted = count_cost(record.plan.cost);
    report(dir, &record, &mut counted)
}

/// The same, where networks that are not in the journal cost what `cost` says.
///
/// # Errors
/// [`ReportError`].
pub fn write_with(dir: &Path, cost: CostOf<'_>) -> Result<Written, ReportError> {
    report(dir, &Study::read(dir)?, cost)
}

fn report(dir: &Path, record: &Record, cost: CostOf<'_>) -> Result<Written, ReportError> {
    let Record { plan, rows, times, .. } = record;
    let known: HashMap<NetworkKey, f64> = rows.iter().map(|row| (row.trial.network, row.cost)).collect();
    let mut journalled = |spec: &ArchSpec, totals: &Totals| match known.get(&NetworkKey::of(spec)) {
        Some(cost) => Ok(*cost),
        None => cost(spec, totals),
    };
    let results: Results = rows.iter().map(|row| (row.trial, row.outcome.clone())).collect();
    let lineup = plan.lineup(&mut journalled)?;
    let (evolution, planned) = match &plan.task {
        Task::Evolve(_) => evolved(plan, &mut journalled, &results)?,
        _ => (None, plan.strategy(&lineup).and_then(|strategy| planned(&*strategy, &results))),
    };
    let environment = environment(record);
    let plan_text = plan.to_toml()?;
    let material = Material { plan, lineup: &lineup, rows, times, evolution: evolution.as_ref() };
    let source = Source { material, plan_text: &plan_text, environment: &environment, planned };
    write_files(dir, &source).map_err(|source| ReportError::Write { dir: dir.to_path_buf(), source })
}

fn evolved(
    plan: &Plan,
    cost: CostOf<'_>,
    results: &Results,
) -> Result<(Option<EvolutionSummary>, Option<u64>), ReportError> {
    let search = Evolution::new(plan, cost)?;
    Ok((EvolutionSummary::of(&search, results)?, planned(&search, results)))
}

/// Trials that have ended and trials to come; none where the search cannot go on.
fn planned(strategy: &dyn Strategy, results: &Results) -> Option<u64> {
    let ended = results.len() as u64;
    match strategy.round(results).ok()? {
        None => Some(ended),
        Some(round) => {
            let open = round.trials.iter().filter(|trial| !results.contains_key(&trial.id)).count() as u64;
            Some(ended + open + round.later)
        }
    }
}

/// What the search depended on, and what is odd about its folder.
fn environment(record: &Record) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: String| {
        if !value.is_empty() && !facts.iter().any(|fact| fact.0 == name && fact.1 == value) {
            facts.push((name.to_string(), value));
        }
    };
    for environment in &record.environments {
        environment.facts().into_iter().for_each(|(name, value)| add(&name, value));
        add("command", environment.command.join(" "));
    }
    if record.environments.len() > 1 {
        add("shards", counted(record.environments.len() as u64, "shard", "shards"));
    }
    record.notes.iter().for_each(|note| add("note", note.clone()));
    facts
}
