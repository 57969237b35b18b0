//! A run's state as a checkpoint, and back.

use burn::tensor::Device;
use efficientnet_arch::ArchSpec;
use efficientnet_model::Network;
use efficientnet_runs::checkpoint::Tensor;
use efficientnet_weights::{HostTensor, Weights};
use std::collections::{BTreeMap, HashMap};

use crate::optimizer::OptimizerState;
use crate::{Average, Optimizer, TrainError};

const MODEL: &str = "model/";
const AVERAGE: &str = "average/";
const OPTIMIZER: &str = "optimizer/";

/// Everything that learns, on the host.
pub(crate) struct Snapshot {
    pub tensors: Vec<Tensor>,
    /// The optimiser's counters.
    pub scalars: BTreeMap<String, f64>,
}

impl Snapshot {
    pub fn take(
        network: &Network,
        optimizer: &Optimizer,
        average: Option<&Average>,
    ) -> Result<Self, TrainError> {
        let mut tensors = Vec::new();
        let mut add = |prefix: &str, group: Vec<(String, HostTensor)>| {
            tensors.extend(group.into_iter().map(|(name, HostTensor { shape, values })| Tensor {
                name: format!("{prefix}{name}"),
                shape,
                values,
            }));
        };
        add(MODEL, network.to_host()?);
        if let Some(average) = average {
            add(AVERAGE, average.state(network)?);
        }
        let OptimizerState { tensors: states, scalars } = optimizer.state()?;
        add(OPTIMIZER, states);
        Ok(Self { tensors, scalars })
    }

    /// The network of a checkpoint, not frozen yet, and what its optimiser and average have to take up.
    pub fn restore(self, spec: &ArchSpec, device: &Device) -> Result<Restored, TrainError> {
        let mut model = HashMap::new();
        let (mut average, mut optimizer) = (Vec::new(), OptimizerState::default());
        for Tensor { name, shape, values } in self.tensors {
            let tensor = HostTensor { shape, values };
            if let Some(name) = name.strip_prefix(MODEL) {
                model.insert(name.to_string(), tensor);
            } else if let Some(name) = name.strip_prefix(AVERAGE) {
                average.push((name.to_string(), tensor));
            } else if let Some(name) = name.strip_prefix(OPTIMIZER) {
                optimizer.tensors.push((name.to_string(), tensor));
            }
        }
        optimizer.scalars = self.scalars;
        let weights = Weights::from_tensors(spec.clone(), |tensor| {
            model.remove(&tensor.name()).map_or_else(Vec::new, |tensor| tensor.values)
        });
        Ok(Restored { network: Network::from_weights(weights, device)?, average, optimizer })
    }
}

/// What a checkpoint held.
pub(crate) struct Restored {
    pub network: Network,
    pub average: Vec<(String, HostTensor)>,
    pub optimizer: OptimizerState,
}
