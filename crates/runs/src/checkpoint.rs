//! A checkpoint: everything that a run needs to go on, in one file that is whole or refused.
//!
//! The file is safetensors, so any tool opens it: the tensors, and in its metadata the [`State`] as JSON and a SHA-256
//! over the whole file. There is one way to write a given checkpoint, byte for byte, and a file that is not written that
//! way is refused: no bit of it can change unnoticed.

mod header;
mod read;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use efficientnet_data::Position;
use efficientnet_download::io_reason;
use serde::{Deserialize, Serialize};

use crate::journal::Written;

pub(crate) use write::Encoded;

/// Values that are converted at a time.
const CHUNK: usize = 1 << 15;

/// A moment of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub state: State,
    /// Weights, averages, the optimiser's accumulators: whatever the engine names, in its order.
    pub tensors: Vec<Tensor>,
}

/// A named array.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its name, no other tensor's of the checkpoint.
    pub name: String,
    /// Its shape; empty for a single value.
    pub shape: Vec<usize>,
    /// Its values, the last axis fastest.
    pub values: Vec<f32>,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// Updates so far.
    pub step: u64,
    /// The epoch of the next update, from 0.
    pub epoch: u64,
    /// The next batch.
    pub position: Position,
    /// Score of these weights on the validation data, higher is better; `None` where they were not evaluated.
    pub score: Option<f64>,
    /// The best scores so far, best first.
    pub best: Vec<Best>,
    /// How far the journal was written.
    pub written: Written,
    /// Seconds of training so far.
    pub seconds: f64,
    /// What else the engine keeps.
    #[serde(default)]
    pub extra: serde_json::Value,
}

/// A score and where it was reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Updates until there.
    pub step: u64,
    /// The score, higher is better.
    pub score: f64,
}

/// Why a checkpoint could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("{} cannot be {action}: {}", .path.display(), io_reason(.source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, as a participle: `read`, `written`.
        action: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is not a training checkpoint ({reason}); give one from a run's checkpoints folder", .path.display())]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// The file ends early.
    #[error("{} is cut off: it has {found} of {expected} bytes; use the checkpoint before it", .path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
        /// Bytes that it has.
        found: u64,
        /// Bytes that it should have, as far as can be told.
        expected: u64,
    },
    /// The file is not what was written.
    #[error("{} is damaged ({reason}); use the checkpoint before it", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// What was given cannot be kept.
    #[error("the checkpoint of step {step} cannot be written: {reason}")]
    Unfit {
        /// Its step.
        step: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl CheckpointError {
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), action, source }
    }
}

impl Checkpoint {
    /// Writes the file beside its place and renames it when it is on the disk: a failure leaves nothing, and whatever had
    /// the name stays as it was. No second copy of the tensors is made.
    ///
    /// # Errors
    /// [`CheckpointError::Unfit`] where a tensor's values do not fill its shape, two have one name, or the state holds a
    /// number that is not finite; [`CheckpointError::Io`], for example where the disk is full.
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        let encoded = Encoded::new(self)?;
        efficientnet_data::write_atomically(path, |out| encoded.write(out))
            .map_err(|error| CheckpointError::io(path, "written", error))
    }

    /// Reads a file and holds it to its SHA-256.
    ///
    /// # Errors
    /// [`CheckpointError`] with the file's name, unless every byte is as it was written.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        read::whole(path)
    }
}

impl State {
    /// Reads a file's state alone. The tensors are not looked at, so they may be damaged.
    ///
    /// # Errors
    /// [`CheckpointError`] where the file's head or its length is not as it was written.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        read::state(path)
    }
}

#[cfg(test)]
mod tests;
