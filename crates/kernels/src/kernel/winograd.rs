//! The ways into and out of Winograd's form of a 3x3 convolution, F(2x2, 3x3) of Lavin and Gray (2016).
//!
//! Four outputs, a tile of 2x2, need sixteen products for each pair of channels and not 36: the 4x4 inputs under a tile and the
//! filter are each brought into sixteen sums, which are multiplied one by one, and of whose products four sums are the outputs. With
//! all channels each of the sixteen is a matrix product, of tiles in place of pixels. Both ways are additions alone; filters,
//! whose way has halves in it, are brought there when they are packed.

use super::finish::Clamp;
use crate::simd::{Simd, Task};

/// Products for each tile and pair of channels.
pub(crate) const POINTS: usize = 16;

/// A filter `[3][3]` in Winograd's form, `G g G^T`.
pub(crate) fn filter(taps: &[f32]) -> [f64; POINTS] {
    let side = |[a, b, c]: [f64; 3]| [a, (a + b + c) / 2.0, (a - b + c) / 2.0, c];
    let row = |k: usize| side([0, 1, 2].map(|l| f64::from(taps[3 * k + l])));
    let rows = [row(0), row(1), row(2)];
    let columns = [0, 1, 2, 3].map(|j| side(rows.map(|row| row[j])));
    std::array::from_fn(|point| columns[point % 4][point / 4])
}

/// What one block of channels brings to a row of tiles.
pub(crate) struct Input<'a> {
    /// The four rows of the map under the tiles, each `[column][lane]`; zeros where the map has none.
    pub rows: [&'a [f32]; 4],
    /// Columns of zeros at the left.
    pub left: usize,
    /// Room for `4 * (2 * tiles + 2)` vectors.
    pub columns: &'a mut [f32],
    /// Tiles in the row.
    pub tiles: usize,
    /// The first tile's vector of the first point, and how far those of two points are apart.
    pub out: &'a mut [f32],
    pub point: usize,
}

impl Task for Input<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { rows, left, columns, tiles, out, point } = self;
        let wide = 2 * tiles + 2;
        let inside = (rows[0].len() / S::LANES).min(wide.saturating_sub(left));
        assert!(columns.len() >= 4 * wide * S::LANES && tiles > 0);
        assert!(rows.iter().all(|row| row.len() >= inside * S::LANES));
        assert!(out.len() >= 15 * point + tiles * S::LANES);
        let columns = columns.as_mut_ptr();
        let inputs = [rows[0].as_ptr(), rows[1].as_ptr(), rows[2].as_ptr(), rows[3].as_ptr()];
        // SAFETY: columns before `wide` in four rows are in `columns`, those before `inside` in each of `rows`, and so many tiles of sixteen
        // points in `out`: all asserted.
        unsafe {
            for row in 0..4 {
                let row = columns.add(row * wide * S::LANES);
                for column in (0..left.min(wide)).chain(left + inside..wide) {
                    s.store(row.add(column * S::LANES), s.splat(0.0));
                }
            }
            for column in 0..inside {
                let at = column * S::LANES;
                let four = [inputs[0].add(at), inputs[1].add(at), inputs[2].add(at), inputs[3].add(at)];
                let [a, b, c, d] = forward(s, four);
                let to = columns.add((left + column) * S::LANES);
                s.store(to, a);
                s.store(to.add(wide * S::LANES), b);
                s.store(to.add(2 * wide * S::LANES), c);
                s.store(to.add(3 * wide * S::LANES), d);
            }
            for row in 0..4 {
                let from = columns.add(row * wide * S::LANES);
                let to = out.as_mut_ptr().add(4 * row * point);
                for tile in 0..tiles {
                    let from = from.add(2 * tile * S::LANES).cast_const();
                    let four = [from, from.add(S::LANES), from.add(2 * S::LANES), from.add(3 * S::LANES)];
                    let [a, b, c, d] = forward(s, four);
                    let to = to.add(tile * S::LANES);
                    s.store(to, a);
                    s.store(to.add(point), b);
                    s.store(to.add(2 * point), c);
                    s.store(to.add(3 * point), d);
                }
            }
        }
    }
}

