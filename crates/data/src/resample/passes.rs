//! The two passes, written so that the compiler makes vector code of them, and compiled for the vectors of the processor
//! that they run on.

use std::borrow::Cow;
use std::hint::black_box;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::FRACTION_BITS;
use super::kernels::Kernels;
use super::part::Part;

const HALF: i32 = 1 << (FRACTION_BITS - 1);
/// How many rows the horizontal pass takes at once: every weight is loaded once for all of them.
const ROWS: usize = 4;
/// How many bytes the vertical pass takes at once: their sums stay in registers.
const BYTES: usize = 32;

/// The horizontal pass over some rows.
pub fn along_rows(kernels: &Kernels, part: &Part, rows: &Range<usize>) -> Part<'static> {
    let mut pixels = vec![0; rows.len() * kernels.outputs.len() * 3];
    Arch::new().dispatch(AlongRows { kernels, part, rows, pixels: &mut pixels });
    Part { columns: kernels.outputs.clone(), rows: rows.clone(), pixels: Cow::Owned(pixels) }
}

/// The vertical pass over some columns.
pub fn down_columns(kernels: &Kernels, part: &Part, columns: &Range<usize>) -> Part<'static> {
    let mut pixels = vec![0; kernels.outputs.len() * columns.len() * 3];
    Arch::new().dispatch(DownColumns { kernels, part, columns, pixels: &mut pixels });
    Part { columns: columns.clone(), rows: kernels.outputs.clone(), pixels: Cow::Owned(pixels) }
}

struct AlongRows<'a> {
    kernels: &'a Kernels,
    part: &'a Part<'a>,
    rows: &'a Range<usize>,
    pixels: &'a mut [u8],
}

/// A pixel of every one of the rows: red, green, blue and a number that does not count, since eight lanes take two pixels
/// of four numbers.
type Column = [i32; 4 * ROWS];

impl WithSimd for AlongRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { kernels, part, rows, pixels } = self;
        let start = part.columns.start;
        let bytes = kernels.outputs.len() * 3;
        let mut columns: Vec<Column> = vec![[0; 4 * ROWS]; part.columns.len()];
        let mut outputs = vec![[[0; 4]; ROWS]; kernels.outputs.len()];
        for (y, targets) in rows.clone().step_by(ROWS).zip(pixels.chunks_mut(ROWS * bytes)) {
            for (row, y) in (y..rows.end.min(y + ROWS)).enumerate() {
                widen(part.row(y, &part.columns), row, &mut columns);
            }
            for (output, (first, weights)) in outputs.iter_mut().zip(kernels.iter()) {
                let mut sums = [HALF; 4 * ROWS];
                for (column, weight) in columns[first - start..].iter().zip(weights) {
                    // Hides the loop from the compiler, which would rather take eight weights than eight numbers at once.
                    let weight = black_box(*weight);
                    for (sum, level) in sums.iter_mut().zip(column) {
                        *sum += level * weight;
                    }
                }
                output.as_flattened_mut().copy_from_slice(&sums.map(to_byte));
            }
            for (row, target) in targets.chunks_exact_mut(bytes).enumerate() {
                for (target, output) in target.as_chunks_mut().0.iter_mut().zip(&outputs) {
                    let [red, green, blue, _] = output[row];
                    *target = [red, green, blue];
                }
            }
        }
    }
}

/// Puts the pixels of a row in their columns, the fourth number being whatever is behind.
#[inline(always)]
fn widen(levels: &[u8], row: usize, columns: &mut [Column]) {
    for (column, levels) in columns.iter_mut().zip(levels.windows(4).step_by(3)) {
        let levels: [i32; 4] = [levels[0].into(), levels[1].into(), levels[2].into(), levels[3].into()];
        column[4 * row..4 * row + 4].copy_from_slice(&levels);
    }
    if let (Some(column), Some(last)) = (columns.last_mut(), levels.last_chunk::<3>()) {
        for (number, level) in column[4 * row..].iter_mut().zip(last) {
            *number = i32::from(*level);
        }
    }
}

struct DownColumns<'a> {
    kernels: &'a Kernels,
    part: &'a Part<'a>,
    columns: &'a Range<usize>,
    pixels: &'a mut [u8],
}

impl WithSimd for DownColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { kernels, part, columns, pixels } = self;
        let bytes = columns.len() * 3;
        for ((first, weights), targets) in kernels.iter().zip(pixels.chunks_exact_mut(bytes)) {
            let row = |tap: usize| part.row(first + tap, columns);
            let (blocks, rest) = targets.as_chunks_mut::<BYTES>();
            let done = blocks.len() * BYTES;
            for (block, target) in blocks.iter_mut().enumerate() {
                let mut sums = [HALF; BYTES];
                for (tap, weight) in weights.iter().enumerate() {
                    if let Some(levels) = row(tap)[block * BYTES..].first_chunk::<BYTES>() {
                        for (sum, level) in sums.iter_mut().zip(levels) {
                            *sum += i32::from(*level) * weight;
                        }
                    }
                }
                *target = sums.map(to_byte);
            }
            for (place, target) in rest.iter_mut().enumerate() {
                let levels = (0..weights.len()).map(|tap| i32::from(row(tap)[done + place]));
                *target =
                    to_byte(HALF + levels.zip(weights).map(|(level, weight)| level * weight).sum::<i32>());
            }
        }
    }
}

#[inline(always)]
fn to_byte(sum: i32) -> u8 {
    (sum >> FRACTION_BITS).clamp(0, 255) as u8
}
