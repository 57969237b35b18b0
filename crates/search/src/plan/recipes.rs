//! How one trial is trained: the proxy's recipe with what differs from trial to trial.

use efficientnet_data::Transform;
use efficientnet_runs::recipe::{Recipe, RecipeError};

use super::{Plan, PlanError};
use crate::Trial;
use crate::plan::error::Problem;

impl Plan {
    /// The recipe of a network with an input of `size` pixels, over all of the proxy's epochs and from its first seed: the
    /// transforms have their sizes. Its `[model]` names the baseline's design only; the network is the trial's.
    ///
    /// # Errors
    /// [`PlanError::Key`] where the transforms make no recipe at this size.
    pub fn recipe_for(&self, size: usize) -> Result<Recipe, PlanError> {
        let seed = self.proxy.seeds.first().copied().unwrap_or_default();
        self.recipe(size, self.proxy.epochs, seed, &self.name).map_err(|problem| problem.of(&self.name))
    }

    /// The recipe of a trial, which is called as the trial is.
    ///
    /// # Errors
    /// As [`Plan::recipe_for`].
    pub fn recipe_of(&self, trial: &Trial) -> Result<Recipe, PlanError> {
        let (size, name) = (trial.candidate.spec.resolution(), trial.id.to_string());
        let recipe = self.recipe(size, trial.id.epochs, trial.id.seed, &name);
        recipe.map_err(|problem| problem.of(&self.name))
    }

    pub(super) fn recipe(&self, size: usize, epochs: u64, seed: u64, name: &str) -> Result<Recipe, Problem> {
        let mut recipe = self.beside.recipe.clone();
        recipe.name = name.to_string();
        recipe.seed = seed;
        recipe.training.epochs = epochs;
        if let Some(transform) = &self.proxy.transform {
            recipe.data.transform = sized("proxy.transform", transform, size)?;
        }
        if let Some(transform) = &self.proxy.eval_transform {
            recipe.data.eval_transform = sized("proxy.eval_transform", transform, size)?;
        }
        recipe.check().map_err(|error| of_proxy(&error, size, epochs))?;
        Ok(recipe)
    }
}

/// The key of the plan that the recipe's error comes from.
fn of_proxy(error: &RecipeError, size: usize, epochs: u64) -> Problem {
    let key = match error {
        RecipeError::Key { key, .. } if key == "data.transform" => "proxy.transform",
        RecipeError::Key { key, .. } if key == "data.eval_transform" => "proxy.eval_transform",
        RecipeError::Key { key, .. } if key.starts_with("training.epochs") => "proxy.epochs",
        _ => "proxy",
    };
    Problem::new(key, format!("makes no recipe at {size} pixels and {epochs} epochs: {error}"))
}

/// The transform with the sizes in place of `{size}` and `{size/8}`.
fn sized(key: &str, transform: &str, size: usize) -> Result<Transform, Problem> {
    let text =
        transform.replace("{size}", &size.to_string()).replace("{size/8}", &size.div_ceil(8).to_string());
    text.parse().map_err(|error| Problem::new(key, format!("is no transform at {size} pixels: {error}")))
}
