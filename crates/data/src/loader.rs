//! Batches from a source: the same ones from the same seed, whatever the number of workers.
//!
//! An epoch is a list of places, and what stands in a place is a pure function of (seed, epoch, place): which sample, and
//! which random numbers its transform takes. Workers fill places in whatever order they come to them; batches come out in
//! theirs. So 0, 1 or 8 workers give the same bytes, a run that is taken up again at a [`Position`] goes on with the batch
//! that it would have had, and ranks that share the epoch see together what one rank would see alone.
//!
//! ```
//! use std::sync::Arc;
//! use efficientnet_data::{Folder, Loader, LoaderOptions, Order};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # for name in ["cat/1.png", "cat/2.png", "dog/3.png"] {
//! #     std::fs::create_dir_all(dir.path().join(name).parent().unwrap())?;
//! #     std::fs::write(dir.path().join(name), include_bytes!("../tests/fixtures/sources/noise.png"))?;
//! # }
//! # let path = dir.path();
//! let source = Arc::new(Folder::open(path, None)?);
//! let transform = "decode | resize(36, bicubic) | center_crop(32) | normalize(imagenet)".parse()?;
//! let options = LoaderOptions { batch_size: 2, order: Order::Shuffled, ..LoaderOptions::new(transform) };
//! let loader = Loader::new(source, options)?;
//! for batch in loader.epoch(0) {
//!     let batch = batch?;
//!     assert_eq!(batch.shape(), [2, 32, 32, 3]);
//!     println!("{} images, first class {}", batch.valid_count(), batch.labels()[0]);
//! }
//! # Ok(())
//! # }
//! ```

mod batch;
mod epoch;
mod order;
mod pool;
mod work;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::ImageError;
use crate::source::{Source, SourceError};
use crate::transform::Transform;

pub use batch::{Batch, Skipped};
pub use epoch::Epoch;
pub use order::Order;

/// How a [`Loader`] makes batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoaderOptions {
    /// From an image to a network's input.
    pub transform: Transform,
    /// Images in a batch, for each rank.
    pub batch_size: usize,
    /// Everything random follows from it.
    pub seed: u64,
    /// Which sample stands where in an epoch.
    pub order: Order,
    /// How often each sample stands in a row, each time transformed anew: repeated augmentation (Hoffer et al. 2019). The
    /// epoch keeps its length, so with 3 it sees a third of the samples.
    pub repeats: usize,
    /// What happens to the samples that fill no whole batch.
    pub last_batch: LastBatch,
    /// Which part of every batch is ours.
    pub shard: Shard,
    /// Threads that read, decode and transform; with 0 the caller's thread does, when a batch is asked for.
    pub workers: usize,
    /// Bytes of pixels in batches that are finished or being filled ahead of the caller; one batch is always allowed.
    pub prefetch_bytes: usize,
    /// What happens when an image cannot be read.
    pub on_error: OnError,
}

impl LoaderOptions {
    /// One batch of 32 after the other in the source's order, the last one padded, on as many workers as there are
    /// processors, up to 256 MiB ahead.
    pub fn new(transform: Transform) -> Self {
        Self {
            transform,
            batch_size: 32,
            seed: 0,
            order: Order::Sequential,
            repeats: 1,
            last_batch: LastBatch::Pad,
            shard: Shard::default(),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            prefetch_bytes: 256 << 20,
            on_error: OnError::Stop,
        }
    }
}

/// What happens to the samples at the end of an epoch that fill no whole batch (of all ranks together).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastBatch {
    /// They are left out, so that every batch is full: for training.
    Drop,
    /// Their batch is filled up with images that do not count ([`Batch::valid`]): for evaluation.
    #[default]
    Pad,
}

/// What happens when an image cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The batch is an error that names the file.
    #[default]
    Stop,
    /// Its place does not count ([`Batch::valid`]), and [`Batch::skipped`] says why.
    Skip,
}

/// One of several processes that share each batch: of a batch of all ranks together, rank 0 has the first images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shard {
    /// From 0.
    pub rank: usize,
    /// How many there are.
    pub world: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Self { rank: 0, world: 1 }
    }
}

/// A place between two batches: where a run goes on, also with another number of ranks or another batch size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Position {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Places of that epoch that all ranks together have had.
    pub places: u64,
}

