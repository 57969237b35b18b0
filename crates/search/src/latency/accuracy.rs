//! How far predictions are off on networks that the predictor was not fitted to, and the line through multiply-adds that it
//! has to beat.

use serde::Serialize;

/// A line through what networks took over another quantity, such as their multiply-adds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Line {
    /// Milliseconds, never below 0: a prediction is always a time.
    pub offset_ms: f64,
    /// Milliseconds for each unit of the quantity, above 0.
    pub slope: f64,
}

impl Line {
    /// The best line through positive quantities and times, by least squares of the *relative* deviations, so that the largest
    /// network does not decide alone. One point, points with one quantity, and a best line with an offset below 0 give a line
    /// through the origin; no point gives one of 0.
    pub fn fit(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut sums = Sums::default();
        points.into_iter().for_each(|(x, y)| sums.add(x, y));
        let origin = || (0.0, if sums.xx > 0.0 { sums.xy / sums.xx } else { 0.0 });
        let (offset_ms, slope) = sums.line().unwrap_or_else(origin);
        Self { offset_ms, slope }
    }

    /// What a network with this quantity takes, in milliseconds.
    pub fn apply(&self, quantity: f64) -> f64 {
        self.offset_ms + self.slope * quantity
    }
}

/// Sums of least squares, each point weighed by 1 / y^2.
#[derive(Default)]
struct Sums {
    w: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl Sums {
    fn add(&mut self, x: f64, y: f64) {
        let w = 1.0 / (y * y);
        self.w += w;
        self.x += w * x;
        self.y += w * y;
        self.xx += w * x * x;
        self.xy += w * x * y;
    }

    /// Offset and slope, where both can be had and make sense.
    fn line(&self) -> Option<(f64, f64)> {
        let determinant = self.w * self.xx - self.x * self.x;
        // Equal quantities differ by rounding only.
        if determinant <= 1e-9 * self.w * self.xx {
            return None;
        }
        let slope = (self.w * self.xy - self.x * self.y) / determinant;
        let offset = (self.y - slope * self.x) / self.w;
        (offset >= 0.0 && slope > 0.0).then_some((offset, slope))
    }
}

/// How well networks are predicted that a predictor was not fitted to.
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
    /// Compares what was predicted of each network with what was measured. None for no network.
    pub fn of(names: &[&str], predicted: &[f64], measured: &[f64]) -> Option<Self> {
        let percents: Vec<f64> =
            predicted.iter().zip(measured).map(|(p, m)| 100.0 * (p - m).abs() / m).collect();
        let (worst, worst_percent) = percents.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
        Some(Self {
            networks: percents.len(),
            mean_percent: percents.iter().sum::<f64>() / percents.len() as f64,
            worst_percent: *worst_percent,
            worst: (*names.get(worst)?).to_string(),
            rank_correlation: spearman(predicted, measured),
        })
    }
}

/// Predicts each thing from those of the *other* groups: `predict` takes these, and the thing. Where everything is a group of its
/// own, this is leave-one-out. None where fewer than two things would be left for some fit, which would say nothing.
pub fn held_out<T>(
    things: &[T],
    group: impl Fn(&T) -> &str,
    predict: impl Fn(&[&T], &T) -> f64,
) -> Option<Vec<f64>> {
    let by_others = |thing: &T| {
        let others: Vec<&T> = things.iter().filter(|other| group(other) != group(thing)).collect();
        (others.len() >= 2).then(|| predict(&others, thing))
    };
    things.iter().map(by_others).collect()
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

    #[test]
    fn a_line_is_found() {
        let line = Line::fit([(1.0, 2.5), (2.0, 3.7), (10.0, 13.3), (4.0, 6.1)]);
        assert!((line.offset_ms - 1.3).abs() < 1e-9 && (line.slope - 1.2).abs() < 1e-9, "{line:?}");
        assert!((line.apply(5.0) - 7.3).abs() < 1e-9);
    }

    #[test]
    fn where_there_is_no_line_with_a_time_at_its_start() {
        assert_eq!(Line::fit([]), Line { offset_ms: 0.0, slope: 0.0 });
        assert_eq!(Line::fit([(2.0, 4.0)]), Line { offset_ms: 0.0, slope: 2.0 });
        assert_eq!(Line::fit([(2.0, 4.0), (2.0, 4.0)]).slope, 2.0);
        // The line through these two crosses 0 at 1.
        assert_eq!(Line::fit([(2.0, 1.0), (3.0, 2.0)]).offset_ms, 0.0);
        // And these fall.
        assert!(Line::fit([(1.0, 3.0), (2.0, 2.0)]).slope > 0.0);
    }

    #[test]
    fn the_network_that_is_far_off_is_named() {
        let (names, measured) = (["a", "b", "c", "d", "e"], [1.0, 2.0, 3.0, 8.0, 5.0]);
        let accuracy = Accuracy::of(&names, &[1.0, 2.0, 3.0, 4.0, 5.0], &measured).unwrap();
        assert_eq!(
            (accuracy.worst.as_str(), accuracy.worst_percent, accuracy.mean_percent),
            ("d", 50.0, 10.0)
        );
        // 4 and 5 are exchanged: 1 - 6 * 2 / (5 * 24).
        assert!((accuracy.rank_correlation.unwrap() - 0.9).abs() < 1e-9, "{accuracy:?}");
        assert_eq!(Accuracy::of(&[], &[], &[]), None);
    }

    #[test]
    fn nobody_is_predicted_from_their_own_group() {
        let things = [("a", 1.0), ("a", 2.0), ("b", 10.0), ("c", 30.0)];
        let mean = |others: &[&(&'static str, f64)], _: &(&'static str, f64)| {
            others.iter().map(|other| other.1).sum::<f64>() / others.len() as f64
        };
        let predicted = held_out(&things, |thing| thing.0, mean).unwrap();
        assert_eq!(predicted, [20.0, 20.0, 11.0, 13.0 / 3.0]);
        assert_eq!(held_out(&things[1..3], |thing| thing.0, mean), None);
    }

    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[9.0, 8.0, 7.0]), Some(-1.0));
    }

    proptest! {
        #[test]
        fn predictions_are_times(pairs in prop::collection::vec((1e-3f64..1e4, 1e-3f64..1e4), 1..12), quantity in 1e-6f64..1e6) {
            let line = Line::fit(pairs);
            prop_assert!(line.apply(quantity) > 0.0 && line.apply(quantity).is_finite());
        }
    }
}
