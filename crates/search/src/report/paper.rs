//! The paper's own figures beside ours (Tan and Le 2019): on an axis of their own, since ImageNet's top-1 and a proxy's are
//! not comparable.

use efficientnet_charts::chart::Chart;
use efficientnet_charts::plot::{Join, Plot, Point, Trace, series};
use efficientnet_charts::scale::Scale;
use efficientnet_charts::svg::Shape;
use efficientnet_scaling::paper::{PaperRow, tables};

use super::Source;
use super::figure::{Figure, cost_axis, top1_axis};
use crate::Task;
use crate::analysis::Comparison;

/// Figure 3's networks: a factor of d, w or r, and the counted multiply-adds over B0's. Its accuracies were only ever drawn.
const FIGURE_3: [(&str, &[(f64, f64)]); 3] = [
    ("depth", &[(1.0, 1.0), (2.0, 2.03), (3.0, 3.06), (4.0, 4.08), (6.0, 6.14), (8.0, 8.19)]),
    ("width", &[(1.0, 1.0), (1.4, 1.93), (1.8, 3.05), (2.6, 6.2), (3.8, 13.11), (5.0, 22.58)]),
    (
        "resolution",
        &[(1.0, 1.0), (1.3, 1.86), (1.5, 2.31), (1.7, 2.93), (1.9, 3.78), (2.2, 4.98), (2.5, 6.34)],
    ),
];

/// What the plan wants to see beside its own.
fn wanted<'a>(source: &Source<'a>) -> Option<&'a str> {
    match &source.material.plan.task {
        Task::Compare(compare) => compare.paper.as_deref(),
        _ => None,
    }
}

/// The rows of a table that `name` means, such as `figure-8` or `table-3-resnet50`.
fn rows(name: &str) -> Vec<PaperRow> {
    let Ok(rows) = tables() else { return Vec::new() };
    let wanted = |row: &PaperRow| match name {
        "figure-8" | "table-7" => row.table == 7,
        "table-2" => row.table == 2 && row.model.starts_with("efficientnet"),
        "table-3" => row.table == 3,
        _ => name.strip_prefix("table-3-").is_some_and(|model| row.table == 3 && row.model == model),
    };
    rows.into_iter().filter(wanted).collect()
}

/// The paper's figure as a chart of its own.
pub fn figure(source: &Source<'_>) -> Option<Figure> {
    let mut traces: Vec<Trace> = Vec::new();
    for row in &rows(wanted(source)?) {
        let (Ok(gmacs), Ok(top1)) = (row.paper_gmacs.parse::<f64>(), row.paper_top1.parse::<f64>()) else {
            continue;
        };
        let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
        let hint = format!("{} {}: {top1} % at {} G MACs{note}", row.model, row.scaling, row.paper_gmacs);
        let (name, point) = (kind(row), Point::new(gmacs * 1e9, top1, hint));
        match traces.iter_mut().find(|trace| trace.name.as_deref() == Some(name)) {
            Some(trace) => trace.points.push(point),
            None => traces.push(Trace {
                class: series(sign(source, name)),
                shape: Some(Shape::of(sign(source, name))),
                join: if row.table == 2 { Join::Straight } else { Join::Apart },
                name: Some(name.to_string()),
                points: vec![point],
            }),
        }
    }
    from_the_baseline(&mut traces);
    if traces.is_empty() {
        return None;
    }
    let chart = Chart {
        title: "The paper, ImageNet",
        unit: "multiply-adds of one image, as printed",
        x: cost_axis(&traces),
        y: top1_axis(&traces),
        suffix: "\u{a0}%",
    };
    Some(Figure::of("paper", &Plot { chart, traces, level: None }))
}

/// The place in the legend whose colour and sign a name has: that of our own line of this name, or one that is left.
fn sign(source: &Source<'_>, name: &str) -> usize {
    let arms = match &source.material.plan.task {
        Task::Compare(compare) => compare.arm.as_slice(),
        _ => &[],
    };
    let kinds = ["published", "compound", "depth", "width", "resolution"];
    let own = arms.iter().position(|arm| arm.name == name);
    let left = || kinds.iter().position(|kind| *kind == name).map_or(6, |place| arms.len() + place);
    own.unwrap_or_else(left)
}

/// Joins each network to the one that it was scaled from, where there is one baseline.
fn from_the_baseline(traces: &mut [Trace]) {
    let Some((baseline, scaled)) = traces.split_first_mut() else { return };
    if let [start] = &baseline.points[..] {
        for trace in scaled.iter_mut().filter(|trace| trace.points.len() == 1) {
            trace.join = Join::Straight;
            trace.points.insert(0, start.clone());
        }
        // Its sign lies over those of the lines that begin there.
        traces.rotate_left(1);
    }
}

/// A row's legend.
fn kind(row: &PaperRow) -> &'static str {
    match row.scaling {
        "" => "published",
        text if text.contains(',') => "compound",
        text if text.starts_with("d=") => "depth",
        text if text.starts_with("w=") => "width",
        text if text.starts_with("r=") => "resolution",
        text => text,
    }
}

/// Figure 3's networks on our own axis: only their costs are known, so they stand at its foot.
pub fn places(source: &Source<'_>, comparison: &Comparison, y: &Scale) -> Option<Trace> {
    let dimension = wanted(source)?.strip_prefix("figure-3-")?;
    let (_, networks) = FIGURE_3.iter().find(|(name, _)| *name == dimension)?;
    let stops = || comparison.lines.iter().flat_map(|line| &line.stops);
    let base = stops().next().map(|stop| stop.cost / stop.cost_ratio)?;
    let greatest = stops().map(|stop| stop.cost).fold(base, f64::max);
    let foot = *y.ticks.first()?;
    let points = networks.iter().map(|(factor, ratio)| {
        let hint = format!("the paper's {dimension} {factor}: {ratio} times B0's multiply-adds");
        Point::new(base * ratio, foot, hint)
    });
    Some(Trace {
        name: Some("the paper's Figure 3: where its networks are (cost only)".into()),
        class: series(6),
        shape: Some(Shape::Wedge),
        join: Join::Apart,
        points: points.filter(|point| point.x <= greatest * 1.05).collect(),
    })
}

/// What stands below the chart.
pub fn remark(source: &Source<'_>) -> &'static str {
    match wanted(source) {
        Some(name) if name.starts_with("figure-3-") => {
            "The paper's Figure 3 was printed as a drawing without numbers; the places of its networks are counted by us."
        }
        Some(name) if !rows(name).is_empty() => {
            "The paper trained on ImageNet, at 224 pixels and more. Its top-1 and a proxy's are not comparable; which line is \
             above which is. Figures as printed; a pointer that rests on a point shows what is known about it."
        }
        Some(_) => "The plan names a figure of the paper for which no numbers were printed.",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_figures_have_rows() {
        let names = [
            "figure-8",
            "table-7",
            "table-2",
            "table-3",
            "table-3-resnet50",
            "table-3-vgg",
            "figure-3-depth",
        ];
        assert_eq!(names.map(|name| rows(name).len()), [5, 5, 8, 14, 5, 0, 0]);
        let kinds: Vec<&str> = rows("figure-8").iter().map(kind).collect();
        assert_eq!(kinds, ["baseline", "depth", "width", "resolution", "compound"]);
    }
}
