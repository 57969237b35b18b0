//! The loop: batches become updates, updates become lines of the journal, and now and then a checkpoint.
//!
//! Nothing in it has a history beside the [`Trainer`]'s own fields: batches follow from (seed, epoch, place), dropout and
//! stochastic depth from (seed, step, rank). So a run that is killed and taken up again at a checkpoint goes on as if
//! nothing had happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use efficientnet_arch::ArchSpec;
use efficientnet_data::{Batch, Epoch as Batches, Loader, NormalizeOn, Position, Purpose, Random};
use efficientnet_model::Network;
use efficientnet_runs::journal::{self, Scores};
use efficientnet_runs::recipe::Recipe;
use efficientnet_runs::schedule::Schedule;

use crate::evaluate::{Classifier, Evaluation, evaluate};
use crate::record::{Pending, Recorder};
use crate::step::{Example, pass};
use crate::{Average, Images, Optimizer, Ranks, TrainError, agree, clip, flatten, scaled, unflatten};

/// Where and with whom a run is computed.
#[derive(Clone)]
pub struct Place {
    /// The device, without autodiff.
    pub device: Device,
    /// Where levels become values on it.
    pub normalize_on: NormalizeOn,
    /// Whether measurements are done by the compiled network on the CPU instead.
    pub compile: bool,
    /// Updates whose losses wait on the device before they are read: reading waits for the device, and costs nothing where
    /// that is our own processor.
    pub read_every: usize,
    /// The processes that train together.
    pub ranks: Arc<dyn Ranks>,
    /// Set from outside to stop at the next update.
    pub stop: Arc<AtomicBool>,
}

/// A run in progress. The network goes from hand to hand: an update takes it and gives another one back.
pub(crate) struct Trainer<'a> {
    pub recipe: &'a Recipe,
    pub spec: ArchSpec,
    pub images: &'a Images,
    pub place: &'a Place,
    pub schedule: Schedule,
    /// The device that differentiates.
    pub device: Device,
    pub loader: Loader,
    pub measuring: Option<Loader>,
    pub optimizer: Optimizer,
    pub average: Option<Average>,
    pub at: At,
    pub recorder: Recorder<'a>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct At {
    /// Updates so far.
    pub step: u64,
    /// The next batch.
    pub position: Position,
}

/// How a stretch of training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// With the epoch.
    Epoch,
    /// Somebody asked to stop.
    Stopped,
}

/// What a measurement of the weights and of their average gave.
pub(crate) struct Measured {
    pub plain: Evaluation,
    pub averaged: Option<Evaluation>,
}

impl Measured {
    /// What counts: the average's, where there is one.
    pub fn counts(&self) -> &Evaluation {
        self.averaged.as_ref().unwrap_or(&self.plain)
    }

    /// As [`Measured::counts`].
    pub fn into_counts(self) -> Evaluation {
        self.averaged.unwrap_or(self.plain)
    }

    pub fn scores(&self) -> (Option<Scores>, Option<Scores>) {
        (self.plain.tally.scores(), self.averaged.as_ref().and_then(|averaged| averaged.tally.scores()))
    }
}

