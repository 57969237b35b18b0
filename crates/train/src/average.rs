//! Moving averages of all weights and of the running statistics of normalisation.
//!
//! The official recipe evaluates these and not the weights themselves (`utils.get_ema_vars`), and they cover the moving
//! mean and variance too: weights that are averaged do not fit statistics that are not.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use efficientnet_model::Network;
use efficientnet_ops::optimise::lerp;
use efficientnet_weights::HostTensor;

use crate::TrainError;

/// The averages of one network, each tensor laid out flat, on the network's device without autodiff.
#[derive(Debug, Clone, Default)]
pub struct Average {
    values: HashMap<ParamId, Tensor<1>>,
}

impl Average {
    /// Averages that begin at the network's own values.
    pub fn new(network: &Network) -> Self {
        network.settle();
        let mut collect = Collect { values: HashMap::new() };
        network.visit(&mut collect);
        Self { values: collect.values }
    }

    /// `average = decay * average + (1 - decay) * value`, for every tensor.
    pub fn update(&mut self, network: &Network, decay: f64) {
        network.settle();
        network.visit(&mut Blend { average: self, decay });
    }

    /// A copy of the network that infers with the averages, on the device without autodiff.
    pub fn network(&self, network: &Network) -> Network {
        network.settle();
        network.valid().map(&mut Replace { average: self })
    }

    /// The average of one tensor, laid out flat.
    pub(crate) fn get_mut(&mut self, id: ParamId) -> Option<&mut Tensor<1>> {
        self.values.get_mut(&id)
    }

    /// The averages on the host, as Burn lays tensors out, by canonical name and in that order.
    ///
    /// # Errors
    /// [`TrainError::Device`] where the device cannot give them back.
    pub fn state(&self, network: &Network) -> Result<Vec<(String, HostTensor)>, TrainError> {
        let mut tensors = Vec::with_capacity(self.values.len());
        for tensor in network.tensors() {
            let Some(average) = self.values.get(&tensor.id) else { continue };
            let values = average.to_data().try_to_vec::<f32>().map_err(TrainError::device)?;
            tensors.push((tensor.spec.name(), HostTensor { shape: vec![values.len()], values }));
        }
        Ok(tensors)
    }

    /// Takes up what [`Average::state`] gave.
    pub fn restore(network: &Network, state: Vec<(String, HostTensor)>, device: &Device) -> Self {
        let ids: HashMap<String, ParamId> =
            network.tensors().into_iter().map(|tensor| (tensor.spec.name(), tensor.id)).collect();
        let values = state.into_iter().filter_map(|(name, tensor)| {
            let length = tensor.values.len();
            let data = TensorData::new(tensor.values, [length]);
            Some((*ids.get(&name)?, Tensor::from_data(data, device)))
        });
        Self { values: values.collect() }
    }
}

/// A tensor's values in a row, with no gradient to them.
fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let length = tensor.shape().num_elements();
    tensor.inner().reshape([length])
}

struct Collect {
    values: HashMap<ParamId, Tensor<1>>,
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.values.insert(param.id, flat(param.val()));
    }
}

struct Blend<'a> {
    average: &'a mut Average,
    decay: f64,
}

impl ModuleVisitor for Blend<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = flat(param.val());
        if let Some(average) = self.average.values.remove(&param.id) {
            self.average.values.insert(param.id, lerp(average, value, (1.0 - self.decay) as f32));
        }
    }
}

struct Replace<'a> {
    average: &'a Average,
}

impl ModuleMapper for Replace<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(average) = self.average.values.get(&param.id) else { return param };
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(id, average.clone().reshape(tensor.shape()), mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use efficientnet_arch::ArchSpec;

    #[test]
    fn weights_and_statistics_are_averaged() {
        let plain = efficientnet_backend::device("flex").unwrap();
        let device = plain.clone().autodiff();
        let spec = ArchSpec::named("mobilenetv1").unwrap().with_classes(3);
        let network = Network::init(&spec, &device).unwrap();
        let mut average = Average::new(&network);
        let before = network.to_host().unwrap();

        // A forward pass on an autodiff device moves the statistics.
        let _ = network.forward(Tensor::ones([2, 3, 32, 32], &device));
        average.update(&network, 0.75);
        let after = network.to_host().unwrap();
        let averaged = average.network(&network).to_host().unwrap();
        let mut moved = 0;
        for ((name, averaged), (before, after)) in averaged.iter().zip(before.iter().zip(&after)) {
            for (i, value) in averaged.values.iter().enumerate() {
                let expected = 0.75 * before.1.values[i] + 0.25 * after.1.values[i];
                assert!((value - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{name}");
                moved += usize::from(before.1.values[i] != after.1.values[i]);
            }
        }
        assert!(moved > 1000, "only {moved} values moved");

        let state = average.state(&network).unwrap();
        let again = Average::restore(&network, state, &plain).network(&network).to_host().unwrap();
        assert_eq!(again, averaged);
    }
}
