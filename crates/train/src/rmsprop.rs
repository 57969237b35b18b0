//! RMSProp as TensorFlow computes it, and as EfficientNet was trained with it.

use burn::optim::{Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

/// `tf.train.RMSPropOptimizer` with coupled weight decay:
///
/// ```text
/// g    = gradient + weight_decay * w
/// ms   = decay * ms + (1 - decay) * g^2          ms begins at one
/// mom  = momentum * mom + rate * g / sqrt(ms + epsilon)
/// w    = w - mom
/// ```
///
/// PyTorch's and Burn's differ in three places: the mean square begins at zero, epsilon stands outside the root, and the
/// rate is applied after the momentum. With a mean square from zero the first update is some three times the rate for
/// every weight, whatever its gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsPropTf {
    /// Decay of the mean square; the official recipe has 0.9.
    pub decay: f64,
    /// Of the update; 0.9.
    pub momentum: f64,
    /// Under the root; 1e-3.
    pub epsilon: f64,
    /// Coupled (L2).
    pub weight_decay: f64,
}

const MEAN_SQUARE: &str = "mean_square";
const MOMENTUM: &str = "momentum";

/// What [`RmsPropTf`] remembers of a tensor.
#[derive(Clone, Debug)]
pub struct RmsPropTfState<const D: usize> {
    /// Moving mean of the gradient's square.
    pub mean_square: Tensor<D>,
    /// The last update.
    pub momentum: Tensor<D>,
}

// By hand: Burn 0.22's derive finds its names inside Burn's own crate only.
impl<const D: usize> RecordState for RmsPropTfState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, MEAN_SQUARE, self.mean_square.to_data());
        out.push_tensor(prefix, MOMENTUM, self.momentum.to_data());
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let mut tensor = |leaf| Some(Tensor::from_data(source.take_tensor(prefix, leaf)?, device));
        Some(Self { mean_square: tensor(MEAN_SQUARE)?, momentum: tensor(MOMENTUM)? })
    }
}

impl Optimizer for RmsPropTf {
    type State<const D: usize> = RmsPropTfState<D>;

    fn step<const D: usize>(
        &self,
        rate: f64,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let state = state.unwrap_or_else(|| RmsPropTfState {
            mean_square: tensor.ones_like(),
            momentum: tensor.zeros_like(),
        });
        let gradient = match self.weight_decay {
            0.0 => gradient,
            decay => gradient + tensor.clone() * decay,
        };
        let mean_square =
            state.mean_square * self.decay + gradient.clone() * gradient.clone() * (1.0 - self.decay);
        let step = gradient * rate / (mean_square.clone() + self.epsilon).sqrt();
        let momentum = state.momentum * self.momentum + step;
        (tensor - momentum.clone(), Some(RmsPropTfState { mean_square, momentum }))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        RmsPropTfState {
            mean_square: state.mean_square.to_device(device),
            momentum: state.momentum.to_device(device),
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
        let rule = RmsPropTf { decay: 0.9, momentum: 0.9, epsilon: 1e-3, weight_decay: 0.1 };
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
