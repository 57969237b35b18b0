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
    /// Ranges of activations that are not this network's.
    #[error(
        "the ranges of activations are of {found} and not of {network}; take them from this network (`efficientnet quantize`)"
    )]
    Ranges {
        /// What is compiled.
        network: String,
        /// What they are of.
        found: String,
    },
    /// A device failed while its values were read.
    #[error("the network's values cannot be read from its device: {0}")]
    Device(String),
}
