//! From updates to the journal, TensorBoard's file, the progress line and the epoch's means.
//!
//! Losses are tensors on a device. Reading one waits for everything before it, so they are kept until a few have come
//! together: the loop itself never waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Tensor;
use efficientnet_data::Source;
use efficientnet_runs::board::Board;
use efficientnet_runs::journal::{Epoch, Journal, Scores, Step, Time, Written};
use efficientnet_runs::progress::Progress;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// How often what a clock says is written, and the journal handed to the operating system.
const TICK: Duration = Duration::from_secs(5);
/// Names in the sentence about a loss that is no number.
const NAMED: usize = 5;

/// An update whose numbers are still on the device.
pub(crate) struct Pending {
    pub step: u64,
    pub epoch: u64,
    pub rate: f64,
    pub loss: Tensor<1>,
    pub hits: Tensor<1>,
    pub norm: Option<Tensor<1>>,
    /// On all ranks.
    pub images: usize,
    /// This rank's.
    pub samples: Vec<usize>,
}

/// Sums over the epoch so far: a part of the checkpoint, so that its means come out the same.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Sums {
    images: u64,
    loss: f64,
    hits: f64,
}

/// The files of the rank that writes.
pub(crate) struct Files<'a> {
    pub journal: Journal,
    /// Where TensorBoard is served.
    pub board: Option<Board>,
    pub watcher: Watcher<'a>,
}

/// Who is told how training goes.
pub(crate) enum Watcher<'a> {
    /// A person.
    Person(Box<Progress>),
    /// A function that takes the share that is done, 0 to 1.
    Share { tell: &'a mut dyn FnMut(f64), steps: u64 },
}

impl Watcher<'_> {
    fn step(&mut self, entry: &Step, images: u64) {
        match self {
            Self::Person(progress) => progress.step(entry, images),
            Self::Share { tell, steps } => tell(entry.step as f64 / (*steps).max(1) as f64),
        }
    }

    fn epoch(&mut self, entry: &Epoch) {
        if let Self::Person(progress) = self {
            progress.epoch(entry);
        }
    }

    fn finish(&mut self) {
        if let Self::Person(progress) = self {
            progress.finish();
        }
    }
}

/// Writes down what happens.
pub(crate) struct Recorder<'a> {
    /// `None` on all ranks but the first.
    files: Option<Files<'a>>,
    source: Arc<dyn Source>,
    pending: Vec<Pending>,
    read_every: usize,
    pub sums: Sums,
    clock: Clock,
}

/// What a clock says of the run.
struct Clock {
    /// Training before this process took it up.
    before: f64,
    started: Instant,
    tick: Instant,
    images: u64,
    waited: Duration,
    measured: Duration,
    /// Of this process, in training steps and measurements alone.
    spent: Duration,
}

impl<'a> Recorder<'a> {
    pub fn new(
        files: Option<Files<'a>>,
        source: Arc<dyn Source>,
        read_every: usize,
        sums: Sums,
        seconds: f64,
    ) -> Self {
        let now = Instant::now();
        let clock = Clock {
            before: seconds,
            started: now,
            tick: now,
            images: 0,
            waited: Duration::ZERO,
            measured: Duration::ZERO,
            spent: Duration::ZERO,
        };
        Self { files, source, pending: Vec::new(), read_every: read_every.max(1), sums, clock }
    }

    /// The loader let us wait so long.
    pub fn waited(&mut self, time: Duration) {
        self.clock.waited += time;
    }

    /// A measurement took so long.
    pub fn measured(&mut self, time: Duration) {
        self.clock.measured += time;
        self.clock.spent += time;
    }

    /// An update took so long, waiting for its images included.
    pub fn trained(&mut self, time: Duration) {
        self.clock.spent += time;
    }

    /// Seconds of this process in updates and measurements alone.
    pub fn spent(&self) -> f64 {
        self.clock.spent.as_secs_f64()
    }

    /// Seconds of the run, those of earlier processes included.
    pub fn seconds(&self) -> f64 {
        self.clock.before + self.clock.started.elapsed().as_secs_f64()
    }

    /// Keeps an update, and reads those that have waited long enough.
    pub fn add(&mut self, pending: Pending) -> Result<(), TrainError> {
        self.pending.push(pending);
        if self.pending.len() >= self.read_every { self.flush() } else { Ok(()) }
    }

