//! Dense convolution of any kernel, and the matrix product, as one loop nest over a window of the input.
//!
//! A tile is `MR` neighbouring output pixels times `NR` blocks of output channels, held in registers; the loops run over
//! the window's planes (blocks of input channels), rows, columns and, innermost, the channels of a block. Each step takes
//! `NR` vectors of packed weights and `MR` broadcast inputs. No patch of the input is ever copied: a pixel's neighbours
//! are at fixed distances from it (implicit im2col). A 1x1 convolution is the case of one row and one column.

use super::finish::Clamp;
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
    pub clamp: Option<Clamp>,
}

/// f32 of weights that stay in the first cache beside pixels that pass through it.
const WEIGHTS_IN_CACHE: usize = 2 << 10;

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
    let lots = [(each + 1, longer, 0), (each, tiles - longer, (each + 1) * longer)];
    // Some planes for all tiles before the next, where their weights would drive one another out of the first cache.
    let weights = blocks * window.rows * window.cols * window.depth * S::LANES;
    let at_once = if tiles < 4 { usize::MAX } else { (WEIGHTS_IN_CACHE / weights.max(1)).max(1) };
    let mut plane = 0;
    loop {
        let planes = window.planes - plane;
        let planes = if planes <= at_once.saturating_add(at_once / 2) { planes } else { at_once };
        let part = Window {
            planes,
            last_depth: if plane + planes == window.planes { window.last_depth } else { window.depth },
            ..window
        };
        for (rows, count, pixel) in lots.into_iter().filter(|(_, count, _)| *count > 0) {
            let mut to = [std::ptr::null_mut(); 4];
            for (to, out) in to.iter_mut().zip(out.iter_mut()) {
                // SAFETY: `pixel + rows * count <= pixels` vectors are in every block.
                *to = unsafe { out.as_mut_ptr().add(pixel * S::LANES) };
            }
            // SAFETY: the window of the run's last pixel ends inside the input (asserted), so this pixel's starts in it.
            let input = unsafe {
                run.input.as_ptr().add(if window.planes == 0 {
                    0
                } else {
                    run.start + pixel * run.pixel_step + plane * window.plane_step
                })
            };
            let place = Place {
                count,
                input,
                pixel_step: run.pixel_step,
                window: &part,
                weights: run.weights.as_ptr().wrapping_add(plane * window.weight_plane),
                weight_block: run.weight_block,
                bias: (plane == 0).then_some(run.bias.as_ptr()),
                clamp: run.clamp.filter(|_| plane + planes == window.planes),
                out: to,
            };
            // SAFETY: `place` reads `rows * count` windows, `blocks` weights and biases and writes as many vectors of `blocks` slices;
            // the assertions above cover all of the run's.
            unsafe { tile_of_step(s, &place, rows, blocks) };
        }
        plane += planes;
        if plane == window.planes {
            return;
        }
    }
}

/// The pointers of the first of some tiles.
struct Place<'a> {
    /// Tiles, each right of the one before.
    count: usize,
    input: *const f32,
    pixel_step: usize,
    window: &'a Window,
    weights: *const f32,
    weight_block: usize,
    /// `None` where sums have been begun.
    bias: Option<*const f32>,
    /// `None` where sums are to be gone on with, too.
    clamp: Option<Clamp>,
    out: [*mut f32; 4],
}

