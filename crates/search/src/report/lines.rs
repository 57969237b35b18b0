//! The lines of a comparison, and the differences between them.

use efficientnet_charts::chart::Chart;
use efficientnet_charts::number::whole;
use efficientnet_charts::plot::{Join, Plot, Point, Trace, series};
use efficientnet_charts::scale::Scale;
use efficientnet_charts::strip::{Row, Strip};
use efficientnet_charts::svg::{Shape, escape};

use super::figure::{Figure, cost, cost_axis, ends, hundred, percent, top1_axis, unit};
use super::{Source, paper};
use crate::CostKind;
use crate::analysis::{Analysis, Comparison, Line, Stop, Verdict};

/// Top-1 along each line.
pub fn lines(source: &Source<'_>, analysis: &Analysis) -> Option<Figure> {
    let comparison = analysis.comparison.as_ref()?;
    let kind = source.material.plan.cost;
    let mut traces: Vec<Trace> =
        comparison.lines.iter().enumerate().map(|(index, line)| trace(kind, index, line)).collect();
    if traces.iter().all(|trace| trace.points.is_empty()) {
        return None;
    }
    let y = top1_axis(&traces);
    traces.extend(paper::places(source, comparison, &y));
    let chart = Chart {
        title: "Top-1 along each line",
        unit: unit(kind),
        x: cost_axis(&traces),
        y,
        suffix: "\u{a0}%",
    };
    Some(Figure::of("lines", &Plot { chart, traces, level: None }))
}

fn trace(kind: CostKind, index: usize, line: &Line) -> Trace {
    Trace {
        name: Some(line.name.clone()),
        class: series(index),
        shape: Some(Shape::of(index)),
        join: Join::Straight,
        points: line.stops.iter().map(|stop| point(kind, line, stop)).collect(),
    }
}

fn point(kind: CostKind, line: &Line, stop: &Stop) -> Point {
    let hint = format!(
        "{}, d {:.2}, w {:.2}, r {:.2}: {:.2} % at {}",
        line.name,
        stop.factors.depth,
        stop.factors.width,
        stop.factors.resolution,
        hundred(stop.top1),
        cost(kind, stop.cost)
    );
    Point::new(stop.cost, hundred(stop.top1), hint).with_interval(percent(stop.interval))
}

/// Each difference with its interval, those over all costs last.
pub fn differences(analysis: &Analysis) -> Option<Figure> {
    let comparison = analysis.comparison.as_ref()?;
    let all = comparison.differences.iter().chain(&comparison.overall);
    let rows: Vec<Row> = all
        .map(|difference| Row {
            name: match difference.cost_ratio {
                Some(ratio) => format!("less {}, at {ratio:.2}×", difference.other),
                None => format!("less {}, all costs", difference.other),
            },
            values: Vec::new(),
            mean: hundred(difference.mean),
            interval: percent(difference.interval),
            class: match difference.verdict {
                Verdict::Better => series(2),
                Verdict::Worse => series(1),
                Verdict::CannotBeTold => series(5),
            },
        })
        .collect();
    let reference = &comparison.differences.first()?.reference;
    let values = rows.iter().flat_map(|row| {
        let (low, high) = row.interval.unwrap_or((row.mean, row.mean));
        [low, high, 0.0]
    });
    let (low, high) = ends(values);
    let title = format!("Top-1 of {reference} less that of the others, at equal cost");
    let x = Scale::rounded(low, high, 6);
    let unit = format!("points of top-1, with 95 % intervals; right of 0 {reference} is better");
    let strip = Strip { title: &title, unit: &unit, x, suffix: "", rows, level: Some(0.0) };
    Some(Figure { name: "differences", html: strip.html(), svg: strip.svg() })
}

/// What every doubling of the cost brought.
pub fn saturation(comparison: &Comparison) -> String {
    let gains = comparison.lines.iter().flat_map(|line| line.gains.iter().map(move |gain| (line, gain)));
    let rows: String = gains
        .map(|(line, gain)| {
            let interval = gain.interval.map_or_else(
                || "–".to_string(),
                |i| format!("{:+.2} to {:+.2}", hundred(i.low), hundred(i.high)),
            );
            let verdict = match gain.interval {
                Some(interval) if interval.low > 0.0 => "still gains",
                Some(interval) if interval.high < 0.0 => "loses",
                _ => "cannot be told from none",
            };
            format!(
                "<tr><th scope=\"row\">{}</th><td class=\"n\">{:.2}×</td><td class=\"n\">{:.2}×</td><td \
                 class=\"n\">{:+.2}</td><td class=\"n\">{interval}</td><td>{verdict}</td></tr>\n",
                escape(&line.name),
                gain.from,
                gain.to,
                hundred(gain.per_doubling)
            )
        })
        .collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<h3>Saturation: points of top-1 for each doubling of the cost</h3>\n<div class=\"wide\"><table class=\"data\">\
         <thead><tr><th scope=\"col\">line</th><th scope=\"col\" class=\"n\">from</th><th scope=\"col\" \
         class=\"n\">to</th><th scope=\"col\" class=\"n\">gain</th><th scope=\"col\" class=\"n\">95 % interval</th><th \
         scope=\"col\"></th></tr></thead>\n<tbody>{rows}</tbody></table></div>\n"
    )
}

/// The verdicts as sentences, and how they come about.
pub fn verdicts(comparison: &Comparison) -> String {
    let mut html = String::new();
    let item = |text: String| format!("<li>{}</li>\n", escape(&text));
    if !comparison.differences.is_empty() {
        let items: String = comparison
            .differences
            .iter()
            .map(|d| item(format!("{} (nearest network costs {:+.0} %).", d.sentence(), d.mismatch * 100.0)))
            .collect();
        html.push_str(&format!(
            "<details><summary>Cost by cost, in sentences</summary>\n<ul>\n{items}</ul>\n</details>\n"
        ));
    }
    for (reference, other, ratio) in &comparison.out_of_reach {
        let text = format!(
            "{reference} at {ratio:.2} times the cost is not compared with {other}, which has no measured networks on both \
             sides of that cost."
        );
        html.push_str(&format!("<p class=\"soft\">{}</p>\n", escape(&text)));
    }
    html.push_str(&method(comparison));
    html
}

fn method(comparison: &Comparison) -> String {
    let Some(deviation) = comparison.deviation else {
        return match comparison.differences.is_empty() {
            true => String::new(),
            false => "<p>Each network was trained from a single seed, so there are no intervals: a difference may be \
                      chance.</p>\n"
                .to_string(),
        };
    };
    format!(
        "<p>Each network of the first line is set against the place of the other line that costs the same, seed by seed: \
         between two networks in proportion to the logarithm of the cost. The spread of these differences between seeds, \
         {:.2} points, is pooled over all {} comparisons and has {:.1} degrees of freedom, since differences that share a \
         network are not independent; the intervals are Student's t with it. Each interval stands alone: of twenty that ought \
         to include 0 one does not, by chance.</p>\n",
        hundred(deviation),
        whole(comparison.differences.len() as u64),
        comparison.degrees
    )
}
