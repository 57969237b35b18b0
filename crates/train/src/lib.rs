//! Recipe, data and network become a run folder that can be resumed.

mod average;
mod error;
mod gradients;
mod loss;
mod optimizer;
mod rmsprop;

pub use average::Average;
pub use error::TrainError;
pub use gradients::{clip, flatten, unflatten};
pub use loss::soft_cross_entropy;
pub use optimizer::{Optimizer, OptimizerOptions, OptimizerState, Rule};
pub use rmsprop::{RmsPropTf, RmsPropTfState};
