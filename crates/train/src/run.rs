//! A whole run: opened or taken up, trained, measured, kept.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use efficientnet_arch::ArchSpec;
use efficientnet_model::Network;
use efficientnet_runs::checkpoint::{Checkpoint, State};
use efficientnet_runs::folder::{Checkpoints, Environment, FolderError, RunFolder};
use efficientnet_runs::progress::Progress;
use efficientnet_runs::recipe::Recipe;
use efficientnet_runs::schedule::Schedule;
use efficientnet_weights::Weights;
use serde::{Deserialize, Serialize};

use crate::record::{Files, Recorder, Sums, Watcher};
use crate::running::Running;
use crate::snapshot::{Restored, Snapshot};
use crate::trainer::{At, Trainer};
use crate::{
    Average, Finished, Images, Job, Leave, Optimizer, OptimizerOptions, Place, Rule, TrainError, agree,
    precision, start, sync_norm,
};

/// File names of the weights that a run leaves.
pub const LAST: &str = "last.safetensors";
/// The moving averages, where the recipe has any.
pub const AVERAGED: &str = "averaged.safetensors";
/// The weights, or averages, with the highest top-1 on the validation images.
pub const BEST: &str = "best.safetensors";

/// What a checkpoint keeps beside tensors and place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Extra {
    pub sums: Sums,
    pub optimizer: BTreeMap<String, f64>,
}

impl Extra {
    pub fn to_value(&self) -> Result<serde_json::Value, TrainError> {
        serde_json::to_value(self).map_err(|error| TrainError::Extra(error.to_string()))
    }

    fn of(state: &State) -> Result<Self, TrainError> {
        Self::deserialize(&state.extra).map_err(|error| TrainError::Extra(error.to_string()))
    }
}

/// Trains, and shows how it goes on standard error.
///
/// # Errors
/// [`TrainError`], in one sentence, before the first step where the recipe, the images, the weights and the folder do not fit
/// each other.
pub fn train(job: Job, place: &Place) -> Result<Finished, TrainError> {
    work(job, place, None)
}

/// As [`train`], but silent: `progress` is told the share that is done, 0 to 1, after every few updates.
///
/// # Errors
/// As [`train`].
pub fn train_quietly(job: Job, place: &Place, progress: &mut dyn FnMut(f64)) -> Result<Finished, TrainError> {
    work(job, place, Some(progress))
}

fn work(job: Job, place: &Place, progress: Option<&mut dyn FnMut(f64)>) -> Result<Finished, TrainError> {
    job.recipe.check()?;
    let identity = job.identity()?;
    let Job { mut recipe, network, images, init, folder, resume, environment, leave, linear_baseline } = job;
    precision::check(recipe.training.precision, &place.device)?;
    let images = match images {
        Some(images) => images,
        None => Images::open(&recipe)?,
    };
    let is_its_own = network.is_some();
    if is_its_own {
        // It brings its own; one that grows from stage to stage is still the recipe's.
        recipe.model.dropout = None;
    }
    let network = match network {
        Some(network) => network,
        None => start::of_recipe(&recipe)?,
    };
    let spec = start::spec(&recipe, network, images.classes(), init.as_ref())?;
    let loader = images.training(&recipe, &*place.ranks)?;
    let measuring = images.measuring(&recipe, &*place.ranks)?;
    agree::alike(&identity, &images, &*place.ranks)?;

    let run = match place.ranks.leads() {
        true => {
            let opened = open(&folder, resume, &recipe, &identity, &environment);
            Some(opened.map_err(|error| of_network(error, is_its_own))?)
        }
        false => None,
    };
    let found = checkpoint(run.as_ref(), &folder, resume, place)?;
    let (state, extra) = match &found {
        Some(checkpoint) => (checkpoint.state.clone(), Extra::of(&checkpoint.state)?),
        None => (State::default(), Extra::default()),
    };
    let from = found.as_ref().map(|_| &state);

    let device = place.device.clone().autodiff();
    let device =
        if recipe.training.gradient_checkpointing { device.gradient_checkpointing() } else { device };
    let _synchronised = sync_norm::begin(&recipe, &place.ranks, &device)?;
    let memory = found.map(|checkpoint| Snapshot { tensors: checkpoint.tensors, scalars: extra.optimizer });
    let (network, optimizer, average) = begin(&recipe, &spec, init, memory, &device, place)?;

    let steps_per_epoch = (loader.batches() / recipe.training.accumulate) as u64;
    let schedule = Schedule::new(&recipe, steps_per_epoch);
    let steps = schedule.total_steps();
    let files = match &run {
        Some(run) => {
            run.write("classes.txt", format!("{}\n", images.train.classes().join("\n")).as_bytes())?;
            Some(Files {
                journal: run.journal(from)?,
                board: if leave == Leave::Everything { Some(run.board(from)?) } else { None },
                watcher: match progress {
                    Some(tell) => Watcher::Share { tell, steps },
                    None => Watcher::Person(Box::new(Progress::new(steps, recipe.training.epochs))),
                },
            })
        }
        None => None,
    };
    let recorder = Recorder::new(files, images.train.clone(), place.read_every, extra.sums, state.seconds);
    let trainer = Trainer {
        recipe: &recipe,
        spec,
        images: &images,
        place,
        schedule,
        device,
        loader,
        measuring,
        optimizer,
        average,
        at: At { step: state.step, position: state.position },
        recorder,
    };
    let State { score, best, .. } = state;
    Running { trainer, run, score, best, environment, linear_baseline, leave }.into_finished(network)
}

