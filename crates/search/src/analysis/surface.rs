//! A smooth surface over the shares of depth, width and resolution: neighbours of a grid support each other.
//!
//! With P = alpha beta^2 gamma^2, depth has the share a = ln alpha / ln P of the cost's logarithm, width b = 2 ln beta / ln P,
//! resolution c = 2 ln gamma / ln P, and a + b + c = 1. Over that triangle the top-1 is fitted by a polynomial of second degree.

use efficientnet_data::{Purpose, Random};
use efficientnet_scaling::CompoundRule;
use serde::Serialize;

use super::numbers::{F_LEVEL, Fit, Interval, dot, f_tail, least_squares, quantile};

/// Steps from one side of the triangle to the other in the search for the highest place.
const STEPS: usize = 50;
const DRAWS: u64 = 400;
/// Unknowns of the polynomial.
const UNKNOWNS: usize = 6;

/// The fitted surface.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Surface {
    /// Networks that it is fitted to.
    pub networks: usize,
    /// Share of the networks' variance that it explains.
    pub r_squared: f64,
    /// How often networks that differ by noise alone would be explained as well (F test against a flat surface).
    pub chance: Option<f64>,
    /// Whether that is seldom enough to say that it is not flat.
    pub distinguishable: bool,
    /// Its highest place: shares of depth, width, resolution.
    pub optimum: [f64; 3],
    /// The same as alpha, beta, gamma, for the networks' mean product.
    pub coefficients: [f64; 3],
    /// Where 95 % of the highest places of surfaces fitted to redrawn residuals lie: alpha, beta, gamma.
    pub intervals: [Interval; 3],
    /// Its height there, 0 to 1.
    pub top1: f64,
    /// Whether the highest place is on the edge of the triangle, so that a dimension would not be scaled at all.
    pub on_the_edge: bool,
}

/// Shares of depth, width and resolution in the logarithm of the nominal cost; none for a rule that costs nothing.
pub fn shares(rule: &CompoundRule) -> Option<[f64; 3]> {
    let logs = [rule.alpha().ln(), 2.0 * rule.beta().ln(), 2.0 * rule.gamma().ln()];
    let sum: f64 = logs.iter().sum();
    (sum > 1e-9).then(|| logs.map(|log| log / sum))
}

/// alpha, beta and gamma whose product's logarithm is `log` and that have these shares of it.
fn coefficients([a, b, c]: [f64; 3], log: f64) -> [f64; 3] {
    [(a * log).exp(), (b * log / 2.0).exp(), (c * log / 2.0).exp()]
}

/// Fits the surface to `top1` at `places`; none for too few networks or places that do not determine it. `log` is the
/// logarithm of the product that coefficients are given for.
pub(super) fn fit(places: &[[f64; 3]], top1: &[f64], log: f64) -> Option<Surface> {
    if places.len() <= UNKNOWNS {
        return None;
    }
    let rows: Vec<Vec<f64>> = places.iter().map(terms).collect();
    let fit = least_squares(&rows, top1)?;
    let lattice = lattice();
    let (optimum, height) = highest(&lattice, &fit.coefficients)?;
    let explained = fit.total - fit.residual;
    let steps = UNKNOWNS as f64 - 1.0;
    let degrees = fit.degrees as f64;
    // Residuals that are nothing but rounding leave no F.
    let f = (fit.residual > fit.total * 1e-12).then(|| (explained / steps) / (fit.residual / degrees));
    let chance = match f {
        Some(f) => f_tail(f.max(0.0), steps, degrees),
        None if fit.total > 0.0 => Some(0.0),
        None => None,
    };
    Some(Surface {
        networks: places.len(),
        r_squared: if fit.total > 0.0 { explained / fit.total } else { 0.0 },
        chance,
        distinguishable: chance.is_some_and(|chance| chance < F_LEVEL),
        optimum,
        coefficients: coefficients(optimum, log),
        intervals: redrawn(&rows, top1, &fit, &lattice, log),
        top1: height,
        on_the_edge: optimum.iter().any(|share| *share < 0.5 / STEPS as f64),
    })
}

/// Around the middle, where the unknowns are of like size.
fn terms([a, b, _]: &[f64; 3]) -> Vec<f64> {
    let (u, v) = (a - 1.0 / 3.0, b - 1.0 / 3.0);
    vec![1.0, u, v, u * u, u * v, v * v]
}

fn lattice() -> Vec<([f64; 3], Vec<f64>)> {
    let shares = |a: usize, b: usize| [a, b, STEPS - a - b].map(|part| part as f64 / STEPS as f64);
    let places = (0..=STEPS).flat_map(|a| (0..=STEPS - a).map(move |b| shares(a, b)));
    places.map(|place| (place, terms(&place))).collect()
}

