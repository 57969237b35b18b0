//! Parts of a network that do not learn.

use burn::module::Module;
use burn::nn::DropoutConfig;

use crate::{Block, ConvUnit, Network};

/// What is kept as it is while the rest learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Freeze {
    /// Nothing.
    #[default]
    Nothing,
    /// The stem and this many stages.
    Stages(usize),
    /// All but the classifier: a linear probe.
    Backbone,
}

impl Network {
    /// Freezes a part: its weights get no gradients, its normalisation takes the running statistics and leaves them
    /// alone, its stochastic depth drops nothing.
    pub fn with_frozen(mut self, freeze: Freeze) -> Self {
        let stages = match freeze {
            Freeze::Nothing => return self,
            Freeze::Stages(count) => count,
            Freeze::Backbone => usize::MAX,
        };
        self.stem = self.stem.freeze();
        let freeze_stage = |(index, stage): (usize, crate::Stage)| {
            if index < stages { stage.freeze() } else { stage }
        };
        self.stages = self.stages.into_iter().enumerate().map(freeze_stage).collect();
        if freeze == Freeze::Backbone {
            self.head = self.head.map(Module::freeze);
        }
        self
    }

    /// Freezes all normalisation: scale, shift and statistics stay as they are.
    pub fn with_frozen_norm(mut self) -> Self {
        self.stem = frozen_norm(self.stem);
        for stage in &mut self.stages {
            stage.blocks = std::mem::take(&mut stage.blocks).into_iter().map(frozen_norms).collect();
        }
        self.head = self.head.map(frozen_norm);
        self
    }

    /// Another share of features that dropout sets to zero before the classifier, as progressive training wants it.
    ///
    /// # Panics
    /// Where it is not in `[0, 1)`.
    pub fn set_dropout(&mut self, dropout: f64) {
        self.dropout = DropoutConfig::new(dropout).init();
    }
}

fn frozen_norm(mut unit: ConvUnit) -> ConvUnit {
    unit.bn = unit.bn.freeze();
    unit
}

fn frozen_norms(mut block: Block) -> Block {
    block.units = block.units.into_iter().map(frozen_norm).collect();
    block.shortcut = block.shortcut.map(frozen_norm);
    block
}

#[cfg(test)]
mod tests {
    use burn::optim::GradientsParams;
    use burn::tensor::{Distribution, Tensor};
    use efficientnet_arch::ArchSpec;

    use super::*;

    /// Names of the tensors that a backward pass gives gradients to, and of those that a forward pass changes.
    fn learning(network: &Network) -> (Vec<String>, Vec<String>) {
        let device = network.classifier.weight.val().device();
        let before = network.to_host().unwrap();
        // Images that differ: of equal ones every mean behind the first normalisation is zero.
        let images = Tensor::random([2, 3, 32, 32], Distribution::Normal(0.0, 1.0), &device);
        let logits = network.forward(images);
        let gradients = GradientsParams::from_grads(logits.sum().backward(), network);
        let tensors = network.tensors();
        let has = |tensor: &&crate::NetworkTensor| match tensor.spec.shape.len() {
            1 => gradients.get::<1>(tensor.id).is_some(),
            2 => gradients.get::<2>(tensor.id).is_some(),
            _ => gradients.get::<4>(tensor.id).is_some(),
        };
        let learned = tensors.iter().filter(has).map(|tensor| tensor.spec.name()).collect();
        let after = network.to_host().unwrap();
        let changed = before.iter().zip(&after).filter(|(a, b)| a != b).map(|(a, _)| a.0.clone()).collect();
        (learned, changed)
    }

    #[test]
    fn what_is_frozen_neither_learns_nor_drifts() {
        let device = efficientnet_backend::device("flex").unwrap().autodiff();
        let spec = ArchSpec::named("efficientnet-b0").unwrap().with_classes(4);
        let network = || Network::init(&spec, &device).unwrap();

        let (learned, changed) = learning(&network());
        assert_eq!(learned.len(), spec.tensors().iter().filter(|t| t.kind.is_parameter()).count());
        assert_eq!(changed.len(), spec.tensors().iter().filter(|t| !t.kind.is_parameter()).count());

        let (learned, changed) = learning(&network().with_frozen(Freeze::Backbone));
        assert_eq!(learned, ["classifier.weight", "classifier.bias"]);
        assert_eq!(changed, Vec::<String>::new());

        let (learned, changed) = learning(&network().with_frozen(Freeze::Stages(2)));
        let is_frozen =
            |name: &String| ["stem.", "stages.0.", "stages.1."].iter().any(|p| name.starts_with(p));
        assert!(!learned.iter().any(is_frozen) && !changed.iter().any(is_frozen));
        assert!(learned.iter().any(|name| name.starts_with("stages.2.")));
        assert!(changed.iter().any(|name| name.starts_with("stages.2.")));

        let (learned, changed) = learning(&network().with_frozen_norm());
        assert!(!learned.iter().any(|name| name.contains(".bn.")));
        assert!(learned.iter().any(|name| name == "stem.conv.weight"));
        assert_eq!(changed, Vec::<String>::new());
    }
}
