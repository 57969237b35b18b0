//! All networks: top-1 over cost, with the front.

use efficientnet_charts::chart::Chart;
use efficientnet_charts::number::counted;
use efficientnet_charts::plot::{Join, Plot, Trace, series};
use efficientnet_charts::svg::Shape;

use super::Source;
use super::figure::{Figure, cost_axis, point, top1_axis, unit};
use crate::analysis::{Analysis, Trained};

pub fn accuracy(source: &Source<'_>, analysis: &Analysis) -> Option<Figure> {
    let kind = source.material.plan.cost;
    // Those of lower rungs do not compare.
    let epochs = analysis.trained.iter().map(|network| network.epochs).max()?;
    let longest: Vec<&Trained> = analysis.trained.iter().filter(|network| network.epochs == epochs).collect();
    let title = format!("Top-1 over cost, after {}", counted(epochs, "epoch", "epochs"));
    let all = Trace {
        name: Some("networks".into()),
        class: "dots",
        shape: Some(Shape::Disc),
        join: Join::Apart,
        points: longest.iter().map(|network| point(kind, network)).collect(),
    };
    let front = Trace {
        name: Some("front: none that costs less is as accurate".into()),
        class: series(0),
        shape: Some(Shape::Disc),
        join: Join::Stairs,
        points: analysis.front.iter().map(|index| point(kind, &analysis.trained[*index])).collect(),
    };
    let traces = vec![all, front];
    let chart = Chart {
        title: &title,
        unit: unit(kind),
        x: cost_axis(&traces),
        y: top1_axis(&traces),
        suffix: "\u{a0}%",
    };
    Some(Figure::of("accuracy-cost", &Plot { chart, traces, level: None }))
}
