//! A matrix of weights times a matrix of patches: the forward pass, and the gradient for x.

use super::grid::{Grid, Run};
use super::patches::Patches;
use super::tile::{PANEL, tile, tile_rows};
use crate::memory::Arena;
use crate::simd::{Simd, Task};
use crate::training::run::{Scratch, detected, for_each};
use crate::training::vector::{each, load, store};

/// f32 of patches that a task holds at a time: they and a tile's rows stay in the second cache.
const BLOCK: usize = 96 << 10;
/// Columns in a block at most: whole maps are read and written in longer pieces than a panel, but not all at once.
const COLUMNS: usize = 1024;
/// Tasks to make where there is enough to do, so that no thread waits long for the last.
const TASKS: usize = 16;

/// `out[row] = sum over k of weight(row, k) patches[k]`, written to the pixels of a grid. `weight` gives the place of a row's
/// weight for a channel and a tap of the patches.
pub(super) struct Product<'a, W> {
    pub rows: usize,
    pub weight: W,
    pub patches: Patches<'a>,
    /// Where the columns of the product go. As many as the patches have.
    pub target: Grid,
    pub out: Arena<'a>,
}

/// Rows cut into tiles of about the same size.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    count: usize,
    each: usize,
    longer: usize,
}

impl Tiles {
    pub fn new(rows: usize, most: usize) -> Self {
        let count = rows.div_ceil(most).max(1);
        Self { count, each: rows / count, longer: rows % count }
    }

    /// How many.
    pub fn count(self) -> usize {
        self.count
    }

    /// First row and rows of a tile.
    pub fn tile(self, tile: usize) -> (usize, usize) {
        (tile * self.each + tile.min(self.longer), self.each + usize::from(tile < self.longer))
    }
}

impl<W: Fn(usize, usize, usize) -> usize + Sync> Product<'_, W> {
    /// Computes it; `weights` are those that `weight` gives places in.
    pub fn run(self, weights: &[f32]) {
        detected().dispatch(Whole { product: self, weights });
    }
}

struct Whole<'a, W> {
    product: Product<'a, W>,
    weights: &'a [f32],
}

impl<W: Fn(usize, usize, usize) -> usize + Sync> Task for Whole<'_, W> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Self { product, weights } = self;
        let Product { rows, ref weight, ref patches, target, .. } = product;
        let (depth, taps, columns) = (patches.depth(), patches.taps.len(), target.len());
        assert_eq!(columns, patches.grid.len(), "as many columns come in as go out");
        if rows * columns == 0 {
            return;
        }
        let width = PANEL * S::LANES;
        let tiles = Tiles::new(rows, tile_rows::<S>());
        let mut scratch = Scratch::of(rows * depth);
        let packed = scratch.slice();
        let arena = Arena::of(packed);
        for_each(tiles.count(), rows * depth, |tile| {
            let (first, count) = tiles.tile(tile);
            // SAFETY: this tile's part is this task's.
            let out = unsafe { arena.part_mut(first * depth..(first + count) * depth) };
            for (channel, out) in out.chunks_exact_mut(taps * count).enumerate() {
                for (tap, out) in out.chunks_exact_mut(count).enumerate() {
                    for (i, out) in out.iter_mut().enumerate() {
                        *out = weights[weight(first + i, channel, tap)];
                    }
                }
            }
        });
        let packed = &*packed;
        let panels = columns.div_ceil(width);
        let block = (BLOCK / (depth.max(1) * width)).min(COLUMNS / width).min(panels.div_ceil(TASKS)).max(1);
        let blocks = panels.div_ceil(block);
        // Few columns and many rows: the tasks share the columns, and each packs them for itself.
        let parts = (TASKS / blocks).clamp(1, tiles.count().div_ceil(4));
        for_each(blocks * parts, rows * depth * columns, |task| {
            let start = task / parts * block * width;
            let part = task % parts;
            let part = part * tiles.count() / parts..(part + 1) * tiles.count() / parts;
            let count = (block * width).min(columns - start);
            s.enter(Block { product: &product, packed, tiles, part, start, count });
        });
    }
}

