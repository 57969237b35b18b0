//! Multinomial logistic regression: what a network's features, or bare pixels, are worth by themselves.
//!
//! Full-batch gradients with Nesterov's momentum on standardised features, which needs no rate to be found.

use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use efficientnet_data::{Batch, Loader};
use efficientnet_runs::scores::Outcome;

use crate::TrainError;

/// Steps of the fit; the loss has settled long before on every data set that was tried.
const STEPS: usize = 300;
/// L2 on the weights, for standardised features.
const DECAY: f64 = 1e-3;
const MOMENTUM: f64 = 0.9;

/// Labelled vectors, `[samples, features]` one behind the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vectors {
    /// `samples * features` values.
    pub values: Vec<f32>,
    /// The class of each.
    pub labels: Vec<usize>,
    /// Where in its source each is from.
    pub samples: Vec<usize>,
    /// Values of each.
    pub features: usize,
}

impl Vectors {
    /// The normalised pixels of a loader's images.
    ///
    /// # Errors
    /// [`TrainError::Loader`] where one cannot be read.
    pub fn pixels(loader: &Loader) -> Result<Self, TrainError> {
        let normalization = loader.options().transform.normalization();
        Self::of(loader, |batch| Ok(batch.values(normalization)))
    }

    /// What `vectors` says of each of a loader's images: as many values for one as for another.
    ///
    /// # Errors
    /// Those of `vectors`, and [`TrainError::Loader`] where an image cannot be read.
    pub fn of(
        loader: &Loader,
        mut vectors: impl FnMut(&Batch) -> Result<Vec<f32>, TrainError>,
    ) -> Result<Self, TrainError> {
        let mut all = Self::default();
        for batch in loader.epoch(0) {
            let batch = batch?;
            let values = vectors(&batch)?;
            all.features = values.len() / batch.labels().len();
            for (place, values) in values.chunks_exact(all.features).enumerate() {
                if batch.valid()[place] {
                    all.values.extend(values);
                    all.labels.push(batch.labels()[place]);
                    all.samples.push(batch.samples()[place]);
                }
            }
        }
        Ok(all)
    }

    fn tensor(&self, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(self.values.clone(), [self.labels.len(), self.features]), device)
    }
}

/// A linear classifier of raw features: `features * weight + bias`.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// `[classes, features]`, as checkpoints keep it.
    pub weight: Vec<f32>,
    /// `[classes]`
    pub bias: Vec<f32>,
}

/// Fits a classifier on a plain device.
///
/// # Errors
/// [`TrainError::Device`] where the device cannot give the weights back.
pub fn fit(train: &Vectors, classes: usize, device: &Device) -> Result<Linear, TrainError> {
    let (samples, features) = (train.labels.len(), train.features);
    let x = train.tensor(device);
    let mean = x.clone().mean_dim(0);
    let centred = x - mean.clone();
    let deviation = ((centred.clone() * centred.clone()).mean_dim(0) + 1e-6).sqrt();
    let x = centred / deviation.clone();
    let targets = one_hot(&train.labels, classes, device);

    // The softmax' curvature is at most half the features' largest eigenvalue.
    let rate = 1.0 / (0.5 * largest_eigenvalue(&x)? + DECAY);
    let transposed = x.clone().transpose();
    let (mut weight, mut bias) =
        (Tensor::<2>::zeros([features, classes], device), Tensor::<2>::zeros([1, classes], device));
    let (mut weight_step, mut bias_step) = (weight.clone(), bias.clone());
    for _ in 0..STEPS {
        let (ahead, ahead_bias) =
            (weight.clone() + weight_step.clone() * MOMENTUM, bias.clone() + bias_step.clone() * MOMENTUM);
        let error =
            activation::softmax(x.clone().matmul(ahead.clone()) + ahead_bias.clone(), 1) - targets.clone();
        let gradient = transposed.clone().matmul(error.clone()) / samples as f64 + ahead.clone() * DECAY;
        let new_weight = ahead - gradient * rate;
        let new_bias = ahead_bias - error.mean_dim(0) * rate;
        weight_step = new_weight.clone() - weight;
        bias_step = new_bias.clone() - bias;
        (weight, bias) = (new_weight, new_bias);
    }
    // Back to raw features.
    let weight = weight / deviation.transpose();
    let bias = bias - mean.matmul(weight.clone());
    let read = |tensor: Tensor<2>| tensor.into_data().try_to_vec::<f32>().map_err(TrainError::device);
    Ok(Linear { weight: read(weight.transpose())?, bias: read(bias)? })
}

