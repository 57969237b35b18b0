//! The decisions, each a list of witnesses in the order in which they are heard.

use std::path::Path;

use efficientnet_arch::{ArchSpec, Family, Padding};

use super::{Belief, family};
use crate::Naming;
use crate::load::LoadOptions;
use crate::metadata::Ours;
use crate::registry::{self, Checkpoint};

/// TensorFlow's epsilon, which all of TensorFlow's weights were trained with.
const TF_EPSILON: f64 = 1e-3;
/// PyTorch's default.
const TORCH_EPSILON: f64 = 1e-5;

/// Why a network that the caller gives is believed where the naming leaves a choice.
const GIVEN: &str = "the given network's own";

/// What is known about a file whose network has been found.
pub(crate) struct Evidence<'a> {
    pub options: &'a LoadOptions,
    pub ours: &'a Ours,
    pub spec: &'a ArchSpec,
    pub naming: Naming,
    /// The published checkpoint that the file is called like.
    pub published: Option<&'static Checkpoint>,
    pub path: &'a Path,
}

impl Evidence<'_> {
    fn published<T>(&self, pick: impl Fn(&'static Checkpoint) -> Option<T>) -> Option<Belief<T>> {
        let checkpoint = self.published?;
        Some(Belief::known(pick(checkpoint)?, format!("published as {}", checkpoint.name)))
    }

    /// Caller, file and registry: the witnesses that every question has.
    fn told<T: Clone>(
        &self,
        option: &Option<T>,
        ours: &Option<T>,
        pick: impl Fn(&'static Checkpoint) -> Option<T>,
    ) -> Option<Belief<T>> {
        let option = option.clone().map(|value| Belief::known(value, "as asked for"));
        let ours = || ours.clone().map(|value| Belief::known(value, "the file says so"));
        option.or_else(ours).or_else(|| self.published(pick))
    }

    fn is_resnet(&self) -> bool {
        self.spec.baseline.family == Family::ResNet
    }

    pub(super) fn padding(&self) -> Belief<Padding> {
        let told = self.told(&self.options.padding, &self.ours.padding, |known| Some(known.padding));
        told.unwrap_or_else(|| match self.naming {
            _ if self.is_resnet() => Belief::known(Padding::Symmetric, "every ResNet of PyTorch pads so"),
            Naming::Torchvision => Belief::known(Padding::Symmetric, "torchvision pads so"),
            Naming::EfficientnetPytorch | Naming::Keras | Naming::TfSlim => {
                Belief::known(Padding::Same, format!("{} pads as TensorFlow does", self.naming))
            }
            _ if self.options.spec.is_some() => Belief::known(self.spec.padding, GIVEN),
            Naming::Timm => self.timm_padding(),
            Naming::Native => Belief::assumed(self.spec.padding, "the family's original weights pad so"),
        })
    }

    /// timm gives the same names to `tf_` models (weights from TensorFlow) and to its own, which pad differently.
    fn timm_padding(&self) -> Belief<Padding> {
        let path = self.path.to_string_lossy().to_ascii_lowercase();
        if ["tf_efficientnet", "tf_mobilenet"].iter().any(|word| path.contains(word)) {
            return Belief::known(Padding::Same, "the file's name has timm's `tf_`");
        }
        let family = ["efficientnet", "mobilenet"].iter().any(|word| path.contains(word));
        if family {
            return Belief::assumed(
                Padding::Symmetric,
                "the file's name has no `tf_`, which timm puts before weights from TensorFlow",
            );
        }
        let usual = registry::usual(Naming::Timm, &self.spec.name, None);
        let (padding, example) = match usual {
            Some(checkpoint) => (checkpoint.padding, checkpoint.name.as_str()),
            None => (self.spec.padding, "the original weights"),
        };
        let because = format!(
            "as {example}; nothing says whether these are weights from TensorFlow (timm's `tf_` models pad `same` with \
             epsilon 1e-3, its own `symmetric` with 1e-5)"
        );
        Belief::assumed(padding, because)
    }

    pub(super) fn bn_epsilon(&self, padding: &Belief<Padding>) -> Belief<f64> {
        let told = self.told(&self.options.bn_epsilon, &self.ours.bn_epsilon, |known| Some(known.bn_epsilon));
        told.unwrap_or_else(|| match self.naming {
            _ if self.is_resnet() => Belief::known(TORCH_EPSILON, "every ResNet of PyTorch has it"),
            Naming::Torchvision => self.torchvision_epsilon(),
            Naming::EfficientnetPytorch | Naming::Keras => {
                Belief::known(TF_EPSILON, format!("{} has TensorFlow's", self.naming))
            }
            Naming::TfSlim => Belief::known(TF_EPSILON, "of no effect, the normalisation is folded"),
            _ if self.options.spec.is_some() => Belief::known(self.spec.batch_norm.epsilon, GIVEN),
            Naming::Timm => {
                let value = if padding.value == Padding::Same { TF_EPSILON } else { TORCH_EPSILON };
                Belief { value, because: "follows from the padding in timm".into(), assumed: padding.assumed }
            }
            Naming::Native => {
                Belief::assumed(self.spec.batch_norm.epsilon, "the family's original weights have it")
            }
        })
    }

    fn torchvision_epsilon(&self) -> Belief<f64> {
        let ported =
            ["efficientnet-b5", "efficientnet-b6", "efficientnet-b7"].contains(&self.spec.name.as_str());
        if ported || self.spec.baseline.family == Family::EfficientNetV2 {
            return Belief::known(TF_EPSILON, "torchvision sets it for B5 to B7 and V2");
        }
        Belief::known(TORCH_EPSILON, "PyTorch's default, which torchvision has here")
    }

    pub(super) fn transform(&self, padding: &Belief<Padding>) -> Belief<String> {
        let line = |known: &'static Checkpoint| Some(known.transform.clone());
        let told = self.told(&self.options.transform, &self.ours.transform, line);
        told.unwrap_or_else(|| match self.naming {
            Naming::Keras => Belief::known(
                family::keras_transform(self.spec),
                "Keras' normalisation with the original evaluation's crop",
            ),
            Naming::TfSlim => Belief::known(family::slim_transform(self.spec), "TF-slim's evaluation"),
            naming => match registry::usual(naming, &self.spec.name, Some(padding.value)) {
                Some(known) => Belief::assumed(known.transform.clone(), format!("as {}", known.name)),
                None => Belief::assumed(super::usual_transform(self.spec), "usual for this family"),
            },
        })
    }

    pub(super) fn class_offset(&self) -> Belief<usize> {
        let told = self.told(&self.options.class_offset, &self.ours.class_offset, |_| None);
        told.unwrap_or_else(|| offset_by_count(self.spec.num_classes))
    }
}

/// ImageNet has 1000 classes; TensorFlow's 1001 logits begin with the background.
pub(super) fn offset_by_count(num_classes: usize) -> Belief<usize> {
    match num_classes {
        1001 => Belief::known(1, "1001 logits are ImageNet's 1000 classes behind the background"),
        classes => Belief::known(0, format!("{classes} logits have no background")),
    }
}
