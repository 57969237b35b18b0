//! A linear probe: the network's features are computed once, and a linear classifier is fitted to them.
//!
//! That is what a frozen backbone is worth, in the time of one pass over the images. The network with the new classifier
//! is kept like any run's.

use std::time::Instant;

use efficientnet_arch::{ArchSpec, TensorKind};
use efficientnet_data::Loader;
use efficientnet_model::Network;
use efficientnet_runs::folder::RunFolder;
use efficientnet_runs::recipe::{Freeze, Recipe};
use efficientnet_runs::scores::{Outcome, Tally};
use efficientnet_weights::Weights;

use crate::evaluate::{Classifier, Evaluation};
use crate::linear::{self, Linear, Vectors};
use crate::run::LAST;
use crate::running::save_weights;
use crate::{Finished, Images, Job, Place, TrainError, finish, start};

/// Fits a linear classifier to the features of the job's weights, and leaves a run's folder. Images are as for evaluation, without
/// augmentation; the recipe's optimiser and schedule have no say, nor has a job's own network.
///
/// # Errors
/// [`TrainError`], as [`train`](crate::train); [`TrainError::NoWeights`] where the recipe starts from none.
pub fn probe(job: Job, place: &Place) -> Result<Finished, TrainError> {
    let Job { mut recipe, init, folder, environment, .. } = job;
    recipe.model.freeze = Freeze::Backbone;
    recipe.check()?;
    let images = Images::open(&recipe)?;
    let network = start::of_recipe(&recipe)?;
    let spec = start::spec(&recipe, network, images.classes(), init.as_ref())?;
    let weights = init.ok_or(TrainError::NoWeights)?;
    let run = RunFolder::create(&folder, &recipe.to_toml()?, &recipe.hash()?, &environment)?;
    run.write("classes.txt", format!("{}\n", images.train.classes().join("\n")).as_bytes())?;
    // No update is made, and the files say so.
    drop((run.journal(None)?, run.board(None)?));

    let begin = Instant::now();
    let mut backbone = Backbone { weights };
    let features =
        Classifier::new(backbone.with_identity(place)?, place.compile, &place.device, place.normalize_on)?;
    let vectors = |loader: &Loader| Vectors::of(loader, |batch| features.logits(batch, loader));
    let linear = linear::fit(&vectors(&images.seen(&recipe)?)?, images.classes(), &place.device)?;
    let evaluation = match images.measuring(&recipe, &*place.ranks)? {
        Some(loader) => Some(measure(&linear, &vectors(&loader)?, place)?),
        None => None,
    };
    keep(&run, &recipe, &images, backbone.with(&spec, &linear, place)?)?;
    finish::write(
        &run,
        &finish::Page {
            title: &recipe.name,
            recipe: &recipe.to_toml()?,
            environment: &environment,
            classes: images.train.classes(),
            source: images.validation.as_deref(),
            what: "a linear classifier of the features, on the validation images",
            evaluation: evaluation.as_ref(),
            baseline: None,
        },
    )?;
    Ok(Finished {
        steps: 0,
        complete: true,
        evaluation,
        linear_top1: None,
        spent: begin.elapsed().as_secs_f64(),
    })
}

/// The weights, with whatever classifier is wanted.
struct Backbone {
    weights: Weights,
}

impl Backbone {
    /// The network whose logits are its features.
    fn with_identity(&mut self, place: &Place) -> Result<Network, TrainError> {
        let features = self.weights.spec().num_features();
        let spec = self.weights.spec().clone().with_classes(features);
        let mut weight = vec![0.0; features * features];
        weight.iter_mut().step_by(features + 1).for_each(|value| *value = 1.0);
        self.with(&spec, &Linear { weight, bias: vec![0.0; features] }, place)
    }

    fn with(&mut self, spec: &ArchSpec, linear: &Linear, place: &Place) -> Result<Network, TrainError> {
        let mut failure = None;
        let combined = Weights::from_tensors(spec.clone(), |tensor| match tensor.kind {
            TensorKind::LinearWeight => linear.weight.clone(),
            TensorKind::LinearBias => linear.bias.clone(),
            _ => self.weights.read(&tensor.name()).map_or_else(
                |error| {
                    failure = Some(error);
                    Vec::new()
                },
                |tensor| tensor.values,
            ),
        });
        match failure {
            Some(error) => Err(error.into()),
            None => Ok(Network::from_weights(combined, &place.device)?),
        }
    }
}

fn measure(linear: &Linear, vectors: &Vectors, place: &Place) -> Result<Evaluation, TrainError> {
    let classes = linear.bias.len();
    let logits = linear.logits(vectors, &place.device)?;
    let mut tally = Tally::new(classes);
    let mut outcomes = Vec::with_capacity(vectors.labels.len());
    for (place, (row, label)) in logits.chunks_exact(classes).zip(&vectors.labels).enumerate() {
        let outcome = Outcome::from_logits(row, *label, 0.0);
        tally.add(&outcome)?;
        outcomes.push((vectors.samples[place], outcome));
    }
    Ok(Evaluation { tally, outcomes, complete: true })
}

fn keep(run: &RunFolder, recipe: &Recipe, images: &Images, network: Network) -> Result<(), TrainError> {
    save_weights(&run.path().join(LAST), network.to_weights()?, recipe, images, 0)
}
