//! The page of a search, and what lies beside it.

use std::path::{Path, PathBuf};

use efficientnet_search::report::write_with;
use efficientnet_search::{Evolution, EvolutionSummary, Record, Results, Study, Task};

use super::cost_of;
use crate::error::CliError;
use crate::output;

/// The baseline that an evolution found, in the search's folder.
const WINNER: &str = "winner.toml";

/// Writes the page of the search in a folder, its figures, tables and numbers, and gives the page's place. What an evolution
/// found is written as a baseline, to be scaled like any other.
pub fn write(folder: &Path) -> Result<PathBuf, CliError> {
    let Record { plan, rows, environments, .. } = Study::read(folder)?;
    let device = environments.first().map_or("flex", |environment| environment.device.as_str());
    let mut cost = cost_of(&plan, device, folder)?;
    if matches!(plan.task, Task::Evolve(_)) {
        let results: Results = rows.into_iter().map(|row| (row.trial, row.outcome)).collect();
        let search = Evolution::new(&plan, &mut *cost)?;
        if let Some(summary) = EvolutionSummary::of(&search, &results)? {
            output::file(&folder.join(WINNER), summary.winner_toml(&search)?.as_bytes())?;
        }
    }
    Ok(write_with(folder, &mut *cost)?.page)
}
