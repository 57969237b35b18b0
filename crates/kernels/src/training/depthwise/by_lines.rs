//! The three passes, plane by plane, where a plane is one long line.
//!
//! A plane may have rows of 7 and a vector 16 lanes, so rows are not what is taken vector by vector. Instead a plane is
//! copied, with its padding, into scratch memory in which it is one line: for a stride above 1 as one line for each
//! remainder of row and column (a *phase*). Then output `i` of the line is a sum over the kernel's taps of line element
//! `i + offset`, with one offset for each tap, whatever the stride: no edges, no rows, all lanes busy. At the end of a row
//! the line runs through a few elements of no meaning, which are not copied out. Both gradients are sums over the same
//! lines:
//!
//! - y: `y[i] = sum over taps of w[tap] x[offset + i]`
//! - dw: `dw[tap] = sum over i of dy[i] x[offset + i]`
//! - dx, phase by phase: `x[i] = sum over the phase's taps of w[tap] dy[i - offset]`

use std::ops::Range;

use super::lines::{Lines, Phases};
use super::product::{Gather, blocks, correlate};
use super::{TASK, cost};
use crate::isa::Detected;
use crate::memory::Arena;
use crate::simd::{Simd, Task};
use crate::training::Convolution;
use crate::training::run::{Scratch, for_each};
use crate::training::vector::Fetch;

/// Planes or channels that make a task.
fn together(numbers: usize) -> usize {
    (TASK / numbers.max(1)).max(1)
}

pub(super) fn forward(isa: Detected, conv: &Convolution, x: &[f32], weight: &[f32], y: Arena<'_>) {
    let lines = Lines::new(conv);
    let (planes, together) = (conv.batch * conv.in_channels, together(conv.height * conv.width));
    for_each(planes.div_ceil(together), cost(conv), |task| {
        let planes = task * together..((task + 1) * together).min(planes);
        isa.dispatch(Forward { conv, lines: &lines, planes, x, weight, y });
    });
}

struct Forward<'a> {
    conv: &'a Convolution,
    lines: &'a Lines,
    planes: Range<usize>,
    x: &'a [f32],
    weight: &'a [f32],
    y: Arena<'a>,
}

impl Task for Forward<'_> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Self { conv, lines, planes, x, weight, y } = self;
        let (inputs, outputs) = (conv.height * conv.width, lines.rows * lines.cols);
        let taps = lines.taps();
        let mut scratch = Scratch::of(lines.all_phases() + lines.output_line());
        let scratch = scratch.slice();
        let (phases, out) = scratch.split_at_mut(lines.all_phases());
        phases.fill(0.0);
        for plane in planes {
            lines.fold(s, &x[plane * inputs..][..inputs], phases);
            let weight = &weight[plane % conv.in_channels * taps.len()..][..taps.len()];
            // SAFETY: this plane is this task's.
            let y = unsafe { y.part_mut(plane * outputs..(plane + 1) * outputs) };
            let next = [(&*y, 0, outputs), (x, (plane + 1) * inputs, inputs)];
            let fetch = &mut Fetch::new(next, blocks::<S>(lines.len()));
            s.enter(Gather { line: phases, taps: &taps, weight, out, len: lines.len(), fetch });
            lines.take_output(s, out, y);
        }
    }
}

pub(super) fn input_gradient(isa: Detected, conv: &Convolution, dy: &[f32], weight: &[f32], dx: Arena<'_>) {
    let lines = Lines::new(conv);
    let (planes, together) = (conv.batch * conv.in_channels, together(conv.height * conv.width));
    for_each(planes.div_ceil(together), cost(conv), |task| {
        let planes = task * together..((task + 1) * together).min(planes);
        isa.dispatch(InputGradient { conv, lines: &lines, planes, dy, weight, dx });
    });
}

struct InputGradient<'a> {
    conv: &'a Convolution,
    lines: &'a Lines,
    planes: Range<usize>,
    dy: &'a [f32],
    weight: &'a [f32],
    dx: Arena<'a>,
}

