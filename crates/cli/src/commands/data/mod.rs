//! `efficientnet data`: list, fetch, inspect and split data sets.

mod fetch;
mod inspect;
mod list;
mod split;

use std::path::{Path, PathBuf};

use efficientnet_data::inspect::{NamedSource, open_splits};
use efficientnet_data::manifest::Reader;
use efficientnet_data::{Manifest, dataset_dir, read_class_list};

use crate::Outcome;
use crate::args::{DataArgs, DataCommand};
use crate::error::CliError;

pub fn run(args: &DataArgs) -> Outcome {
    match &args.command {
        DataCommand::List { json } => list::run(*json),
        DataCommand::Fetch { name, into } => fetch::run(name, into.as_deref()),
        DataCommand::Inspect(args) => inspect::run(args),
        DataCommand::Split(args) => split::run(args),
    }
}

/// Opens a path, or a data set by its name after `fetch`, in its parts; never none.
fn open(spec: &str, classes: Option<&PathBuf>) -> Result<Vec<NamedSource>, CliError> {
    let order = classes.map(read_class_list).transpose()?;
    Ok(open_splits(&located(spec)?, order)?)
}

/// A name becomes the place in the cache; anything else stays as it is.
fn located(spec: &str) -> Result<String, CliError> {
    let known = Manifest::get(spec).ok().filter(|manifest| manifest.layout.source != Reader::Shapes);
    let Some(manifest) = known.filter(|_| !Path::new(spec).exists()) else { return Ok(spec.to_string()) };
    let name = &manifest.name;
    let place = manifest.open_in(&dataset_dir(name)).ok_or_else(|| {
        let labels = &manifest.layout.labels;
        CliError::Usage(format!("no source reads {name} as it comes; its labels: {labels}"))
    })?;
    if !place.exists() {
        return Err(CliError::Usage(format!(
            "{name} is not in the cache; type `efficientnet data fetch {name}`, or give the path where it is"
        )));
    }
    Ok(place.display().to_string())
}
