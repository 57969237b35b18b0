//! What can be wrong with an evolution's plan.

use efficientnet_arch::ArchError;
use thiserror::Error;

use crate::PlanError;

/// A sentence for each thing that a plan can get wrong.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EvolveError {
    /// The plan itself.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A plan of another task.
    #[error("the plan `{0}` is no evolution: it has no table `evolve`")]
    NoEvolution(String),
    /// The baseline, or a network that is read from block strings, is no point of the space.
    #[error(
        "stage {stage} (`{row}`) has {key} {value}, which evolve.space.{key} does not offer; add it there"
    )]
    Outside {
        /// Counted from 1.
        stage: usize,
        /// As a block string.
        row: String,
        /// Which list.
        key: &'static str,
        /// The stage's value.
        value: String,
    },
    /// A baseline that this space does not fit.
    #[error("stage {stage} (`{row}`) {reason}")]
    Stage {
        /// Counted from 1.
        stage: usize,
        /// As a block string.
        row: String,
        /// What is in the way, and what to do.
        reason: &'static str,
    },
    /// Rows of another number of stages, or another order or stride.
    #[error("these rows are no network of the space: {0}")]
    Rows(String),
    /// A space of one network.
    #[error("the space holds the baseline alone; give evolve.space more than one value somewhere")]
    NoChoice,
    /// A network that cannot be built or counted.
    #[error(transparent)]
    Arch(#[from] ArchError),
    /// A network whose cost cannot be had.
    #[error("the cost of {network} cannot be had: {reason}")]
    Cost {
        /// Its name.
        network: String,
        /// Why.
        reason: String,
    },
    /// Nothing to go on from.
    #[error("every network of the first population failed; {name}: {reason}")]
    AllFailed {
        /// The first of them.
        name: String,
        /// Why that one failed.
        reason: String,
    },
    /// A winner that cannot be written down.
    #[error("the winner has no baseline file: {0}")]
    Winner(String),
}
