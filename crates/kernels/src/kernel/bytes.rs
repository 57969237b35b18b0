//! The matrix product of bytes, and the way from f32 to bytes.
//!
//! A pixel's channels lie next to each other, `[pixel][channel]`, filled up to whole vectors; weights are
//! `[channel / 4][lane][4]` for each block of output channels, so that a step takes four bytes of each pixel, the same
//! for all lanes, and a vector of weights for each block. Sums are exact in 32 bits: all instruction sets give the same.

use super::finish::Clamp;
use crate::simd::{Simd, Task};

/// Where numbers lie on a grid of bytes: `(byte - zero) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    pub scale: f32,
    pub zero: u8,
}

impl Grid {
    /// Over a range that is finite and not empty. Zero is on the grid, for it is what most maps have most of.
    pub fn over([least, most]: [f32; 2]) -> Self {
        let (least, most) = (f64::from(least.min(0.0)), f64::from(most.max(0.0)));
        let scale = ((most - least) / 255.0).max(f64::from(f32::MIN_POSITIVE));
        Self { scale: scale as f32, zero: (-least / scale).round() as u8 }
    }
}

/// Pixels of a map of bytes, a step apart, and what they are multiplied with.
pub(crate) struct Run<'a> {
    /// The map, and where its first pixel of the run begins.
    pub input: &'a [u8],
    pub start: usize,
    pub pixel_step: usize,
    /// Channels of a pixel, filled up.
    pub depth: usize,
    /// Of the first block of output channels; each has `depth * LANES`.
    pub weights: &'a [u8],
    /// A sum becomes `sum * scale + bias`; one of each for each output channel.
    pub scale: &'a [f32],
    pub bias: &'a [f32],
    pub clamp: Option<Clamp>,
}

/// Most pixels in a tile of one to four blocks: with these, sums, one input and what is between them fit sixteen registers.
const TILE: [usize; 4] = [8, 5, 3, 2];

/// Computes `out[0].len() / LANES` pixels into one slice for each block (1 to 4 of them).
pub(crate) fn run<S: Simd>(s: S, run: &Run<'_>, out: &mut [&mut [f32]]) {
    let blocks = out.len();
    let pixels = out.first().map_or(0, |block| block.len() / S::LANES);
    if pixels == 0 {
        return;
    }
    assert!(run.depth.is_multiple_of(8) && out.iter().all(|block| block.len() >= pixels * S::LANES));
    assert!(run.bias.len().min(run.scale.len()) >= blocks * S::LANES);
    assert!(run.start + (pixels - 1) * run.pixel_step + run.depth <= run.input.len());
    assert!(blocks * run.depth * S::LANES <= run.weights.len());
    let tiles = pixels.div_ceil(TILE[blocks - 1]);
    let (each, longer) = (pixels / tiles, pixels % tiles);
    let mut pixel = 0;
    for tile in 0..tiles {
        let rows = each + usize::from(tile < longer);
        let mut to = [std::ptr::null_mut(); 4];
        for (to, out) in to.iter_mut().zip(out.iter_mut()) {
            *to = out[pixel * S::LANES..].as_mut_ptr();
        }
        let place = Place { run, input: run.input[run.start + pixel * run.pixel_step..].as_ptr(), out: to };
        match blocks {
            1 => of_blocks::<S, 1>(s, &place, rows),
            2 => of_blocks::<S, 2>(s, &place, rows),
            3 => of_blocks::<S, 3>(s, &place, rows),
            4 => of_blocks::<S, 4>(s, &place, rows),
            _ => unreachable!("a tile has one to four blocks"),
        }
        pixel += rows;
    }
}

/// A tile's pointers. Who makes one has asserted that all of its pixels, weights and outputs are there.
struct Place<'a> {
    run: &'a Run<'a>,
    input: *const u8,
    out: [*mut f32; 4],
}

fn of_blocks<S: Simd, const NR: usize>(s: S, place: &Place<'_>, rows: usize) {
    match rows {
        1 => fitting::<S, 1, NR>(s, place),
        2 => fitting::<S, 2, NR>(s, place),
        3 => fitting::<S, 3, NR>(s, place),
        4 => fitting::<S, 4, NR>(s, place),
        5 => fitting::<S, 5, NR>(s, place),
        6 => fitting::<S, 6, NR>(s, place),
        7 => fitting::<S, 7, NR>(s, place),
        8 => fitting::<S, 8, NR>(s, place),
        _ => unreachable!("a tile has at most eight pixels"),
    }
}

