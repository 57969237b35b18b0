//! How well a network does on images that it does not learn from.
//!
//! Exact whatever the sizes: the loader pads the last batch and says which images count, each rank has its share, and
//! tallies add up in whole numbers.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{Device, Tensor};
use efficientnet_data::{Batch, Loader, NormalizeOn};
use efficientnet_model::{CompileOptions, CompiledNetwork, Network};
use efficientnet_runs::scores::{Outcome, Tally};

use crate::{Ranks, TrainError};

/// What computes logits for a measurement.
pub enum Classifier {
    /// Burn's modules, on a device without autodiff.
    Burn(Box<Network>, Device, NormalizeOn),
    /// The compiled network: the same numbers on the CPU, many times as fast.
    Compiled(Box<CompiledNetwork>),
}

impl Classifier {
    /// The network, compiled where `compile` says so. It was made by `valid()` or on a plain device.
    ///
    /// # Errors
    /// [`TrainError::Model`] where it cannot be compiled.
    pub fn new(
        network: Network,
        compile: bool,
        device: &Device,
        on: NormalizeOn,
    ) -> Result<Self, TrainError> {
        if compile {
            let options = CompileOptions::default();
            return Ok(Self::Compiled(Box::new(CompiledNetwork::from_weights(
                network.to_weights()?,
                options,
            )?)));
        }
        Ok(Self::Burn(Box::new(network), device.clone(), on))
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        match self {
            Self::Burn(network, ..) => network.spec().num_classes,
            Self::Compiled(network) => network.spec().num_classes,
        }
    }

    /// Logits of a loader's batch, `[batch, classes]`.
    ///
    /// # Errors
    /// [`TrainError`] where the device gives none.
    pub fn logits(&self, batch: &Batch, loader: &Loader) -> Result<Vec<f32>, TrainError> {
        let normalization = loader.options().transform.normalization();
        match self {
            Self::Compiled(network) => {
                let [count, height, width, _] = batch.shape();
                Ok(network.forward(&batch.values(normalization), [count, height, width])?)
            }
            Self::Burn(network, device, on) => {
                let logits: Tensor<2> = network.forward(batch.images(normalization, device, *on));
                logits.into_data().convert::<f32>().try_to_vec::<f32>().map_err(TrainError::device)
            }
        }
    }
}

/// A measurement.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Of all ranks together.
    pub tally: Tally,
    /// This rank's images: index in the source, and what came out.
    pub outcomes: Vec<(usize, Outcome)>,
    /// False where it was interrupted.
    pub complete: bool,
}

/// Measures on all images of a loader.
///
/// # Errors
/// [`TrainError`] where an image cannot be read or a device fails.
pub fn evaluate(
    classifier: &Classifier,
    loader: &Loader,
    ranks: &dyn Ranks,
    stop: &AtomicBool,
) -> Result<Evaluation, TrainError> {
    let classes = classifier.classes();
    let mut tally = Tally::new(classes);
    let mut outcomes = Vec::new();
    let mut complete = true;
    for batch in loader.epoch(0) {
        // All leave together, after the same batch: they have equally many.
        let mut asked = [f64::from(u8::from(stop.load(Ordering::Relaxed)))];
        ranks.sum_f64(&mut asked)?;
        if asked[0] > 0.0 {
            complete = false;
            break;
        }
        let batch = batch?;
        let logits = classifier.logits(&batch, loader)?;
        for (place, row) in logits.chunks_exact(classes).enumerate() {
            if batch.valid()[place] {
                let outcome = Outcome::from_logits(row, batch.labels()[place], 0.0);
                tally.add(&outcome)?;
                outcomes.push((batch.samples()[place], outcome));
            }
        }
    }
    Ok(Evaluation { tally: together(tally, ranks)?, outcomes, complete })
}

/// The sum of all ranks' tallies.
fn together(own: Tally, ranks: &dyn Ranks) -> Result<Tally, TrainError> {
    if ranks.world() == 1 {
        return Ok(own);
    }
    let lost = |error: serde_json::Error| TrainError::Ranks(error.to_string());
    let mut sum = Tally::new(own.classes());
    for bytes in ranks.gather(&serde_json::to_vec(&own).map_err(lost)?)? {
        sum.merge(&serde_json::from_slice(&bytes).map_err(lost)?)?;
    }
    Ok(sum)
}
