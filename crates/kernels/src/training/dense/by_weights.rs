//! A map times a matrix of patches, summed over the pixels: the gradient for a weight.
//!
//! Pixels lie next to each other in both factors, but a tile takes, for each pixel, rows and panel columns that lie next to
//! each other. So both are transposed on the way, a vector's worth of rows at a time. The factor with more rows becomes the
//! panels, so that fewer of their lanes are idle.

use std::ops::Range;

use super::by_pixels::Tiles;
use super::grid::Run;
use super::patches::Patches;
use super::tile::{PANEL, tile, tile_rows};
use crate::memory::Arena;
use crate::simd::{Simd, Task};
use crate::training::run::{Scratch, detected, for_each};

/// f32 of rows that a task holds at a time, in the second cache.
const BLOCK: usize = 64 << 10;
/// Pixels that are summed at a time, at most: with more, a panel of them outgrows the caches.
const PIXELS: usize = 512;
/// Tasks to make where there is enough to do; each transposes all rows that its pixels have.
const TASKS: usize = 8;
/// Memory for sums over parts of the pixels, in f32.
const PARTIAL: usize = 256 << 10;

/// `out[row][k] = sum over pixels of map[row] patches[k]`
pub(super) struct Product<'a> {
    /// Its channels are the rows.
    pub map: Patches<'a>,
    pub patches: Patches<'a>,
    pub out: &'a mut [f32],
}

impl Product<'_> {
    /// Computes it.
    pub fn run(self) {
        detected().dispatch(self);
    }
}

/// The two factors in their roles.
struct Roles<'a> {
    rows: Patches<'a>,
    panels: Patches<'a>,
    /// Whether the product comes out transposed.
    turned: bool,
}

impl Task for Product<'_> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Self { map, patches, out } = self;
        let pixels = map.grid.len();
        assert_eq!(pixels, patches.grid.len(), "both have the same pixels");
        assert_eq!(out.len(), map.depth() * patches.depth());
        if pixels == 0 || out.is_empty() {
            return out.fill(0.0);
        }
        let roles = if map.depth() > patches.depth() {
            Roles { rows: patches, panels: map, turned: true }
        } else {
            Roles { rows: map, panels: patches, turned: false }
        };
        let size = out.len();
        // All cuts are made by shape alone, and sums over parts of the pixels are added in order.
        let piece = (BLOCK / roles.rows.depth()).clamp(64, PIXELS) / 16 * 16;
        let pieces = pixels.div_ceil(piece);
        let panels = roles.panels.depth().div_ceil(PANEL * S::LANES);
        let slices = pieces.min(TASKS).min(PARTIAL / size).max(1);
        let parts = TASKS.div_ceil(slices).min(panels);
        let mut scratch = Scratch::of(if slices > 1 { slices * size } else { 0 });
        let partial = scratch.slice();
        let target = if slices > 1 { Arena::of(partial) } else { Arena::of(&mut *out) };
        for_each(slices * parts, size * pixels, |task| {
            let (slice, part) = (task / parts, task % parts);
            let pieces = slice * pieces / slices..(slice + 1) * pieces / slices;
            s.enter(Slice {
                roles: &roles,
                panels: part * panels / parts..(part + 1) * panels / parts,
                pixels: pieces.start * piece..(pieces.end * piece).min(pixels),
                piece,
                target,
                start: slice * size,
            });
        });
        if slices > 1 {
            out.copy_from_slice(&partial[..size]);
            for slice in partial[size..].chunks_exact(size) {
                out.iter_mut().zip(slice).for_each(|(out, partial)| *out += partial);
            }
        }
    }
}

/// Some panels, summed over some pixels.
struct Slice<'a> {
    roles: &'a Roles<'a>,
    panels: Range<usize>,
    pixels: Range<usize>,
    /// Pixels at a time.
    piece: usize,
    target: Arena<'a>,
    /// Where the product starts in the target.
    start: usize,
}