impl Linear {
    /// Logits of vectors, `[samples, classes]`.
    ///
    /// # Errors
    /// [`TrainError::Device`] where the device cannot give them back.
    pub fn logits(&self, vectors: &Vectors, device: &Device) -> Result<Vec<f32>, TrainError> {
        let (classes, features) = (self.bias.len(), vectors.features);
        let weight =
            Tensor::<2>::from_data(TensorData::new(self.weight.clone(), [classes, features]), device);
        let bias = Tensor::<2>::from_data(TensorData::new(self.bias.clone(), [1, classes]), device);
        let logits = vectors.tensor(device).matmul(weight.transpose()) + bias;
        logits.into_data().try_to_vec::<f32>().map_err(TrainError::device)
    }

    /// Share of the vectors whose class has the highest logit, 0 to 1.
    ///
    /// # Errors
    /// As [`Linear::logits`].
    pub fn top1(&self, vectors: &Vectors, device: &Device) -> Result<f64, TrainError> {
        let logits = self.logits(vectors, device)?;
        let rows = logits.chunks_exact(self.bias.len()).zip(&vectors.labels);
        // Of equal logits the first counts: a classifier that says the same of everything is right by chance.
        let right = rows.filter(|(row, label)| Outcome::from_logits(row, **label, 0.0).correct()).count();
        Ok(right as f64 / vectors.labels.len().max(1) as f64)
    }
}

fn one_hot(labels: &[usize], classes: usize, device: &Device) -> Tensor<2> {
    let labels: Vec<i32> = labels.iter().map(|label| *label as i32).collect();
    let length = labels.len();
    Tensor::<1, Int>::from_data(TensorData::new(labels, [length]), device).one_hot(classes).float()
}

/// Of the mean of `x^T x`, by power iteration.
fn largest_eigenvalue(x: &Tensor<2>) -> Result<f64, TrainError> {
    let [samples, features] = x.dims();
    let mut direction = Tensor::<2>::ones([features, 1], &x.device()) / (features as f64).sqrt();
    let mut value = 0.0;
    for _ in 0..20 {
        let image = x.clone().transpose().matmul(x.clone().matmul(direction)) / samples as f64;
        let norm = (image.clone() * image.clone()).sum().sqrt();
        let read = norm.clone().into_data().try_to_vec::<f32>().map_err(TrainError::device)?;
        value = f64::from(read[0]);
        direction = image / norm.reshape([1, 1]).clamp_min(1e-12);
    }
    // The iteration comes from below.
    Ok(value * 1.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points around three corners, on raw scales that differ a thousandfold.
    fn corners(count: usize) -> Vectors {
        let mut vectors = Vectors { features: 2, ..Vectors::default() };
        for i in 0..count {
            let label = i % 3;
            let noise = |k: usize| ((i * 7919 + k * 104_729) % 1000) as f32 / 1000.0 - 0.5;
            let (x, y) = [(0.0, 0.0), (2.0, 0.0), (0.0, 2.0)][label];
            vectors.values.extend([1000.0 * (x + noise(1)) + 5000.0, y + noise(2)]);
            vectors.labels.push(label);
        }
        vectors
    }

    #[test]
    fn what_is_linear_is_learned() {
        let device = efficientnet_backend::device("flex").unwrap();
        let train = corners(300);
        let linear = fit(&train, 3, &device).unwrap();
        assert_eq!(linear.top1(&train, &device).unwrap(), 1.0);
        assert_eq!((linear.weight.len(), linear.bias.len()), (6, 3));
    }

    #[test]
    fn what_is_not_linear_is_not() {
        let device = efficientnet_backend::device("flex").unwrap();
        let mut vectors = Vectors { features: 2, ..Vectors::default() };
        for i in 0..200 {
            let (a, b) = (i % 2, i / 2 % 2);
            vectors.values.extend([a as f32, b as f32]);
            vectors.labels.push(a ^ b);
        }
        let linear = fit(&vectors, 2, &device).unwrap();
        assert!(linear.top1(&vectors, &device).unwrap() < 0.8);
    }
}
