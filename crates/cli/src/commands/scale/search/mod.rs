//! `efficientnet scale search`: the networks of a plan are trained and compared.

mod dry_run;
mod estimate;
mod outcome;
mod page;
mod plan;
mod trainer;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use efficientnet_arch::{ArchSpec, Totals};
use efficientnet_search::{
    Candidate, CostKind, CostOf, Ended, Evolution, Lineup, NetworkKey, Plan, Progress, Results, Strategy,
    Study, count_cost, latency,
};
use efficientnet_train::Alone;

use super::latency::latency_cost;
use crate::args::search::{ReportArgs, SearchArgs};
use crate::error::CliError;
use crate::{Outcome, interrupt, output, place};
use trainer::Trainer;

pub fn run(args: &SearchArgs) -> Outcome {
    let plan = plan::open(&args.plan, &args.set)?;
    let folder = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&plan.name));
    interrupt::listen();
    let mut cost = cost_of(&plan, &args.device, &folder)?;
    let lineup = plan.lineup(&mut *cost)?;
    let strategy = strategy(&plan, &lineup, &mut *cost)?;
    if args.dry_run {
        return dry_run(args, &plan, &lineup, &*strategy);
    }
    let (place, environment) = place::open(&args.device, Arc::new(Alone))?;
    // Before the folder is made: a plan whose images cannot be had leaves nothing behind.
    let images = trainer::images(&plan, args.cache << 20)?;
    let mut study = Study::open(&plan, &folder, args.shard, args.resume, &environment)?;
    study.wait_for_others(args.wait);
    let stop = interrupt::flag();
    let mut trainer = Trainer {
        plan: &plan,
        place,
        environment,
        images,
        folder: folder.clone(),
        keep: args.keep_trials,
        ended: None,
    };
    trainer.sweep(study.results());
    let ended = study.run(&*strategy, &mut trainer, &stop, &mut Progress::new())?;
    drop(study);
    // The last trial's line is written now; one that did not end stays, to be gone on with.
    trainer.clear();
    if ended == Ended::Complete {
        trainer.leave();
        page::write(&folder)?;
    }
    outcome::print(args, &folder, ended)?;
    if ended == Ended::Stopped { Err(CliError::Interrupted) } else { Ok(()) }
}

/// `efficientnet scale report`: the page of a search, finished or not.
pub fn report(args: &ReportArgs) -> Outcome {
    let page = page::write(&args.folder)?;
    output::text(&page.display().to_string())
}

/// What a network costs by a plan's measure.
type Cost = Box<dyn FnMut(&ArchSpec, &Totals) -> Result<f64, String>>;

/// What networks cost on `device` by the plan's measure. Counts need no device; a latency is predicted from networks that are
/// measured on it, and kept in the search's `folder`.
fn cost_of(plan: &Plan, device: &str, folder: &Path) -> Result<Cost, CliError> {
    match plan.cost {
        CostKind::Latency => {
            let made = std::fs::create_dir_all(folder);
            made.map_err(|error| CliError::Failure(format!("{} cannot be made: {error}", folder.display())))?;
            Ok(Box::new(latency_cost(device, &folder.join(latency::TABLE))?))
        }
        kind => Ok(Box::new(count_cost(kind))),
    }
}

/// How the plan's networks are chosen.
fn strategy<'a>(plan: &Plan, lineup: &Lineup, cost: CostOf<'a>) -> Result<Box<dyn Strategy + 'a>, CliError> {
    match plan.strategy(lineup) {
        Some(strategy) => Ok(strategy),
        None => Ok(Box::new(Evolution::new(plan, cost)?)),
    }
}

fn dry_run(args: &SearchArgs, plan: &Plan, lineup: &Lineup, strategy: &dyn Strategy) -> Outcome {
    let round = strategy.round(&Results::new()).map_err(CliError::Usage)?.unwrap_or_default();
    // The networks of an evolution are not in its lineup.
    let drawn = round.trials.iter().map(|trial| &trial.candidate);
    let mut known = HashSet::new();
    let all = lineup.candidates.iter().chain(drawn);
    let candidates: Vec<Arc<Candidate>> =
        all.filter(|candidate| known.insert(NetworkKey::of(&candidate.spec))).map(Arc::clone).collect();
    let (place, environment) = place::open(&args.device, Arc::new(Alone))?;
    let timed = match trainer::images(plan, args.cache << 20) {
        Ok(images) => estimate::pace(plan, &candidates, &images, (&place, &environment))?
            .map(|pace| (images.train.len(), pace)),
        // Networks can be counted without the images.
        Err(CliError::Usage(reason)) => {
            eprintln!("note: the time cannot be estimated: {reason}");
            None
        }
        Err(other) => return Err(other),
    };
    dry_run::print(plan, &candidates, &round, timed, args.json)
}
