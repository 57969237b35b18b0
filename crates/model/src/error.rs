//! Why a network cannot be built or filled.

use efficientnet_arch::ArchError;
use thiserror::Error;

/// A sentence for each thing that a caller can get wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The spec asks for something that no network can be built with.
    #[error(transparent)]
    Arch(#[from] ArchError),
    /// The weights do not fit the network.
    #[error(transparent)]
    Weights(#[from] efficientnet_weights::WeightsError),
    /// The compiled network cannot be built or run.
    #[error(transparent)]
    Plan(efficientnet_kernels::PlanError),
    /// A device failed while its values were read.
    #[error("the network's values cannot be read from its device: {0}")]
    Device(String),
}