/// Some columns of some tiles.
struct Block<'a, W> {
    product: &'a Product<'a, W>,
    packed: &'a [f32],
    tiles: Tiles,
    part: std::ops::Range<usize>,
    start: usize,
    count: usize,
}

impl<W> Task for Block<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { product, packed, tiles, part, start, count } = self;
        let depth = product.patches.depth();
        let width = PANEL * S::LANES;
        let panels = count.div_ceil(width);
        let mut runs = Vec::new();
        let mut scratch = Scratch::of(panels * depth * width + tile_rows::<S>() * width);
        let scratch = scratch.slice();
        let (block, aside) = scratch.split_at_mut(panels * depth * width);
        product.patches.grid.runs(start, count, width, &mut runs);
        product.patches.pack(s, 0..depth, (&runs, count), width, block);
        product.target.runs(start, count, width, &mut runs);
        for number in part {
            let (first, rows) = tiles.tile(number);
            let weights = &packed[first * depth..][..rows * depth];
            let mut next = 0;
            for panel in 0..panels {
                let runs = {
                    let start = next;
                    while next < runs.len() && runs[next].at < (panel + 1) * width {
                        next += 1;
                    }
                    &runs[start..next]
                };
                let block = &block[panel * depth * width..][..depth * width];
                let write = Write { target: product.target, out: product.out, first, rows, runs };
                let (out, step) = write.direct(width).unwrap_or((aside.as_mut_ptr(), width));
                // SAFETY: the weights and the panel are as long as they are cut; `out` is this tile's part of the
                // output, which is this task's, or scratch memory of that size.
                unsafe { tile(s, rows, depth, weights.as_ptr(), block.as_ptr(), out, step) };
                if out == aside.as_mut_ptr() {
                    write.copy(s, aside, panel * width, width);
                }
            }
        }
    }
}

/// A tile's way to the map.
struct Write<'a> {
    target: Grid,
    out: Arena<'a>,
    first: usize,
    rows: usize,
    runs: &'a [Run],
}

impl Write<'_> {
    /// Where the tile's pixels lie next to each other: its first, and the distance between its rows.
    #[inline(always)]
    fn direct(&self, width: usize) -> Option<(*mut f32, usize)> {
        let [run] = self.runs else { return None };
        if run.len < width || self.target.step[1] != 1 {
            return None;
        }
        let plane = self.target.height * self.target.width;
        let start = self.target.plane(run.image, self.first) + self.place(*run);
        let end = start + (self.rows - 1) * plane + width;
        // SAFETY: of the range only this tile's pixels, `width` in each plane, are written, and they are this task's; the
        // call checks that it lies inside. Only its address is kept.
        Some((unsafe { self.out.start_of(start..end) }, plane))
    }

    /// A run's first pixel in its plane.
    #[inline(always)]
    fn place(&self, run: Run) -> usize {
        let Grid { start, step, width, .. } = self.target;
        let axis = |axis: usize, at: usize| (start[axis] + (at * step[axis]) as isize) as usize;
        axis(0, run.row) * width + axis(1, run.col)
    }

    /// Copies the tile's pixels, run by run.
    #[inline(always)]
    fn copy<S: Simd>(&self, s: S, aside: &[f32], panel_start: usize, width: usize) {
        let step = self.target.step[1];
        for row in 0..self.rows {
            for run in self.runs {
                let from = &aside[row * width + run.at - panel_start..][..run.len];
                let to = self.target.plane(run.image, self.first + row) + self.place(*run);
                for_pixels(s, self.out, from, to, step);
            }
        }
    }
}

/// Writes pixels that lie `step` apart.
#[inline(always)]
fn for_pixels<S: Simd>(s: S, out: Arena<'_>, from: &[f32], to: usize, step: usize) {
    if step == 1 {
        // SAFETY: these pixels are this task's.
        let to = unsafe { out.part_mut(to..to + from.len()) };
        each!(S, from.len(), |at, count| {
            // SAFETY: within both.
            unsafe { store(s, to.as_mut_ptr().add(at), count, load(s, from.as_ptr().add(at), count)) }
        });
    } else {
        for (i, &value) in from.iter().enumerate() {
            let at = to + i * step;
            // SAFETY: this pixel is this task's.
            unsafe { out.part_mut(at..at + 1) }.fill(value);
        }
    }
}
