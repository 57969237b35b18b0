//! Dense convolution of any kernel, and the matrix product, as one loop nest over a window of the input.
//!
//! A tile is `MR` neighbouring output pixels times `NR` blocks of output channels, held in registers; the loops run over
//! the window's planes (blocks of input channels), rows, columns and, innermost, the channels of a block. Each step takes
//! `NR` vectors of packed weights and `MR` broadcast inputs. No patch of the input is ever copied: a pixel's neighbours
//! are at fixed distances from it (implicit im2col). A 1x1 convolution is the case of one row and one column.

use crate::memory::LINE;
use crate::simd::{Simd, Task};

/// The input elements under one output pixel, as four nested loops; steps in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// How many blocks of channels, and how far apart.
    pub planes: usize,
    pub plane_step: usize,
    /// How many rows, and how far apart.
    pub rows: usize,
    pub row_step: usize,
    /// How many columns, and how far apart.
    pub cols: usize,
    pub col_step: usize,
    /// Elements in a row next to each other; in the last plane there may be fewer.
    pub depth: usize,
    pub last_depth: usize,
    /// How far apart the weights (of one block of output channels) of two planes, rows and columns are.
    pub weight_plane: usize,
    pub weight_row: usize,
    pub weight_col: usize,
}

impl Window {
    /// One past the furthest input element, from the window's first.
    fn reach(&self) -> usize {
        (self.planes - 1) * self.plane_step
            + (self.rows - 1) * self.row_step
            + (self.cols - 1) * self.col_step
            + self.depth.max(self.last_depth)
    }

    /// One past the furthest weight, from the first; `lanes` for each depth.
    fn weight_reach(&self, lanes: usize) -> usize {
        (self.planes - 1) * self.weight_plane
            + (self.rows - 1) * self.weight_row
            + (self.cols - 1) * self.weight_col
            + self.depth.max(self.last_depth) * lanes
    }

    /// Nothing lies under the pixel.
    fn is_empty(&self) -> bool {
        self.planes * self.rows * self.cols == 0 || self.depth.max(self.last_depth) == 0
    }
}

/// A run of output pixels whose windows have the same form.
pub(crate) struct Run<'a> {
    /// The input, and where the first pixel's window starts in it.
    pub input: &'a [f32],
    pub start: usize,
    /// Distance between the windows of two neighbouring pixels.
    pub pixel_step: usize,
    pub window: Window,
    /// Packed weights of the first block of output channels from the window's first element on, and the distance to the
    /// next block.
    pub weights: &'a [f32],
    pub weight_block: usize,
    /// Bias, one for each output channel of the blocks.
    pub bias: &'a [f32],
}

/// Pixels in a tile of `blocks` channel blocks.
pub(crate) fn tile_rows<S: Simd>(blocks: usize) -> usize {
    S::TILE[blocks - 1]
}

/// Computes sums and bias for `out[0].len() / LANES` pixels into one slice for each block (1 to 4 of them).
pub(crate) fn run<S: Simd>(s: S, run: &Run<'_>, out: &mut [&mut [f32]]) {
    let blocks = out.len();
    let pixels = out.first().map_or(0, |block| block.len() / S::LANES);
    if pixels == 0 {
        return;
    }
    assert!(out.iter().all(|block| block.len() >= pixels * S::LANES));
    assert!(run.bias.len() >= blocks * S::LANES);
    let mut window = run.window;
    if window.is_empty() {
        window.planes = 0;
    } else {
        assert!(run.start + (pixels - 1) * run.pixel_step + window.reach() <= run.input.len());
        assert!((blocks - 1) * run.weight_block + window.weight_reach(S::LANES) <= run.weights.len());
    }
    let most = tile_rows::<S>(blocks);
    let tiles = pixels.div_ceil(most);
    let (each, longer) = (pixels / tiles, pixels % tiles);
    let mut pixel = 0;
    for tile in 0..tiles {
        let rows = each + usize::from(tile < longer);
        let mut to = [std::ptr::null_mut(); 4];
        for (to, out) in to.iter_mut().zip(out.iter_mut()) {
            // SAFETY: `pixel + rows <= pixels` vectors are in every block.
            *to = unsafe { out.as_mut_ptr().add(pixel * S::LANES) };
        }
        // SAFETY: the window of the run's last pixel ends inside the input (asserted), so this pixel's starts in it.
        let input = unsafe {
            run.input.as_ptr().add(if window.planes == 0 { 0 } else { run.start + pixel * run.pixel_step })
        };
        let place = Place {
            input,
            pixel_step: run.pixel_step,
            window: &window,
            weights: run.weights.as_ptr(),
            weight_block: run.weight_block,
            bias: run.bias.as_ptr(),
            out: to,
        };
        // SAFETY: `place` reads `rows` windows, `blocks` weights and biases and writes `rows` vectors of `blocks` slices;
        // the assertions above cover all of the run's.
        unsafe { tile_of_step(s, place, rows, blocks) };
        pixel += rows;
    }
}

/// A tile's pointers.
#[derive(Clone, Copy)]
struct Place<'a> {
    input: *const f32,
    pixel_step: usize,
    window: &'a Window,
    weights: *const f32,
    weight_block: usize,
    bias: *const f32,
    out: [*mut f32; 4],
}

/// # Safety
/// As [`Tile`].
unsafe fn tile_of_step<S: Simd>(s: S, place: Place<'_>, rows: usize, blocks: usize) {
    // SAFETY: handed on; where a step is a constant, it is the run's.
    unsafe {
        if place.pixel_step == S::LANES {
            tile_of_blocks::<S, 1>(s, place, rows, blocks);
        } else if place.pixel_step == 2 * S::LANES {
            tile_of_blocks::<S, 2>(s, place, rows, blocks);
        } else {
            tile_of_blocks::<S, 0>(s, place, rows, blocks);
        }
    }
}

