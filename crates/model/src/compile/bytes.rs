//! 8 bits for 1x1 convolutions, after training: which ranges their inputs have, and what to do with them.

use std::collections::BTreeMap;

use efficientnet_arch::{ArchSpec, ConvUnit, Layer, LayerOp};
use efficientnet_kernels::{Images, Plan, PlanBuilder, Value};
use efficientnet_weights::Weights;
use serde::{Deserialize, Serialize};

use super::{CompileOptions, Compiler};
use crate::ModelError;

/// The least and the most that each 1x1 convolution of a network reads: what [`super::CompiledNetwork::in_bytes`] spreads 255
/// steps over. Found by [`Calibration`]; may be kept in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivationRanges {
    network: String,
    images: usize,
    /// By the convolution's name: `stages.1.blocks.0.expand`.
    ranges: BTreeMap<String, [f32; 2]>,
}

impl ActivationRanges {
    /// How many images they are of.
    pub fn images(&self) -> usize {
        self.images
    }

    /// The least and the most, by the name of the convolution that reads it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, [f32; 2])> {
        self.ranges.iter().map(|(name, range)| (name.as_str(), *range))
    }

    /// Whether they are this network's, each of them.
    pub(super) fn check(&self, spec: &ArchSpec) -> Result<(), ModelError> {
        let names = names(spec);
        let same = self.network == spec.name
            && names.len() == self.ranges.len()
            && names.iter().all(|name| self.ranges.contains_key(name));
        if same {
            return Ok(());
        }
        let found = match self.network == spec.name {
            true => format!("another {}, of other layers,", self.network),
            false => self.network.clone(),
        };
        Err(ModelError::Ranges { network: spec.name.clone(), found })
    }
}

/// Watches what a network's 1x1 convolutions read, image by image.
///
/// Post-training quantisation: some tens of images such as the network will see are enough; no labels are needed.
pub struct Calibration {
    plan: Plan,
    /// Of each output of the plan the convolution that reads it.
    readers: Vec<String>,
    found: ActivationRanges,
}

impl Calibration {
    /// For the network of these weights.
    ///
    /// # Errors
    /// As [`super::CompiledNetwork::from_weights`].
    pub fn new(mut weights: Weights, options: CompileOptions) -> Result<Self, ModelError> {
        let spec = weights.spec().clone();
        let pointwise = Pointwise::Watch(Vec::new());
        let mut compiler = Compiler::new(&spec, &mut weights, options, pointwise)?;
        compiler.network()?;
        let Compiler { builder, pointwise, .. } = compiler;
        let watched = if let Pointwise::Watch(watched) = pointwise { watched } else { Vec::new() };
        let (readers, values): (Vec<String>, Vec<Value>) = watched.into_iter().unzip();
        let found = ActivationRanges { network: spec.name, images: 0, ranges: BTreeMap::new() };
        Ok(Self { plan: builder.build(&values)?, readers, found })
    }

    /// Takes normalised images `[batch, channels, height, width]` into account.
    ///
    /// All maps of a batch are in memory at once: some tens of megabytes for an image of 224 pixels.
    ///
    /// # Errors
    /// As [`super::CompiledNetwork::forward`].
    pub fn observe(&mut self, images: &[f32], [batch, height, width]: [usize; 3]) -> Result<(), ModelError> {
        let maps = self.plan.run(Images { data: images, batch, height, width })?;
        for (reader, map) in self.readers.iter().zip(maps) {
            let [least, most] = self.found.ranges.entry(reader.clone()).or_insert([0.0; 2]);
            for value in map.data {
                (*least, *most) = (least.min(value), most.max(value));
            }
        }
        self.found.images += batch;
        Ok(())
    }

    /// What was found so far. Zero is in every range.
    pub fn finish(self) -> ActivationRanges {
        self.found
    }
}

/// What becomes of the inputs of 1x1 convolutions.
pub(super) enum Pointwise<'a> {
    /// They stay f32.
    Numbers,
    /// They are read as bytes.
    Bytes(&'a ActivationRanges),
    /// They are outputs of the plan, by their readers' names.
    Watch(Vec<(String, Value)>),
}

