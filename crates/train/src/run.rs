//! A whole run: opened or taken up, trained, measured, kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use efficientnet_data::{Loader, LoaderOptions, Shard};
use efficientnet_model::Network;
use efficientnet_runs::checkpoint::{Best, Checkpoint, State};
use efficientnet_runs::folder::{Checkpoints, Environment, RunFolder};
use efficientnet_runs::progress::Progress;
use efficientnet_runs::recipe::{Precision, Recipe};
use efficientnet_runs::report::Baseline;
use efficientnet_runs::schedule::Schedule;
use efficientnet_weights::{Naming, SaveOptions, Weights, save};
use serde::{Deserialize, Serialize};

use crate::evaluate::Evaluation;
use crate::finish;
use crate::linear::{self, Vectors};
use crate::record::{Files, Recorder, Sums};
use crate::snapshot::{Restored, Snapshot};
use crate::trainer::{At, Measured, Stretch, Trainer};
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
struct Extra {
    sums: Sums,
    optimizer: BTreeMap<String, f64>,
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

/// A trainer with what it leaves behind.
struct Running<'a> {
    trainer: Trainer<'a>,
    /// `None` on all ranks but the first.
    run: Option<RunFolder>,
    score: Option<f64>,
    best: Vec<Best>,
    environment: Environment,
    linear_baseline: bool,
}

impl Running<'_> {
    fn into_finished(mut self) -> Result<Finished, TrainError> {
        let recipe = self.trainer.recipe;
        let mut last = None;
        while self.trainer.at.position.epoch < recipe.training.epochs {
            let Self { trainer, run, score, best, .. } = &mut self;
            let stretch = trainer.stretch(|trainer| keep(trainer, run.as_ref(), *score, best))?;
            if stretch == Stretch::Stopped {
                return self.stopped();
            }
            self.trainer.agree()?;
            let epoch = self.trainer.at.position.epoch;
            let ends = epoch + 1 == recipe.training.epochs;
            let due = |every: u64| ends || (epoch + 1).is_multiple_of(every.max(1));
            let mut measured = None;
            if due(recipe.evaluate.every_epochs) && self.trainer.measuring.is_some() {
                let begin = Instant::now();
                measured = self.trainer.measure()?;
                self.trainer.recorder.measured(begin.elapsed());
                if measured.is_none() {
                    // Asked to stop in the middle of it: the epoch is measured when the run is taken up.
                    let Self { trainer, run, score, best, .. } = &mut self;
                    keep(trainer, run.as_ref(), *score, best)?;
                    return self.stopped();
                }
            }
            self.trainer.end_epoch(measured.as_ref())?;
            self.judge(measured.as_ref())?;
            if due(recipe.keep.every_epochs) {
                let Self { trainer, run, score, best, .. } = &mut self;
                keep(trainer, run.as_ref(), *score, best)?;
            }
            last = measured;
        }
        self.trainer.recorder.finish();
        self.export()?;
        let evaluation = match last {
            Some(measured) => Some(measured.into_counts()),
            // A finished run that was taken up again, for its report.
            None => self.trainer.measure()?.map(Measured::into_counts),
        };
        // For the report, which only the first rank writes.
        let linear_top1 = match self.linear_baseline && self.run.is_some() {
            true => linear_top1(&self.trainer)?,
            false => None,
        };
        self.write_report(evaluation.as_ref(), linear_top1)?;
        Ok(Finished { steps: self.trainer.at.step, complete: true, evaluation, linear_top1 })
    }

    fn stopped(mut self) -> Result<Finished, TrainError> {
        self.trainer.recorder.finish();
        Ok(Finished { steps: self.trainer.at.step, complete: false, evaluation: None, linear_top1: None })
    }

    /// Keeps the weights where they are the best so far.
    fn judge(&mut self, measured: Option<&Measured>) -> Result<(), TrainError> {
        self.score = measured.and_then(|measured| measured.counts().tally.top1());
        let Some(score) = self.score else { return Ok(()) };
        let is_best = self.best.first().is_none_or(|best| score > best.score);
        let at = self.best.partition_point(|best| best.score >= score);
        self.best.insert(at, Best { step: self.trainer.at.step, score });
        self.best.truncate(self.trainer.recipe.keep.best.max(1));
        match is_best {
            true => self.save_weights(BEST, self.trainer.average.is_some()),
            false => Ok(()),
        }
    }

    fn write_report(&self, evaluation: Option<&Evaluation>, linear: Option<f64>) -> Result<(), TrainError> {
        let (Some(run), Trainer { recipe, images, average, .. }) = (&self.run, &self.trainer) else {
            return Ok(());
        };
        let weights = if average.is_some() { "averaged weights" } else { "last weights" };
        finish::write(
            run,
            &finish::Page {
                title: &recipe.name,
                recipe: &recipe.to_toml()?,
                environment: &self.environment,
                classes: images.train.classes(),
                source: images.validation.as_deref(),
                what: &format!("{weights} on the validation images"),
                evaluation,
                baseline: linear.map(|top1| Baseline { name: "a linear model of the pixels", top1 }),
            },
        )
    }

    fn export(&self) -> Result<(), TrainError> {
        self.save_weights(LAST, false)?;
        if self.trainer.average.is_some() {
            self.save_weights(AVERAGED, true)?;
        }
        Ok(())
    }

    /// Weights for `predict` and `eval`, with the preprocessing that they were measured with.
    fn save_weights(&self, name: &str, averaged: bool) -> Result<(), TrainError> {
        let Some(run) = &self.run else { return Ok(()) };
        let network = self.trainer.network();
        let weights = match &self.trainer.average {
            Some(average) if averaged => average.network(network).to_weights()?,
            _ => network.valid().to_weights()?,
        };
        let Trainer { recipe, images, at, .. } = &self.trainer;
        save_weights(&run.path().join(name), weights, recipe, images, at.step)
    }
}

