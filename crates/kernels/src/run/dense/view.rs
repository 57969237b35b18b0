//! One image's input of a dense convolution, and the sums of its rows.

use std::ops::Range;

use crate::kernel::bytes;
use crate::kernel::dense::{self, Run, Window};
use crate::kernel::finish::Finish;
use crate::memory;
use crate::pack::{Dense, Form, Source};
use crate::simd::Simd;

/// One image's input of a dense convolution with all sizes at hand.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    op: &'a Dense,
    pub(super) input: &'a [f32],
    pub(super) size: [usize; 2],
    out: [usize; 2],
    before: [usize; 2],
    /// Columns whose window lies inside the input.
    inner: [usize; 2],
    /// The map's rows that the input has: the first, and how many.
    held: [usize; 2],
}

impl<'a> View<'a> {
    pub fn new(op: &'a Dense, input: &'a [f32], size: [usize; 2]) -> Self {
        let mut size = size;
        if Self::is_one_row(op, size) {
            // Pixels know no rows here: the map is one row.
            size = [1, size[0] * size[1]];
        }
        Self::with_rows(op, input, size)
    }

    /// Whether [`Self::new`] takes the map as one row.
    pub fn is_one_row(op: &Dense, size: [usize; 2]) -> bool {
        op.source == Source::Blocked && op.geometry.is_pointwise(size)
    }

    /// One that keeps its rows in any case.
    pub fn with_rows(op: &'a Dense, input: &'a [f32], size: [usize; 2]) -> Self {
        let (out, before) = (op.geometry.out(size).unwrap_or([0, 0]), op.geometry.before(size));
        let (stride, kernel) = (op.geometry.stride[1], op.geometry.kernel[1]);
        let start = before[1].div_ceil(stride).min(out[1]);
        let end = (size[1] + before[1]).checked_sub(kernel).map_or(0, |room| room / stride + 1);
        Self { op, input, size, out, before, inner: [start, end.clamp(start, out[1])], held: [0, size[0]] }
    }

    /// Columns of zeros left and right with which every column's window lies inside.
    ///
    /// A pixel at the edge is a tile of its own, whose few sums take two thirds of the time of a whole one: of a map of 48 columns
    /// under a 3x3 kernel a sixth of all time. Copying the map takes a fiftieth.
    pub(super) fn margins(&self) -> Option<[usize; 2]> {
        let (stride, kernel) = (self.op.geometry.stride[1], self.op.geometry.kernel[1]);
        let left = self.before[1];
        let right = ((self.out[1].max(1) - 1) * stride + kernel).saturating_sub(self.size[1] + left);
        (self.op.source == Source::Blocked && left + right > 0).then_some([left, right])
    }

    /// The rows of the input that some rows of the output see.
    pub(super) fn seen(&self, lines: &Range<usize>) -> Range<usize> {
        let (stride, kernel) = (self.op.geometry.stride[0], self.op.geometry.kernel[0]);
        let end = (lines.end.max(1) - 1) * stride + kernel;
        let start = (lines.start * stride).saturating_sub(self.before[0]).min(self.size[0]);
        start..end.saturating_sub(self.before[0]).clamp(start, self.size[0])
    }

    /// The rows `held` with margins, in `out`.
    pub(super) fn pad<S: Simd>(&self, held: &Range<usize>, [left, right]: [usize; 2], out: &mut [f32]) {
        let (plane, row) = (self.size[0] * self.size[1] * S::LANES, self.size[1] * S::LANES);
        let wide = row + (left + right) * S::LANES;
        let planes = self.input.chunks_exact(plane).zip(out.chunks_exact_mut(held.len() * wide));
        for (input, out) in planes {
            let rows = input[held.start * row..].chunks_exact(row).zip(out.chunks_exact_mut(wide));
            for (input, out) in rows {
                let (before, rest) = out.split_at_mut(left * S::LANES);
                let (inside, after) = rest.split_at_mut(row);
                before.fill(0.0);
                inside.copy_from_slice(input);
                after.fill(0.0);
            }
        }
    }

    /// The same over an input that [`Self::pad`] has made.
    pub(super) fn padded(&self, held: &Range<usize>, [left, right]: [usize; 2], input: &'a [f32]) -> Self {
        let size = [self.size[0], self.size[1] + left + right];
        let (before, inner) = ([self.before[0], 0], [0, self.out[1]]);
        Self { input, size, before, inner, held: [held.start, held.len()], ..*self }
    }

    /// Rows and columns that come out; one row where each pixel is by itself.
    pub fn out(&self) -> [usize; 2] {
        self.out
    }

