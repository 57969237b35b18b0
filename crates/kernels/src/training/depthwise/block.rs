//! A vector's worth of channels at once, each in a lane.
//!
//! As in the plans' layout, a pixel's channels are one aligned vector then, and the taps of a kernel are vectors at fixed
//! distances. Planes are transposed on the way in and out, which costs less than loads that cross cache lines, of which
//! lines have one for each tap. Maps must be small enough for the second cache and kernels be of 3 or 5; other
//! convolutions, and gradients for x behind a stride, go by lines.

use std::ops::Range;

use crate::kernel::depthwise::{Row, row};
use crate::memory::Arena;
use crate::simd::{Simd, Task};
use crate::training::Convolution;

/// f32 of a padded block, at most.
const LARGEST: usize = 60 << 10;

/// Rows and columns of the map behind a convolution, and of what it reads.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Side of the kernel.
    pub kernel: usize,
    pub stride: [usize; 2],
    /// Of what is read.
    pub height: usize,
    pub width: usize,
    /// Zeros above and at the left of it.
    before: [usize; 2],
    /// Rows and columns with all zeros.
    padded: [usize; 2],
    /// Of what is written.
    pub rows: usize,
    pub cols: usize,
}

impl Shape {
    /// Of a convolution that this module is for.
    pub fn forward<S: Simd>(conv: &Convolution) -> Option<Self> {
        let ([rows, cols], [top, _, left, _]) = (conv.output_size(), conv.padding);
        let (kernel, stride) = (conv.kernel[0], conv.stride);
        let padded = [0, 1].map(|axis| {
            let (size, before) = if axis == 0 { (conv.height, top) } else { (conv.width, left) };
            let reached = ([rows, cols][axis] - 1) * stride[axis] + kernel;
            reached.max(size + before)
        });
        let square = conv.kernel[0] == conv.kernel[1] && matches!(kernel, 3 | 5);
        let empty = conv.height * conv.width == 0;
        let fits = padded[0] * padded[1] * S::LANES <= LARGEST && conv.in_channels >= S::LANES;
        let Convolution { height, width, .. } = *conv;
        (square && fits && !empty).then_some(Self {
            kernel,
            stride,
            height,
            width,
            before: [top, left],
            padded,
            rows,
            cols,
        })
    }

    /// Of the convolution, of the gradient for y with the kernel turned round, that is the gradient for x.
    pub fn backward<S: Simd>(conv: &Convolution) -> Option<Self> {
        let forward = Self::forward::<S>(conv)?;
        let [top, bottom, left, right] = conv.padding;
        let last = forward.kernel - 1;
        let padded = [conv.height + last, conv.width + last];
        let fits = padded[0] * padded[1] * S::LANES <= LARGEST;
        let usual = conv.stride == [1, 1] && top.max(bottom).max(left).max(right) <= last;
        if !(fits && usual) {
            return None;
        }
        Some(Self {
            height: forward.rows,
            width: forward.cols,
            before: [last - top, last - left],
            padded,
            rows: conv.height,
            cols: conv.width,
            ..forward
        })
    }

    pub fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Memory of a padded block.
    pub fn block<S: Simd>(&self) -> usize {
        self.padded[0] * self.padded[1] * S::LANES
    }

    /// Memory of what is written, as a block.
    pub fn out_block<S: Simd>(&self) -> usize {
        self.rows * self.cols * S::LANES
    }

    /// Transposes planes into a padded block that holds zeros where padding is.
    pub fn read<S: Simd>(&self, s: S, planes: &[f32], block: &mut [f32]) {
        let at = (self.before[0] * self.padded[1] + self.before[1]) * S::LANES;
        let step = self.padded[1] * S::LANES;
        s.enter(Read { planes, rows: self.height, cols: self.width, block: &mut block[at..], step });
    }

