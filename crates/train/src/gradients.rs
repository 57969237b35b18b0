//! Gradients of all tensors as one thing: clipped by their global norm, laid out flat for the other processes.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use efficientnet_model::Network;

use crate::TrainError;

/// Scales all gradients by `min(1, limit / norm)`, where the norm is that of all of them together (Pascanu et al. 2013;
/// PyTorch's `clip_grad_norm_`). The norm before, `[1]`, stays on the device: nothing waits for it.
pub fn clip(gradients: GradientsParams, network: &Network, limit: f64) -> (GradientsParams, Tensor<1>) {
    let device = network.classifier.weight.val().device().inner();
    let mut squares = Squares { gradients: &gradients, sum: Tensor::zeros([1], &device) };
    network.visit(&mut squares);
    let norm = squares.sum.sqrt();
    // PyTorch adds 1e-6, too.
    let factor = (norm.clone() + 1e-6).recip().mul_scalar(limit).clamp_max(1.0);
    (scaled(gradients, network, factor), norm)
}

/// All gradients times a factor, `[1]`.
pub fn scaled(gradients: GradientsParams, network: &Network, factor: Tensor<1>) -> GradientsParams {
    let mut scale = Scale { gradients, factor };
    network.visit(&mut scale);
    scale.gradients
}

/// The gradients' values, one tensor behind the other in the network's order. Every process has the same tensors.
///
/// # Errors
/// [`TrainError::Device`] where the device cannot give them back.
pub fn flatten(gradients: &GradientsParams, network: &Network) -> Result<Vec<f32>, TrainError> {
    let mut flatten = Flatten { gradients, values: Vec::new(), failure: None };
    network.visit(&mut flatten);
    match flatten.failure {
        Some(failure) => Err(failure),
        None => Ok(flatten.values),
    }
}

/// Puts values in the place of the gradients that [`flatten`] laid out.
///
/// # Panics
/// Where they are fewer.
pub fn unflatten(values: &[f32], gradients: GradientsParams, network: &Network) -> GradientsParams {
    let mut unflatten = Unflatten { gradients, values };
    network.visit(&mut unflatten);
    unflatten.gradients
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: Tensor<1>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let squares: Tensor<1> = (gradient.clone() * gradient).sum();
            self.sum = self.sum.clone() + squares;
        }
    }
}

struct Scale {
    gradients: GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient * self.factor.clone().reshape([1; D]));
        }
    }
}

struct Flatten<'a> {
    gradients: &'a GradientsParams,
    values: Vec<f32>,
    failure: Option<TrainError>,
}

impl ModuleVisitor for Flatten<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else { return };
        match gradient.into_data().try_to_vec::<f32>() {
            Ok(values) => self.values.extend(values),
            Err(error) => self.failure = Some(TrainError::device(error)),
        }
    }
}

struct Unflatten<'a> {
    gradients: GradientsParams,
    values: &'a [f32],
}

impl ModuleVisitor for Unflatten<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return };
        let (own, rest) = self.values.split_at(gradient.shape().num_elements());
        self.values = rest;
        let data = TensorData::new(own.to_vec(), gradient.shape());
        self.gradients.register(param.id, Tensor::<D>::from_data(data, &gradient.device()));
    }
}
