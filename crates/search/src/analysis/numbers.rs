//! The little statistics that is needed: means, quantiles of Student's t, tails of F, least squares for a few unknowns.

use serde::{Deserialize, Serialize};

/// A result whose F is as large by chance less often than this is told from nothing.
pub const F_LEVEL: f64 = 0.05;

/// From `low` to `high`, in the unit of what it is about; of 20 such intervals about 19 hold the true value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// 95 % around `centre`, from a standard error with so many degrees of freedom; none without a degree of freedom.
    pub fn around(centre: f64, error: f64, degrees: f64) -> Option<Self> {
        let half = t_quantile(0.975, degrees)? * error;
        half.is_finite().then_some(Self { low: centre - half, high: centre + half })
    }

    /// Whether zero lies outside.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// None of no values.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sum of squared differences from the mean.
pub(crate) fn squares(values: &[f64]) -> f64 {
    mean(values).map_or(0.0, |mean| values.iter().map(|value| (value - mean).powi(2)).sum())
}

/// The value that `share` of the sorted values do not exceed, between neighbours in proportion.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64;
    let (below, rest) = (place.floor() as usize, place.fract());
    match (sorted.get(below), sorted.get(below + 1)) {
        (Some(low), Some(high)) => low + (high - low) * rest,
        (Some(low), None) => *low,
        (None, _) => f64::NAN,
    }
}

/// The value of Student's t that is not exceeded with this probability (0.5 to 1); none without a degree of freedom.
pub fn t_quantile(probability: f64, degrees: f64) -> Option<f64> {
    if !(degrees > 0.0 && (0.5..1.0).contains(&probability)) {
        return None;
    }
    let beyond = |t: f64| 0.5 * beta_share(degrees / (degrees + t * t), degrees / 2.0, 0.5);
    let (mut low, mut high) = (0.0, 1.0);
    while beyond(high) > 1.0 - probability && high < 1e12 {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if beyond(middle) > 1.0 - probability { low = middle } else { high = middle }
    }
    Some((low + high) / 2.0)
}

/// How often F with these degrees of freedom is `value` or more by chance; none where there is no such F.
pub fn f_tail(value: f64, between: f64, within: f64) -> Option<f64> {
    (value >= 0.0 && between > 0.0 && within > 0.0)
        .then(|| beta_share(within / (within + between * value), within / 2.0, between / 2.0))
}

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8) evaluated as
/// Lentz does.
fn beta_share(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // The fraction converges quickly on this side only.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_share(1.0 - x, b, a);
    }
    let front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * (1.0 - x).ln();
    front.exp() * fraction(x, a, b) / a
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let not_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut c, mut d) = (1.0, 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut result = d;
    for step in 1..500 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = result;
        for term in [even, odd] {
            d = 1.0 / not_zero(1.0 + term * d);
            c = not_zero(1.0 + term / c);
            result *= c * d;
        }
        if (result - before).abs() < 1e-15 * result.abs() {
            break;
        }
    }
    result
}

/// A fit by least squares.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// One for each unknown.
    pub coefficients: Vec<f64>,
    /// Their standard errors.
    pub errors: Vec<f64>,
    /// Sum of the squared residuals.
    pub residual: f64,
    /// Sum of the squared differences from the mean.
    pub total: f64,
    /// Values less unknowns.
    pub degrees: usize,
}