impl Pointwise<'_> {
    /// Before the convolution of this name that reads `x` is added.
    pub fn read(&mut self, builder: &mut PlanBuilder, name: &str, x: Value) -> Result<(), ModelError> {
        match self {
            Self::Numbers => {}
            Self::Bytes(ranges) => {
                if let Some(range) = ranges.ranges.get(name) {
                    builder.in_bytes(x, *range)?;
                }
            }
            Self::Watch(watched) => watched.push((name.to_owned(), x)),
        }
        Ok(())
    }
}

/// Whether a convolution is a product of pixels, all channels with all.
pub(super) fn is_pointwise(unit: &ConvUnit) -> bool {
    unit.kernel == 1 && unit.groups == 1
}

/// The names of a network's 1x1 convolutions; those of squeeze-and-excitation are layers on a vector.
fn names(spec: &ArchSpec) -> Vec<String> {
    let pointwise = |layer: &Layer| match layer.op {
        LayerOp::Conv { kernel: 1, groups: 1, .. } => layer.name.strip_suffix(".conv").map(str::to_owned),
        _ => None,
    };
    spec.layers().iter().filter_map(pointwise).collect()
}

#[cfg(test)]
mod tests {
    use efficientnet_arch::{Coefficients, TensorSpec};
    use efficientnet_weights::synthetic;

    use super::*;
    use crate::CompiledNetwork;

    fn weights(name: &str) -> Weights {
        let spec = ArchSpec::named(name).unwrap();
        let spec = spec.rescaled(Coefficients { resolution: 64, ..spec.coefficients }).unwrap();
        Weights::from_tensors(spec, |tensor: &TensorSpec| {
            synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape)
        })
    }

    fn images(count: usize) -> Vec<f32> {
        synthetic::input("input.0", [count, 3, 64, 64])
    }

    fn ranges(name: &str) -> ActivationRanges {
        let mut calibration = Calibration::new(weights(name), CompileOptions::default()).unwrap();
        for image in images(3).chunks(3 * 64 * 64) {
            calibration.observe(image, [1, 64, 64]).unwrap();
        }
        calibration.finish()
    }

    /// Every way in which blocks are put together, gates, shortcuts and pooling included.
    #[test]
    fn logits_in_bytes_are_near_those_in_f32() {
        for name in [
            "efficientnet-lite0",
            "mobilenetv2",
            "mobilenetv1",
            "efficientnet-b0",
            "efficientnetv2-b0",
            "resnet50",
        ] {
            let found = ranges(name);
            assert_eq!(found.images(), 3);
            let logits = |network: Result<CompiledNetwork, ModelError>| {
                network.unwrap().forward(&images(3), [3, 64, 64]).unwrap()
            };
            let options = CompileOptions { threads: 2 };
            let exact = logits(CompiledNetwork::from_weights(weights(name), options));
            let bytes = logits(CompiledNetwork::in_bytes(weights(name), &found, options));
            let square = |of: &dyn Fn(usize) -> f32| (0..exact.len()).map(|i| of(i).powi(2)).sum::<f32>();
            let error = (square(&|i| bytes[i] - exact[i]) / square(&|i| exact[i])).sqrt();
            // Some steps of a hundredth, added up over the layers; nothing at all would be no bytes.
            assert!((1e-4..0.25).contains(&error), "{name}: {error}");
        }
    }

    #[test]
    fn ranges_hold_what_was_read_and_survive_a_file() {
        let found = ranges("efficientnet-lite0");
        let of = |name: &str| found.iter().find(|(found, _)| *found == name).unwrap().1;
        let project = of("stages.1.blocks.0.project");
        assert!(project[0] == 0.0 && (0.1..=6.0).contains(&project[1]), "{project:?} is not behind ReLU6");
        let expand = of("stages.1.blocks.0.expand");
        assert!(expand[0] < 0.0 && expand[1] > 0.0, "{expand:?} is behind no activation");
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<ActivationRanges>(&text).unwrap(), found);
    }

    #[test]
    fn ranges_of_another_network_are_refused() {
        let found = ranges("efficientnet-lite0");
        let refused = |found: &ActivationRanges, name| {
            CompiledNetwork::in_bytes(weights(name), found, CompileOptions::default())
                .unwrap_err()
                .to_string()
        };
        let error = refused(&found, "mobilenetv2");
        assert!(error.contains("efficientnet-lite0 and not of mobilenetv2"), "{error}");
        let renamed = ActivationRanges { network: "mobilenetv2".to_owned(), ..found };
        let error = refused(&renamed, "mobilenetv2");
        assert!(error.contains("other layers"), "{error}");
    }
}
