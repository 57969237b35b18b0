//! From the sum of a network's pieces to the network: a line, and how far it is off.
//!
//! The sum misses what a pass costs beside its pieces (waking threads, reading the image, giving out the logits: the
//! offset) and what pieces gain or lose by standing in a network (warm and cold caches: the slope). Both are fitted by least
//! squares of the *relative* deviations, so that the largest network does not decide alone.

use serde::{Deserialize, Serialize};

/// `offset + slope * sum`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// Milliseconds, never below 0: a prediction is always a time.
    pub offset_ms: f64,
    /// By how much the sum is multiplied, above 0.
    pub slope: f64,
    /// To how many networks it was fitted.
    pub networks: usize,
}

/// A network for the fit: what goes in and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The network's name.
    pub name: String,
    /// The sum of its pieces in milliseconds, or another quantity such as its multiply-adds.
    pub sum: f64,
    /// What the whole took, in milliseconds.
    pub measured: f64,
}

impl Correction {
    /// The sum itself.
    pub const NONE: Self = Self { offset_ms: 0.0, slope: 1.0, networks: 0 };

    /// The best line through positive points. One point, points with one sum, and a best line with an offset below 0 give
    /// a line through the origin; no point gives [`Correction::NONE`].
    pub fn fit<'a>(points: impl IntoIterator<Item = &'a Point>) -> Self {
        let mut sums = Sums::default();
        points.into_iter().for_each(|point| sums.add(point.sum, point.measured));
        let networks = sums.count;
        if networks == 0 {
            return Self::NONE;
        }
        let (offset_ms, slope) = sums.line().unwrap_or_else(|| (0.0, sums.xy / sums.xx));
        Self { offset_ms, slope, networks }
    }

    /// What a network with this sum takes, in milliseconds.
    pub fn apply(&self, sum: f64) -> f64 {
        self.offset_ms + self.slope * sum
    }
}

/// Sums of least squares, each point weighed by 1 / measured^2.
#[derive(Default)]
struct Sums {
    count: usize,
    w: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl Sums {
    fn add(&mut self, x: f64, y: f64) {
        let w = 1.0 / (y * y);
        self.count += 1;
        self.w += w;
        self.x += w * x;
        self.y += w * y;
        self.xx += w * x * x;
        self.xy += w * x * y;
    }

    /// Offset and slope, where both can be had and make sense.
    fn line(&self) -> Option<(f64, f64)> {
        let determinant = self.w * self.xx - self.x * self.x;
        // Equal sums differ by rounding only.
        if determinant <= 1e-9 * self.w * self.xx {
            return None;
        }
        let slope = (self.w * self.xy - self.x * self.y) / determinant;
        let offset = (self.y - slope * self.x) / self.w;
        (offset >= 0.0 && slope > 0.0).then_some((offset, slope))
    }
}

/// How well networks are predicted by a line that was fitted to the *other* networks (leave one out).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Accuracy {
    /// How many networks.
    pub networks: usize,
    /// Mean of the absolute deviations, in percent of what was measured.
    pub mean_percent: f64,
    /// The largest of them.
    pub worst_percent: f64,
    /// The network that has it.
    pub worst: String,
    /// Spearman's rank correlation of predicted and measured times: 1 where the order is right. None where all times are
    /// equal.
    pub rank_correlation: Option<f64>,
}

impl Accuracy {
    /// Predicts each point from the others. None for fewer than three, which leave no line to be held against a third.
    pub fn leave_one_out(points: &[Point]) -> Option<Self> {
        if points.len() < 3 {
            return None;
        }
        let predicted: Vec<f64> = (0..points.len()).map(|index| predicted_by_others(points, index)).collect();
        let percent =
            |(point, predicted): (&Point, &f64)| 100.0 * (predicted - point.measured).abs() / point.measured;
        let percents: Vec<f64> = points.iter().zip(&predicted).map(percent).collect();
        let (worst, worst_percent) = percents.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
        let measured: Vec<f64> = points.iter().map(|point| point.measured).collect();
        Some(Self {
            networks: points.len(),
            mean_percent: percents.iter().sum::<f64>() / points.len() as f64,
            worst_percent: *worst_percent,
            worst: points[worst].name.clone(),
            rank_correlation: spearman(&predicted, &measured),
        })
    }
}

/// What the point with this index should take by the line through all others.
pub(super) fn predicted_by_others(points: &[Point], index: usize) -> f64 {
    let others = points.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, point)| point);
    Correction::fit(others).apply(points[index].sum)
}

/// Pearson's correlation of the ranks; equal values share the mean of their ranks.
fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

/// From 0.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        below as f64 + (equal as f64 - 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(pairs: &[(f64, f64)]) -> Vec<Point> {
        let point = |(sum, measured): &(f64, f64)| Point {
            name: format!("at {sum}"),
            sum: *sum,
            measured: *measured,
        };
        pairs.iter().map(point).collect()
    }

    #[test]
    fn a_line_is_found_and_predicts_what_it_was_not_fitted_to() {
        let points = points(&[(1.0, 2.5), (2.0, 3.7), (10.0, 13.3), (4.0, 6.1)]);
        let line = Correction::fit(&points);
        assert!((line.offset_ms - 1.3).abs() < 1e-9 && (line.slope - 1.2).abs() < 1e-9, "{line:?}");
        let accuracy = Accuracy::leave_one_out(&points).unwrap();
        assert!(accuracy.worst_percent < 1e-9, "{accuracy:?}");
        assert_eq!((accuracy.networks, accuracy.rank_correlation), (4, Some(1.0)));
    }

    #[test]
    fn where_there_is_no_line_with_a_time_at_its_start() {
        assert_eq!(Correction::fit(&[]), Correction::NONE);
        assert_eq!(
            Correction::fit(&points(&[(2.0, 3.0)])),
            Correction { offset_ms: 0.0, slope: 1.5, networks: 1 }
        );
        assert_eq!(Correction::fit(&points(&[(2.0, 3.0), (2.0, 3.0)])).slope, 1.5);
        // The line through these two crosses 0 at a sum of 1.
        let steep = Correction::fit(&points(&[(2.0, 1.0), (3.0, 2.0)]));
        assert_eq!(steep.offset_ms, 0.0);
        // And these fall.
        assert!(Correction::fit(&points(&[(1.0, 3.0), (2.0, 2.0)])).slope > 0.0);
    }

    #[test]
    fn the_network_that_is_far_off_is_named() {
        let points = points(&[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 8.0), (5.0, 5.0)]);
        let accuracy = Accuracy::leave_one_out(&points).unwrap();
        assert_eq!(accuracy.worst, "at 4");
        assert!((accuracy.worst_percent - 50.0).abs() < 1e-9, "{accuracy:?}");
        // 4 and 5 are exchanged: 1 - 6 * 2 / (5 * 24).
        assert!((accuracy.rank_correlation.unwrap() - 0.9).abs() < 1e-9, "{accuracy:?}");
        assert_eq!(Accuracy::leave_one_out(&points[..2]), None);
    }

    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[9.0, 8.0, 7.0]), Some(-1.0));
    }

    proptest! {
        #[test]
        fn predictions_are_times(pairs in prop::collection::vec((1e-3f64..1e4, 1e-3f64..1e4), 1..12), sum in 1e-6f64..1e6) {
            let line = Correction::fit(&points(&pairs));
            prop_assert!(line.apply(sum) > 0.0 && line.apply(sum).is_finite());
        }
    }
}
