//! Why training cannot begin or go on: one sentence that says what to do.

use std::fmt;

use efficientnet_data::{LoaderError, SourceError, SplitError};
use efficientnet_model::ModelError;

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
    /// A device gave no values.
    #[error("the device cannot give its values back ({0}); use fewer images in a batch")]
    Device(String),
    /// The other processes are gone.
    #[error("the other ranks cannot be reached ({0}); start again with --resume")]
    Ranks(String),
}

impl TrainError {
    pub(crate) fn device(error: impl fmt::Debug) -> Self {
        Self::Device(format!("{error:?}"))
    }
}