/// Why there are no batches.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoaderError {
    /// A batch without images.
    #[error("a batch of 0 images was asked for; give a batch size of at least 1")]
    EmptyBatch,
    /// Repeating nothing.
    #[error("each image was to be repeated 0 times; give 1 for no repetition")]
    NoRepeat,
    /// A rank that does not exist.
    #[error("there is no rank {rank} of {world}; ranks count from 0")]
    Rank {
        /// The rank.
        rank: usize,
        /// How many there are.
        world: usize,
    },
    /// More images in a batch than there are.
    #[error(
        "a batch of {batch} images (on all ranks together) is larger than the data set of {samples}; \
         lower the batch size, or pad the last batch"
    )]
    BatchTooLarge {
        /// Images in a batch of all ranks.
        batch: u64,
        /// Images in the source.
        samples: usize,
    },
    /// A batch that no memory holds.
    #[error(
        "a batch of {batch_size} images of {width} x {height} pixels is too large for this computer; lower one of them"
    )]
    OutOfMemory {
        /// Images in a batch.
        batch_size: usize,
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// More samples than places are counted.
    #[error("the data set has {samples} images, and 4294967295 is the most that can be ordered; split it")]
    TooManySamples {
        /// Images in the source.
        samples: usize,
    },
    /// A position behind the epoch's end.
    #[error("an epoch of {samples} images has no place {places}; the position belongs to another data set")]
    Position {
        /// Images in the source.
        samples: usize,
        /// The position's.
        places: u64,
    },
    /// The source could not give a sample.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A sample could not be decoded.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A decoder gave up in a way that it should not.
    #[error("{name} made the decoder fail ({reason}); take it out of the data set, and please report it")]
    Panicked {
        /// The sample.
        name: String,
        /// Its last words.
        reason: String,
    },
}

/// Makes batches of a source.
#[derive(Debug, Clone)]
pub struct Loader {
    source: Arc<dyn Source>,
    options: LoaderOptions,
}

impl Loader {
    /// A loader of this source; nothing is read before an epoch is asked for a batch.
    ///
    /// # Errors
    /// [`LoaderError`] where the options do not fit the source or each other.
    pub fn new(source: Arc<dyn Source>, options: LoaderOptions) -> Result<Self, LoaderError> {
        let LoaderOptions { batch_size, repeats, shard: Shard { rank, world }, last_batch, .. } = options;
        let samples = source.len();
        if batch_size == 0 {
            return Err(LoaderError::EmptyBatch);
        }
        if repeats == 0 {
            return Err(LoaderError::NoRepeat);
        }
        if rank >= world {
            return Err(LoaderError::Rank { rank, world });
        }
        if u32::try_from(samples).is_err() {
            return Err(LoaderError::TooManySamples { samples });
        }
        let [height, width] = options.transform.output_size();
        let bytes = batch_size.saturating_mul(options.transform.output_len());
        if Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
            return Err(LoaderError::OutOfMemory { batch_size, width, height });
        }
        let loader = Self { source, options };
        if last_batch == LastBatch::Drop && loader.places_in_batch() > samples as u64 {
            return Err(LoaderError::BatchTooLarge { batch: loader.places_in_batch(), samples });
        }
        Ok(loader)
    }

    /// What the batches are made of.
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// How they are made.
    pub fn options(&self) -> &LoaderOptions {
        &self.options
    }

    /// Batches in a whole epoch, the same on every rank.
    pub fn batches(&self) -> usize {
        self.batches_from(0)
    }

    /// The batches of an epoch, from its first one.
    pub fn epoch(&self, epoch: u64) -> Epoch {
        self.start(Position { epoch, places: 0 }, &self.options.transform)
    }

    /// The batches of an epoch with another transform, as when images grow from epoch to epoch
    /// ([`Transform::with_size`]).
    pub fn epoch_with(&self, epoch: u64, transform: &Transform) -> Epoch {
        self.start(Position { epoch, places: 0 }, transform)
    }

    /// What is left of an epoch behind a position that [`Batch::next_position`] gave.
    ///
    /// # Errors
    /// [`LoaderError::Position`] where the source is too short for it.
    pub fn resume(&self, position: Position) -> Result<Epoch, LoaderError> {
        self.resume_with(position, &self.options.transform)
    }

    /// As [`Loader::resume`], with another transform.
    ///
    /// # Errors
    /// As [`Loader::resume`].
    pub fn resume_with(&self, position: Position, transform: &Transform) -> Result<Epoch, LoaderError> {
        let end = (self.source.len() as u64).next_multiple_of(self.places_in_batch());
        if position.places > end {
            let samples = self.source.len();
            return Err(LoaderError::Position { samples, places: position.places });
        }
        Ok(self.start(position, transform))
    }

    fn start(&self, position: Position, transform: &Transform) -> Epoch {
        let options = LoaderOptions { transform: transform.clone(), ..self.options.clone() };
        Epoch::new(Arc::clone(&self.source), options, position, self.batches_from(position.places))
    }

    /// Places in a batch of all ranks together.
    fn places_in_batch(&self) -> u64 {
        self.options.batch_size as u64 * self.options.shard.world as u64
    }

    fn batches_from(&self, places: u64) -> usize {
        let left = (self.source.len() as u64).saturating_sub(places);
        let batches = match self.options.last_batch {
            LastBatch::Drop => left / self.places_in_batch(),
            LastBatch::Pad => left.div_ceil(self.places_in_batch()),
        };
        batches as usize
    }
}
