//! The learning rate and the average's decay as functions of the step, and of nothing else.
//!
//! The formulae are those of `build_learning_rate` in the official code (tensorflow/tpu,
//! `models/official/efficientnet/utils.py`): the decay counts from the first step of the run and not from the end of the
//! warm-up, which only covers its beginning. So the official rate never is its peak: after five epochs of warm-up the
//! staircase, 2.4 epochs a stair, stands at 0.97^2 of it. A stair need not be a whole number of steps.
//!
//! ```
//! use efficientnet_runs::{recipe::Recipe, schedule::Schedule};
//!
//! let recipe = Recipe::named("official")?.with("data.batch_size=4096")?;
//! let schedule = Schedule::new(&recipe, 312); // 1,281,167 images
//! assert_eq!(schedule.rate(0), 0.0);
//! assert_eq!(schedule.rate(780), 0.256 / 2.0);
//! assert_eq!(schedule.rate(1560), 0.256 * 0.97f64.powi(2));
//! # Ok::<(), efficientnet_runs::recipe::RecipeError>(())
//! ```

use std::f64::consts::PI;

use crate::recipe::{Average, Decay, Recipe};

/// A run's learning rate and average, by the step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Rate of a network's layers that have the full one, at the end of the warm-up and before any decay.
    peak: f64,
    warmup_steps: u64,
    warmup_from: f64,
    decay: Decay,
    steps_per_epoch: u64,
    epochs: u64,
    average: Option<Average>,
}

impl Schedule {
    /// The schedule of a recipe whose epochs have `steps_per_epoch` updates.
    pub fn new(recipe: &Recipe, steps_per_epoch: u64) -> Self {
        let schedule = &recipe.schedule;
        Self {
            peak: schedule.peak(recipe.data.batch_size),
            warmup_steps: (schedule.warmup_epochs * steps_per_epoch as f64) as u64,
            warmup_from: schedule.warmup_from,
            decay: schedule.decay,
            steps_per_epoch,
            epochs: recipe.training.epochs,
            average: recipe.average,
        }
    }

    /// Updates of the whole run.
    pub fn total_steps(&self) -> u64 {
        self.steps_per_epoch.saturating_mul(self.epochs)
    }

    /// The rate of an update, where `step` counts the updates before it: the first update of a run is step 0, and its rate
    /// is 0 where the warm-up begins there.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            let done = step as f64 / self.warmup_steps as f64;
            return self.peak * (self.warmup_from + (1.0 - self.warmup_from) * done);
        }
        self.peak * self.left(step)
    }

    /// What the decay leaves of the peak.
    fn left(&self, step: u64) -> f64 {
        let done = (step as f64 / self.total_steps().max(1) as f64).min(1.0);
        match self.decay {
            Decay::Constant => 1.0,
            Decay::Staircase { factor, every_epochs } => {
                let stair = self.steps_per_epoch.max(1) as f64 * every_epochs;
                factor.powf((step as f64 / stair).floor())
            }
            Decay::Cosine { final_share } => {
                final_share + (1.0 - final_share) * 0.5 * (1.0 + (PI * done).cos())
            }
            Decay::Linear { final_share } => final_share + (1.0 - final_share) * (1.0 - done),
        }
    }

    /// What is kept of the average when an update is taken into it, where `updates` counts this one, too (TensorFlow's
    /// `num_updates`, the step after the update): with the ramp 2/11 for the first. `None` where there is no average.
    pub fn average_decay(&self, updates: u64) -> Option<f64> {
        let Average { decay, ramp } = self.average?;
        let updates = updates as f64;
        Some(if ramp { decay.min((1.0 + updates) / (10.0 + updates)) } else { decay })
    }
}
