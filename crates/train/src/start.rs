//! The network that a run begins with.

use burn::module::Module;
use burn::tensor::Device;
use efficientnet_arch::ArchSpec;
use efficientnet_model::{Freeze, Network};
use efficientnet_runs::recipe::{self, Recipe};
use efficientnet_weights::Weights;

use crate::TrainError;

/// The network that the recipe's `[model]` describes, at the resolution that it is measured at.
///
/// # Errors
/// [`TrainError::Arch`] where there is no such network.
pub fn of_recipe(recipe: &Recipe) -> Result<ArchSpec, TrainError> {
    let [size, _] = recipe.data.eval_transform.output_size();
    Ok(recipe.model.spec(size)?)
}

/// The network for a number of classes. Weights that it starts from say their border rule and, unless the recipe does, the
/// constants of their normalisation.
///
/// # Errors
/// [`TrainError::Arch`] where it cannot be built, [`TrainError::OtherNetwork`] where the weights are for another one.
pub fn spec(
    recipe: &Recipe,
    network: ArchSpec,
    classes: usize,
    init: Option<&Weights>,
) -> Result<ArchSpec, TrainError> {
    let mut spec = network.with_classes(classes);
    if let Some(weights) = init {
        let trained = weights.spec();
        if trained.stages.len() != spec.stages.len()
            || trained.clone().with_classes(classes).tensors() != spec.tensors()
        {
            let (wanted, found) = (spec.name, trained.name.clone());
            return Err(TrainError::OtherNetwork { wanted, found });
        }
        spec = spec.with_padding(trained.padding).with_in_channels(trained.in_channels);
        spec.batch_norm.epsilon = recipe.model.bn_epsilon.unwrap_or(trained.batch_norm.epsilon);
    }
    Ok(spec.checked()?)
}

/// Builds the network on a device that differentiates: from weights, with a new classifier where their classes are others,
/// or from random values that follow from the recipe's seed.
///
/// # Errors
/// [`TrainError::Model`] where the weights do not fit.
pub fn network(
    recipe: &Recipe,
    spec: &ArchSpec,
    init: Option<Weights>,
    device: &Device,
) -> Result<Network, TrainError> {
    device.clone().inner().seed(recipe.seed);
    let network = match init {
        None => Network::init(spec, device)?,
        Some(weights) => from_weights(spec, weights, device)?,
    };
    Ok(freeze(network.materialize(), recipe))
}

fn from_weights(spec: &ArchSpec, mut weights: Weights, device: &Device) -> Result<Network, TrainError> {
    // A random network lends its classifier where the weights' is for other classes.
    let mut fresh = match weights.spec().num_classes == spec.num_classes {
        true => None,
        false => Some(Network::init(spec, device)?.materialize().to_weights()?),
    };
    let mut failure = None;
    let combined = Weights::from_tensors(spec.clone(), |tensor| {
        let name = tensor.name();
        let found = match (&mut fresh, tensor.layer.as_str()) {
            (Some(fresh), "classifier") => fresh.take(&name),
            _ => weights.take(&name),
        };
        found.map_or_else(
            |error| {
                failure = Some(error);
                Vec::new()
            },
            |tensor| tensor.values,
        )
    });
    match failure {
        Some(error) => Err(TrainError::Model(error.into())),
        None => Ok(Network::from_weights(combined, device)?),
    }
}

/// Freezes what the recipe says.
pub fn freeze(network: Network, recipe: &Recipe) -> Network {
    let network = network.with_frozen(match recipe.model.freeze {
        recipe::Freeze::None => Freeze::Nothing,
        recipe::Freeze::Backbone => Freeze::Backbone,
        recipe::Freeze::Stages(count) => Freeze::Stages(count),
    });
    if recipe.model.freeze_norm { network.with_frozen_norm() } else { network }
}
