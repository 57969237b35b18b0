//! `efficientnet train`: a recipe becomes a run folder.

mod finetune;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use efficientnet_runs::recipe::{Model, NAMED, Recipe};
use efficientnet_runs::scores::Measures;
use efficientnet_train::{Finished, Job, Ranks, probe, train};
use serde::Serialize;

use crate::args::TrainArgs;
use crate::error::CliError;
use crate::{Outcome, interrupt, loading, output, place, ranks};

#[derive(Serialize)]
struct Report {
    folder: PathBuf,
    steps: u64,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    measures: Option<Measures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    linear_top1: Option<f64>,
}

pub fn run(args: &TrainArgs) -> Outcome {
    if args.list {
        return list();
    }
    let (ranks, _session) = ranks::join()?;
    work(args, Arc::clone(&ranks)).inspect_err(|error| ranks::end_all(error, &*ranks))
}

fn work(args: &TrainArgs, ranks: Arc<dyn Ranks>) -> Outcome {
    let recipe = recipe(args)?;
    let folder = match &args.out {
        Some(out) => out.clone(),
        None => Path::new("runs").join(&recipe.name),
    };
    interrupt::listen();
    let (place, environment) = place::open(&args.device, ranks)?;
    let init = match &recipe.model.init {
        Some(source) => Some(loading::weights(source, None, published(&recipe.model))?.weights),
        None => None,
    };
    let leads = place.ranks.leads();
    let job = Job {
        init,
        resume: args.resume,
        linear_baseline: args.linear_baseline,
        ..Job::new(recipe, folder.clone(), environment)
    };
    let finished = if args.probe { probe(job, &place)? } else { train(job, &place)? };
    if leads {
        report(args, folder, &finished)?
    }
    if finished.complete { Ok(()) } else { Err(CliError::Interrupted) }
}

/// The name that says the whole network: one of another width, depth or other stages is known by its weights' file.
fn published(model: &Model) -> Option<&str> {
    let is_its_own = model.width.is_some() || model.depth.is_some() || model.blocks.is_some();
    (!is_its_own).then_some(&model.name)
}

/// The recipe that was asked for, with what the command line changes.
fn recipe(args: &TrainArgs) -> Result<Recipe, CliError> {
    let mut recipe = match (&args.recipe, &args.finetune, &args.out) {
        (Some(name), _, _) => Recipe::open(name)?,
        (None, Some(weights), _) => finetune::recipe(weights, args)?,
        (None, None, Some(folder)) if args.resume => Recipe::load(folder.join("recipe.toml"))?,
        (None, None, _) => {
            let sentence = "name a recipe (`efficientnet train --list`), or give --finetune WEIGHTS and --data DIR, or go on \
                            with a run by --resume --out DIR";
            return Err(CliError::Usage(sentence.to_string()));
        }
    };
    if let Some(data) = &args.data {
        recipe.data.train = data.clone();
        if recipe.data.validation.take().is_some() {
            recipe.data.holdout = Some(0.1);
        }
    }
    if let Some(epochs) = args.epochs {
        recipe.training.epochs = epochs as u64;
    }
    Ok(recipe.with_all(args.set.iter().map(String::as_str))?)
}

fn report(args: &TrainArgs, folder: PathBuf, finished: &Finished) -> Outcome {
    let measures = finished.evaluation.as_ref().map(|evaluation| evaluation.tally.measures());
    let Finished { steps, complete, linear_top1, .. } = *finished;
    let report = Report { folder, steps, complete, measures, linear_top1 };
    if args.json {
        return output::json(&report);
    }
    let shown = report.folder.display();
    if !report.complete {
        return output::text(&format!(
            "stopped after step {}; go on with: efficientnet train --resume --out {shown}",
            report.steps
        ));
    }
    let mut lines = vec![format!("{} steps; the run is in {shown}", report.steps)];
    if let Some(Measures { images, top1: Some(top1), top5, ece, .. }) = &report.measures {
        lines.push(format!("top-1  {:>6.2} %  of {images} validation images", top1 * 100.0));
        lines.extend(top5.map(|top5| format!("top-5  {:>6.2} %", top5 * 100.0)));
        let linear = report
            .linear_top1
            .map(|top1| format!("       {:>6.2} %  by a linear model of the pixels", top1 * 100.0));
        lines.extend(linear);
        lines.extend(ece.map(|ece| format!("ECE    {:>6.2} %  (calibration error)", ece * 100.0)));
    }
    output::text(&lines.join("\n"))
}

fn list() -> Outcome {
    let rows = NAMED.iter().map(|named| {
        let words = named.text.lines().next().unwrap_or_default().trim_start_matches("# ");
        vec![named.name.to_string(), words.to_string()]
    });
    output::text(&output::table(&["recipe", "what for"], &[], rows))
}