/// # Safety
/// As [`Tile`].
unsafe fn tile_of_blocks<S: Simd, const STEP: usize>(s: S, place: Place<'_>, rows: usize, blocks: usize) {
    // SAFETY: handed on.
    unsafe {
        match blocks {
            1 => tile_of_rows::<S, STEP, 1>(s, place, rows),
            2 => tile_of_rows::<S, STEP, 2>(s, place, rows),
            3 => tile_of_few_rows::<S, STEP, 3>(s, place, rows),
            4 => tile_of_few_rows::<S, STEP, 4>(s, place, rows),
            _ => unreachable!("a tile has one to four blocks"),
        }
    }
}

/// # Safety
/// As [`Tile`].
unsafe fn tile_of_rows<S: Simd, const STEP: usize, const NR: usize>(s: S, place: Place<'_>, rows: usize) {
    match rows {
        10 => fitting::<S, STEP, 10, NR>(s, place),
        11 => fitting::<S, STEP, 11, NR>(s, place),
        12 => fitting::<S, STEP, 12, NR>(s, place),
        13 => fitting::<S, STEP, 13, NR>(s, place),
        14 => fitting::<S, STEP, 14, NR>(s, place),
        // SAFETY: handed on.
        _ => unsafe { tile_of_few_rows::<S, STEP, NR>(s, place, rows) },
    }
}

/// # Safety
/// As [`Tile`].
unsafe fn tile_of_few_rows<S: Simd, const STEP: usize, const NR: usize>(s: S, place: Place<'_>, rows: usize) {
    match rows {
        1 => fitting::<S, STEP, 1, NR>(s, place),
        2 => fitting::<S, STEP, 2, NR>(s, place),
        3 => fitting::<S, STEP, 3, NR>(s, place),
        4 => fitting::<S, STEP, 4, NR>(s, place),
        5 => fitting::<S, STEP, 5, NR>(s, place),
        6 => fitting::<S, STEP, 6, NR>(s, place),
        7 => fitting::<S, STEP, 7, NR>(s, place),
        8 => fitting::<S, STEP, 8, NR>(s, place),
        9 => fitting::<S, STEP, 9, NR>(s, place),
        _ => unreachable!("a tile has at most 14 rows"),
    }
}

/// Enters the tile if it fits the registers; others never come and are not compiled.
fn fitting<S: Simd, const STEP: usize, const MR: usize, const NR: usize>(s: S, place: Place<'_>) {
    if const { MR <= S::TILE[NR - 1] } {
        s.enter(Tile::<STEP, MR, NR>(place));
    } else {
        unreachable!("a tile fits the registers");
    }
}

/// `MR` pixels times `NR` blocks; `STEP` is the pixel step in vectors, or 0 where it is known at run time only.
///
/// Who makes one promises that the windows of `MR` pixels, the weights and bias of `NR` blocks can be read, and `MR`
/// vectors of the first `NR` outputs be written.
struct Tile<'a, const STEP: usize, const MR: usize, const NR: usize>(Place<'a>);

impl<const STEP: usize, const MR: usize, const NR: usize> Task for Tile<'_, STEP, MR, NR> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(place) = self;
        let w = *place.window;
        let step = if STEP == 0 { place.pixel_step } else { STEP * S::LANES };
        // SAFETY: every address is one of a window, of its weights, of the bias or of the output; see [`Tile`].
        unsafe {
            let mut sums = [[s.splat(0.0); NR]; MR];
            for j in 0..NR {
                let bias = s.load(place.bias.add(j * S::LANES));
                for row in &mut sums {
                    row[j] = bias;
                }
            }
            for plane in 0..w.planes {
                let depth = if plane + 1 == w.planes { w.last_depth } else { w.depth };
                // The next tile's pixels of this plane: there are more planes than the processor can follow.
                if STEP > 0 && w.rows * w.cols == 1 {
                    let next = place.input.wrapping_add(plane * w.plane_step + MR * step);
                    for line in 0..(MR * STEP * S::LANES).div_ceil(LINE) {
                        s.prefetch_near(next.wrapping_add(line * LINE));
                    }
                }
                for row in 0..w.rows {
                    for col in 0..w.cols {
                        let mut a =
                            place.input.add(plane * w.plane_step + row * w.row_step + col * w.col_step);
                        let mut b = place
                            .weights
                            .add(plane * w.weight_plane + row * w.weight_row + col * w.weight_col);
                        for _ in 0..depth {
                            product(s, a, step, b, place.weight_block, &mut sums);
                            a = a.add(1);
                            b = b.add(S::LANES);
                        }
                    }
                }
            }
            for (i, row) in sums.iter().enumerate() {
                for (j, &sum) in row.iter().enumerate() {
                    s.store(place.out[j].add(i * S::LANES), sum);
                }
            }
        }
    }
}

/// Adds the products of one input channel.
///
/// # Safety
/// `MR` inputs, `step` apart, and `NR` vectors of weights, `block` apart, can be read.
#[inline(always)]
unsafe fn product<S: Simd, const MR: usize, const NR: usize>(
    s: S,
    a: *const f32,
    step: usize,
    b: *const f32,
    block: usize,
    sums: &mut [[S::V; NR]; MR],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut weights = [s.splat(0.0); NR];
        for (j, weight) in weights.iter_mut().enumerate() {
            *weight = s.load(b.add(j * block));
        }
        for (i, row) in sums.iter_mut().enumerate() {
            let input = s.splat(*a.add(i * step));
            for (sum, &weight) in row.iter_mut().zip(&weights) {
                *sum = s.mul_add(input, weight, *sum);
            }
        }
    }
}