/// Enters the tile if it fits the registers; others never come and are not compiled.
fn fitting<S: Simd, const MR: usize, const NR: usize>(s: S, place: &Place<'_>) {
    if const { MR <= TILE[NR - 1] } {
        s.enter(Tile::<MR, NR>(place));
    } else {
        unreachable!("a tile fits the registers");
    }
}

/// `MR` pixels times `NR` blocks.
struct Tile<'a, const MR: usize, const NR: usize>(&'a Place<'a>);

impl<const MR: usize, const NR: usize> Task for Tile<'_, MR, NR> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Place { run, input, out } = self.0;
        let block = run.depth * S::LANES;
        let mut sums = [[s.no_sums(); NR]; MR];
        let (mut x, mut weights) = (*input, run.weights.as_ptr().cast::<i8>());
        // SAFETY: every address is one of the tile's pixels, of their weights or of its part of the output, as asserted in `run`.
        unsafe {
            // Eight channels at a time: a pixel's address is worked out once for both fours.
            for _ in 0..run.depth / 8 {
                for (i, row) in sums.iter_mut().enumerate() {
                    let fours = x.add(i * run.pixel_step).cast::<[[u8; 4]; 2]>();
                    let fours = [fours.cast::<[u8; 4]>().read(), fours.cast::<[u8; 4]>().add(1).read()];
                    for (j, sum) in row.iter_mut().enumerate() {
                        let weights = weights.add(j * block);
                        *sum = s.add_products(fours[0], weights, *sum);
                        *sum = s.add_products(fours[1], weights.add(4 * S::LANES), *sum);
                    }
                }
                (x, weights) = (x.wrapping_add(8), weights.wrapping_add(8 * S::LANES));
            }
            for j in 0..NR {
                let scale = s.load(run.scale.as_ptr().add(j * S::LANES));
                let bias = s.load(run.bias.as_ptr().add(j * S::LANES));
                for (i, row) in sums.iter().enumerate() {
                    let mut value = s.mul_add(s.to_f32(row[j]), scale, bias);
                    if let Some(clamp) = run.clamp {
                        value = clamp.of(s, value);
                    }
                    s.store(out[j].add(i * S::LANES), value);
                }
            }
        }
    }
}

/// Pixels of one or two neighbouring channel blocks as bytes.
pub(crate) struct ToBytes<'a, const N: usize> {
    /// `[pixel][lane]` each
    from: [&'a [f32]; N],
    grid: Grid,
    to: *mut u8,
    step: usize,
}

impl<'a, const N: usize> ToBytes<'a, N> {
    /// `to` has the first pixel's bytes of the first block; those of two pixels are `step` apart.
    ///
    /// # Safety
    /// For every pixel of `from[0]`, the blocks' lanes can be written as bytes, and nobody else does.
    pub unsafe fn new(from: [&'a [f32]; N], grid: Grid, to: *mut u8, step: usize) -> Self {
        assert!(from.iter().all(|block| block.len() == from[0].len()));
        Self { from, grid, to, step }
    }
}

impl<const N: usize> Task for ToBytes<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        const { assert!(N == 1 || N == 2) };
        let (by, zero) = (s.splat(1.0 / self.grid.scale), s.splat(f32::from(self.grid.zero)));
        for pixel in 0..self.from[0].len() / S::LANES {
            let at = pixel * S::LANES;
            // SAFETY: so many vectors are in each of `from`; the rest is the promise of who made this.
            unsafe {
                let first = s.mul_add(s.load(self.from[0].as_ptr().add(at)), by, zero);
                let to = self.to.add(pixel * self.step);
                if N == 1 {
                    s.store_bytes(to, first);
                } else {
                    let second = s.mul_add(s.load(self.from[N - 1].as_ptr().add(at)), by, zero);
                    s.store_bytes_of_two(to, [first, second]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_on_every_grid() {
        assert_eq!(Grid::over([0.0, 255.0]), Grid { scale: 1.0, zero: 0 });
        assert_eq!(Grid::over([1.0, 51.0]), Grid { scale: 0.2, zero: 0 });
        assert_eq!(Grid::over([-127.0, 128.0]), Grid { scale: 1.0, zero: 127 });
        assert_eq!(Grid::over([-2.55, -1.0]).zero, 255);
        assert!(Grid::over([0.0, 0.0]).scale > 0.0);
    }
}
