//! Weights go into the network, tensor by tensor, so that a checkpoint is never in memory a second time as a whole.

use burn::module::{Param, RunningState};
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor, TensorData};
use efficientnet_weights::Weights;

use crate::{Block, ConvUnit, ModelError, Network};

impl Network {
    /// Builds the network that the weights are for, on `device`.
    ///
    /// # Errors
    /// [`ModelError::Weights`] where a tensor is missing, mis-shaped or not finite.
    pub fn from_weights(mut weights: Weights, device: &Device) -> Result<Self, ModelError> {
        let mut network = Self::init(&weights.spec().clone(), device)?;
        network.fill(&mut Source { weights: &mut weights, device })?;
        Ok(network)
    }

    fn fill(&mut self, source: &mut Source) -> Result<(), ModelError> {
        source.unit("stem", &mut self.stem)?;
        for (s, stage) in self.stages.iter_mut().enumerate() {
            let blocks = stage.blocks.iter_mut().zip(&self.spec.stages[s].blocks);
            for (b, (block, block_spec)) in blocks.enumerate() {
                let roles = block_spec.units.iter().map(|unit| unit.role.as_str());
                source.block(&format!("stages.{s}.blocks.{b}"), block, roles)?;
            }
        }
        if let Some(head) = &mut self.head {
            source.unit("head", head)?;
        }
        source.linear("classifier", &mut self.classifier)
    }
}

struct Source<'a> {
    weights: &'a mut Weights,
    device: &'a Device,
}

impl Source<'_> {
    fn data(&mut self, layer: &str, field: &str) -> Result<TensorData, ModelError> {
        let tensor = self.weights.take(&format!("{layer}.{field}"))?;
        Ok(TensorData::new(tensor.values, tensor.shape))
    }

    fn param<const D: usize>(&mut self, layer: &str, field: &str) -> Result<Param<Tensor<D>>, ModelError> {
        Ok(Param::from_data(self.data(layer, field)?, self.device))
    }

    fn running(&mut self, layer: &str, field: &str) -> Result<RunningState<Tensor<1>>, ModelError> {
        Ok(RunningState::new(Tensor::from_data(self.data(layer, field)?, self.device)))
    }

    fn conv(&mut self, layer: &str, conv: &mut Conv2d) -> Result<(), ModelError> {
        conv.weight = self.param(layer, "weight")?;
        if conv.bias.is_some() {
            conv.bias = Some(self.param(layer, "bias")?);
        }
        Ok(())
    }

    fn norm(&mut self, layer: &str, norm: &mut BatchNorm) -> Result<(), ModelError> {
        norm.gamma = self.param(layer, "weight")?;
        norm.beta = self.param(layer, "bias")?;
        norm.running_mean = self.running(layer, "running_mean")?;
        norm.running_var = self.running(layer, "running_var")?;
        Ok(())
    }

    fn unit(&mut self, path: &str, unit: &mut ConvUnit) -> Result<(), ModelError> {
        self.conv(&format!("{path}.conv"), &mut unit.conv)?;
        self.norm(&format!("{path}.bn"), &mut unit.bn)
    }

    fn block<'r>(
        &mut self,
        path: &str,
        block: &mut Block,
        roles: impl Iterator<Item = &'r str>,
    ) -> Result<(), ModelError> {
        for (unit, role) in block.units.iter_mut().zip(roles) {
            self.unit(&format!("{path}.{role}"), unit)?;
        }
        if let Some(se) = &mut block.se {
            self.conv(&format!("{path}.se.reduce"), &mut se.reduce)?;
            self.conv(&format!("{path}.se.expand"), &mut se.expand)?;
        }
        if let Some(shortcut) = &mut block.shortcut {
            self.unit(&format!("{path}.shortcut"), shortcut)?;
        }
        Ok(())
    }

    fn linear(&mut self, layer: &str, linear: &mut Linear) -> Result<(), ModelError> {
        let tensor = self.weights.take(&format!("{layer}.weight"))?;
        let [classes, features] = [tensor.shape[0], tensor.shape[1]];
        let data = TensorData::new(transposed(&tensor.values, classes, features), [features, classes]);
        linear.weight = Param::from_data(data, self.device);
        linear.bias = Some(self.param(layer, "bias")?);
        Ok(())
    }
}

/// Burn keeps a linear layer's weight as `[in, out]`, checkpoints as `[out, in]`.
pub(crate) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let column = |c: usize| values.iter().skip(c).step_by(columns).take(rows).copied();
    (0..columns).flat_map(column).collect()
}
