//! The page of a search, and what lies beside it.

use std::path::{Path, PathBuf};

use efficientnet_runs::folder::Environment;
use efficientnet_search::analysis::Material;
use efficientnet_search::report::{Source, write_files};
use efficientnet_search::{Evolution, EvolutionSummary, Record, Results, Strategy, Study, Task};

use super::{cost_of, strategy};
use crate::error::CliError;
use crate::output;

/// The baseline that an evolution found, in the search's folder.
const WINNER: &str = "winner.toml";

/// Writes the page of the search in a folder, its figures, tables and numbers, and gives the page's place. What an evolution
/// found is written as a baseline, to be scaled like any other.
pub fn write(folder: &Path) -> Result<PathBuf, CliError> {
    let Record { plan, rows, times, environments, .. } = Study::read(folder)?;
    let device = environments.first().map_or("flex", |environment| environment.device.as_str());
    let mut cost = cost_of(&plan, device, folder)?;
    let lineup = plan.lineup(&mut *cost)?;
    let results: Results = rows.iter().map(|row| (row.trial, row.outcome.clone())).collect();
    let planned = planned(&*strategy(&plan, &lineup, &mut *cost)?, &results);
    let mut evolution = None;
    if matches!(plan.task, Task::Evolve(_)) {
        let search = Evolution::new(&plan, &mut *cost)?;
        evolution = EvolutionSummary::of(&search, &results)?;
        if let Some(summary) = &evolution {
            output::file(&folder.join(WINNER), summary.winner_toml(&search)?.as_bytes())?;
        }
    }
    let material =
        Material { plan: &plan, lineup: &lineup, rows: &rows, times: &times, evolution: evolution.as_ref() };
    let (plan_text, environment) = (plan.to_toml()?, facts(&environments));
    let source = Source { material, plan_text: &plan_text, environment: &environment, planned };
    let written = write_files(folder, &source).map_err(|error| CliError::writing(folder, &error))?;
    Ok(written.page)
}

/// Trials of the whole search, as far as one can say.
fn planned(strategy: &dyn Strategy, results: &Results) -> Option<u64> {
    let round = strategy.round(results).ok()?;
    let missing = round.map_or(0, |round| {
        let missing = round.trials.iter().filter(|trial| !results.contains_key(&trial.id)).count();
        missing as u64 + round.later
    });
    Some(results.len() as u64 + missing)
}

/// What the shards were run with and where; what differs stands side by side.
fn facts(environments: &[Environment]) -> Vec<(String, String)> {
    let mut facts: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in environments.iter().flat_map(Environment::facts) {
        match facts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) if values.contains(&value) => {}
            Some((_, values)) => values.push(value),
            None => facts.push((name, vec![value])),
        }
    }
    facts.into_iter().map(|(name, values)| (name, values.join("; "))).collect()
}