/// # Safety
/// As [`Tile`].
unsafe fn tile_of_step<S: Simd>(s: S, place: &Place<'_>, rows: usize, blocks: usize) {
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
unsafe fn tile_of_blocks<S: Simd, const STEP: usize>(s: S, place: &Place<'_>, rows: usize, blocks: usize) {
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
unsafe fn tile_of_rows<S: Simd, const STEP: usize, const NR: usize>(s: S, place: &Place<'_>, rows: usize) {
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
unsafe fn tile_of_few_rows<S: Simd, const STEP: usize, const NR: usize>(
    s: S,
    place: &Place<'_>,
    rows: usize,
) {
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
fn fitting<S: Simd, const STEP: usize, const MR: usize, const NR: usize>(s: S, place: &Place<'_>) {
    if const { MR <= S::TILE[NR - 1] } {
        s.enter(Tile::<STEP, MR, NR>(place));
    } else {
        unreachable!("a tile fits the registers");
    }
}

/// Tiles of `MR` pixels times `NR` blocks; `STEP` is the pixel step in vectors, or 0 where it is known at run time only.
///
/// Who makes one promises that the windows of `MR` pixels a tile, the weights and bias of `NR` blocks can be read, and as many
/// vectors of the first `NR` outputs be written.
struct Tile<'a, const STEP: usize, const MR: usize, const NR: usize>(&'a Place<'a>);

impl<const STEP: usize, const MR: usize, const NR: usize> Task for Tile<'_, STEP, MR, NR> {
    type Output = ();

    // Beside twelve multiply-adds there is time for little else: a processor that shares its core with another has three
    // instructions a cycle. So the whole blocks of channels, all but the last, have loops of their own that know their length.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(place) = self;
        let w = *place.window;
        let step = if STEP == 0 { place.pixel_step } else { STEP * S::LANES };
        let block = place.weight_block;
        let whole = if STEP == 0 || w.depth != S::LANES {
            0
        } else {
            w.planes - usize::from(w.planes > 0 && w.last_depth != S::LANES)
        };
        let (mut input, mut out) = (place.input, place.out);
        // SAFETY: every address is one of a window, of its weights, of the bias or of the output; see [`Tile`].
        unsafe {
            for _ in 0..place.count {
                let mut sums = [[s.splat(0.0); NR]; MR];
                if let Some(bias) = place.bias {
                    for j in 0..NR {
                        let bias = s.load(bias.add(j * S::LANES));
                        for row in &mut sums {
                            row[j] = bias;
                        }
                    }
                } else {
                    for (i, row) in sums.iter_mut().enumerate() {
                        for (sum, out) in row.iter_mut().zip(&out) {
                            *sum = s.load(out.add(i * S::LANES));
                        }
                    }
                }
                let (mut a, mut b) = (input, place.weights);
                if w.rows * w.cols == 1 {
                    for _ in 0..whole {
                        // The next tile's pixels of this plane: there are more planes than the processor can follow.
                        for line in 0..(MR * STEP * S::LANES).div_ceil(LINE) {
                            s.prefetch_near(a.wrapping_add(MR * step + line * LINE));
                        }
                        products(s, a, step, b, block, &mut sums);
                        (a, b) = (a.wrapping_add(w.plane_step), b.wrapping_add(w.weight_plane));
                    }
                } else {
                    for _ in 0..whole {
                        let (mut row_a, mut row_b) = (a, b);
                        for _ in 0..w.rows {
                            let (mut col_a, mut col_b) = (row_a, row_b);
                            for _ in 0..w.cols {
                                products(s, col_a, step, col_b, block, &mut sums);
                                col_a = col_a.wrapping_add(w.col_step);
                                col_b = col_b.wrapping_add(w.weight_col);
                            }
                            row_a = row_a.wrapping_add(w.row_step);
                            row_b = row_b.wrapping_add(w.weight_row);
                        }
                        (a, b) = (a.wrapping_add(w.plane_step), b.wrapping_add(w.weight_plane));
                    }
                }
                for plane in whole..w.planes {
                    let depth = if plane + 1 == w.planes { w.last_depth } else { w.depth };
                    for row in 0..w.rows {
                        for col in 0..w.cols {
                            let mut col_a = a.add(row * w.row_step + col * w.col_step);
                            let mut col_b = b.add(row * w.weight_row + col * w.weight_col);
                            for _ in 0..depth {
                                product(s, col_a, step, col_b, block, &mut sums);
                                (col_a, col_b) = (col_a.wrapping_add(1), col_b.wrapping_add(S::LANES));
                            }
                        }
                    }
                    (a, b) = (a.wrapping_add(w.plane_step), b.wrapping_add(w.weight_plane));
                }
                // Not in place: the sums would be moved to memory, for all of the loops.
                if let Some(clamp) = place.clamp {
                    for (i, row) in sums.iter().enumerate() {
                        for (j, &sum) in row.iter().enumerate() {
                            s.store(out[j].add(i * S::LANES), clamp.of(s, sum));
                        }
                    }
                } else {
                    for (i, row) in sums.iter().enumerate() {
                        for (j, &sum) in row.iter().enumerate() {
                            s.store(out[j].add(i * S::LANES), sum);
                        }
                    }
                }
                input = input.wrapping_add(MR * step);
                for out in &mut out[..NR] {
                    *out = out.wrapping_add(MR * S::LANES);
                }
            }
        }
    }
}

/// Adds the products of a whole block of input channels.
///
/// # Safety
/// As [`product`], for `LANES` channels.
#[inline(always)]
unsafe fn products<S: Simd, const MR: usize, const NR: usize>(
    s: S,
    a: *const f32,
    step: usize,
    b: *const f32,
    block: usize,
    sums: &mut [[S::V; NR]; MR],
) {
    const { assert!(S::LANES % 4 == 0) };
    for four in 0..S::LANES / 4 {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b) = (a.add(4 * four), b.add(4 * four * S::LANES));
            product(s, a, step, b, block, sums);
            product(s, a.add(1), step, b.add(S::LANES), block, sums);
            product(s, a.add(2), step, b.add(2 * S::LANES), block, sums);
            product(s, a.add(3), step, b.add(3 * S::LANES), block, sums);
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