    /// Transposes planes of what is written into a block without padding.
    pub fn read_out<S: Simd>(&self, s: S, planes: &[f32], block: &mut [f32]) {
        let step = self.cols * S::LANES;
        s.enter(Read { planes, rows: self.rows, cols: self.cols, block, step });
    }

    /// The convolution of a block; `weights` and `zeros` are vectors.
    pub fn convolve<S: Simd>(&self, s: S, block: &[f32], weights: &[f32], zeros: &[f32], out: &mut [f32]) {
        let step = self.padded[1] * S::LANES;
        for (y, out) in out.chunks_exact_mut(self.cols * S::LANES).enumerate().take(self.rows) {
            let mut rows: [&[f32]; 5] = [&[]; 5];
            for (i, row) in rows.iter_mut().enumerate().take(self.kernel) {
                *row = &block[(y * self.stride[0] + i) * step..][..step];
            }
            let (rows, cols, stride) = (&rows[..self.kernel], self.kernel, self.stride[1]);
            row(s, Row { rows, cols, stride, weights, bias: zeros, clamp: None, out });
        }
    }

    /// Adds the products of what is read and what is written to the taps' vectors.
    pub fn correlate<S: Simd>(&self, s: S, block: &[f32], out: &[f32], sums: &mut [f32]) {
        let work = Correlate { shape: self, block, out, sums };
        match self.kernel {
            3 => s.enter(Taps::<3, 3>(work)),
            // All taps at once where they fit the registers, else row by row.
            5 if S::ACCUMULATORS > 25 => s.enter(Taps::<5, 5>(work)),
            5 => s.enter(Taps::<1, 5>(work)),
            _ => unreachable!("kernels of 3 and 5 only"),
        }
    }
}

/// Writes, for each tap, a vector of the channels' weights, the last tap first if `turned`.
pub(super) fn weight_vectors<S: Simd>(weight: &[f32], taps: usize, turned: bool, out: &mut [f32]) {
    out.fill(0.0);
    for (lane, weight) in weight.chunks_exact(taps).enumerate() {
        for (tap, &weight) in weight.iter().enumerate() {
            out[if turned { taps - 1 - tap } else { tap } * S::LANES + lane] = weight;
        }
    }
}

/// Planes to a block.
struct Read<'a> {
    /// Up to `LANES` of them.
    planes: &'a [f32],
    rows: usize,
    cols: usize,
    block: &'a mut [f32],
    /// From one row of the block to the next.
    step: usize,
}

impl Task for Read<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { planes, rows, cols, block, step } = self;
        let pixels = rows * cols;
        let channels = planes.len() / pixels;
        assert!(channels <= S::LANES && block.len() >= (rows - 1) * step + cols * S::LANES);
        let (mut lines, mut turned) = ([0.0_f32; 256], [0.0_f32; 256]);
        let (mut row, mut col) = (0, 0);
        for at in (0..pixels).step_by(S::LANES) {
            let count = (pixels - at).min(S::LANES);
            // SAFETY: whole squares are read from planes that have them, others through `lines`; a vector for each pixel is
            // written, inside the block (asserted).
            unsafe {
                let from = planes.as_ptr().add(at);
                if channels == S::LANES && count == S::LANES {
                    for channel in 0..S::LANES {
                        s.prefetch_near(from.wrapping_add(channel * pixels + 4 * S::LANES));
                    }
                    s.transpose(from, pixels, turned.as_mut_ptr(), S::LANES);
                } else {
                    for channel in 0..channels {
                        let line = s.load_first(from.add(channel * pixels), count);
                        s.store(lines.as_mut_ptr().add(channel * S::LANES), line);
                    }
                    s.transpose(lines.as_ptr(), S::LANES, turned.as_mut_ptr(), S::LANES);
                }
                for pixel in 0..count {
                    let vector = s.load(turned.as_ptr().add(pixel * S::LANES));
                    s.store(block.as_mut_ptr().add(row * step + col * S::LANES), vector);
                    col += 1;
                    if col == cols {
                        (row, col) = (row + 1, 0);
                    }
                }
            }
        }
    }
}

