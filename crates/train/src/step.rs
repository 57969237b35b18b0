//! Forward and backward over one batch.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor};
use efficientnet_data::{Batch, Normalization, NormalizeOn};
use efficientnet_model::Network;

use crate::loss::soft_cross_entropy;

/// What a network is shown.
#[derive(Debug, Clone)]
pub struct Example {
    /// Normalised and mixed images, `[batch, channels, height, width]`, on the device that differentiates.
    pub images: Tensor<4>,
    /// What to say, `[batch, classes]`; rows sum to 1, and to 0 where an image does not count.
    pub targets: Tensor<2>,
    /// The classes themselves, `[batch]`, -1 where an image does not count: for counting hits.
    pub labels: Tensor<1, Int>,
}

impl Example {
    /// A loader's batch. `smoothing` is the share of the targets that is spread over all classes.
    pub fn new(
        batch: &Batch,
        normalization: Normalization,
        (classes, smoothing): (usize, f64),
        device: &Device,
        on: NormalizeOn,
    ) -> Self {
        let images = batch.images(normalization, device, on);
        let targets = batch.soft_targets_on(classes, smoothing as f32, device);
        let labels = batch.targets(device);
        let count = batch.valid().len();
        if batch.valid_count() == count {
            return Self { images, targets, labels };
        }
        // What could not be read is there as a copy of another image, which is not to be learned twice.
        let weights = batch.weights(device);
        let uncounted = weights.clone().equal_elem(0.0);
        Self {
            images,
            targets: targets * weights.reshape([count, 1]),
            labels: labels.mask_fill(uncounted, -1),
        }
    }
}

/// What came of it; everything is still on the device.
#[derive(Debug)]
pub struct Pass {
    /// `share` times the mean of the images' losses, where an image that does not count has none, `[1]`.
    pub loss: Tensor<1>,
    /// How many images had the highest logit on their class, `[1]`.
    pub hits: Tensor<1>,
    /// Gradients of the loss.
    pub gradients: GradientsParams,
}

/// Runs the network forward and backward. `share` is this batch's part of the images of an update: losses and gradients of
/// an update's batches are then added up.
pub fn pass(network: &Network, example: Example, share: f64) -> Pass {
    let logits = network.forward(example.images);
    let best: Tensor<1, Int> = logits.clone().inner().argmax(1).flatten(0, 1);
    let hits = best.equal(example.labels.inner()).float().sum();
    let loss = soft_cross_entropy(logits, example.targets, None) * share;
    let gradients = GradientsParams::from_grads(loss.backward(), network);
    Pass { loss: loss.inner(), hits, gradients }
}