/// `B^T` times four vectors.
///
/// # Safety
/// They can be read.
#[inline(always)]
unsafe fn forward<S: Simd>(s: S, from: [*const f32; 4]) -> [S::V; 4] {
    // SAFETY: the caller's promise.
    let (a, b, c, d) = unsafe { (s.load(from[0]), s.load(from[1]), s.load(from[2]), s.load(from[3])) };
    [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(b, d)]
}

/// The outputs of neighbouring tiles of a row, of one block of channels.
pub(crate) struct Output<'a> {
    /// The first tile's vector of the first point, and how far those of two points are apart.
    pub products: &'a [f32],
    pub point: usize,
    pub tiles: usize,
    /// One vector.
    pub bias: &'a [f32],
    pub clamp: Option<Clamp>,
    /// One row of the map from the first tile's first column on, or two a `row` apart; columns that it has not are left out.
    pub out: &'a mut [f32],
    pub columns: usize,
    pub row: Option<usize>,
}

impl Task for Output<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { products, point, tiles, bias, clamp, out, columns, row } = self;
        assert!(products.len() >= 15 * point + tiles * S::LANES && bias.len() >= S::LANES);
        assert!(out.len() >= row.unwrap_or(0) + columns * S::LANES && columns + 1 >= 2 * tiles);
        let (products, out) = (products.as_ptr(), out.as_mut_ptr());
        // SAFETY: so many tiles of sixteen points are in `products`, and `columns` of one row or two in `out`: asserted.
        unsafe {
            let bias = s.load(bias.as_ptr());
            for tile in 0..tiles {
                let mut rows = [[s.splat(0.0); 2]; 4];
                for (j, pair) in rows.iter_mut().enumerate() {
                    let from = products.add(j * point + tile * S::LANES);
                    let column = [
                        s.load(from),
                        s.load(from.add(4 * point)),
                        s.load(from.add(8 * point)),
                        s.load(from.add(12 * point)),
                    ];
                    *pair = backward(s, column);
                }
                let both = 2 * tile + 1 < columns;
                let to = out.add(2 * tile * S::LANES);
                let [mut a, mut b] = backward(s, [rows[0][0], rows[1][0], rows[2][0], rows[3][0]]);
                (a, b) = (s.add(a, bias), s.add(b, bias));
                let [mut c, mut d] = backward(s, [rows[0][1], rows[1][1], rows[2][1], rows[3][1]]);
                (c, d) = (s.add(c, bias), s.add(d, bias));
                if let Some(clamp) = clamp {
                    (a, b, c, d) = (clamp.of(s, a), clamp.of(s, b), clamp.of(s, c), clamp.of(s, d));
                }
                s.store(to, a);
                if both {
                    s.store(to.add(S::LANES), b);
                }
                if let Some(row) = row {
                    s.store(to.add(row), c);
                    if both {
                        s.store(to.add(row + S::LANES), d);
                    }
                }
            }
        }
    }
}

/// `A^T` times four vectors.
#[inline(always)]
fn backward<S: Simd>(s: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 2] {
    [s.add(s.add(a, b), c), s.sub(s.sub(b, c), d)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_of_one_tap_is_where_it_was() {
        let mut taps = [0.0; 9];
        taps[0] = 1.0;
        assert_eq!(filter(&taps)[..6], [1.0, 0.5, 0.5, 0.0, 0.5, 0.25]);
        taps = [0.0; 9];
        taps[5] = 1.0;
        // Row 1, column 2: down 0, 1/2, -1/2, 0; across 0, 1/2, 1/2, 1.
        assert_eq!(filter(&taps)[4..12], [0.0, 0.25, 0.25, 0.5, 0.0, -0.25, -0.25, -0.5]);
    }
}