impl Trainer<'_> {
    /// Trains to the end of the epoch. `save` is called where a checkpoint is due.
    pub fn stretch(
        &mut self,
        mut network: Network,
        mut save: impl FnMut(&mut Self, &Network) -> Result<(), TrainError>,
    ) -> Result<(Network, Stretch), TrainError> {
        let epoch = self.at.position.epoch;
        let settings = self.recipe.in_epoch(epoch)?;
        if let Some(dropout) = settings.dropout {
            network.set_dropout(dropout);
        }
        let accumulate = self.recipe.training.accumulate;
        let mut batches = self.loader.resume_with(self.at.position, &settings.transform)?;
        for _ in 0..batches.batches() / accumulate {
            let begin = Instant::now();
            let update = next_update(&mut batches, accumulate)?;
            if update.len() < accumulate {
                break;
            }
            self.recorder.waited(begin.elapsed());
            let stop;
            (network, stop) = self.update(network, update)?;
            self.recorder.trained(begin.elapsed());
            let due = self.recipe.keep.every_steps.is_some_and(|every| self.at.step.is_multiple_of(every));
            if due || stop {
                save(self, &network)?;
            }
            if stop {
                return Ok((network, Stretch::Stopped));
            }
        }
        // What waits on a device is computed now.
        let begin = Instant::now();
        self.recorder.flush()?;
        self.recorder.trained(begin.elapsed());
        Ok((network, Stretch::Epoch))
    }

    /// One update from its batches. True where this was the last one, because somebody asked to stop.
    fn update(&mut self, network: Network, batches: Vec<Batch>) -> Result<(Network, bool), TrainError> {
        let (step, rate) = (self.at.step, self.schedule.rate(self.at.step));
        let ranks = Arc::clone(&self.place.ranks);
        let parts = batches.len() * ranks.world();
        let share = 1.0 / parts as f64;
        let samples: Vec<usize> = batches.iter().flat_map(|batch| batch.samples().to_vec()).collect();
        let all = self.recipe.data.batch_size;
        let read = batches.iter().map(Batch::valid_count).sum();
        let next = batches.last().map_or(self.at.position, Batch::next_position);

        let mut sum = GradientsAccumulator::new();
        let (mut loss, mut hits): (Option<Tensor<1>>, Option<Tensor<1>>) = (None, None);
        let several = batches.len() > 1;
        let mut gradients = GradientsParams::new();
        for (part, batch) in batches.into_iter().enumerate() {
            self.seed(step, part);
            let example = self.example(&batch);
            let passed = pass(&network, example, share);
            loss = Some(added(loss, passed.loss));
            hits = Some(added(hits, passed.hits));
            match several {
                true => sum.accumulate(&network, passed.gradients),
                false => gradients = passed.gradients,
            }
        }
        if several {
            gradients = sum.grads();
        }
        let zero = || Tensor::zeros([1], &self.place.device);
        let (loss, hits) = (loss.unwrap_or_else(zero), hits.unwrap_or_else(zero));

        let asked = self.place.stop.load(Ordering::Relaxed);
        let own = Summed { gradients, loss, hits, images: read, stop: asked };
        let sum = if ranks.world() == 1 { own } else { own.over(&*ranks, &network)? };
        let Summed { gradients, loss, hits, images, stop } = sum.of_those_read(all, &network, step + 1)?;
        let (gradients, norm) = match self.recipe.training.clip_norm {
            Some(limit) => {
                let (gradients, norm) = clip(gradients, &network, limit);
                (gradients, Some(norm))
            }
            None => (gradients, None),
        };
        let network = self.optimizer.step(rate, network, gradients);
        if let (Some(average), Some(decay)) = (&mut self.average, self.schedule.average_decay(step + 1)) {
            average.update(&network, decay);
        }
        self.at = At { step: step + 1, position: next };
        let epoch = self.epoch_of(step);
        self.recorder.add(Pending { step: step + 1, epoch, rate, loss, hits, norm, images, samples })?;
        Ok((network, stop))
    }

    /// Dropout and stochastic depth of a step follow from its number.
    fn seed(&self, step: u64, part: usize) {
        let place = step * self.recipe.training.accumulate as u64 + part as u64;
        let rank = self.place.ranks.rank() as u64;
        let mut random = Random::new(self.recipe.seed, place, rank, Purpose::Dropout);
        self.place.device.seed(random.bits());
    }

    fn example(&self, batch: &Batch) -> Example {
        let normalization = self.loader.options().transform.normalization();
        let targets = (self.spec.num_classes, self.recipe.training.label_smoothing);
        Example::new(batch, normalization, targets, &self.device, self.place.normalize_on)
            .in_precision(self.recipe.training.precision)
    }

    /// The epoch that an update belongs to.
    fn epoch_of(&self, step: u64) -> u64 {
        step / self.steps_per_epoch()
    }

    pub fn steps_per_epoch(&self) -> u64 {
        ((self.loader.batches() / self.recipe.training.accumulate) as u64).max(1)
    }

    /// Measures the weights, and their average. `None` where there is nothing to measure on, or somebody asked to stop.
    pub fn measure(&mut self, network: &Network) -> Result<Option<Measured>, TrainError> {
        let begin = Instant::now();
        let measured = self.measurement(network);
        self.recorder.measured(begin.elapsed());
        measured
    }

    fn measurement(&self, network: &Network) -> Result<Option<Measured>, TrainError> {
        let Some(loader) = &self.measuring else { return Ok(None) };
        let one = |network: Network| -> Result<Option<Evaluation>, TrainError> {
            let Place { device, normalize_on, compile, ranks, stop, .. } = self.place;
            let classifier = Classifier::new(network, *compile, device, *normalize_on)?;
            let evaluation = evaluate(&classifier, loader, &**ranks, stop)?;
            Ok(evaluation.complete.then_some(evaluation))
        };
        network.settle();
        let Some(plain) = one(network.valid())? else { return Ok(None) };
        let averaged = match &self.average {
            None => None,
            Some(average) => match one(average.network(network))? {
                None => return Ok(None),
                averaged => averaged,
            },
        };
        Ok(Some(Measured { plain, averaged }))
    }

    /// Gives all ranks the mean of their running statistics, so that they measure and keep the same network. Nothing in
    /// training reads them, and they are linear in what was seen: when it is done changes nothing.
    pub fn agree(&mut self, network: &Network) -> Result<(), TrainError> {
        let ranks = &*self.place.ranks;
        if ranks.world() == 1 || self.recipe.training.sync_norm || self.recipe.model.freeze_norm {
            return Ok(());
        }
        agree::statistics(network, self.average.as_mut(), ranks)
    }

    /// The end of an epoch in the journal; the next one begins.
    pub fn end_epoch(&mut self, measured: Option<&Measured>) -> Result<journal::Epoch, TrainError> {
        let (validation, averaged) = measured.map_or((None, None), Measured::scores);
        let epoch = self.recorder.end_epoch(self.at.position.epoch, self.at.step, validation, averaged)?;
        self.at.position = Position { epoch: self.at.position.epoch + 1, places: 0 };
        Ok(epoch)
    }
}