/// Fits `values` by sums of each row's entries times the unknowns, by the normal equations: right for a handful of unknowns of
/// like size. None where the rows do not determine the unknowns.
pub fn least_squares(rows: &[Vec<f64>], values: &[f64]) -> Option<Fit> {
    let unknowns = rows.first()?.len();
    let degrees = rows.len().checked_sub(unknowns)?;
    let inverse = inverse(&products(rows))?;
    let moments: Vec<f64> =
        (0..unknowns).map(|i| rows.iter().zip(values).map(|(row, value)| row[i] * value).sum()).collect();
    let coefficients: Vec<f64> = inverse.iter().map(|row| dot(row, &moments)).collect();
    let residual =
        rows.iter().zip(values).map(|(row, value)| (value - dot(row, &coefficients)).powi(2)).sum();
    let variance: f64 = residual / degrees.max(1) as f64;
    let errors = (0..unknowns).map(|i| (variance * inverse[i][i]).max(0.0).sqrt()).collect();
    Some(Fit { coefficients, errors, residual, total: squares(values), degrees })
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn products(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let unknowns = rows.first().map_or(0, Vec::len);
    let product = |i: usize, j: usize| rows.iter().map(|row| row[i] * row[j]).sum();
    (0..unknowns).map(|i| (0..unknowns).map(|j| product(i, j)).collect()).collect()
}

/// By Gauss and Jordan with row pivots; none where the matrix is as good as singular.
fn inverse(matrix: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let size = matrix.len();
    let largest = matrix.iter().flatten().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let unit = |row: usize| (0..size).map(move |column| if row == column { 1.0 } else { 0.0 });
    let mut work: Vec<Vec<f64>> = matrix
        .iter()
        .enumerate()
        .map(|(row, values)| values.iter().copied().chain(unit(row)).collect())
        .collect();
    for column in 0..size {
        let pivot =
            (column..size).max_by(|a, b| work[*a][column].abs().total_cmp(&work[*b][column].abs()))?;
        if work[pivot][column].abs() <= largest * 1e-12 {
            return None;
        }
        work.swap(column, pivot);
        let scale = work[column][column];
        work[column].iter_mut().for_each(|value| *value /= scale);
        let head = work[column].clone();
        for (_, row) in work.iter_mut().enumerate().filter(|(row, _)| *row != column) {
            let factor = row[column];
            row.iter_mut().zip(&head).for_each(|(value, head)| *value -= factor * head);
        }
    }
    Some(work.into_iter().map(|row| row[size..].to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables of Student's t and of F.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        let cases =
            [(1.0, 12.706_205), (2.0, 4.302_653), (6.0, 2.446_912), (10.0, 2.228_139), (30.0, 2.042_272)];
        for (degrees, t) in cases {
            assert!((t_quantile(0.975, degrees).unwrap() - t).abs() < 1e-5, "{degrees}");
        }
        assert!((t_quantile(0.975, 1e6).unwrap() - 1.959_966).abs() < 1e-5);
        assert!((t_quantile(0.95, 4.0).unwrap() - 2.131_847).abs() < 1e-5);
        assert!(t_quantile(0.975, 0.0).is_none() && t_quantile(0.975, f64::NAN).is_none());
        for (value, between, within) in [(4.256_495, 2.0, 9.0), (2.710_890, 5.0, 20.0), (161.447_6, 1.0, 1.0)]
        {
            assert!((f_tail(value, between, within).unwrap() - 0.05).abs() < 1e-6, "{value}");
        }
        assert_eq!(f_tail(0.0, 2.0, 2.0), Some(1.0));
        assert!(f_tail(f64::NAN, 1.0, 1.0).is_none());
    }

    /// y = 1 + 2 x with residuals 1, -1, -1, 1 at x = 0, 1, 2, 3: these leave the line as it is.
    #[test]
    fn a_line_through_points() {
        let rows: Vec<Vec<f64>> = (0..4).map(|x| vec![1.0, f64::from(x)]).collect();
        let fit = least_squares(&rows, &[2.0, 2.0, 4.0, 8.0]).unwrap();
        assert!((fit.coefficients[0] - 1.0).abs() < 1e-12 && (fit.coefficients[1] - 2.0).abs() < 1e-12);
        assert!((fit.residual - 4.0).abs() < 1e-12 && (fit.total - 24.0).abs() < 1e-12 && fit.degrees == 2);
        // sqrt(s^2 / sum of (x - 1.5)^2) with s^2 = 2 and a sum of 5.
        assert!((fit.errors[1] - 0.4f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_determined_has_no_fit() {
        assert!(least_squares(&[], &[]).is_none());
        assert!(least_squares(&[vec![1.0, 2.0]], &[1.0]).is_none());
        let same = vec![vec![1.0, 2.0]; 5];
        assert!(least_squares(&same, &[1.0, 2.0, 3.0, 4.0, 5.0]).is_none());
    }

    #[test]
    fn quantiles_of_values() {
        let sorted = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!((quantile(&sorted, 0.0), quantile(&sorted, 0.5), quantile(&sorted, 1.0)), (1.0, 3.0, 5.0));
        assert!((quantile(&sorted, 0.1) - 1.4).abs() < 1e-12 && quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn an_interval_is_as_wide_as_t_says() {
        let interval = Interval::around(1.0, 0.5, 2.0).unwrap();
        assert!((interval.high - 1.0 - 0.5 * 4.302_653).abs() < 1e-5 && !interval.excludes_zero());
        assert!(Interval::around(1.0, 0.1, 6.0).unwrap().excludes_zero());
        assert!(Interval::around(1.0, 0.1, 0.0).is_none());
    }
}
