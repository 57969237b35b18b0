//! Two tiles of a matrix product, held in registers.
//!
//! [`outer`] multiplies packed rows by a packed panel: every step broadcasts a column of the rows and loads a row of the
//! panel. [`inner`] multiplies rows by rows: both run along the vectors, and each of its sums is added up across the lanes
//! at the end. The first wants its factors packed the right way round; the second takes maps as they are, so the gradient
//! for a weight, a product over pixels, transposes nothing.

use crate::simd::{Simd, Task};

/// Vectors in a row of a panel.
pub(super) const PANEL: usize = 2;

/// Rows in a tile of [`outer`], at most.
pub(super) fn outer_rows<S: Simd>() -> usize {
    (S::ACCUMULATORS / PANEL).clamp(1, 14)
}

/// `out[i][j] = sum over k of rows[k][i] panel[k][j]`.
///
/// # Safety
/// `depth * count` numbers can be read from `rows`, `depth` panel rows from `panel`; a panel row can be written `count` times,
/// `step` apart.
pub(super) unsafe fn outer<S: Simd>(
    s: S,
    count: usize,
    depth: usize,
    rows: *const f32,
    panel: *const f32,
    out: *mut f32,
    step: usize,
) {
    let tile = Outer { depth, rows, panel, out, step };
    match count {
        1 => entered::<S, 1>(s, tile),
        2 => entered::<S, 2>(s, tile),
        3 => entered::<S, 3>(s, tile),
        4 => entered::<S, 4>(s, tile),
        5 => entered::<S, 5>(s, tile),
        6 => entered::<S, 6>(s, tile),
        7 => entered::<S, 7>(s, tile),
        8 => entered::<S, 8>(s, tile),
        9 => entered::<S, 9>(s, tile),
        10 => entered::<S, 10>(s, tile),
        11 => entered::<S, 11>(s, tile),
        12 => entered::<S, 12>(s, tile),
        13 => entered::<S, 13>(s, tile),
        14 => entered::<S, 14>(s, tile),
        _ => unreachable!("a tile has at most 14 rows"),
    }
}

/// Enters the tile if it fits the registers; others never come and are not compiled.
fn entered<S: Simd, const M: usize>(s: S, tile: Outer) {
    if const { M * PANEL <= S::ACCUMULATORS || M == 1 } {
        s.enter(Rows::<M>(tile));
    } else {
        unreachable!("a tile fits the registers");
    }
}

struct Outer {
    depth: usize,
    rows: *const f32,
    panel: *const f32,
    out: *mut f32,
    step: usize,
}

/// A tile of `M` rows; who makes one promises what [`outer`] asks for.
struct Rows<const M: usize>(Outer);

impl<const M: usize> Task for Rows<M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Outer { depth, mut rows, mut panel, out, step } = self.0;
        // SAFETY: see [`outer`].
        unsafe {
            let mut sums = [[s.splat(0.0); PANEL]; M];
            for _ in 0..depth {
                let loaded = [s.load(panel), s.load(panel.add(S::LANES))];
                for (i, sums) in sums.iter_mut().enumerate() {
                    let row = s.splat(*rows.add(i));
                    for (sum, loaded) in sums.iter_mut().zip(loaded) {
                        *sum = s.mul_add(row, loaded, *sum);
                    }
                }
                rows = rows.add(M);
                panel = panel.add(PANEL * S::LANES);
            }
            for (i, sums) in sums.into_iter().enumerate() {
                for (j, sum) in sums.into_iter().enumerate() {
                    s.store(out.add(i * step + j * S::LANES), sum);
                }
            }
        }
    }
}

/// Rows of either factor in a tile of [`inner`], at most.
pub(super) fn inner_rows<S: Simd>() -> usize {
    match S::ACCUMULATORS {
        28.. => 5,
        12.. => 3,
        _ => 2,
    }
}

/// Rows of two matrices whose products with each other are wanted.
#[derive(Clone, Copy)]
pub(super) struct Inner {
    pub left: *const f32,
    /// From one row to the next.
    pub left_step: usize,
    pub right: *const f32,
    pub right_step: usize,
    /// Numbers in a row: whole vectors.
    pub len: usize,
    pub out: *mut f32,
    /// From one row of the output to the next.
    pub out_step: usize,
    /// Added to what is there.
    pub add: bool,
}

/// `out[i][j] = sum over k of left[i][k] right[j][k]`, for `counts[0]` and `counts[1]` rows.
///
/// # Safety
/// The rows can be read and the outputs be written.
pub(super) unsafe fn inner<S: Simd>(s: S, counts: [usize; 2], tile: Inner) {
    match counts[0] {
        1 => inner_of::<S, 1>(s, counts[1], tile),
        2 => inner_of::<S, 2>(s, counts[1], tile),
        3 => inner_of::<S, 3>(s, counts[1], tile),
        4 => inner_of::<S, 4>(s, counts[1], tile),
        5 => inner_of::<S, 5>(s, counts[1], tile),
        _ => unreachable!("a tile has at most 5 rows"),
    }
}

fn inner_of<S: Simd, const M: usize>(s: S, count: usize, tile: Inner) {
    match count {
        1 => inner_entered::<S, M, 1>(s, tile),
        2 => inner_entered::<S, M, 2>(s, tile),
        3 => inner_entered::<S, M, 3>(s, tile),
        4 => inner_entered::<S, M, 4>(s, tile),
        5 => inner_entered::<S, M, 5>(s, tile),
        _ => unreachable!("a tile has at most 5 columns"),
    }
}

fn inner_entered<S: Simd, const M: usize, const N: usize>(s: S, tile: Inner) {
    if const { M * N <= S::ACCUMULATORS } {
        s.enter(Pairs::<M, N>(tile));
    } else {
        unreachable!("a tile fits the registers");
    }
}

/// A tile of `M` by `N`; who makes one promises what [`inner`] asks for.
struct Pairs<const M: usize, const N: usize>(Inner);

impl<const M: usize, const N: usize> Task for Pairs<M, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Inner { left, left_step, right, right_step, len, out, out_step, add } = self.0;
        // SAFETY: see [`inner`].
        unsafe {
            let mut sums = [[s.splat(0.0); N]; M];
            let mut at = 0;
            while at < len {
                let mut rights = [s.splat(0.0); N];
                for (j, loaded) in rights.iter_mut().enumerate() {
                    *loaded = s.load(right.add(j * right_step + at));
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let left = s.load(left.add(i * left_step + at));
                    for (sum, right) in sums.iter_mut().zip(rights) {
                        *sum = s.mul_add(left, right, *sum);
                    }
                }
                at += S::LANES;
            }
            for (i, sums) in sums.into_iter().enumerate() {
                for (j, sum) in sums.into_iter().enumerate() {
                    let out = out.add(i * out_step + j);
                    *out = s.sum(sum) + if add { *out } else { 0.0 };
                }
            }
        }
    }
}