fn next_update(batches: &mut Batches, count: usize) -> Result<Vec<Batch>, TrainError> {
    Ok(batches.take(count).collect::<Result<Vec<Batch>, _>>()?)
}

fn added(sum: Option<Tensor<1>>, value: Tensor<1>) -> Tensor<1> {
    match sum {
        Some(sum) => sum + value,
        None => value,
    }
}

/// What an update comes to: of this rank at first, then of all.
struct Summed {
    gradients: GradientsParams,
    loss: Tensor<1>,
    hits: Tensor<1>,
    /// Images that could be read.
    images: usize,
    /// Whether somebody asked to stop.
    stop: bool,
}

impl Summed {
    /// The sum over all ranks, in one message: no rank stops, or learns from other images, by itself.
    fn over(self, ranks: &dyn Ranks, network: &Network) -> Result<Self, TrainError> {
        let device = self.loss.device();
        let mut values = flatten(&self.gradients, network)?;
        let length = values.len();
        for tensor in [self.loss, self.hits] {
            values.extend(tensor.into_data().try_to_vec::<f32>().map_err(TrainError::device)?);
        }
        values.extend([self.images as f32, f32::from(u8::from(self.stop))]);
        ranks.sum(&mut values)?;
        let gradients = unflatten(&values[..length], self.gradients, network);
        let value = |place: usize| Tensor::<1>::from_floats([values[length + place]], &device);
        let (images, stop) = (values[length + 2] as usize, values[length + 3] > 0.0);
        Ok(Self { gradients, loss: value(0), hits: value(1), images, stop })
    }

    /// Makes a mean over the images that could be read out of one over `all` of an update.
    fn of_those_read(self, all: usize, network: &Network, step: u64) -> Result<Self, TrainError> {
        match self.images {
            0 => Err(TrainError::NothingRead { step }),
            read if read == all => Ok(self),
            read => {
                let factor = all as f64 / read as f64;
                let tensor = Tensor::from_floats([factor as f32], &self.loss.device());
                let gradients = scaled(self.gradients, network, tensor);
                Ok(Self { gradients, loss: self.loss * factor, ..self })
            }
        }
    }
}
