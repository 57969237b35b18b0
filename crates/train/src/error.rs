//! Why training cannot begin or go on: one sentence that says what to do.

use std::fmt;
use std::path::PathBuf;

use efficientnet_arch::ArchError;
use efficientnet_data::{LoaderError, SourceError, SplitError};
use efficientnet_model::ModelError;
use efficientnet_runs::board::BoardError;
use efficientnet_runs::folder::FolderError;
use efficientnet_runs::lines::LinesError;
use efficientnet_runs::recipe::RecipeError;
use efficientnet_runs::scores::ScoreError;
use efficientnet_weights::WeightsError;

/// A sentence for each thing that can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The network cannot be built or filled.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The images cannot be found.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// They cannot be divided.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// They cannot be read.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// An image of a class that the network does not have.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// No such network.
    #[error(transparent)]
    Arch(#[from] ArchError),
    /// The recipe is not one.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The run's folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] LinesError),
    /// TensorBoard's file cannot be written.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// Weights cannot be written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The weights to start from are another network's.
    #[error(
        "the weights to start from are of {found}, and the recipe's network is {wanted}; make them the same"
    )]
    OtherNetwork {
        /// The recipe's.
        wanted: String,
        /// The weights'.
        found: String,
    },
    /// A folder of another run, where the network is not the recipe's.
    #[error(
        "{} is the run of another recipe or of another network; go on with its own, or name another folder",
        .0.display()
    )]
    OtherRun(PathBuf),
    /// A checkpoint of another program.
    #[error(
        "the checkpoint's sums and counters are not those of this program ({0}); go on with the one that wrote it, or start \
         the run anew"
    )]
    Extra(String),
    /// Features of a random network.
    #[error("a linear probe is of a trained network; say which weights to begin with")]
    NoWeights,
    /// A class that cannot be learned.
    #[error("the class {class} has no image to learn from; add some, or leave the class out")]
    EmptyClass {
        /// Its name.
        class: String,
    },
    /// Images that cannot be shared.
    #[error(
        "{batch} images of an update cannot be shared equally by {world} ranks in {accumulate} parts; \
         set data.batch_size to a multiple of {}", accumulate * world
    )]
    Share {
        /// Images of an update.
        batch: usize,
        /// Parts.
        accumulate: usize,
        /// Ranks.
        world: usize,
    },
    /// More images in an update than there are.
    #[error("an update of {batch} images is larger than the training set of {images}; lower data.batch_size")]
    BatchTooLarge {
        /// Images of an update.
        batch: usize,
        /// Images to learn from.
        images: usize,
    },
    /// A number format that the device does not compute in.
    #[error("this device does not compute in {0}; set training.precision = \"f32\", or take another device")]
    Precision(&'static str),
    /// The loss is not a number any more.
    #[error(
        "the loss of step {step} is {loss}, at a rate of {rate}; lower schedule.rate or lengthen schedule.warmup_epochs, \
         or look at the step's images: {images}"
    )]
    NotFinite {
        /// The step, from 1.
        step: u64,
        /// The loss.
        loss: f32,
        /// The learning rate.
        rate: f64,
        /// Its images' names.
        images: String,
    },
    /// An update without images.
    #[error("none of the images of step {step} could be read; look at the data set with `efficientnet data`")]
    NothingRead {
        /// The step, from 1.
        step: u64,
    },
    /// Ranks that were not started alike.
    #[error(
        "rank {rank} has another recipe or other images than rank 0; start all ranks with the same command, on the same files"
    )]
    Unlike {
        /// The first that differs.
        rank: usize,
    },
    /// Statistics over all ranks on a device that cannot take them.
    #[error(
        "batch normalisation over all ranks is not available on this device; use flex, ndarray or tch, or set \
         training.sync_norm = false"
    )]
    SyncNorm,
    /// A device gave no values.
    #[error("the device cannot give its values back ({0}); use fewer images in a batch")]
    Device(String),
    /// Processes that do not find each other.
    #[error(
        "{started} processes were started together, and this one finds {found}; start them with this MPI's `mpirun`, or with \
         `srun --mpi=pmix`"
    )]
    Launcher {
        /// What the launcher says.
        started: usize,
        /// What MPI says.
        found: usize,
    },
    /// The other processes are gone.
    #[error("the other ranks cannot be reached ({0}); start again with --resume")]
    Ranks(String),
}

impl TrainError {
    pub(crate) fn device(error: impl fmt::Debug) -> Self {
        Self::Device(format!("{error:?}"))
    }
}