fn highest(lattice: &[([f64; 3], Vec<f64>)], unknowns: &[f64]) -> Option<([f64; 3], f64)> {
    let heights = lattice.iter().map(|(place, terms)| (*place, dot(terms, unknowns)));
    heights.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The highest places of surfaces fitted to what the first one says plus residuals drawn again.
fn redrawn(
    rows: &[Vec<f64>],
    top1: &[f64],
    fit: &Fit,
    lattice: &[([f64; 3], Vec<f64>)],
    log: f64,
) -> [Interval; 3] {
    let fitted: Vec<f64> = rows.iter().map(|row| dot(row, &fit.coefficients)).collect();
    // A fit's residuals are smaller than the errors by what its unknowns took up.
    let inflation = (rows.len() as f64 / fit.degrees.max(1) as f64).sqrt();
    let residuals: Vec<f64> =
        top1.iter().zip(&fitted).map(|(top1, fitted)| (top1 - fitted) * inflation).collect();
    let mut drawn: [Vec<f64>; 3] = Default::default();
    for draw in 0..DRAWS {
        let mut random = Random::new(0, 1, draw, Purpose::Resample);
        let values: Vec<f64> =
            fitted.iter().map(|fitted| fitted + residuals[random.below(residuals.len())]).collect();
        let Some(again) = least_squares(rows, &values) else { continue };
        let Some((place, _)) = highest(lattice, &again.coefficients) else { continue };
        drawn.iter_mut().zip(coefficients(place, log)).for_each(|(list, value)| list.push(value));
    }
    drawn.map(|mut values| {
        values.sort_by(f64::total_cmp);
        Interval { low: quantile(&values, 0.025), high: quantile(&values, 0.975) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Vec<[f64; 3]> {
        (0..=6)
            .flat_map(|a| (0..=6 - a).map(move |b| [a, b, 6 - a - b].map(|part| f64::from(part) / 6.0)))
            .collect()
    }

    fn noise(index: usize) -> f64 {
        Random::new(3, 0, index as u64, Purpose::Resample).between(-1.0, 1.0)
    }

    #[test]
    fn shares_sum_up_to_one() {
        let [a, b, c] = shares(&CompoundRule::PAPER).unwrap();
        assert!((a + b + c - 1.0).abs() < 1e-12);
        // ln 1.2 over ln 1.9203.
        assert!((a - 0.279_42).abs() < 1e-4 && (b - 0.292_14).abs() < 1e-4, "{a} {b}");
        assert_eq!(shares(&CompoundRule::depth_only()), Some([1.0, 0.0, 0.0]));
        assert_eq!(shares(&CompoundRule::new(1.0, 1.0, 1.0).unwrap()), None);
        let back = coefficients([a, b, c], (1.2f64 * 1.21 * 1.3225).ln());
        assert!(
            (back[0] - 1.2).abs() < 1e-12 && (back[1] - 1.1).abs() < 1e-12 && (back[2] - 1.15).abs() < 1e-12
        );
    }

    #[test]
    fn a_hill_is_found_where_it_is() {
        let places = places();
        let hill = |[a, b, _]: [f64; 3]| 0.8 - (a - 0.5).powi(2) - 2.0 * (b - 0.3).powi(2);
        let top1: Vec<f64> =
            places.iter().enumerate().map(|(index, place)| hill(*place) + 0.002 * noise(index)).collect();
        let surface = fit(&places, &top1, 2f64.ln()).unwrap();
        assert!(
            (surface.optimum[0] - 0.5).abs() < 0.03 && (surface.optimum[1] - 0.3).abs() < 0.03,
            "{surface:?}"
        );
        assert!(surface.distinguishable && surface.r_squared > 0.99 && !surface.on_the_edge);
        assert!(
            surface.intervals[0].low <= surface.coefficients[0]
                && surface.coefficients[0] <= surface.intervals[0].high
        );
        assert!(surface.intervals[0].high - surface.intervals[0].low < 0.1);
    }

    #[test]
    fn noise_is_not_told_from_flat() {
        let places = places();
        let top1: Vec<f64> = (0..places.len()).map(|index| 0.5 + 0.01 * noise(index)).collect();
        let surface = fit(&places, &top1, 2f64.ln()).unwrap();
        assert!(!surface.distinguishable, "{surface:?}");
        assert!(surface.chance.unwrap() > 0.05);
    }

    #[test]
    fn too_few_networks_have_no_surface() {
        assert!(fit(&places()[..6], &[0.5; 6], 1.0).is_none());
        assert!(fit(&[[1.0, 0.0, 0.0]; 9], &[0.5; 9], 1.0).is_none());
        let flat = fit(&places(), &[0.5; 28], 2f64.ln()).unwrap();
        assert!(!flat.distinguishable && flat.r_squared.is_finite());
    }
}