impl Task for Slice<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { roles, piece, .. } = self;
        let width = PANEL * S::LANES;
        let most = self.piece.next_multiple_of(S::LANES);
        let rows = roles.rows.depth();
        let tiles = Tiles::new(rows, tile_rows::<S>());
        let (mut row_runs, mut panel_runs) = (Vec::new(), Vec::new());
        let lens =
            [S::LANES * most, rows * most + S::LANES, width * most + S::LANES, tile_rows::<S>() * width];
        let mut scratch = Scratch::of(lens.iter().sum());
        let scratch = scratch.slice();
        let (lines, scratch) = scratch.split_at_mut(lens[0]);
        let (row_block, scratch) = scratch.split_at_mut(lens[1]);
        let (panel, aside) = scratch.split_at_mut(lens[2]);
        for start in self.pixels.clone().step_by(piece) {
            let count = (self.pixels.end - start).min(piece);
            let len = count.next_multiple_of(S::LANES);
            roles.rows.grid.runs(start, count, len, &mut row_runs);
            roles.panels.grid.runs(start, count, len, &mut panel_runs);
            for number in 0..tiles.count() {
                let (first, rows) = tiles.tile(number);
                let to = &mut row_block[first * len..][..rows * len + S::LANES];
                transposed(s, &roles.rows, first..first + rows, (&row_runs, count), lines, to, rows);
            }
            for number in self.panels.clone() {
                for half in 0..PANEL {
                    let first = number * width + half * S::LANES;
                    let channels = first..(first + S::LANES).min(roles.panels.depth());
                    let to = &mut panel[half * S::LANES..];
                    transposed(s, &roles.panels, channels, (&panel_runs, count), lines, to, width);
                }
                for tile_number in 0..tiles.count() {
                    let (first, rows) = tiles.tile(tile_number);
                    let block = &row_block[first * len..][..rows * len];
                    let (block, panel) = (block.as_ptr(), panel[..width * len].as_ptr());
                    // SAFETY: the rows and the panel are as long as they are cut, and `aside` has room for a tile.
                    unsafe { tile(s, rows, count, block, panel, aside.as_mut_ptr(), width) };
                    self.add::<S>(aside, first..first + rows, number * width, start > self.pixels.start);
                }
            }
        }
    }
}

/// Writes rows of a factor as columns of vectors, `step` apart, with nothing of meaning in lanes that there are no rows for.
#[inline(always)]
fn transposed<S: Simd>(
    s: S,
    factor: &Patches<'_>,
    rows: Range<usize>,
    (runs, count): (&[Run], usize),
    lines: &mut [f32],
    to: &mut [f32],
    step: usize,
) {
    if rows.is_empty() {
        return;
    }
    let len = count.next_multiple_of(S::LANES);
    assert!(lines.len() >= S::LANES * len && to.len() >= (len - 1) * step + S::LANES);
    factor.pack(s, rows, (runs, count), len, lines);
    for at in (0..len).step_by(S::LANES) {
        // SAFETY: `LANES` lines of `len` numbers are read, and `len` vectors `step` apart are written (asserted).
        unsafe { s.transpose(lines.as_ptr().add(at), len, to.as_mut_ptr().add(at * step), step) };
    }
}

impl Slice<'_> {
    /// Puts a tile where it belongs, or adds it to what is there.
    #[inline(always)]
    fn add<S: Simd>(&self, tile: &[f32], rows: Range<usize>, column: usize, add: bool) {
        let width = PANEL * S::LANES;
        let (all_rows, all_columns) = (self.roles.rows.depth(), self.roles.panels.depth());
        let columns = column..(column + width).min(all_columns);
        for (row, tile) in rows.zip(tile.chunks_exact(width)) {
            if self.roles.turned {
                for (column, value) in columns.clone().zip(tile) {
                    let at = self.start + column * all_rows + row;
                    // SAFETY: this column is this task's.
                    let out = unsafe { self.target.part_mut(at..at + 1) };
                    out[0] = if add { out[0] + value } else { *value };
                }
            } else {
                let at = self.start + row * all_columns;
                // SAFETY: these columns are this task's.
                let out = unsafe { self.target.part_mut(at + columns.start..at + columns.end) };
                if add {
                    out.iter_mut().zip(tile).for_each(|(out, value)| *out += value);
                } else {
                    out.copy_from_slice(&tile[..out.len()]);
                }
            }
        }
    }
}
