//! Recipe, data and network become a run folder that can be resumed.

mod average;
mod error;
mod gradients;
mod loss;
#[cfg(feature = "mpi")]
pub mod mpi;
mod optimizer;
mod ranks;
mod rmsprop;
mod step;

pub use average::Average;
pub use error::TrainError;
pub use gradients::{clip, flatten, unflatten};
pub use loss::soft_cross_entropy;
pub use optimizer::{Optimizer, OptimizerOptions, OptimizerState, Rule};
pub use ranks::{Alone, Ranks};
pub use rmsprop::{RmsPropTf, RmsPropTfState};
pub use step::{Example, Pass, pass};
