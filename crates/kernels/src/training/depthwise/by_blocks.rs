//! The three passes, a block of channels at a time.

use super::TASK;
use super::block::{Shape, Written, weight_vectors};
use crate::memory::Arena;
use crate::simd::{Simd, Task};
use crate::training::Convolution;
use crate::training::run::{Scratch, for_each};

/// The convolution of a map: forward, or the gradient for x.
pub(super) struct Convolve<'a> {
    pub conv: &'a Convolution,
    pub shape: Shape,
    /// The kernel is turned round.
    pub turned: bool,
    pub from: &'a [f32],
    pub weight: &'a [f32],
    pub to: Arena<'a>,
}

impl Convolve<'_> {
    pub fn run<S: Simd>(&self, s: S, cost: usize) {
        let groups = self.conv.in_channels.div_ceil(S::LANES);
        let tasks = self.conv.batch * groups;
        // A few of the smallest maps together.
        let together = TASK.div_ceil(self.shape.out_block::<S>().max(1));
        for_each(tasks.div_ceil(together), cost, |task| {
            let blocks = task * together..((task + 1) * together).min(tasks);
            self.blocks(s, blocks.map(|block| (block / self.conv.batch, block % self.conv.batch)));
        });
    }

    fn blocks<S: Simd>(&self, s: S, blocks: impl Iterator<Item = (usize, usize)>) {
        let Self { conv, shape, .. } = self;
        let taps = shape.taps();
        let lens = [shape.block::<S>(), shape.out_block::<S>(), taps * S::LANES, S::LANES];
        let mut scratch = Scratch::of(lens.iter().sum());
        let (block, rest) = scratch.slice().split_at_mut(lens[0]);
        let (out, rest) = rest.split_at_mut(lens[1]);
        let (weights, zeros) = rest.split_at_mut(lens[2]);
        block.fill(0.0);
        zeros.fill(0.0);
        let mut packed = None;
        for (group, image) in blocks {
            let channels = group * S::LANES..((group + 1) * S::LANES).min(conv.in_channels);
            let planes = image * conv.in_channels + channels.start..image * conv.in_channels + channels.end;
            if packed != Some(group) {
                let weight = &self.weight[channels.start * taps..channels.end * taps];
                weight_vectors::<S>(weight, taps, self.turned, weights);
                packed = Some(group);
            }
            let pixels = shape.height * shape.width;
            shape.read(s, &self.from[planes.start * pixels..planes.end * pixels], block);
            shape.convolve(s, block, weights, zeros, out);
            s.enter(Written { block: out, out: self.to, planes, pixels: shape.rows * shape.cols });
        }
    }
}

/// The gradient for the weight.
pub(super) struct WeightGradient<'a> {
    pub conv: &'a Convolution,
    pub shape: Shape,
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub dw: Arena<'a>,
}

impl WeightGradient<'_> {
    pub fn run<S: Simd>(&self, s: S, cost: usize) {
        for_each(self.conv.in_channels.div_ceil(S::LANES), cost, |group| self.group(s, group));
    }

    fn group<S: Simd>(&self, s: S, group: usize) {
        let Self { conv, shape, x, dy, dw } = *self;
        let taps = shape.taps();
        let lens = [shape.block::<S>(), shape.out_block::<S>(), taps * S::LANES];
        let mut scratch = Scratch::of(lens.iter().sum());
        let (block, rest) = scratch.slice().split_at_mut(lens[0]);
        let (out, sums) = rest.split_at_mut(lens[1]);
        block.fill(0.0);
        sums.fill(0.0);
        let channels = group * S::LANES..((group + 1) * S::LANES).min(conv.in_channels);
        let (inputs, outputs) = (shape.height * shape.width, shape.rows * shape.cols);
        for image in 0..conv.batch {
            let planes = image * conv.in_channels + channels.start..image * conv.in_channels + channels.end;
            shape.read(s, &x[planes.start * inputs..planes.end * inputs], block);
            shape.read_out(s, &dy[planes.start * outputs..planes.end * outputs], out);
            shape.correlate(s, block, out, sums);
        }
        // SAFETY: these channels are this task's.
        let dw = unsafe { dw.part_mut(channels.start * taps..channels.end * taps) };
        for (lane, dw) in dw.chunks_exact_mut(taps).enumerate() {
            for (tap, dw) in dw.iter_mut().enumerate() {
                *dw = sums[tap * S::LANES + lane];
            }
        }
    }
}

/// Runs one of the two where the shape allows.
pub(super) enum ByBlocks<'a> {
    Forward(&'a Convolution, &'a [f32], &'a [f32], Arena<'a>),
    InputGradient(&'a Convolution, &'a [f32], &'a [f32], Arena<'a>),
    WeightGradient(&'a Convolution, &'a [f32], &'a [f32], Arena<'a>),
}

impl Task for ByBlocks<'_> {
    /// Whether it was done.
    type Output = bool;

    fn run<S: Simd>(self, s: S) -> bool {
        let (Self::Forward(conv, ..) | Self::InputGradient(conv, ..) | Self::WeightGradient(conv, ..)) = self;
        let cost = super::cost(conv);
        let shape = match self {
            Self::InputGradient(..) => Shape::backward::<S>(conv),
            _ => Shape::forward::<S>(conv),
        };
        let Some(shape) = shape else { return false };
        match self {
            Self::Forward(conv, from, weight, to) => {
                Convolve { conv, shape, turned: false, from, weight, to }.run(s, cost);
            }
            Self::InputGradient(conv, from, weight, to) => {
                Convolve { conv, shape, turned: true, from, weight, to }.run(s, cost);
            }
            Self::WeightGradient(conv, x, dy, dw) => WeightGradient { conv, shape, x, dy, dw }.run(s, cost),
        }
        true
    }
}
