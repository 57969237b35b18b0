//! Least squares with coefficients that are not negative: a cost is never a gain.

/// Sums of least squares: products of columns with each other, and with what they should add up to.
#[derive(Debug, Clone)]
pub(super) struct Equations<const N: usize> {
    products: [[f64; N]; N],
    targets: [f64; N],
}

/// Sweeps over all coefficients; far fewer are needed.
const SWEEPS: usize = 50_000;
/// The largest step of a sweep, over the largest coefficient, at which it is done.
const SETTLED: f64 = 1e-11;
/// How much a coefficient that nothing is known about is drawn to 0, of its column's own weight: columns that are multiples of
/// each other then share what they explain.
const RIDGE: f64 = 1e-7;

impl<const N: usize> Default for Equations<N> {
    fn default() -> Self {
        Self { products: [[0.0; N]; N], targets: [0.0; N] }
    }
}

impl<const N: usize> Equations<N> {
    /// Asks for `columns * coefficients = target`; a deviation of `unit` counts 1.
    pub fn add(&mut self, columns: &[f64; N], target: f64, unit: f64) {
        let weight = 1.0 / (unit * unit);
        for (i, column) in columns.iter().enumerate().filter(|(_, column)| **column != 0.0) {
            for (product, other) in self.products[i].iter_mut().zip(columns) {
                *product += weight * column * other;
            }
            self.targets[i] += weight * column * target;
        }
    }

    /// The best coefficients of at least 0, one after the other until none moves: the sum of squares is convex, so there is
    /// nowhere else to get stuck. Columns that are 0 in all equations get 0.
    pub fn solve(&self) -> [f64; N] {
        // In units in which every column weighs 1.
        let scale = std::array::from_fn::<f64, N, _>(|i| self.products[i][i].sqrt());
        let known: Vec<usize> = (0..N).filter(|&i| scale[i] > 0.0 && scale[i].is_finite()).collect();
        let mut solution = [0.0; N];
        for _ in 0..SWEEPS {
            let (mut moved, mut largest) = (0.0_f64, 0.0_f64);
            for &i in &known {
                let others: f64 = known
                    .iter()
                    .filter(|&&j| j != i)
                    .map(|&j| self.products[i][j] / (scale[i] * scale[j]) * solution[j])
                    .sum();
                let best = ((self.targets[i] / scale[i] - others) / (1.0 + RIDGE)).max(0.0);
                moved = moved.max((best - solution[i]).abs());
                largest = largest.max(best);
                solution[i] = best;
            }
            if moved <= SETTLED * largest {
                break;
            }
        }
        std::array::from_fn(|i| if scale[i] > 0.0 { solution[i] / scale[i] } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn solved<const N: usize>(rows: &[([f64; N], f64)]) -> [f64; N] {
        let mut equations = Equations::default();
        rows.iter().for_each(|(columns, target)| equations.add(columns, *target, *target));
        equations.solve()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-4 * b.abs().max(1e-9)
    }

    #[test]
    fn coefficients_that_are_there_are_found() {
        let rows: Vec<([f64; 3], f64)> = [[1.0, 2e6, 5.0], [1.0, 1e6, 1.0], [1.0, 7e6, 3.0], [1.0, 4e6, 8.0]]
            .map(|[a, b, c]| ([a, b, c], 2.0 * a + 3e-6 * b + 0.5 * c))
            .to_vec();
        let found = solved(&rows);
        assert!([2.0, 3e-6, 0.5].iter().zip(found).all(|(b, a)| close(a, *b)), "{found:?}");
    }

    #[test]
    fn a_coefficient_that_would_be_negative_is_zero() {
        // 5 - x.
        let [offset, slope] = solved(&[([1.0, 1.0], 4.0), ([1.0, 2.0], 3.0), ([1.0, 4.0], 1.0)]);
        assert_eq!(slope, 0.0);
        assert!(offset > 1.0 && offset < 4.0, "{offset}");
    }

    #[test]
    fn columns_that_say_nothing_or_the_same_do_no_harm() {
        let found = solved(&[([0.0, 1.0, 2.0], 10.0), ([0.0, 3.0, 6.0], 30.0)]);
        assert_eq!(found[0], 0.0);
        assert!(close(found[1] + 2.0 * found[2], 10.0), "{found:?}");
        assert_eq!(Equations::<2>::default().solve(), [0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn nothing_nearby_is_better(rows in prop::collection::vec((prop::array::uniform3(0.1f64..10.0), 0.1f64..10.0), 3..8), moved in prop::array::uniform3(-0.1f64..0.1)) {
            let found = solved(&rows);
            prop_assert!(found.iter().all(|value| *value >= 0.0 && value.is_finite()));
            let squares = |at: &[f64; 3]| -> f64 {
                let relative = |(columns, target): &([f64; 3], f64)| {
                    let sum: f64 = columns.iter().zip(at).map(|(column, value)| column * value).sum();
                    (sum / target - 1.0).powi(2)
                };
                rows.iter().map(relative).sum()
            };
            let other = std::array::from_fn(|i| (found[i] + moved[i]).max(0.0));
            prop_assert!(squares(&found) <= squares(&other) * (1.0 + 1e-4) + 1e-6, "{found:?}");
        }
    }
}