    /// Reads and writes all updates that wait.
    pub fn flush(&mut self) -> Result<(), TrainError> {
        let mut last = None;
        for pending in std::mem::take(&mut self.pending) {
            last = Some(pending.step);
            self.write(pending)?;
        }
        if let (Some(step), true) = (last, self.clock.tick.elapsed() >= TICK) {
            self.tick(step)?;
        }
        Ok(())
    }

    fn write(&mut self, pending: Pending) -> Result<(), TrainError> {
        let read = |tensor: Tensor<1>| tensor.into_data().convert::<f32>().try_to_vec::<f32>();
        let value = |tensor| read(tensor).map(|values| values[0]).map_err(TrainError::device);
        let Pending { step, epoch, rate, images, samples, .. } = pending;
        let (loss, hits) = (value(pending.loss)?, value(pending.hits)?);
        let gradient_norm = pending.norm.map(value).transpose()?;
        if !loss.is_finite() || gradient_norm.is_some_and(|norm| !norm.is_finite()) {
            let images = self.names(&samples);
            return Err(TrainError::NotFinite { step, loss, rate, images });
        }
        self.sums.images += images as u64;
        self.sums.loss += f64::from(loss) * images as f64;
        self.sums.hits += f64::from(hits);
        self.clock.images += images as u64;
        let entry = Step { step, epoch, rate, loss, top1: hits / images as f32, gradient_norm };
        if let Some(files) = &mut self.files {
            files.journal.step(&entry)?;
            files.board.as_mut().map_or(Ok(()), |board| board.step(&entry))?;
            files.watcher.step(&entry, images as u64);
        }
        Ok(())
    }

    fn names(&self, samples: &[usize]) -> String {
        let named: Vec<String> =
            samples.iter().take(NAMED).map(|sample| self.source.key(*sample).into_owned()).collect();
        match samples.len().saturating_sub(NAMED) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }

    fn tick(&mut self, step: u64) -> Result<(), TrainError> {
        let seconds = self.seconds();
        let clock = &mut self.clock;
        let training = clock.tick.elapsed().saturating_sub(clock.measured).as_secs_f64();
        let time = Time {
            step,
            seconds,
            images_per_second: clock.images as f64 / training.max(1e-9),
            waited_for_data: clock.waited.as_secs_f64(),
            validation: (!clock.measured.is_zero()).then_some(clock.measured.as_secs_f64()),
        };
        if let Some(files) = &mut self.files {
            files.journal.time(&time)?;
            files.journal.flush()?;
            files.board.as_mut().map_or(Ok(()), Board::flush)?;
        }
        (clock.tick, clock.images) = (Instant::now(), 0);
        (clock.waited, clock.measured) = (Duration::ZERO, Duration::ZERO);
        Ok(())
    }

    /// Writes the end of an epoch.
    pub fn end_epoch(
        &mut self,
        epoch: u64,
        step: u64,
        validation: Option<Scores>,
        averaged: Option<Scores>,
    ) -> Result<Epoch, TrainError> {
        self.flush()?;
        if self.clock.images > 0 {
            self.tick(step)?;
        }
        let Sums { images, loss, hits } = std::mem::take(&mut self.sums);
        let count = images.max(1) as f64;
        let train = Scores { images, loss: (loss / count) as f32, top1: (hits / count) as f32, top5: None };
        let entry = Epoch { epoch, step, train, validation, averaged };
        if let Some(files) = &mut self.files {
            files.journal.epoch(&entry)?;
            files.board.as_mut().map_or(Ok(()), |board| board.epoch(&entry))?;
            files.watcher.epoch(&entry);
        }
        Ok(entry)
    }

    /// How far the journal is written, for a checkpoint.
    pub fn written(&mut self) -> Result<Written, TrainError> {
        self.flush()?;
        match &mut self.files {
            Some(files) => {
                files.board.as_mut().map_or(Ok(()), Board::flush)?;
                Ok(files.journal.written()?)
            }
            None => Ok(Written::default()),
        }
    }

    /// The last word.
    pub fn finish(&mut self) {
        if let Some(files) = &mut self.files {
            files.watcher.finish();
        }
    }
}
