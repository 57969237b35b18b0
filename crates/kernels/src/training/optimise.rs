//! Optimisers: one pass over a weight, its gradient and its state, all changed in place.

use super::check;

/// RMSProp as TensorFlow has it, with which EfficientNet was trained: epsilon inside the root, the learning rate inside the
/// momentum. (PyTorch's has both outside.)
///
/// `g += weight_decay w; ms = decay ms + (1 - decay) g^2; mom = momentum mom + learning_rate g / sqrt(ms + epsilon);
/// w -= mom`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmspropTf {
    /// Of this step.
    pub learning_rate: f32,
    /// Of the mean of squares; 0.9 for EfficientNet.
    pub decay: f32,
    /// 0.9 for EfficientNet.
    pub momentum: f32,
    /// 0.001 for EfficientNet.
    pub epsilon: f32,
    /// Coupled: added to the gradient.
    pub weight_decay: f32,
}

impl RmspropTf {
    /// `mean_square` starts as ones in TensorFlow, `momentum` as zeros.
    pub fn step(&self, weight: &mut [f32], gradient: &[f32], mean_square: &mut [f32], momentum: &mut [f32]) {
        let len = weight.len();
        check("the gradient", gradient.len(), len);
        check("the mean of squares", mean_square.len(), len);
        check("the momentum", momentum.len(), len);
        for i in 0..len {
            let g = gradient[i] + self.weight_decay * weight[i];
            mean_square[i] = self.decay * mean_square[i] + (1.0 - self.decay) * g * g;
            let update = self.learning_rate * g / (mean_square[i] + self.epsilon).sqrt();
            momentum[i] = self.momentum * momentum[i] + update;
            weight[i] -= momentum[i];
        }
    }
}

/// Gradient descent with momentum as PyTorch has it (`torch.optim.SGD`, no dampening).
///
/// `g += weight_decay w; buffer = momentum buffer + g; w -= learning_rate (nesterov ? g + momentum buffer : buffer)`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Of this step.
    pub learning_rate: f32,
    /// 0 for none.
    pub momentum: f32,
    /// Looks ahead.
    pub nesterov: bool,
    /// Coupled: added to the gradient.
    pub weight_decay: f32,
}

impl Sgd {
    /// `buffer` starts as zeros.
    pub fn step(&self, weight: &mut [f32], gradient: &[f32], buffer: &mut [f32]) {
        let len = weight.len();
        check("the gradient", gradient.len(), len);
        check("the buffer", buffer.len(), len);
        for i in 0..len {
            let g = gradient[i] + self.weight_decay * weight[i];
            buffer[i] = self.momentum * buffer[i] + g;
            let update = if self.nesterov { g + self.momentum * buffer[i] } else { buffer[i] };
            weight[i] -= self.learning_rate * update;
        }
    }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019) as PyTorch has it (`torch.optim.AdamW`).
///
/// `w -= learning_rate weight_decay w; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// w -= learning_rate / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + epsilon)`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Of this step.
    pub learning_rate: f32,
    /// b1 and b2; 0.9 and 0.999 by custom.
    pub betas: [f32; 2],
    /// 1e-8 by custom.
    pub epsilon: f32,
    /// Decoupled: the weight itself shrinks.
    pub weight_decay: f32,
}

impl AdamW {
    /// Step `t`, counted from 1; both moments start as zeros.
    ///
    /// # Panics
    /// If the step is 0.
    pub fn step(&self, weight: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], t: u64) {
        let len = weight.len();
        check("the gradient", gradient.len(), len);
        check("the first moment", first.len(), len);
        check("the second moment", second.len(), len);
        assert!(t > 0, "steps are counted from 1");
        let [b1, b2] = self.betas;
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(t as f64);
        let size = (f64::from(self.learning_rate) / correction(b1)) as f32;
        let root = correction(b2).sqrt() as f32;
        let shrink = 1.0 - self.learning_rate * self.weight_decay;
        for i in 0..len {
            let g = gradient[i];
            first[i] = b1 * first[i] + (1.0 - b1) * g;
            second[i] = b2 * second[i] + (1.0 - b2) * g * g;
            weight[i] = shrink * weight[i] - size * first[i] / (second[i].sqrt() / root + self.epsilon);
        }
    }
}

/// Moves an average of weights: `average += weight (value - average)`.
pub fn lerp(average: &mut [f32], value: &[f32], weight: f32) {
    check("the value", value.len(), average.len());
    for (average, value) in average.iter_mut().zip(value) {
        *average += weight * (value - *average);
    }
}
