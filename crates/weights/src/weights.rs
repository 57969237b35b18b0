//! [`Weights`]: a network and its tensors, handed out one at a time.

use std::collections::{BTreeMap, HashMap};

use efficientnet_arch::{ArchSpec, TensorSpec};

use crate::archive::Archive;
use crate::{Implied, Layout, Naming, Origin, WeightsError};

/// A tensor's values in this process' memory.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Shape in PyTorch's order.
    pub shape: Vec<usize>,
    /// Values in PyTorch's order, as many as the shape says.
    pub values: Vec<f32>,
}

/// A network's weights: what it is, what the weights imply, and its tensors.
///
/// Values of a file stay in the file until their tensor is taken, so that a network can be built with no second copy of it
/// in memory.
#[derive(Debug)]
pub struct Weights {
    spec: ArchSpec,
    naming: Naming,
    implied: Implied,
    metadata: BTreeMap<String, String>,
    slots: HashMap<String, Slot>,
    archive: Option<Archive>,
}

#[derive(Debug)]
struct Slot {
    shape: Vec<usize>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Memory(Vec<f32>),
    File { name: String, layout: Layout },
    Constant(f32),
}

impl Weights {
    /// Weights from a rule, without a file. The rule gives a tensor's values in PyTorch's order; their number is checked
    /// when the tensor is taken.
    pub fn from_tensors(spec: ArchSpec, mut rule: impl FnMut(&TensorSpec) -> Vec<f32>) -> Self {
        let slots = spec.tensors().into_iter().map(|tensor| {
            let values = Values::Memory(rule(&tensor));
            (tensor.name(), Slot { shape: tensor.shape, values })
        });
        let slots = slots.collect();
        let implied = Implied::of_spec(&spec);
        Self { spec, naming: Naming::Native, implied, metadata: BTreeMap::new(), slots, archive: None }
    }

    /// Weights from a rule over another library's names: a checkpoint of that library, without the file. The rule gets the
    /// library's name and our tensor for it, and gives values in *PyTorch's* order, whatever the library's layout.
    ///
    /// # Errors
    /// [`WeightsError::NoNames`] where the library has no names for such a network.
    pub fn from_named(
        spec: ArchSpec,
        naming: Naming,
        mut rule: impl FnMut(&str, &TensorSpec) -> Vec<f32>,
    ) -> Result<Self, WeightsError> {
        let table = naming.table(&spec).ok_or_else(|| no_names(naming, &spec))?;
        let slots = table.into_iter().map(|mapping| {
            let values = match &mapping.origin {
                Origin::File { name, .. } => Values::Memory(rule(name, &mapping.tensor)),
                Origin::Constant(value) => Values::Constant(*value),
            };
            (mapping.tensor.name(), Slot { shape: mapping.tensor.shape, values })
        });
        let slots = slots.collect();
        let implied = Implied::of_spec(&spec);
        Ok(Self { spec, naming, implied, metadata: BTreeMap::new(), slots, archive: None })
    }

    /// Weights whose values stay in an opened file.
    pub(crate) fn from_archive(
        spec: ArchSpec,
        naming: Naming,
        implied: Implied,
        table: Vec<crate::Mapping>,
        archive: Archive,
    ) -> Self {
        let slots = table.into_iter().map(|mapping| {
            let name = mapping.tensor.name();
            let values = match mapping.origin {
                Origin::File { name, also, layout } => {
                    let name = match also {
                        Some(also) if !archive.entries.contains_key(&name) => also,
                        _ => name,
                    };
                    Values::File { name, layout }
                }
                Origin::Constant(value) => Values::Constant(value),
            };
            (name, Slot { shape: mapping.tensor.shape, values })
        });
        let slots = slots.collect();
        let metadata = archive.metadata.clone();
        Self { spec, naming, implied, metadata, slots, archive: Some(archive) }
    }

    /// The network, with the weights' padding, epsilon, number of classes and of input channels.
    pub fn spec(&self) -> &ArchSpec {
        &self.spec
    }

    /// The naming in which the weights came.
    pub fn naming(&self) -> Naming {
        self.naming
    }

    /// What the weights imply beside their tensors.
    pub fn implied(&self) -> &Implied {
        &self.implied
    }

    /// To say what weights from memory imply, before they are saved.
    pub fn implied_mut(&mut self) -> &mut Implied {
        &mut self.implied
    }

    /// What the file says about itself; empty for weights from memory.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Number of tensors that are left to take.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True when every tensor has been taken.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Takes a tensor out, by its name in [`ArchSpec::tensors`].
    ///
    /// # Errors
    /// [`WeightsError::NoTensor`] where the network has no such tensor or it was taken before; an error of the file where
    /// it has changed since it was opened.
    pub fn take(&mut self, name: &str) -> Result<HostTensor, WeightsError> {
        let Slot { shape, values } =
            self.slots.remove(name).ok_or_else(|| WeightsError::NoTensor { name: name.into() })?;
        let values = match values {
            Values::Memory(values) => values,
            Values::Constant(value) => vec![value; shape.iter().product()],
            Values::File { name, layout } => self.read_file(&name, layout, &shape)?,
        };
        checked(name, shape, values)
    }

    /// Reads a tensor and leaves it to be read again.
    ///
    /// # Errors
    /// As [`Weights::take`].
    pub fn read(&mut self, name: &str) -> Result<HostTensor, WeightsError> {
        let slot = self.slots.get(name).ok_or_else(|| WeightsError::NoTensor { name: name.into() })?;
        let shape = slot.shape.clone();
        let values = match &slot.values {
            Values::Memory(values) => values.clone(),
            Values::Constant(value) => vec![*value; shape.iter().product()],
            Values::File { name, layout } => {
                let (name, layout) = (name.clone(), *layout);
                self.read_file(&name, layout, &shape)?
            }
        };
        checked(name, shape, values)
    }

    /// The name that a tensor has in the file, where that has two spellings.
    pub(crate) fn spelling(&self, name: &str) -> Option<&str> {
        match &self.slots.get(name)?.values {
            Values::File { name, .. } => Some(name),
            _ => None,
        }
    }

    fn read_file(&mut self, name: &str, layout: Layout, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let archive =
            self.archive.as_mut().ok_or_else(|| WeightsError::NoTensor { name: name.to_string() })?;
        Ok(layout.to_pytorch(archive.read(name)?, shape))
    }
}

fn checked(name: &str, shape: Vec<usize>, values: Vec<f32>) -> Result<HostTensor, WeightsError> {
    if values.len() != shape.iter().product::<usize>() {
        return Err(WeightsError::WrongLength { name: name.into(), shape, found: values.len() });
    }
    Ok(HostTensor { shape, values })
}

pub(crate) fn no_names(naming: Naming, spec: &ArchSpec) -> WeightsError {
    let able =
        Naming::ALL.into_iter().filter(|other| *other != Naming::TfSlim && other.table(spec).is_some());
    let instead = able.map(Naming::word).collect();
    WeightsError::NoNames { naming: naming.word(), model: spec.name.clone(), instead }
}
