//! Every convolution that is not depthwise, as matrix products.
//!
//! Forward, a matrix of weights `[out_channels, in_channels * taps]` is multiplied by the matrix of the patches under each
//! output pixel. The gradient for x is the same with the roles of x and y changed: under each pixel of x lie the pixels of
//! y that it had a part in; with a stride those are other taps for each remainder of row and column, so there is a product
//! for each (a stride of 2: four). The gradient for the weight multiplies y by the patches, over the pixels. A convolution of one
//! pixel is the case of one tap; groups are convolutions beside each other.

mod by_pixels;
mod by_weights;
mod grid;
mod patches;
mod tile;

use self::grid::Grid;
use self::patches::Patches;
use super::Convolution;
use crate::memory::Arena;

/// What of a convolution concerns one group.
struct Group<'a> {
    conv: &'a Convolution,
    number: usize,
    /// Channels of the group in and out.
    ins: usize,
    outs: usize,
    /// Rows and columns of y.
    size: [usize; 2],
}

fn groups(conv: &Convolution) -> impl Iterator<Item = Group<'_>> {
    let (ins, outs) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let size = conv.output_size();
    (0..conv.groups).map(move |number| Group { conv, number, ins, outs, size })
}

impl Group<'_> {
    fn taps(&self) -> usize {
        self.conv.kernel[0] * self.conv.kernel[1]
    }

    /// The first weight.
    fn weights(&self) -> usize {
        self.number * self.outs * self.ins * self.taps()
    }

    /// All pixels of y.
    fn outputs(&self) -> Grid {
        let [height, width] = self.size;
        Grid {
            batch: self.conv.batch,
            channels: self.conv.out_channels,
            first_channel: self.number * self.outs,
            height,
            width,
            size: self.size,
            start: [0, 0],
            step: [1, 1],
        }
    }

    /// The pixels of x under the first tap of the kernel, and the way to each tap.
    fn inputs(&self) -> (Grid, Vec<[isize; 2]>) {
        let conv = self.conv;
        let [rows, cols] = conv.kernel;
        let grid = Grid {
            batch: conv.batch,
            channels: conv.in_channels,
            first_channel: self.number * self.ins,
            height: conv.height,
            width: conv.width,
            size: self.size,
            start: [-(conv.padding[0] as isize), -(conv.padding[2] as isize)],
            step: conv.stride,
        };
        let taps = (0..rows * cols).map(|tap| [(tap / cols) as isize, (tap % cols) as isize]).collect();
        (if rows * cols == 1 { grid.flat() } else { grid }, taps)
    }
}

pub(super) fn forward(conv: &Convolution, x: &[f32], weight: &[f32], y: &mut [f32]) {
    let out = Arena::of(y);
    for group in groups(conv) {
        let (grid, taps) = group.inputs();
        let depth = group.ins * group.taps();
        let patches = Patches { map: x, grid, channels: group.ins, taps: &taps };
        let target = group.outputs().flat();
        let taps = taps.len();
        let weight_at = |row: usize, channel: usize, tap: usize| row * depth + channel * taps + tap;
        by_pixels::Product { rows: group.outs, weight: weight_at, patches, target, out }
            .run(&weight[group.weights()..][..group.outs * depth]);
    }
}

/// A remainder of row and column, for the gradient for x: which pixels of x have it, and the taps that reach them.
struct Phase {
    /// The pixels of x.
    target: Grid,
    /// The pixels of y, one for each, from which the taps' offsets count.
    grid: Grid,
    /// To each tap's pixel of y.
    offsets: Vec<[isize; 2]>,
    /// Where it is in the kernel.
    places: Vec<usize>,
}

impl Group<'_> {
    fn phase(&self, phase: [usize; 2]) -> Phase {
        let conv = self.conv;
        let before = [conv.padding[0], conv.padding[2]];
        // Along an axis: the first pixel, the number that it has among those of its phase in the padded map, how many.
        let axis = |axis: usize, limit: usize| {
            let first = before[axis].saturating_sub(phase[axis]).div_ceil(conv.stride[axis]);
            let start = first * conv.stride[axis] + phase[axis] - before[axis];
            (start, first as isize, limit.saturating_sub(start).div_ceil(conv.stride[axis]))
        };
        let ((row, first_row, rows), (col, first_col, cols)) = (axis(0, conv.height), axis(1, conv.width));
        let target = Grid {
            batch: conv.batch,
            channels: conv.in_channels,
            first_channel: self.number * self.ins,
            height: conv.height,
            width: conv.width,
            size: [rows, cols],
            start: [row as isize, col as isize],
            step: conv.stride,
        };
        let grid = Grid { size: [rows, cols], start: [first_row, first_col], ..self.outputs() };
        let (mut offsets, mut places) = (Vec::new(), Vec::new());
        for row in (phase[0]..conv.kernel[0]).step_by(conv.stride[0]) {
            for col in (phase[1]..conv.kernel[1]).step_by(conv.stride[1]) {
                offsets.push([-((row / conv.stride[0]) as isize), -((col / conv.stride[1]) as isize)]);
                places.push(row * conv.kernel[1] + col);
            }
        }
        Phase { target, grid, offsets, places }
    }
}

pub(super) fn input_gradient(conv: &Convolution, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    let [down, right] = conv.stride;
    if down > conv.kernel[0] || right > conv.kernel[1] {
        // No tap ever meets some pixels.
        dx.fill(0.0);
    }
    let out = Arena::of(dx);
    for group in groups(conv) {
        let (ins, taps) = (group.ins, group.taps());
        for phase in 0..down * right {
            let Phase { target, grid, offsets, places } = group.phase([phase / right, phase % right]);
            if places.is_empty() {
                continue;
            }
            let grid = if taps == 1 { grid.flat() } else { grid };
            let patches = Patches { map: dy, grid, channels: group.outs, taps: &offsets };
            let weight_at =
                |row: usize, channel: usize, tap: usize| (channel * ins + row) * taps + places[tap];
            by_pixels::Product { rows: ins, weight: weight_at, patches, target: target.flat(), out }
                .run(&weight[group.weights()..][..group.outs * ins * taps]);
        }
    }
}

pub(super) fn weight_gradient(conv: &Convolution, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    for group in groups(conv) {
        let (grid, taps) = group.inputs();
        let size = group.outs * group.ins * group.taps();
        let map = Patches { map: dy, grid: group.outputs().flat(), channels: group.outs, taps: &[[0, 0]] };
        let patches = Patches { map: x, grid, channels: group.ins, taps: &taps };
        by_weights::Product { map, patches, out: &mut dw[group.weights()..][..size] }.run();
    }
}
