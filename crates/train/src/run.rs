//! A whole run: opened or taken up, trained, measured, kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Device;
use efficientnet_model::Network;
use efficientnet_runs::checkpoint::Checkpoint;
use efficientnet_runs::folder::{Checkpoints, Environment, RunFolder};
use efficientnet_runs::progress::Progress;
use efficientnet_runs::recipe::{Precision, Recipe};
use efficientnet_runs::schedule::Schedule;
use efficientnet_weights::Weights;
use serde::{Deserialize, Serialize};

use crate::evaluate::Evaluation;
use crate::record::{Files, Recorder, Sums};
use crate::running::Running;
use crate::snapshot::{Restored, Snapshot};
use crate::trainer::{At, Trainer};
use crate::{Average, Images, Optimizer, OptimizerOptions, Place, Rule, TrainError, agree, start, sync_norm};

/// File names of the weights that a run leaves.
pub const LAST: &str = "last.safetensors";
/// The moving averages, where the recipe has any.
pub const AVERAGED: &str = "averaged.safetensors";
/// The weights, or averages, with the highest top-1 on the validation images.
pub const BEST: &str = "best.safetensors";

/// How a run is begun.
pub struct Job {
    /// What it is.
    pub recipe: Recipe,
    /// The weights that the recipe's `model.init` names, read by the caller.
    pub init: Option<Weights>,
    /// Where it is kept.
    pub folder: PathBuf,
    /// Whether a run that is there is gone on with.
    pub resume: bool,
    /// What is noted about the machine.
    pub environment: Environment,
    /// Whether a linear model is fitted to the bare pixels, for the report to say what the network's accuracy is worth.
    pub linear_baseline: bool,
}

/// How a run ended.
#[derive(Debug)]
pub struct Finished {
    /// Updates in all.
    pub steps: u64,
    /// False where somebody asked to stop.
    pub complete: bool,
    /// The last measurement, of the averages where there are any; `None` without validation images.
    pub evaluation: Option<Evaluation>,
    /// Top-1 of a linear model of the bare pixels on the same images, 0 to 1, where it was asked for.
    pub linear_top1: Option<f64>,
}

/// What a checkpoint keeps beside tensors and place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Extra {
    pub sums: Sums,
    pub optimizer: BTreeMap<String, f64>,
}

/// Trains.
///
/// # Errors
/// [`TrainError`], in one sentence, before the first step where the recipe, the images, the weights and the folder do not fit
/// each other.
pub fn train(job: Job, place: &Place) -> Result<Finished, TrainError> {
    let Job { recipe, init, folder, resume, environment, linear_baseline } = job;
    recipe.check()?;
    match recipe.training.precision {
        Precision::F32 => {}
        Precision::Bf16 => return Err(TrainError::Precision("bf16")),
        Precision::F16 => return Err(TrainError::Precision("f16")),
    }
    let images = Images::open(&recipe)?;
    let spec = start::spec(&recipe, images.classes(), init.as_ref())?;
    let loader = images.training(&recipe, &*place.ranks)?;
    let measuring = images.measuring(&recipe, &*place.ranks)?;
    agree::alike(&recipe, &images, &*place.ranks)?;

    let run = match place.ranks.leads() {
        true => Some(open(&folder, resume, &recipe, &environment)?),
        false => None,
    };
    let found = checkpoint(run.as_ref(), &folder, resume, place)?;
    let from = found.as_ref().map(|checkpoint| checkpoint.state.clone());

    let device = place.device.clone().autodiff();
    let device =
        if recipe.training.gradient_checkpointing { device.gradient_checkpointing() } else { device };
    let _synchronised = sync_norm::begin(&recipe, &place.ranks, &device)?;
    let (network, optimizer, average) = begin(&recipe, &spec, init, found, &device, place)?;

    let steps_per_epoch = (loader.batches() / recipe.training.accumulate) as u64;
    let schedule = Schedule::new(&recipe, steps_per_epoch);
    let files = match &run {
        Some(run) => {
            run.write("classes.txt", format!("{}\n", images.train.classes().join("\n")).as_bytes())?;
            Some(Files {
                journal: run.journal(from.as_ref())?,
                board: run.board(from.as_ref())?,
                progress: Progress::new(schedule.total_steps(), recipe.training.epochs),
            })
        }
        None => None,
    };
    let state = from.unwrap_or_default();
    let extra: Extra = serde_json::from_value(state.extra.clone()).unwrap_or_default();
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
        network: Some(network),
        optimizer,
        average,
        at: At { step: state.step, position: state.position },
        recorder,
    };
    Running { trainer, run, score: state.score, best: state.best, environment, linear_baseline }
        .into_finished()
}

fn open(
    folder: &Path,
    resume: bool,
    recipe: &Recipe,
    environment: &Environment,
) -> Result<RunFolder, TrainError> {
    let hash = recipe.hash()?;
    Ok(match resume {
        true => RunFolder::resume(folder, &hash)?,
        false => RunFolder::create(folder, &recipe.to_toml()?, &hash, environment)?,
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
            let read = Checkpoint::read(&path).map_err(efficientnet_runs::folder::FolderError::from)?;
            Ok(Some(read))
        }
    }
}

/// Network, optimiser and average, new or from a checkpoint.
fn begin(
    recipe: &Recipe,
    spec: &efficientnet_arch::ArchSpec,
    init: Option<Weights>,
    found: Option<Checkpoint>,
    device: &Device,
    place: &Place,
) -> Result<(Network, Optimizer, Option<Average>), TrainError> {
    let options = options(recipe);
    let Some(checkpoint) = found else {
        let network = start::network(recipe, spec, init, device)?;
        let network = agree::weights(network, recipe, device, &*place.ranks)?;
        let optimizer = Optimizer::new(&options, &network);
        let average = recipe.average.map(|_| Average::new(&network));
        return Ok((network, optimizer, average));
    };
    let extra: Extra = serde_json::from_value(checkpoint.state.extra).unwrap_or_default();
    let snapshot = Snapshot { tensors: checkpoint.tensors, scalars: extra.optimizer };
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
