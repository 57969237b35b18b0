//! A tile of a matrix product, held in registers: packed rows times a packed panel. Every step broadcasts a column of the
//! rows and loads a row of the panel.

use crate::simd::{Simd, Task};

/// Vectors in a row of a panel.
pub(super) const PANEL: usize = 2;

/// Rows in a tile, at most.
pub(super) fn tile_rows<S: Simd>() -> usize {
    S::TILE[PANEL - 1]
}

/// `out[i][j] = sum over k of rows[k][i] panel[k][j]`.
///
/// # Safety
/// `depth * count` numbers can be read from `rows`, `depth` panel rows from `panel`; a panel row can be written `count` times,
/// `step` apart.
pub(super) unsafe fn tile<S: Simd>(
    s: S,
    count: usize,
    depth: usize,
    rows: *const f32,
    panel: *const f32,
    out: *mut f32,
    step: usize,
) {
    let tile = Tile { depth, rows, panel, out, step };
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
fn entered<S: Simd, const M: usize>(s: S, tile: Tile) {
    if const { M <= S::TILE[PANEL - 1] } {
        s.enter(Rows::<M>(tile));
    } else {
        unreachable!("a tile fits the registers");
    }
}

struct Tile {
    depth: usize,
    rows: *const f32,
    panel: *const f32,
    out: *mut f32,
    step: usize,
}

/// A tile of `M` rows; who makes one promises what [`tile`] asks for.
struct Rows<const M: usize>(Tile);

impl<const M: usize> Task for Rows<M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Tile { depth, mut rows, mut panel, out, step } = self.0;
        // SAFETY: see [`tile`].
        unsafe {
            for i in 0..M {
                for j in 0..PANEL {
                    s.prefetch_near(out.add(i * step + j * S::LANES));
                }
            }
            let mut sums = [[s.splat(0.0); PANEL]; M];
            for _ in 0..depth {
                let loaded = [s.load(panel), s.load(panel.add(S::LANES))];
                for (i, sums) in sums.iter_mut().enumerate() {
                    let row = s.splat(*rows.add(i));
                    for (sum, &loaded) in sums.iter_mut().zip(&loaded) {
                        *sum = s.mul_add(row, loaded, *sum);
                    }
                }
                rows = rows.add(M);
                panel = panel.add(PANEL * S::LANES);
            }
            // By reference: arrays that are moved into an iterator are copied through memory.
            for (i, sums) in sums.iter().enumerate() {
                for (j, &sum) in sums.iter().enumerate() {
                    s.store(out.add(i * step + j * S::LANES), sum);
                }
            }
        }
    }
}