/// A block without padding to planes.
pub(super) struct Written<'a> {
    pub block: &'a [f32],
    /// Of the map, of which the planes are this task's.
    pub out: Arena<'a>,
    pub planes: Range<usize>,
    pub pixels: usize,
}

impl Task for Written<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { block, out, planes, pixels } = self;
        let channels = planes.len();
        assert!(channels <= S::LANES && block.len() >= pixels * S::LANES);
        // SAFETY: the planes are this task's.
        let out = unsafe { out.part_mut(planes.start * pixels..planes.end * pixels) };
        let (mut lines, mut square) = ([0.0_f32; 256], [0.0_f32; 256]);
        for at in (0..pixels).step_by(S::LANES) {
            let count = (pixels - at).min(S::LANES);
            // SAFETY: whole squares are written to planes that have them, others through `lines`, line by line; `count`
            // vectors are in the block (asserted).
            unsafe {
                let (from, to) = (block.as_ptr().add(at * S::LANES), out.as_mut_ptr().add(at));
                if channels == S::LANES && count == S::LANES {
                    s.transpose(from, S::LANES, to, pixels);
                } else {
                    for pixel in 0..count {
                        s.store(
                            square.as_mut_ptr().add(pixel * S::LANES),
                            s.load(from.add(pixel * S::LANES)),
                        );
                    }
                    s.transpose(square.as_ptr(), S::LANES, lines.as_mut_ptr(), S::LANES);
                    for channel in 0..channels {
                        let line = s.load(lines.as_ptr().add(channel * S::LANES));
                        s.store_first(to.add(channel * pixels), count, line);
                    }
                }
            }
        }
    }
}

struct Correlate<'a> {
    shape: &'a Shape,
    block: &'a [f32],
    out: &'a [f32],
    sums: &'a mut [f32],
}

/// `R` rows at a time of a kernel of `K` by `K`.
struct Taps<'a, const R: usize, const K: usize>(Correlate<'a>);

impl<const R: usize, const K: usize> Task for Taps<'_, R, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Correlate { shape, block, out, sums } = self.0;
        let Shape { rows, cols, stride: [down, right], padded, .. } = *shape;
        let step = padded[1] * S::LANES;
        assert!(out.len() >= rows * cols * S::LANES && sums.len() >= K * K * S::LANES);
        assert!((rows - 1) * down + K <= padded[0] && (cols - 1) * right + K <= padded[1]);
        assert!(block.len() >= padded[0] * step);
        for first in (0..K).step_by(R) {
            // SAFETY: every tap of every output lies in the block, the outputs and sums are as many as asserted.
            unsafe {
                let sums = sums.as_mut_ptr().add(first * K * S::LANES);
                let mut vectors = [[s.splat(0.0); K]; R];
                for (i, vectors) in vectors.iter_mut().enumerate() {
                    for (j, vector) in vectors.iter_mut().enumerate() {
                        *vector = s.load(sums.add((i * K + j) * S::LANES));
                    }
                }
                for y in 0..rows {
                    let mut from = block.as_ptr().add((y * down + first) * step);
                    let mut at = out.as_ptr().add(y * cols * S::LANES);
                    for _ in 0..cols {
                        let value = s.load(at);
                        for (i, vectors) in vectors.iter_mut().enumerate() {
                            for (j, vector) in vectors.iter_mut().enumerate() {
                                let tap = s.load(from.add(i * step + j * S::LANES));
                                *vector = s.mul_add(value, tap, *vector);
                            }
                        }
                        at = at.add(S::LANES);
                        from = from.wrapping_add(right * S::LANES);
                    }
                }
                for (i, vectors) in vectors.iter().enumerate() {
                    for (j, &vector) in vectors.iter().enumerate() {
                        s.store(sums.add((i * K + j) * S::LANES), vector);
                    }
                }
            }
        }
    }
}
