//! A network as the steps that a compiler for inference makes of it, and what each has to do.
//!
//! Normalisation is folded away and activations are part of their convolution; what else is fused follows the steps of
//! `efficientnet-kernels` (a test of the model crate holds the two together):
//!
//! - A dense convolution that feeds nothing but a depthwise one is one step with it, and its map is never stored.
//! - Squeeze-and-excitation gives a factor for each channel, which the 1x1 convolution behind it takes into its weights.
//! - Sums for a pooling are taken by the step that makes the map; a map of which only the mean is wanted is not stored.
//!
//! What a network takes on a machine is explained by these counts far better than by its multiply-adds alone.

use serde::{Deserialize, Serialize};

use crate::layer::{elements, output_size};
use crate::{Activation, ArchSpec, Block, ConvUnit, Padding, Residual, Shape, SqueezeExcite};

/// What a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// The convolution that reads the image, with what is fused to it.
    Stem,
    /// A dense convolution.
    Dense,
    /// A depthwise convolution, with the dense one before it where that feeds nothing else.
    Depthwise,
    /// The two small layers of squeeze-and-excitation.
    Excite,
    /// A pass over a map that no convolution could do on its way: its sum, its product with factors, max pooling.
    Pass,
    /// The classifier, and the mean before it.
    Classifier,
}

/// A step and its work for one image; all counts are of numbers, not of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// What it is.
    pub kind: StepKind,
    /// Multiply-adds of dense layers.
    pub dense_macs: u64,
    /// Multiply-adds of depthwise convolutions.
    pub depthwise_macs: u64,
    /// Values that go through an activation with an exponential in it (SiLU, sigmoid).
    pub exponentials: u64,
    /// Values made by convolutions and linear layers, stored or not.
    pub made: u64,
    /// Values read from maps, a residual included.
    pub read: u64,
    /// Values written to maps.
    pub written: u64,
    /// Weights and biases.
    pub weights: u64,
}

impl Step {
    fn new(kind: StepKind) -> Self {
        Self {
            kind,
            dense_macs: 0,
            depthwise_macs: 0,
            exponentials: 0,
            made: 0,
            read: 0,
            written: 0,
            weights: 0,
        }
    }
}

/// What a network does, one after the other.
#[derive(Clone, Copy)]
enum Op<'a> {
    /// The unit; whether an activation follows, whether a residual is added, and whether something else than the next
    /// operation reads what comes out.
    Conv {
        unit: &'a ConvUnit,
        act: bool,
        residual: bool,
        kept: bool,
    },
    /// A residual's convolution, which reads what the next operation reads.
    Shortcut(&'a ConvUnit),
    Excite {
        se: &'a SqueezeExcite,
        kept: bool,
    },
    MaxPool {
        kernel: usize,
        stride: usize,
    },
    Mean,
    Classifier,
}

impl ArchSpec {
    /// The network's steps, in order of execution, for one image of [`ArchSpec::resolution`].
    pub fn steps(&self) -> Vec<Step> {
        let ops = self.ops();
        let side = self.resolution();
        let mut cutter = Cutter {
            padding: self.padding,
            exponential: self.activation == Activation::Silu,
            classes: self.num_classes,
            shape: [self.in_channels, side, side],
            steps: Vec::with_capacity(ops.len()),
            waiting: None,
            gated: false,
            summed: false,
        };
        for (index, op) in ops.iter().enumerate() {
            cutter.op(*op, ops.get(index + 1));
        }
        cutter.steps
    }

    fn ops(&self) -> Vec<Op<'_>> {
        let mut ops = Vec::new();
        let blocks: Vec<&Block> = self.blocks().collect();
        let kept = |next: usize| blocks.get(next).is_some_and(|block| block.residual != Residual::None);
        let stem = &self.stem;
        let conv = &stem.conv;
        ops.push(Op::Conv {
            unit: conv,
            act: conv.act,
            residual: false,
            kept: stem.max_pool.is_none() && kept(0),
        });
        ops.extend(stem.max_pool.map(|(kernel, stride)| Op::MaxPool { kernel, stride }));
        for (index, block) in blocks.iter().enumerate() {
            block_ops(block, kept(index + 1), &mut ops);
        }
        ops.extend(self.head.as_ref().map(|unit| Op::Conv {
            unit,
            act: unit.act,
            residual: false,
            kept: false,
        }));
        ops.extend([Op::Mean, Op::Classifier]);
        ops
    }
}

fn block_ops<'a>(block: &'a Block, kept: bool, ops: &mut Vec<Op<'a>>) {
    if let Residual::Projection(unit) = &block.residual {
        ops.push(Op::Shortcut(unit));
    }
    for (index, unit) in block.units.iter().enumerate() {
        let is_last = index + 1 == block.units.len();
        let excite = block.se.as_ref().filter(|se| se.after == index);
        ops.push(Op::Conv {
            unit,
            act: unit.act || (is_last && block.act_after_add),
            residual: is_last && block.residual != Residual::None,
            kept: is_last && kept && excite.is_none(),
        });
        ops.extend(excite.map(|se| Op::Excite { se, kept: is_last && kept }));
    }
}

struct Cutter {
    padding: Padding,
    /// Whether the network's activation has an exponential in it.
    exponential: bool,
    classes: usize,
    /// Shape of what the next operation reads.
    shape: Shape,
    steps: Vec<Step>,
    /// A dense convolution that will be one step with the depthwise one behind it.
    waiting: Option<Step>,
    /// What comes next reads a map whose factors are still beside it.
    gated: bool,
    /// Sums of the map at hand are there.
    summed: bool,
}

