//! A run from where it stands to its end: what is measured, judged, kept and left behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use efficientnet_data::{Loader, LoaderOptions, Shard};
use efficientnet_model::Network;
use efficientnet_runs::checkpoint::{Best, Checkpoint, State};
use efficientnet_runs::folder::{Environment, RunFolder};
use efficientnet_runs::recipe::Recipe;
use efficientnet_runs::report::Baseline;
use efficientnet_weights::{Naming, SaveOptions, Weights, save};

use crate::evaluate::Evaluation;
use crate::linear::{self, Vectors};
use crate::run::{AVERAGED, BEST, Extra, LAST};
use crate::snapshot::Snapshot;
use crate::trainer::{Measured, Stretch, Trainer};
use crate::{Finished, Images, Leave, TrainError, finish};

/// A trainer with what it leaves behind.
pub(crate) struct Running<'a> {
    pub trainer: Trainer<'a>,
    /// `None` on all ranks but the first.
    pub run: Option<RunFolder>,
    pub score: Option<f64>,
    pub best: Vec<Best>,
    pub environment: Environment,
    pub linear_baseline: bool,
    pub leave: Leave,
}

impl Running<'_> {
    pub fn into_finished(mut self, mut network: Network) -> Result<Finished, TrainError> {
        let recipe = self.trainer.recipe;
        let mut last = None;
        while self.trainer.at.position.epoch < recipe.training.epochs {
            let Self { trainer, run, score, best, .. } = &mut self;
            let save = |trainer: &mut _, network: &_| keep(trainer, network, run.as_ref(), *score, best);
            let stretch;
            (network, stretch) = trainer.stretch(network, save)?;
            if stretch == Stretch::Stopped {
                return Ok(self.stopped());
            }
            self.trainer.agree(&network)?;
            let epoch = self.trainer.at.position.epoch;
            let ends = epoch + 1 == recipe.training.epochs;
            let due = |every: u64| ends || (epoch + 1).is_multiple_of(every.max(1));
            let mut measured = None;
            if due(recipe.evaluate.every_epochs) && self.trainer.measuring.is_some() {
                measured = self.trainer.measure(&network)?;
                if measured.is_none() {
                    // Asked to stop in the middle of it: the epoch is measured when the run is taken up.
                    self.keep(&network)?;
                    return Ok(self.stopped());
                }
            }
            self.trainer.end_epoch(measured.as_ref())?;
            self.judge(&network, measured.as_ref())?;
            // Whoever wants the figures alone has them now.
            if due(recipe.keep.every_epochs) && !(ends && self.leave == Leave::Nothing) {
                self.keep(&network)?;
            }
            last = measured;
        }
        self.trainer.recorder.finish();
        self.export(&network)?;
        let evaluation = match last {
            Some(measured) => Some(measured.into_counts()),
            // A finished run that was taken up again, for its report.
            None => self.trainer.measure(&network)?.map(Measured::into_counts),
        };
        // For the report, which only the first rank writes.
        let linear_top1 = match self.linear_baseline && self.run.is_some() {
            true => linear_top1(&self.trainer)?,
            false => None,
        };
        self.write_report(evaluation.as_ref(), linear_top1)?;
        let (steps, spent) = (self.trainer.at.step, self.trainer.recorder.spent());
        Ok(Finished { steps, complete: true, evaluation, linear_top1, spent })
    }

    fn stopped(mut self) -> Finished {
        self.trainer.recorder.finish();
        let (steps, spent) = (self.trainer.at.step, self.trainer.recorder.spent());
        Finished { steps, complete: false, evaluation: None, linear_top1: None, spent }
    }

    fn keep(&mut self, network: &Network) -> Result<(), TrainError> {
        keep(&mut self.trainer, network, self.run.as_ref(), self.score, &self.best)
    }

    /// Keeps the weights where they are the best so far.
    fn judge(&mut self, network: &Network, measured: Option<&Measured>) -> Result<(), TrainError> {
        self.score = measured.and_then(|measured| measured.counts().tally.top1());
        let Some(score) = self.score else { return Ok(()) };
        let is_best = self.best.first().is_none_or(|best| score > best.score);
        let at = self.best.partition_point(|best| best.score >= score);
        self.best.insert(at, Best { step: self.trainer.at.step, score });
        self.best.truncate(self.trainer.recipe.keep.best.max(1));
        match is_best {
            true => self.save_weights(network, BEST, self.trainer.average.is_some()),
            false => Ok(()),
        }
    }

    fn write_report(&self, evaluation: Option<&Evaluation>, linear: Option<f64>) -> Result<(), TrainError> {
        let Trainer { recipe, images, average, .. } = &self.trainer;
        let Some(run) = self.written() else { return Ok(()) };
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

    fn export(&self, network: &Network) -> Result<(), TrainError> {
        self.save_weights(network, LAST, false)?;
        if self.trainer.average.is_some() {
            self.save_weights(network, AVERAGED, true)?;
        }
        Ok(())
    }

    /// The folder that weights and the report are written to, where they are.
    fn written(&self) -> Option<&RunFolder> {
        self.run.as_ref().filter(|_| self.leave == Leave::Everything)
    }

    /// Weights for `predict` and `eval`, with the preprocessing that they were measured with.
    fn save_weights(&self, network: &Network, name: &str, averaged: bool) -> Result<(), TrainError> {
        let Some(run) = self.written() else { return Ok(()) };
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
    network: &Network,
    run: Option<&RunFolder>,
    score: Option<f64>,
    best: &[Best],
) -> Result<(), TrainError> {
    let written = trainer.recorder.written()?;
    trainer.agree(network)?;
    let Some(run) = run else { return Ok(()) };
    let Snapshot { tensors, scalars } =
        Snapshot::take(network, &trainer.optimizer, trainer.average.as_ref())?;
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
        extra: extra.to_value()?,
    };
    run.save(&Checkpoint { state, tensors })?;
    let keep = trainer.recipe.keep;
    run.keep(keep.last, keep.best)?;
    Ok(())
}
