//! The rules that are one pass over memory each: RMSProp as TensorFlow computes it, SGD and AdamW as PyTorch does.
//!
//! Burn has SGD and AdamW, too, composed of ten passes; its RMSProp is PyTorch's. The arithmetic is that of
//! [`efficientnet_ops::optimise`], which has a fast path on the CPU and a composed one elsewhere.
//!
//! TensorFlow's RMSProp (`tf.train.RMSPropOptimizer`), with which EfficientNet was trained, is
//!
//! ```text
//! g    = gradient + weight_decay * w
//! ms   = decay * ms + (1 - decay) * g^2          ms begins at one
//! mom  = momentum * mom + rate * g / sqrt(ms + epsilon)
//! w    = w - mom
//! ```
//!
//! PyTorch's differs in three places: the mean square begins at zero, epsilon stands outside the root, and the rate is
//! applied after the momentum. With a mean square from zero the first update is some three times the rate for every
//! weight, whatever its gradient.

use burn::optim::{Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};
use efficientnet_ops::optimise::{self, AdamW, RmspropTf, Sgd};

/// A rule with its constants; the rates in them are not looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OnePass {
    RmsPropTf(RmspropTf),
    Sgd(Sgd),
    AdamW(AdamW),
}

/// What a rule remembers of a tensor.
#[derive(Debug, Clone)]
pub(crate) struct Memory<const D: usize> {
    slots: Vec<Tensor<D>>,
    /// Updates so far.
    steps: usize,
}

const STEPS: &str = "steps";

// By hand: Burn 0.22's derive finds its names inside Burn's own crate only.
impl<const D: usize> RecordState for Memory<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        for (index, slot) in self.slots.iter().enumerate() {
            out.push_tensor(prefix, &index.to_string(), slot.to_data());
        }
        out.push_scalar(prefix, STEPS, self.steps.into());
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let steps = usize::try_from(source.take_scalar(prefix, STEPS)?).ok()?;
        let mut slots = Vec::new();
        while let Some(data) = source.take_tensor(prefix, &slots.len().to_string()) {
            slots.push(Tensor::from_data(data, device));
        }
        Some(Self { slots, steps })
    }
}

impl Optimizer for OnePass {
    type State<const D: usize> = Memory<D>;

    fn step<const D: usize>(
        &self,
        rate: f64,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Memory<D>>,
    ) -> (Tensor<D>, Option<Memory<D>>) {
        let steps = state.as_ref().map_or(0, |memory| memory.steps) + 1;
        let mut slots = state.map_or_else(|| self.fresh(&weight), |memory| memory.slots).into_iter();
        let mut slot = || slots.next().unwrap_or_else(|| weight.zeros_like());
        let learning_rate = rate as f32;
        let (weight, slots) = match *self {
            Self::RmsPropTf(rule) => {
                let (square, momentum) = (slot(), slot());
                let rule = RmspropTf { learning_rate, ..rule };
                let [weight, square, momentum] =
                    optimise::rmsprop_tf(weight, gradient, square, momentum, rule);
                (weight, vec![square, momentum])
            }
            Self::Sgd(rule) => {
                let buffer = slot();
                let [weight, buffer] = optimise::sgd(weight, gradient, buffer, Sgd { learning_rate, ..rule });
                (weight, vec![buffer])
            }
            Self::AdamW(rule) => {
                let (first, second) = (slot(), slot());
                let rule = AdamW { learning_rate, ..rule };
                let [weight, first, second] =
                    optimise::adamw(weight, gradient, first, second, rule, steps as u64);
                (weight, vec![first, second])
            }
        };
        (weight, Some(Memory { slots, steps }))
    }

    fn to_device<const D: usize>(state: Memory<D>, device: &Device) -> Memory<D> {
        let slots = state.slots.into_iter().map(|slot| slot.to_device(device)).collect();
        Memory { slots, ..state }
    }
}

impl OnePass {
    /// What is remembered before the first update.
    fn fresh<const D: usize>(&self, weight: &Tensor<D>) -> Vec<Tensor<D>> {
        match self {
            Self::RmsPropTf(_) => vec![weight.ones_like(), weight.zeros_like()],
            Self::Sgd(_) => vec![weight.zeros_like()],
            Self::AdamW(_) => vec![weight.zeros_like(), weight.zeros_like()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand from the formula, in f64.
    #[test]
    fn three_steps_are_tensorflows() {
        let device = efficientnet_backend::device("flex").unwrap();
        let rule = OnePass::RmsPropTf(RmspropTf {
            learning_rate: 0.0,
            decay: 0.9,
            momentum: 0.9,
            epsilon: 1e-3,
            weight_decay: 0.1,
        });
        let (mut w, mut ms, mut mom) = (0.5, 1.0, 0.0);
        let mut tensor = Tensor::<1>::from_floats([0.5], &device);
        let mut state = None;
        for (rate, gradient) in [(0.1, 0.3), (0.1, -0.2), (0.05, 1.5)] {
            let g: f64 = gradient + 0.1 * w;
            ms = 0.9 * ms + 0.1 * g * g;
            mom = 0.9 * mom + rate * g / (ms + 1e-3).sqrt();
            w -= mom;
            let gradient = Tensor::<1>::from_floats([gradient as f32], &device);
            (tensor, state) = rule.step(rate, tensor, gradient, state);
            let ours: f32 = tensor.clone().into_scalar();
            assert!((f64::from(ours) - w).abs() < 1e-6, "{ours} is not {w}");
        }
    }
}