    /// Sums and bias of the columns `x` of row `y` for some blocks of output channels, `out[i]` being those of block
    /// `blocks.start + i`. `weights` are the blocks' own.
    pub fn row<S: Simd>(
        &self,
        s: S,
        y: usize,
        x: Range<usize>,
        blocks: &Range<usize>,
        weights: &[f32],
        out: &mut [&mut [f32]; 4],
    ) {
        let bias = &self.op.bias[blocks.start * S::LANES..];
        if let Form::Bytes { scale } = &self.op.form {
            let scale = &scale[blocks.start * S::LANES..];
            let mut to = out.each_mut().map(|out| &mut out[..]);
            return self.row_of_bytes(s, y, x, weights, [scale, bias], &mut to[..blocks.len()]);
        }
        let inner = self.inner[0]..self.inner[1];
        let mut at = x.start;
        while at < x.end {
            let inside = inner.contains(&at);
            let end = if inside { inner.end.min(x.end) } else { at + 1 };
            let (window, start, weight) = self.window::<S>(y, at);
            let run = Run {
                input: self.input,
                start,
                pixel_step: self.pixel_step::<S>(),
                window,
                weights: &weights[weight..],
                weight_block: self.op.block,
                bias,
                clamp: self.op.clamp,
            };
            let mut to = out.each_mut().map(|out| {
                let range =
                    if out.is_empty() { 0..0 } else { (at - x.start) * S::LANES..(end - x.start) * S::LANES };
                &mut out[range]
            });
            dense::run(s, &run, &mut to[..blocks.len()]);
            at = end;
        }
    }

    /// [`Self::row`] of a product of bytes.
    fn row_of_bytes<S: Simd>(
        &self,
        s: S,
        y: usize,
        x: Range<usize>,
        weights: &[f32],
        [scale, bias]: [&[f32]; 2],
        out: &mut [&mut [f32]],
    ) {
        let depth = self.op.in_channels.next_multiple_of(S::LANES);
        let [down, right] = self.op.geometry.stride;
        let run = bytes::Run {
            input: memory::bytes(self.input),
            start: (y * down * self.size[1] + x.start * right) * depth,
            pixel_step: right * depth,
            depth,
            weights: memory::bytes(weights),
            scale,
            bias,
            clamp: self.op.clamp,
        };
        debug_assert!(out.iter().all(|out| out.len() == x.len() * S::LANES));
        bytes::run(s, &run, out);
    }

    /// [`Self::row`], activated.
    pub fn activated<S: Simd>(
        &self,
        s: S,
        y: usize,
        x: Range<usize>,
        blocks: &Range<usize>,
        out: &mut [&mut [f32]; 4],
    ) {
        let weights = &self.op.weights[blocks.start * self.op.block..blocks.end * self.op.block];
        self.row(s, y, x, blocks, weights, out);
        for out in &mut out[..blocks.len()] {
            let finish = Finish { out, residual: None, activation: self.op.activation, pool: None };
            if !finish.is_idle() {
                s.enter(finish);
            }
        }
    }

    fn pixel_step<S: Simd>(&self) -> usize {
        self.op.geometry.stride[1]
            * match self.op.source {
                Source::Blocked => S::LANES,
                Source::Planar => 1,
                Source::Interleaved => self.op.in_channels,
            }
    }

    /// The window under an output pixel, cut off at the input's edges; where it starts in the input and in the weights.
    fn window<S: Simd>(&self, y: usize, x: usize) -> (Window, usize, usize) {
        let geometry = &self.op.geometry;
        let inside = |axis: usize, at: usize| {
            let first = at * geometry.stride[axis];
            let start = self.before[axis].saturating_sub(first).min(geometry.kernel[axis]);
            let end = (self.size[axis] + self.before[axis]).saturating_sub(first).min(geometry.kernel[axis]);
            (start..end.max(start), (first + start).saturating_sub(self.before[axis]))
        };
        let ((rows, top), (cols, left)) = (inside(0, y), inside(1, x));
        let ([first, height], width, [_, kernel_cols]) = (self.held, self.size[1], geometry.kernel);
        let top = top.saturating_sub(first);
        let (channels, lanes) = (self.op.in_channels, S::LANES);
        let taps = geometry.kernel[0] * kernel_cols;
        match self.op.source {
            Source::Blocked => {
                let vector = lanes * lanes;
                let planes = channels.div_ceil(lanes);
                let window = Window {
                    planes,
                    plane_step: height * width * lanes,
                    rows: rows.len(),
                    row_step: width * lanes,
                    cols: cols.len(),
                    col_step: lanes,
                    depth: if planes == 1 { channels } else { lanes },
                    last_depth: channels - (planes - 1) * lanes,
                    weight_plane: taps * vector,
                    weight_row: kernel_cols * vector,
                    weight_col: vector,
                };
                (window, (top * width + left) * lanes, (rows.start * kernel_cols + cols.start) * vector)
            }
            Source::Planar => {
                let window = Window {
                    planes: channels,
                    plane_step: height * width,
                    rows: rows.len(),
                    row_step: width,
                    cols: 1,
                    col_step: 0,
                    depth: cols.len(),
                    last_depth: cols.len(),
                    weight_plane: taps * lanes,
                    weight_row: kernel_cols * lanes,
                    weight_col: 0,
                };
                (window, top * width + left, (rows.start * kernel_cols + cols.start) * lanes)
            }
            Source::Interleaved => {
                let window = Window {
                    planes: 1,
                    plane_step: 0,
                    rows: rows.len(),
                    row_step: width * channels,
                    cols: 1,
                    col_step: 0,
                    depth: cols.len() * channels,
                    last_depth: cols.len() * channels,
                    weight_plane: 0,
                    weight_row: kernel_cols * channels * lanes,
                    weight_col: 0,
                };
                let weight = (rows.start * kernel_cols + cols.start) * channels * lanes;
                (window, (top * width + left) * channels, weight)
            }
        }
    }
}