impl Task for InputGradient<'_> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Self { conv, lines, planes, dy, weight, dx } = self;
        let (inputs, outputs) = (conv.height * conv.width, lines.rows * lines.cols);
        let Phases { taps, places } = lines.reversed_taps();
        let count = taps.iter().map(Vec::len).sum::<usize>();
        let mut scratch = Scratch::of(lines.reversed_line() + lines.all_phases());
        let scratch = scratch.slice();
        let (line, phases) = scratch.split_at_mut(lines.reversed_line());
        line.fill(0.0);
        let mut own = vec![0.0; count];
        for plane in planes {
            lines.spread_output(s, &dy[plane * outputs..][..outputs], &mut line[lines.reach()..]);
            let weight = &weight[plane % conv.in_channels * count..][..count];
            // SAFETY: this plane is this task's.
            let dx = unsafe { dx.part_mut(plane * inputs..(plane + 1) * inputs) };
            let next = [(&*dx, 0, inputs), (dy, (plane + 1) * outputs, outputs)];
            let fetch = &mut Fetch::new(next, blocks::<S>(lines.phase_len()) * taps.len());
            for (phase, (taps, places)) in taps.iter().zip(&places).enumerate() {
                for (own, &place) in own.iter_mut().zip(places) {
                    *own = weight[place];
                }
                let out = &mut phases[phase * lines.phase()..][..lines.phase()];
                let weight = &own[..taps.len()];
                s.enter(Gather { line, taps, weight, out, len: lines.phase_len(), fetch });
            }
            lines.unfold(s, phases, dx);
        }
    }
}

pub(super) fn weight_gradient(isa: Detected, conv: &Convolution, x: &[f32], dy: &[f32], dw: Arena<'_>) {
    let lines = Lines::new(conv);
    let (channels, together) = (conv.in_channels, together(conv.batch * conv.height * conv.width));
    for_each(channels.div_ceil(together), cost(conv), |task| {
        let channels = task * together..((task + 1) * together).min(channels);
        isa.dispatch(WeightGradient { conv, lines: &lines, channels, x, dy, dw });
    });
}

struct WeightGradient<'a> {
    conv: &'a Convolution,
    lines: &'a Lines,
    channels: Range<usize>,
    x: &'a [f32],
    dy: &'a [f32],
    dw: Arena<'a>,
}

impl Task for WeightGradient<'_> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Self { conv, lines, channels, x, dy, dw } = self;
        let (inputs, outputs) = (conv.height * conv.width, lines.rows * lines.cols);
        let taps = lines.taps();
        let sums_len = taps.len() * S::LANES;
        let mut scratch = Scratch::of(lines.all_phases() + lines.output_line() + sums_len);
        let scratch = scratch.slice();
        let (phases, rest) = scratch.split_at_mut(lines.all_phases());
        let (line, sums) = rest.split_at_mut(lines.output_line());
        phases.fill(0.0);
        line.fill(0.0);
        for channel in channels {
            sums.fill(0.0);
            for image in 0..conv.batch {
                let plane = image * conv.in_channels + channel;
                lines.fold(s, &x[plane * inputs..][..inputs], phases);
                lines.spread_output(s, &dy[plane * outputs..][..outputs], line);
                let next = plane + conv.in_channels;
                let next = [(x, next * inputs, inputs), (dy, next * outputs, outputs)];
                let fetch = Fetch::new(next, lines.len().div_ceil(S::LANES));
                correlate(s, phases, &taps, &line[..lines.len()], sums, fetch);
            }
            // SAFETY: this channel is this task's.
            let dw = unsafe { dw.part_mut(channel * taps.len()..(channel + 1) * taps.len()) };
            for (dw, sums) in dw.iter_mut().zip(sums.chunks_exact(S::LANES)) {
                // SAFETY: a vector's worth of numbers.
                *dw = s.sum(unsafe { s.load(sums.as_ptr()) });
            }
        }
    }
}
