//! Optimisers: one pass over a weight, its gradient and its state, all changed in place.
//!
//! Nothing is fused or estimated here, so that every instruction set gives the same bits.

use super::check;
use super::run::{detected, for_each};
use super::vector::{each, load, store};
use crate::memory::Arena;
use crate::simd::{Simd, Task};

/// Numbers in a task.
const TASK: usize = 1 << 14;

/// What happens to a weight and its state, `N` numbers in all, given the gradient.
trait Rule<const N: usize>: Copy + Send + Sync {
    fn step<S: Simd>(&self, s: S, gradient: S::V, state: [S::V; N]) -> [S::V; N];
}

#[inline(always)]
fn times<S: Simd>(s: S, factor: f32, value: S::V) -> S::V {
    s.mul(s.splat(factor), value)
}

/// Applies the rule everywhere.
fn apply<const N: usize>(rule: impl Rule<N>, gradient: &[f32], state: [&mut [f32]; N]) {
    let (isa, state) = (detected(), state.map(Arena::of));
    for_each(gradient.len().div_ceil(TASK), gradient.len(), |task| {
        let range = task * TASK..((task + 1) * TASK).min(gradient.len());
        // SAFETY: these numbers are this task's.
        let state = state.map(|state| unsafe { state.part_mut(range.clone()) });
        isa.dispatch(Part { rule, gradient: &gradient[range], state });
    });
}

/// Some numbers, entered into the instruction set below.
struct Part<'a, R, const N: usize> {
    rule: R,
    gradient: &'a [f32],
    state: [&'a mut [f32]; N],
}

impl<R: Rule<N>, const N: usize> Task for Part<'_, R, N> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        s.enter(Entered(self));
    }
}

struct Entered<'a, R, const N: usize>(Part<'a, R, N>);

impl<R: Rule<N>, const N: usize> Task for Entered<'_, R, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Part { rule, gradient, state } = self.0;
        assert!(state.iter().all(|state| state.len() == gradient.len()));
        let places = state.map(<[f32]>::as_mut_ptr);
        each!(S, gradient.len(), |at, count| {
            // SAFETY: within the gradient, and each state is as long (asserted) and another's than the others.
            unsafe {
                let mut values = [s.splat(0.0); N];
                for i in 0..N {
                    values[i] = load(s, places[i].add(at), count);
                }
                let values = rule.step(s, load(s, gradient.as_ptr().add(at), count), values);
                for i in 0..N {
                    store(s, places[i].add(at), count, values[i]);
                }
            }
        });
    }
}

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
        apply(*self, gradient, [weight, mean_square, momentum]);
    }
}

impl Rule<3> for RmspropTf {
    #[inline(always)]
    fn step<S: Simd>(&self, s: S, gradient: S::V, [weight, square, momentum]: [S::V; 3]) -> [S::V; 3] {
        let g = s.add(gradient, times(s, self.weight_decay, weight));
        let square = s.add(times(s, self.decay, square), times(s, 1.0 - self.decay, s.mul(g, g)));
        let root = s.sqrt(s.add(square, s.splat(self.epsilon)));
        let momentum =
            s.add(times(s, self.momentum, momentum), s.quotient(times(s, self.learning_rate, g), root));
        [s.sub(weight, momentum), square, momentum]
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
        apply(*self, gradient, [weight, buffer]);
    }
}

impl Rule<2> for Sgd {
    #[inline(always)]
    fn step<S: Simd>(&self, s: S, gradient: S::V, [weight, buffer]: [S::V; 2]) -> [S::V; 2] {
        let g = s.add(gradient, times(s, self.weight_decay, weight));
        let buffer = s.add(times(s, self.momentum, buffer), g);
        let update = if self.nesterov { s.add(g, times(s, self.momentum, buffer)) } else { buffer };
        [s.sub(weight, times(s, self.learning_rate, update)), buffer]
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
        let rule = AdamStep { betas: self.betas, epsilon: self.epsilon, size, root, shrink };
        apply(rule, gradient, [weight, first, second]);
    }
}

/// [`AdamW`] with what depends on the step.
#[derive(Clone, Copy)]
struct AdamStep {
    betas: [f32; 2],
    epsilon: f32,
    /// The learning rate, corrected for the first moment's start.
    size: f32,
    /// The correction for the second moment's start.
    root: f32,
    /// What is left of the weight.
    shrink: f32,
}

impl Rule<3> for AdamStep {
    #[inline(always)]
    fn step<S: Simd>(&self, s: S, g: S::V, [weight, first, second]: [S::V; 3]) -> [S::V; 3] {
        let [b1, b2] = self.betas;
        let first = s.add(times(s, b1, first), times(s, 1.0 - b1, g));
        let second = s.add(times(s, b2, second), times(s, 1.0 - b2, s.mul(g, g)));
        let root = s.add(s.quotient(s.sqrt(second), s.splat(self.root)), s.splat(self.epsilon));
        let update = s.quotient(times(s, self.size, first), root);
        [s.sub(times(s, self.shrink, weight), update), first, second]
    }
}

/// Moves an average of weights: `average += weight (value - average)`.
pub fn lerp(average: &mut [f32], value: &[f32], weight: f32) {
    check("the value", value.len(), average.len());
    apply(Lerp(weight), value, [average]);
}

#[derive(Clone, Copy)]
struct Lerp(f32);

impl Rule<1> for Lerp {
    #[inline(always)]
    fn step<S: Simd>(&self, s: S, value: S::V, [average]: [S::V; 1]) -> [S::V; 1] {
        [s.add(average, s.mul(s.splat(self.0), s.sub(value, average)))]
    }
}
