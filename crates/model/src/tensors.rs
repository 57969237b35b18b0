//! A network's tensors by their canonical names: what is saved, averaged, updated and compared.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use efficientnet_arch::{ArchSpec, TensorKind, TensorSpec};
use efficientnet_weights::{HostTensor, Weights};

use crate::{ConvUnit, ModelError, Network, load};

/// A tensor of a network: its name and shape, and under which identity Burn's gradients and mappers know it.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkTensor {
    /// What Burn calls it.
    pub id: ParamId,
    /// Its canonical name, kind and shape ([`ArchSpec::tensors`]).
    pub spec: TensorSpec,
    /// The layer group from the input on: 0 is the stem, then the blocks count, then the head, then the classifier.
    pub depth: usize,
}

impl Network {
    /// All tensors, running statistics included, in the order of [`ArchSpec::tensors`].
    pub fn tensors(&self) -> Vec<NetworkTensor> {
        let mut ids = Identities { spec: self.spec(), path: Vec::new(), found: HashMap::new() };
        self.visit(&mut ids);
        let found = |spec: TensorSpec| {
            let id = *ids.found.get(&spec.name())?;
            Some(NetworkTensor { id, depth: self.depth_of(&spec.layer), spec })
        };
        self.spec().tensors().into_iter().filter_map(found).collect()
    }

    /// Layer groups, as [`NetworkTensor::depth`] counts them.
    pub fn depth(&self) -> usize {
        self.spec().blocks().count() + 3
    }

    fn depth_of(&self, layer: &str) -> usize {
        let blocks = self.spec().blocks().count();
        let mut parts = layer.split('.');
        let mut number = || parts.nth(1).and_then(|part| part.parse::<usize>().ok());
        match layer.split('.').next() {
            Some("stem") => 0,
            Some("stages") => {
                let (stage, block) = (number().unwrap_or(0), number().unwrap_or(0));
                let before: usize = self.spec().stages[..stage].iter().map(|stage| stage.blocks.len()).sum();
                1 + before + block
            }
            Some("head") => 1 + blocks,
            _ => 2 + blocks,
        }
    }

    /// The convolutions with their normalisation, from the input on; a block's shortcut follows its chain.
    pub fn units(&self) -> impl Iterator<Item = &ConvUnit> {
        let blocks = self.stages.iter().flat_map(|stage| &stage.blocks);
        let of_blocks = blocks.flat_map(|block| block.units.iter().chain(&block.shortcut));
        std::iter::once(&self.stem).chain(of_blocks).chain(&self.head)
    }

    /// Makes the running statistics of normalisation show the last training step: Burn keeps it back until then.
    pub fn settle(&self) {
        for unit in self.units() {
            let _ = (unit.bn.running_mean.value_sync(), unit.bn.running_var.value_sync());
        }
    }

    /// The values of all tensors on the host, in PyTorch's order, by their canonical names.
    ///
    /// # Errors
    /// [`ModelError::Device`] where the device cannot give them back.
    pub fn to_host(&self) -> Result<Vec<(String, HostTensor)>, ModelError> {
        self.settle();
        let mut values = Values { found: HashMap::new(), failure: None };
        self.visit(&mut values);
        if let Some(failure) = values.failure {
            return Err(ModelError::Device(failure));
        }
        let mut tensors = Vec::new();
        for NetworkTensor { id, spec, .. } in self.tensors() {
            let Some(found) = values.found.remove(&id) else { continue };
            let values = match spec.kind {
                TensorKind::LinearWeight => load::transposed(&found, spec.shape[1], spec.shape[0]),
                _ => found,
            };
            tensors.push((spec.name(), HostTensor { shape: spec.shape.clone(), values }));
        }
        Ok(tensors)
    }

    /// The network as weights: to be saved, or compiled.
    ///
    /// # Errors
    /// As [`Network::to_host`].
    pub fn to_weights(&self) -> Result<Weights, ModelError> {
        let mut tensors: HashMap<String, HostTensor> = self.to_host()?.into_iter().collect();
        Ok(Weights::from_tensors(self.spec().clone(), |spec| {
            tensors.remove(&spec.name()).map_or_else(Vec::new, |tensor| tensor.values)
        }))
    }
}

