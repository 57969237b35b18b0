//! Depthwise convolution, forward and both gradients.
//!
//! Small maps go a block of channels at a time ([`by_blocks`]), whatever they do not fit plane by plane ([`by_lines`]).

mod block;
mod by_blocks;
mod by_lines;
mod lines;
mod product;

use self::by_blocks::ByBlocks;
use super::Convolution;
use super::run::detected;
use crate::memory::Arena;

/// Numbers that one task takes at least.
const TASK: usize = 1 << 13;

/// One group for each channel, and as many channels out as in.
pub(super) fn is_depthwise(conv: &Convolution) -> bool {
    conv.groups == conv.in_channels && conv.out_channels == conv.in_channels
}

/// Multiply-adds, about.
fn cost(conv: &Convolution) -> usize {
    let [rows, cols] = conv.output_size();
    conv.batch * conv.in_channels * rows * cols * conv.kernel[0] * conv.kernel[1]
}

pub(super) fn forward(conv: &Convolution, x: &[f32], weight: &[f32], y: &mut [f32]) {
    let (isa, y) = (detected(), Arena::of(y));
    if !isa.dispatch(ByBlocks::Forward(conv, x, weight, y)) {
        by_lines::forward(isa, conv, x, weight, y);
    }
}

pub(super) fn input_gradient(conv: &Convolution, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    let (isa, dx) = (detected(), Arena::of(dx));
    if !isa.dispatch(ByBlocks::InputGradient(conv, dy, weight, dx)) {
        by_lines::input_gradient(isa, conv, dy, weight, dx);
    }
}

pub(super) fn weight_gradient(conv: &Convolution, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (isa, dw) = (detected(), Arena::of(dw));
    if !isa.dispatch(ByBlocks::WeightGradient(conv, x, dy, dw)) {
        by_lines::weight_gradient(isa, conv, x, dy, dw);
    }
}
