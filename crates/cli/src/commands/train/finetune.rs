//! A recipe for somebody who has weights, a folder of photographs, and no recipe.

use std::path::Path;

use efficientnet_runs::folder::RECIPE;
use efficientnet_runs::recipe::{Model, Recipe};

use crate::args::TrainArgs;
use crate::error::CliError;
use crate::loading;

/// The committed recipe `transfer` for these weights: their network, and their own preprocessing, augmented lightly.
pub fn recipe(weights: &str, args: &TrainArgs) -> Result<Recipe, CliError> {
    let loaded = loading::weights(weights, args.which, None)?;
    let measured_with = loaded.transform()?;
    let mut recipe = Recipe::named("transfer")?;
    recipe.name = "finetune".to_string();
    let run = Path::new(weights);
    recipe.model = if run.is_dir() {
        // The network may be the run's own, and then its file's name for it is nobody else's.
        let Model { name, width, depth, blocks, .. } = Recipe::load(run.join(RECIPE))?.model;
        let init = Some(loaded.path.display().to_string());
        Model { name, width, depth, blocks, init, ..recipe.model }
    } else {
        let name = loaded.weights.spec().name.clone();
        Model { name, init: Some(weights.to_string()), ..recipe.model }
    };
    let size = measured_with.output_size();
    let normalization = measured_with.normalization();
    recipe.data.transform = format!(
        "random_resized_crop({}, 0.35..1, 3/4..4/3, bicubic) | flip(0.5) | color_jitter(0.2, 0.2, 0.2) | normalize({normalization})",
        size[0]
    )
    .parse()?;
    recipe.data.eval_transform = measured_with;
    if let Some(data) = &args.data {
        recipe.data.train = data.clone();
    }
    Ok(recipe)
}
