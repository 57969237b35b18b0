//! What the journal says, as curves.

use efficientnet_charts::chart::{Chart, Series};
use efficientnet_charts::scale::Scale;

use crate::journal::{Entry, Epoch, Scores, Step};

/// The smoothed loss follows about this share of all steps.
const SMOOTHING: f64 = 0.02;
/// Epochs up to which every one has its disc.
const DOTS: usize = 40;

/// Charts of the loss, of the top-1 and of the rate; empty without a journal.
pub fn curves(journal: &[Entry]) -> String {
    let steps: Vec<&Step> = journal
        .iter()
        .filter_map(|entry| match entry {
            Entry::Step(step) => Some(step),
            Entry::Epoch(_) => None,
        })
        .collect();
    let epochs: Vec<&Epoch> = journal
        .iter()
        .filter_map(|entry| match entry {
            Entry::Epoch(epoch) => Some(epoch),
            Entry::Step(_) => None,
        })
        .collect();
    let charts: String = [loss(&steps, &epochs), top1(&epochs), rate(&steps)].into_iter().flatten().collect();
    if charts.is_empty() { charts } else { format!("<div class=\"charts curves\">\n{charts}</div>") }
}

type Points = Vec<(f64, f64)>;

fn evaluated(
    epochs: &[&Epoch],
    scores: fn(&Epoch) -> Option<Scores>,
    y: fn(&Scores) -> f64,
    by_step: bool,
) -> Points {
    let x = |epoch: &Epoch| if by_step { epoch.step as f64 } else { epoch.epoch as f64 + 1.0 };
    epochs.iter().filter_map(|epoch| Some((x(epoch), y(&scores(epoch)?)))).collect()
}

fn named(name: &str, class: &'static str, points: Points) -> Series {
    let dots = points.len() <= DOTS;
    Series { name: Some(name.to_string()), class, points, dots }
}

fn loss(steps: &[&Step], epochs: &[&Epoch]) -> Option<String> {
    let raw: Points = steps.iter().map(|step| (step.step as f64, f64::from(step.loss))).collect();
    let smooth = smoothed(&raw);
    let loss = |scores: &Scores| f64::from(scores.loss);
    let validation = evaluated(epochs, |epoch| epoch.validation, loss, true);
    let averaged = evaluated(epochs, |epoch| epoch.averaged, loss, true);
    let first = steps.first().map_or(0.0, |step| step.step as f64 - 1.0);
    let last = extent([&raw, &validation, &averaged].into_iter().flatten().map(|point| point.0))?.1;
    // The raw loss has peaks that would flatten everything else: it may leave the chart. An averaged network, too, is far
    // off as long as its average is of the first weights.
    let shown = if smooth.is_empty() { [&validation, &averaged] } else { [&smooth, &validation] };
    let (low, high) = extent(shown.into_iter().flatten().map(|point| point.1))?;
    let chart = Chart {
        title: "Loss",
        unit: "steps",
        x: Scale::exact(first, last, 6).whole(),
        y: Scale::rounded(if low < high * 0.4 { 0.0 } else { low }, high, 4),
        suffix: "",
    };
    let faint = Series { name: None, class: "train faint", points: raw, dots: false };
    let smooth =
        Series { name: Some("training, smoothed".into()), class: "train", points: smooth, dots: false };
    let series = vec![
        faint,
        smooth,
        named("validation", "validation", validation),
        named("averaged weights", "averaged", averaged),
    ];
    Some(chart.draw(&filled(series)))
}

fn top1(epochs: &[&Epoch]) -> Option<String> {
    let percent = |scores: &Scores| f64::from(scores.top1) * 100.0;
    let series = filled(vec![
        named("training", "train", evaluated(epochs, |epoch| Some(epoch.train), percent, false)),
        named("validation", "validation", evaluated(epochs, |epoch| epoch.validation, percent, false)),
        named("averaged weights", "averaged", evaluated(epochs, |epoch| epoch.averaged, percent, false)),
    ]);
    let points = || series.iter().flat_map(|line| &line.points);
    let (first, last) = extent(points().map(|point| point.0))?;
    let (low, high) = extent(points().map(|point| point.1))?;
    let chart = Chart {
        title: "Top-1",
        unit: "epochs done",
        x: Scale::exact(first, last, 6).whole(),
        y: Scale::rounded(low.clamp(0.0, 99.0), high.clamp(1.0, 100.0), 4),
        suffix: "\u{a0}%",
    };
    Some(chart.draw(&series))
}

fn rate(steps: &[&Step]) -> Option<String> {
    let points: Points = steps.iter().map(|step| (step.step as f64, step.rate)).collect();
    let (first, last) = extent(points.iter().map(|point| point.0))?;
    let high = extent(points.iter().map(|point| point.1))?.1;
    let chart = Chart {
        title: "Learning rate",
        unit: "steps",
        x: Scale::exact(first - 1.0, last, 6).whole(),
        y: Scale::rounded(0.0, high, 4),
        suffix: "",
    };
    Some(chart.draw(&[Series { name: None, class: "rate", points, dots: false }]))
}

fn filled(series: Vec<Series>) -> Vec<Series> {
    series.into_iter().filter(|line| !line.points.is_empty()).collect()
}

/// The least and the greatest of the finite values; `None` where there are none.
fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |ends, value| {
        Some(ends.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
    })
}

/// An exponential moving average whose first values are not drawn to zero; what is not finite is passed over.
fn smoothed(points: &[(f64, f64)]) -> Points {
    let keep = 1.0 - 1.0 / (points.len() as f64 * SMOOTHING).max(1.0);
    let (mut sum, mut weight) = (0.0, 0.0);
    points
        .iter()
        .filter(|point| point.1.is_finite())
        .map(|(x, y)| {
            sum = keep * sum + (1.0 - keep) * y;
            weight = keep * weight + (1.0 - keep);
            (*x, sum / weight)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_starts_at_the_first_value_and_skips_gaps() {
        let mut points: Points = (0..500).map(|x| (f64::from(x), 2.0)).collect();
        points[3].1 = f64::NAN;
        let smooth = smoothed(&points);
        assert_eq!(smooth.len(), 499);
        assert!(smooth.iter().all(|(_, y)| (y - 2.0).abs() < 1e-12));
        assert_eq!(smoothed(&[(1.0, 3.0), (2.0, 5.0)]), [(1.0, 3.0), (2.0, 5.0)]);
    }

    #[test]
    fn there_is_no_chart_of_nothing() {
        assert_eq!(curves(&[]), "");
        let step = Step { step: 1, epoch: 0, rate: 0.1, loss: f32::NAN, top1: 0.0, gradient_norm: None };
        let html = curves(&[Entry::Step(step)]);
        assert!(!html.contains("<b>Loss</b>") && html.contains("<b>Learning rate</b>"), "{html}");
    }
}
