//! A map times a matrix of patches, summed over the pixels: the gradient for a weight.

use super::by_pixels::Tiles;
use super::patches::Patches;
use super::tile::{Inner, inner, inner_rows};
use crate::memory::Arena;
use crate::simd::{Simd, Task};
use crate::training::run::{detected, for_each, with_scratch};

/// Pixels that are summed at a time: with few, adding up lanes takes long; with many, the rows leave the caches.
const PIXELS: usize = 1024;
/// Rows of the map that a task takes, so that they stay in the second cache while the patches pass by.
const ROWS: usize = 64;
/// Tasks to make where there is enough to do.
const TASKS: usize = 16;
/// Memory for sums over parts of the pixels, in f32.
const PARTIAL: usize = 1 << 20;

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

impl Task for Product<'_> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Self { map, patches, out } = self;
        let (rows, depth, pixels) = (map.depth(), patches.depth(), map.grid.len());
        assert_eq!(pixels, patches.grid.len(), "both have the same pixels");
        assert_eq!(out.len(), rows * depth);
        if pixels == 0 || out.is_empty() {
            return out.fill(0.0);
        }
        // The pixels are cut by shape alone, and their parts' sums are added in order.
        let row_parts = rows.div_ceil(ROWS);
        let pieces = pixels.div_ceil(PIXELS);
        let slices = (TASKS.div_ceil(row_parts)).min(pieces).min(PARTIAL / out.len()).max(1);
        let each = pieces.div_ceil(slices);
        let slices = pieces.div_ceil(each);
        let row_parts = Tiles::new(rows, ROWS);
        with_scratch(if slices > 1 { slices * out.len() } else { 0 }, |partial| {
            let size = out.len();
            let target = if slices > 1 { Arena::of(partial) } else { Arena::of(out) };
            for_each(slices * row_parts.count(), rows * depth * pixels, |task| {
                let (slice, part) = (task / row_parts.count(), task % row_parts.count());
                let (first, count) = row_parts.tile(part);
                let start = slice * size + first * depth;
                // SAFETY: this slice's rows are this task's.
                let out = unsafe { target.part_mut(start..start + count * depth) };
                let pixels = slice * each * PIXELS..((slice + 1) * each * PIXELS).min(pixels);
                let map = Patches {
                    grid: super::Grid { first_channel: map.grid.first_channel + first, ..map.grid },
                    channels: count,
                    ..map
                };
                s.enter(Slice { map, patches: &patches, pixels, out });
            });
            if slices > 1 {
                out.copy_from_slice(&partial[..size]);
                for slice in partial[size..].chunks_exact(size) {
                    out.iter_mut().zip(slice).for_each(|(out, partial)| *out += partial);
                }
            }
        });
    }
}

/// Some rows, summed over some pixels.
struct Slice<'a, 'b> {
    map: Patches<'b>,
    patches: &'a Patches<'b>,
    pixels: std::ops::Range<usize>,
    out: &'a mut [f32],
}

impl Task for Slice<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { map, patches, pixels, out } = self;
        let (rows, depth) = (map.depth(), patches.depth());
        let most = pixels.len().min(PIXELS).next_multiple_of(S::LANES);
        let (left_tiles, right_tiles) =
            (Tiles::new(rows, inner_rows::<S>()), Tiles::new(depth, inner_rows::<S>()));
        let mut runs = Vec::new();
        with_scratch((rows + depth) * most, |scratch| {
            let (left, right) = scratch.split_at_mut(rows * most);
            for start in pixels.clone().step_by(PIXELS) {
                let count = (pixels.end - start).min(PIXELS);
                let len = count.next_multiple_of(S::LANES);
                pack(s, &map, start, count, &mut runs, left);
                pack(s, patches, start, count, &mut runs, right);
                for right_tile in 0..right_tiles.count() {
                    let (k, depths) = right_tiles.tile(right_tile);
                    for left_tile in 0..left_tiles.count() {
                        let (row, rows) = left_tiles.tile(left_tile);
                        let tile = Inner {
                            left: left[row * len..][..rows * len].as_ptr(),
                            left_step: len,
                            right: right[k * len..][..depths * len].as_ptr(),
                            right_step: len,
                            len,
                            out: out[row * depth + k..][..(rows - 1) * depth + depths].as_mut_ptr(),
                            out_step: depth,
                            add: start > pixels.start,
                        };
                        // SAFETY: the slices are as long as the tile reads and writes, and `len` is whole vectors.
                        unsafe { inner(s, [rows, depths], tile) };
                    }
                }
            }
        });
    }
}

/// Packs pixels as one panel, as wide as whole vectors.
#[inline(always)]
fn pack<S: Simd>(
    s: S,
    patches: &Patches<'_>,
    start: usize,
    count: usize,
    runs: &mut Vec<super::grid::Run>,
    out: &mut [f32],
) {
    patches.pack(s, start, count, count.next_multiple_of(S::LANES), runs, out);
}
