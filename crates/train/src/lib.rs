//! Recipe, images and network become a run folder that can be resumed.
//!
//! What a run is and what it leaves behind is plain data, and lives in `efficientnet-runs`. Here it is computed: [`train`]
//! turns a [`Job`] into updates, measurements and checkpoints on one device or, with [`Ranks`], on several. Its parts are
//! there for loops of one's own: [`pass`] gives loss and gradients, [`Optimizer`] makes an update of them, [`Average`] follows
//! it.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use efficientnet_data::NormalizeOn;
//! use efficientnet_runs::folder::Environment;
//! use efficientnet_runs::recipe::Recipe;
//! use efficientnet_train::{Alone, Job, Place, train};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let place = Place {
//!     device: efficientnet_backend::device("flex")?,
//!     normalize_on: NormalizeOn::Host,
//!     compile: true,
//!     read_every: 1,
//!     ranks: Arc::new(Alone),
//!     stop: Arc::default(),
//! };
//! let environment = Environment::of_this_machine("0.1.0");
//! let job = Job::new(Recipe::named("demo")?, "runs/demo", environment);
//! let finished = train(job, &place)?;
//! println!("{:?}", finished.evaluation.and_then(|evaluation| evaluation.tally.top1()));
//! # Ok(())
//! # }
//! ```

mod agree;
mod average;
mod error;
mod evaluate;
mod finish;
mod gradients;
mod images;
mod job;
pub mod linear;
mod loss;
#[cfg(feature = "mpi")]
pub mod mpi;
mod optimizer;
mod precision;
mod probe;
mod ranks;
mod record;
mod rules;
mod run;
mod running;
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
pub use job::{Finished, Job, Leave};
pub use loss::soft_cross_entropy;
pub use optimizer::{Optimizer, OptimizerOptions, OptimizerState, Rule};
pub use probe::probe;
pub use ranks::{Alone, Ranks};
pub use run::{AVERAGED, BEST, LAST, options, train, train_quietly};
pub use step::{Example, Pass, pass};
pub use trainer::Place;
