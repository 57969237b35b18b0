//! What all figures have in common.

use efficientnet_charts::plot::{Plot, Point, Trace};
use efficientnet_charts::scale::{Scale, short};

use crate::CostKind;
use crate::analysis::{Interval, Trained};

/// A chart on the page and in a file of its own.
#[derive(Debug)]
pub struct Figure {
    /// The file's name without its ending.
    pub name: &'static str,
    /// For the page.
    pub html: String,
    /// For the file.
    pub svg: String,
}

impl Figure {
    pub fn of(name: &'static str, plot: &Plot<'_>) -> Self {
        Self { name, html: plot.html(), svg: plot.svg() }
    }
}

/// What a cost counts.
pub fn unit(cost: CostKind) -> &'static str {
    match cost {
        CostKind::Macs => "multiply-adds of one image",
        CostKind::Params => "parameters",
        CostKind::Activations => "activations of one image",
        CostKind::Latency => "milliseconds of one image, predicted",
    }
}

/// A cost with its unit, in few letters.
pub fn cost(kind: CostKind, value: f64) -> String {
    let number = short(value);
    match kind {
        CostKind::Macs => format!("{number}\u{a0}MACs"),
        CostKind::Params => format!("{number}\u{a0}parameters"),
        CostKind::Activations => format!("{number}\u{a0}activations"),
        CostKind::Latency => format!("{number}\u{a0}ms"),
    }
}

/// A share in per cent, as a number.
pub fn hundred(share: f64) -> f64 {
    share * 100.0
}

/// An interval in per cent.
pub fn percent(interval: Option<Interval>) -> Option<(f64, f64)> {
    interval.map(|interval| (hundred(interval.low), hundred(interval.high)))
}

/// A network as a point of top-1 over cost.
pub fn point(kind: CostKind, network: &Trained) -> Point {
    let hint = format!("{}: {:.2} % at {}", network.name, hundred(network.top1), cost(kind, network.cost));
    Point::new(network.cost, hundred(network.top1), hint).with_interval(percent(network.interval))
}

/// A logarithmic axis that holds all points.
pub fn cost_axis(traces: &[Trace]) -> Scale {
    let (low, high) = ends(traces.iter().flat_map(|trace| &trace.points).map(|point| point.x));
    Scale::logarithmic(low, high)
}

/// An axis that holds all points and, unless these are very wide, their intervals.
pub fn top1_axis(traces: &[Trace]) -> Scale {
    let points = || traces.iter().flat_map(|trace| &trace.points);
    let (low, high) = ends(points().map(|point| point.y));
    let room = (high - low).max(1.0);
    let intervals = points().filter_map(|point| point.interval);
    let (least, greatest) = intervals.fold((low, high), |(l, h), (a, b)| (l.min(a), h.max(b)));
    let (least, greatest) = (least.max(low - room), greatest.min(high + room));
    Scale::rounded(least.clamp(0.0, 99.0), greatest.clamp(least.max(0.0) + 0.5, 100.0), 4)
}

/// The least and the greatest; 0 and 1 of nothing.
pub fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let finite = values.filter(|value| value.is_finite());
    finite
        .fold(None, |ends: Option<(f64, f64)>, value| {
            Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
        })
        .unwrap_or((0.0, 1.0))
}
