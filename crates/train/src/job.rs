//! What a run is asked for, and what is said of it at its end.

use std::path::PathBuf;

use efficientnet_arch::ArchSpec;
use efficientnet_runs::folder::Environment;
use efficientnet_runs::recipe::Recipe;
use efficientnet_weights::Weights;
use sha2::{Digest, Sha256};

use crate::evaluate::Evaluation;
use crate::{Images, TrainError};

/// How a run is begun. [`Job::new`] has the usual; whatever is to be otherwise is set:
///
/// ```no_run
/// # use efficientnet_runs::{folder::Environment, recipe::Recipe};
/// # use efficientnet_train::Job;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let environment = Environment::of_this_machine("0.1.0");
/// let job = Job { resume: true, ..Job::new(Recipe::named("demo")?, "runs/demo", environment) };
/// # Ok(())
/// # }
/// ```
pub struct Job {
    /// What it is.
    pub recipe: Recipe,
    /// The network, in place of the one that the recipe's `[model]` describes; its number of classes is set from the images.
    /// Of `[model]` only what is frozen counts then.
    pub network: Option<ArchSpec>,
    /// The images, opened already, in place of those that the recipe names.
    pub images: Option<Images>,
    /// The weights that the recipe's `model.init` names, read by the caller.
    pub init: Option<Weights>,
    /// Where it is kept.
    pub folder: PathBuf,
    /// Whether a run that is there is gone on with.
    pub resume: bool,
    /// What is noted about the machine.
    pub environment: Environment,
    /// What is left behind.
    pub leave: Leave,
    /// Whether a linear model is fitted to the bare pixels, for the report to say what the network's accuracy is worth.
    pub linear_baseline: bool,
}

/// What a run leaves in its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leave {
    /// Weights for `predict` and `eval`, TensorBoard's file and the report, beside journal and checkpoints.
    #[default]
    Everything,
    /// What it takes to go on with it, and nothing once it is at its end: for trials, of which only the figures are of
    /// interest.
    Nothing,
}

impl Job {
    /// A recipe's run, in a folder that does not exist or is empty.
    pub fn new(recipe: Recipe, folder: impl Into<PathBuf>, environment: Environment) -> Self {
        Self {
            recipe,
            network: None,
            images: None,
            init: None,
            folder: folder.into(),
            resume: false,
            environment,
            leave: Leave::Everything,
            linear_baseline: false,
        }
    }

    /// What makes the run the same run: the recipe's hash, and with a network of its own that network.
    pub(crate) fn identity(&self) -> Result<String, TrainError> {
        let recipe = self.recipe.hash()?;
        let Some(network) = &self.network else { return Ok(recipe) };
        // Every field of plain data.
        let digest = Sha256::new().chain_update(&recipe).chain_update(format!("{network:?}")).finalize();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Finished {
    /// Updates in all.
    pub steps: u64,
    /// False where somebody asked to stop.
    pub complete: bool,
    /// The last measurement, of the averages where there are any; `None` without validation images.
    pub evaluation: Option<Evaluation>,
    /// Top-1 of a linear model of the bare pixels on the same images, 0 to 1, where it was asked for.
    pub linear_top1: Option<f64>,
    /// Seconds of this process in training steps and measurements alone, without what it takes to begin and to keep.
    pub spent: f64,
}
