//! `efficientnet weights`: look into files, convert them, list and download published ones.

use std::path::{Path, PathBuf};

use efficientnet_weights::registry::{self, Checkpoint};
use efficientnet_weights::{LoadOptions, Naming, SaveOptions, WeightsError};

use crate::args::{WeightsArgs, WeightsCommand};
use crate::error::CliError;
use crate::{Outcome, loading, output};

pub fn run(args: &WeightsArgs) -> Outcome {
    match &args.command {
        WeightsCommand::Inspect { file, json } => inspect(file, *json),
        WeightsCommand::Convert { file, to, naming, force } => convert(file, to, naming, *force),
        WeightsCommand::List { json } => list(*json),
        WeightsCommand::Fetch { name } => output::text(&fetch(name)?.display().to_string()),
    }
}

fn inspect(file: &Path, json: bool) -> Outcome {
    let inspection = efficientnet_weights::inspect(file, &LoadOptions::default())?;
    if json {
        return output::json(&inspection);
    }
    output::text(inspection.to_string().trim_end())
}

fn convert(file: &Path, to: &Path, naming: &str, force: bool) -> Outcome {
    let naming: Naming = naming.parse::<Naming>()?;
    if !force && to.exists() {
        return Err(CliError::Usage(format!("{} exists; replace it with --force", to.display())));
    }
    let mut weights = efficientnet_weights::load(file, &LoadOptions::default())?;
    let names = weights.metadata().get_key_value(loading::CLASSES);
    let metadata = names.map(|(key, names)| (key.clone(), names.clone())).into_iter().collect();
    let options = SaveOptions { overwrite: force, metadata };
    efficientnet_weights::save(&mut weights, naming, to, &options)?;
    output::text(&format!("{}: {} in {naming} naming", to.display(), weights.spec().name))
}

fn list(json: bool) -> Outcome {
    let checkpoints = registry::all();
    if json {
        return output::json(&checkpoints);
    }
    let header = ["name", "model", "top-1", "licence"];
    let row = |checkpoint: &Checkpoint| {
        let top1 = checkpoint.top1.map_or(String::new(), |top1| format!("{top1:.2} %"));
        vec![
            checkpoint.name.clone(),
            checkpoint.model.clone(),
            top1,
            checkpoint.licence.clone().unwrap_or_default(),
        ]
    };
    output::text(&output::table(&header, &["top-1"], checkpoints.iter().map(row)))
}

/// Downloads a published checkpoint, unless the cache has it, and gives its path.
pub fn fetch(name: &str) -> Result<PathBuf, WeightsError> {
    efficientnet_weights::fetch(name)
}
