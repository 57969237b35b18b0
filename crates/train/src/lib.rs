//! Recipe, data and network become a run folder that can be resumed.

mod agree;
mod average;
mod error;
mod evaluate;
mod finish;
mod gradients;
mod images;
pub mod linear;
mod loss;
#[cfg(feature = "mpi")]
pub mod mpi;
mod optimizer;
mod ranks;
mod record;
mod rules;
mod run;
mod snapshot;
pub mod start;
mod step;
mod sync_norm;
mod trainer;

pub use average::Average;
pub use error::TrainError;
pub use evaluate::{Classifier, Evaluation, evaluate};
pub use gradients::{clip, flatten, scaled, unflatten};
pub use images::Images;
pub use loss::soft_cross_entropy;
pub use optimizer::{Optimizer, OptimizerOptions, OptimizerState, Rule};
pub use ranks::{Alone, Ranks};
pub use run::{AVERAGED, BEST, Finished, Job, LAST, options, train};
pub use step::{Example, Pass, pass};
pub use trainer::Place;
