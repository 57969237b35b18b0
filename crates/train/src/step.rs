//! Forward and backward over one batch.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor};
use efficientnet_data::{Batch, Normalization, NormalizeOn};
use efficientnet_model::Network;
use efficientnet_runs::recipe::Precision;

use crate::loss::soft_cross_entropy;
use crate::{precision, scaled};

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

    /// The same with images in another number format, which is then that of the network's maps and their gradients.
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { images: self.images.cast(precision::dtype(precision)), ..self }
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
/// an update's batches are then added up. Both are `f32`, whatever the images are.
pub fn pass(network: &Network, example: Example, share: f64) -> Pass {
    let scale = precision::loss_scale(example.images.dtype());
    let logits = network.forward(example.images);
    let best: Tensor<1, Int> = logits.clone().inner().argmax(1).flatten(0, 1);
    let hits = best.equal(example.labels.inner()).float().sum();
    let loss = soft_cross_entropy(logits, example.targets, None) * share;
    let backward = if scale == 1.0 { loss.backward() } else { (loss.clone() * scale).backward() };
    let gradients = GradientsParams::from_grads(backward, network);
    let loss = loss.inner();
    let gradients = match scale {
        1.0 => gradients,
        scale => scaled(gradients, network, Tensor::from_floats([1.0 / scale as f32], &loss.device())),
    };
    Pass { loss, hits, gradients }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::io;
    use std::sync::Arc;

    use efficientnet_arch::ArchSpec;
    use efficientnet_data::{Content, Loader, LoaderOptions, OnError, RgbImage8, Source, SourceError};

    use super::*;

    /// Shades of red, some of which cannot be read.
    #[derive(Debug)]
    struct Shades(Vec<Option<u8>>, Vec<String>);

    impl Source for Shades {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn classes(&self) -> &[String] {
            &self.1
        }

        fn class(&self, index: usize) -> usize {
            self.0[index].map_or(1, |shade| usize::from(shade % 3))
        }

        fn key(&self, index: usize) -> Cow<'_, str> {
            index.to_string().into()
        }

        fn read(&self, index: usize) -> Result<Content, SourceError> {
            let torn = || SourceError::Read { name: index.to_string(), source: io::Error::other("torn") };
            Ok(Content::Pixels(RgbImage8::filled(32, 32, [self.0[index].ok_or_else(torn)?, 90, 20])))
        }
    }

    fn passed(network: &Network, device: &Device, shades: &[Option<u8>]) -> (f32, f32, Vec<f32>) {
        let source = Shades(shades.to_vec(), ["a", "b", "c"].map(String::from).to_vec());
        let transform = "center_crop(32) | normalize(imagenet)".parse().unwrap();
        let options = LoaderOptions {
            batch_size: shades.len(),
            on_error: OnError::Skip,
            ..LoaderOptions::new(transform)
        };
        let normalization = options.transform.normalization();
        let loader = Loader::new(Arc::new(source), options).unwrap();
        let batch = loader.epoch(0).next().unwrap().unwrap();
        let example = Example::new(&batch, normalization, (3, 0.1), device, NormalizeOn::Host);
        let pass = pass(network, example, shades.len() as f64);
        let gradient = pass.gradients.get::<2>(network.classifier.weight.id).unwrap();
        (pass.loss.into_scalar(), pass.hits.into_scalar(), gradient.into_data().try_to_vec().unwrap())
    }

    #[test]
    fn an_image_that_cannot_be_read_teaches_nothing() {
        let device = efficientnet_backend::device("flex").unwrap().autodiff();
        let spec = ArchSpec::named("mobilenetv1").unwrap().with_classes(3);
        // Statistics over the batch would see the copy that stands in its place.
        let network = Network::init(&spec, &device).unwrap().with_frozen_norm();
        let (loss, hits, gradient) = passed(&network, &device, &[Some(3), Some(130), Some(200)]);
        let shades = [Some(3), None, Some(130), Some(200), None];
        let (with_broken, hits_with_broken, gradient_with_broken) = passed(&network, &device, &shades);
        assert!((loss - with_broken).abs() < 1e-5 * loss, "{loss} {with_broken}");
        assert_eq!(hits, hits_with_broken);
        let largest = gradient.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        assert!(largest > 0.0);
        for (found, expected) in gradient_with_broken.iter().zip(&gradient) {
            assert!((found - expected).abs() <= 1e-5 * largest, "{found} {expected}");
        }
    }
}