/// The sentence about a folder of another recipe, where the network does not come from the recipe.
fn of_network(error: TrainError, is_its_own: bool) -> TrainError {
    match error {
        TrainError::Folder(FolderError::OtherRecipe(folder)) if is_its_own => TrainError::OtherRun(folder),
        other => other,
    }
}

fn open(
    folder: &Path,
    resume: bool,
    recipe: &Recipe,
    identity: &str,
    environment: &Environment,
) -> Result<RunFolder, TrainError> {
    Ok(match resume {
        true => RunFolder::resume(folder, identity)?,
        false => RunFolder::create(folder, &recipe.to_toml()?, identity, environment)?,
    })
}

/// The checkpoint to go on from: the first rank finds it, the others read the same one.
fn checkpoint(
    run: Option<&RunFolder>,
    folder: &Path,
    resume: bool,
    place: &Place,
) -> Result<Option<Checkpoint>, TrainError> {
    if !resume {
        return Ok(None);
    }
    let found = match run {
        Some(run) => run.newest()?,
        None => None,
    };
    for damaged in found.iter().flat_map(|newest| &newest.damaged) {
        eprintln!("note: {}", damaged.reason);
    }
    // The step and one; 0 for none.
    let mut step = [found.as_ref().map_or(0.0, |newest| newest.checkpoint.state.step as f64 + 1.0)];
    place.ranks.sum_f64(&mut step)?;
    match (found, step[0]) {
        (Some(newest), _) => Ok(Some(newest.checkpoint)),
        (None, 0.0) => Ok(None),
        (None, step) => {
            let path = Checkpoints::new(folder).path(step as u64 - 1);
            let read = Checkpoint::read(&path).map_err(FolderError::from)?;
            Ok(Some(read))
        }
    }
}

/// Network, optimiser and average, new or from a checkpoint.
fn begin(
    recipe: &Recipe,
    spec: &ArchSpec,
    init: Option<Weights>,
    memory: Option<Snapshot>,
    device: &Device,
    place: &Place,
) -> Result<(Network, Optimizer, Option<Average>), TrainError> {
    let options = options(recipe);
    let Some(snapshot) = memory else {
        let network = start::network(recipe, spec, init, device)?;
        let network = agree::weights(network, recipe, device, &*place.ranks)?;
        let optimizer = Optimizer::new(&options, &network);
        let average = recipe.average.map(|_| Average::new(&network));
        return Ok((network, optimizer, average));
    };
    let Restored { network, average, optimizer: memory } = snapshot.restore(spec, device)?;
    let network = start::freeze(network.materialize(), recipe);
    let mut optimizer = Optimizer::new(&options, &network);
    optimizer.restore(memory, &place.device);
    let average = recipe.average.map(|_| Average::restore(&network, average, &place.device));
    Ok((network, optimizer, average))
}

/// The recipe's optimiser.
pub fn options(recipe: &Recipe) -> OptimizerOptions {
    use efficientnet_runs::recipe::OptimizerKind as Kind;
    let optimizer = &recipe.optimizer;
    let rule = match optimizer.kind {
        Kind::RmsPropTf { decay, momentum, epsilon } => Rule::RmsPropTf { decay, momentum, epsilon },
        Kind::Sgd { momentum, nesterov } => Rule::Sgd { momentum, nesterov },
        Kind::AdamW { beta1, beta2, epsilon } => Rule::AdamW { betas: [beta1, beta2], epsilon },
        Kind::Lamb { beta1, beta2, epsilon } => Rule::Lamb { betas: [beta1, beta2], epsilon },
        other => unreachable!("{other:?} is no optimiser of this release"),
    };
    OptimizerOptions {
        rule,
        weight_decay: optimizer.weight_decay,
        decay_norm: optimizer.decay_norm,
        decay_bias: optimizer.decay_bias,
        layer_decay: optimizer.layer_decay,
        head_rate: optimizer.head_rate,
    }
}