impl Cutter {
    fn op(&mut self, op: Op<'_>, next: Option<&Op<'_>>) {
        match op {
            Op::Shortcut(unit) => {
                let step = self.dense(unit, unit.act);
                self.steps.push(Step { written: step.made, ..step });
            }
            Op::Conv { unit, act, .. } if unit.is_depthwise() => self.depthwise(unit, act),
            Op::Conv { unit, act, residual, kept } => {
                let waits = next.is_some_and(is_depthwise) && !(kept || residual || self.gated);
                let mut step = self.dense(unit, act);
                self.shape = self.window(unit);
                (self.gated, self.summed) = (false, matches!(next, Some(Op::Mean)));
                if waits {
                    self.waiting = Some(step);
                    return;
                }
                step.read += if residual { step.made } else { 0 };
                step.written = if self.summed { 0 } else { step.made };
                self.steps.push(step);
            }
            Op::Excite { se, kept } => self.excite(se, next.is_some_and(is_pointwise) && !kept),
            Op::MaxPool { kernel, stride } => {
                let ([channels, height, width], read) = (self.shape, elements(self.shape));
                let size = |n| output_size(n, kernel, stride, self.padding);
                self.shape = [channels, size(height), size(width)];
                self.steps.push(Step { read, written: elements(self.shape), ..Step::new(StepKind::Pass) });
                self.summed = false;
            }
            Op::Mean => {
                self.sum();
                self.shape = [self.shape[0], 1, 1];
                self.steps.push(Step { written: elements(self.shape), ..Step::new(StepKind::Classifier) });
            }
            Op::Classifier => {
                let (read, made) = (elements(self.shape), self.classes as u64);
                let dense_macs = read.saturating_mul(made);
                self.steps.push(Step {
                    dense_macs,
                    made,
                    read,
                    written: made,
                    weights: dense_macs.saturating_add(made),
                    ..Step::new(StepKind::Classifier)
                });
            }
        }
    }

    fn window(&self, unit: &ConvUnit) -> Shape {
        let [_, height, width] = self.shape;
        let size = |n| output_size(n, unit.kernel, unit.stride, self.padding);
        [unit.out_channels, size(height), size(width)]
    }

    fn exponentials(&self, made: u64, act: bool) -> u64 {
        if act && self.exponential { made } else { 0 }
    }

    /// A dense convolution of what is at hand; what is written is left to the caller.
    fn dense(&self, unit: &ConvUnit, act: bool) -> Step {
        let made = elements(self.window(unit));
        let taps =
            (unit.in_channels as u64).saturating_mul((unit.kernel as u64).saturating_mul(unit.kernel as u64));
        let out = unit.out_channels as u64;
        let kind = if self.steps.is_empty() { StepKind::Stem } else { StepKind::Dense };
        Step {
            dense_macs: made.saturating_mul(taps),
            exponentials: self.exponentials(made, act),
            made,
            read: elements(self.shape),
            weights: out.saturating_mul(taps).saturating_add(out),
            ..Step::new(kind)
        }
    }

    fn depthwise(&mut self, unit: &ConvUnit, act: bool) {
        let producer = self.waiting.take();
        let step = producer.unwrap_or(Step { read: elements(self.shape), ..Step::new(StepKind::Depthwise) });
        self.shape = self.window(unit);
        let made = elements(self.shape);
        let (taps, channels) =
            ((unit.kernel as u64).saturating_mul(unit.kernel as u64), unit.out_channels as u64);
        let kind = if step.kind == StepKind::Stem { StepKind::Stem } else { StepKind::Depthwise };
        self.steps.push(Step {
            kind,
            depthwise_macs: made.saturating_mul(taps),
            exponentials: step.exponentials.saturating_add(self.exponentials(made, act)),
            made: step.made.saturating_add(made),
            written: made,
            weights: step.weights.saturating_add(channels.saturating_mul(taps + 1)),
            ..step
        });
        (self.gated, self.summed) = (false, true);
    }

    fn excite(&mut self, se: &SqueezeExcite, rides: bool) {
        self.sum();
        let (channels, squeezed) = (se.channels as u64, se.squeezed as u64);
        let dense_macs = channels.saturating_mul(squeezed).saturating_mul(2);
        self.steps.push(Step {
            dense_macs,
            exponentials: channels + self.exponentials(squeezed, true),
            made: channels + squeezed,
            weights: dense_macs.saturating_add(channels + squeezed),
            ..Step::new(StepKind::Excite)
        });
        self.gated = rides;
        if !rides {
            let map = elements(self.shape);
            self.steps.push(Step { read: map, written: map, ..Step::new(StepKind::Pass) });
            self.summed = false;
        }
    }

    /// Sums of the map at hand, where no step has taken them.
    fn sum(&mut self) {
        if !self.summed {
            self.steps.push(Step { read: elements(self.shape), ..Step::new(StepKind::Pass) });
            self.summed = true;
        }
    }
}

fn is_depthwise(op: &Op<'_>) -> bool {
    matches!(op, Op::Conv { unit, .. } if unit.is_depthwise())
}

fn is_pointwise(op: &Op<'_>) -> bool {
    matches!(op, Op::Conv { unit, .. } if unit.kernel == 1 && !unit.is_depthwise())
}

#[cfg(test)]
mod tests;