/// Writes weights with the preprocessing that they are measured with, and with the names of their classes.
pub(crate) fn save_weights(
    path: &Path,
    mut weights: Weights,
    recipe: &Recipe,
    images: &Images,
    step: u64,
) -> Result<(), TrainError> {
    weights.implied_mut().transform = recipe.data.eval_transform.to_string();
    let metadata = BTreeMap::from([
        ("efficientnet.classes".to_string(), images.train.classes().join("\n")),
        ("efficientnet.step".to_string(), step.to_string()),
    ]);
    Ok(save(&mut weights, Naming::Native, path, &SaveOptions { overwrite: true, metadata })?)
}

/// Top-1 on the validation images of a linear model of the pixels that the network sees, without augmentation.
fn linear_top1(trainer: &Trainer) -> Result<Option<f64>, TrainError> {
    let (Some(measuring), device) = (&trainer.measuring, &trainer.place.device) else { return Ok(None) };
    let Trainer { recipe, images, .. } = trainer;
    let train = Vectors::pixels(&images.seen(recipe)?)?;
    let linear = linear::fit(&train, images.classes(), device)?;
    Ok(Some(linear.top1(&Vectors::pixels(&whole(measuring)?)?, device)?))
}

/// All of a loader's images, and not this rank's share of them.
fn whole(loader: &Loader) -> Result<Loader, TrainError> {
    let options = LoaderOptions { shard: Shard::default(), ..loader.options().clone() };
    Ok(Loader::new(Arc::clone(loader.source()), options)?)
}

/// Writes a checkpoint, and removes those that are not to be kept.
fn keep(
    trainer: &mut Trainer,
    run: Option<&RunFolder>,
    score: Option<f64>,
    best: &[Best],
) -> Result<(), TrainError> {
    let written = trainer.recorder.written()?;
    trainer.agree()?;
    let Some(run) = run else { return Ok(()) };
    let Snapshot { tensors, scalars } =
        Snapshot::take(trainer.network(), &trainer.optimizer, trainer.average.as_ref())?;
    let extra = Extra { sums: trainer.recorder.sums, optimizer: scalars };
    let is_end = trainer.at.position.places == 0;
    let state = State {
        step: trainer.at.step,
        epoch: trainer.at.position.epoch,
        position: trainer.at.position,
        score: if is_end { score } else { None },
        best: best.to_vec(),
        written,
        seconds: trainer.recorder.seconds(),
        extra: serde_json::to_value(extra).unwrap_or_default(),
    };
    run.save(&Checkpoint { state, tensors })?;
    let keep = trainer.recipe.keep;
    run.keep(keep.last, keep.best)?;
    Ok(())
}