/// Which tensor Burn knows under which identity.
struct Identities<'a> {
    spec: &'a ArchSpec,
    path: Vec<String>,
    found: HashMap<String, ParamId>,
}

impl ModuleVisitor for Identities<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.insert(canonical(&self.path, self.spec), param.id);
    }
}

/// Our name for a module's path: a unit is called by its role, and normalisation has PyTorch's words.
fn canonical(path: &[String], spec: &ArchSpec) -> String {
    let number = |place: usize| path.get(place).and_then(|part| part.parse::<usize>().ok());
    let mut name = Vec::new();
    let mut place = 0;
    while place < path.len() {
        let part = path[place].as_str();
        let role = match (part, number(1), number(3), number(place + 1)) {
            ("units", Some(stage), Some(block), Some(unit)) => {
                let block = spec.stages.get(stage).and_then(|stage| stage.blocks.get(block));
                block.and_then(|block| block.units.get(unit)).map(|unit| unit.role.as_str())
            }
            _ => None,
        };
        match role {
            Some(role) => {
                name.push(role);
                place += 1;
            }
            None => name.push(match part {
                "gamma" => "weight",
                "beta" => "bias",
                other => other,
            }),
        }
        place += 1;
    }
    name.join(".")
}

/// Values as Burn keeps them.
struct Values {
    found: HashMap<ParamId, Vec<f32>>,
    failure: Option<String>,
}

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data().convert::<f32>().try_to_vec::<f32>();
        match data {
            Ok(values) => drop(self.found.insert(param.id, values)),
            Err(error) => self.failure = Some(format!("{error:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use efficientnet_weights::synthetic;

    #[test]
    fn every_tensor_is_found_under_its_name() {
        let device = efficientnet_backend::device("flex").unwrap();
        for name in ["efficientnet-b0", "efficientnetv2-s", "mobilenetv2", "resnet18", "resnet50"] {
            let spec = ArchSpec::named(name).unwrap().with_classes(10);
            let network = Network::init(&spec, &device).unwrap();
            let names: Vec<String> = network.tensors().into_iter().map(|tensor| tensor.spec.name()).collect();
            let expected: Vec<String> = spec.tensors().iter().map(TensorSpec::name).collect();
            assert_eq!(names, expected, "{name}");
        }
    }

    #[test]
    fn weights_come_back_as_they_went_in() {
        let device = efficientnet_backend::device("flex").unwrap();
        let spec = ArchSpec::named("efficientnet-b0").unwrap().with_classes(10);
        let rule = |tensor: &TensorSpec| synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape);
        let network = Network::from_weights(Weights::from_tensors(spec.clone(), rule), &device).unwrap();
        let mut weights = network.to_weights().unwrap();
        for tensor in spec.tensors() {
            assert_eq!(weights.take(&tensor.name()).unwrap().values, rule(&tensor), "{}", tensor.name());
        }
    }

    #[test]
    fn depth_counts_from_the_stem_to_the_classifier() {
        let device = efficientnet_backend::device("flex").unwrap();
        let network =
            Network::init(&ArchSpec::named("efficientnet-b0").unwrap().with_classes(10), &device).unwrap();
        let of = |name: &str| {
            network.tensors().into_iter().find(|tensor| tensor.spec.name() == name).map(|tensor| tensor.depth)
        };
        assert_eq!(of("stem.conv.weight"), Some(0));
        assert_eq!(of("stages.0.blocks.0.depthwise.conv.weight"), Some(1));
        assert_eq!(of("stages.1.blocks.1.expand.conv.weight"), Some(3));
        assert_eq!(of("head.conv.weight"), Some(17));
        assert_eq!(of("classifier.bias"), Some(18));
        assert_eq!(network.depth(), 19);
    }
}
