//! What is taken for what.

use std::fmt::Write;

use efficientnet_charts::number::{counted, percent, whole};
use efficientnet_charts::svg::{escape, shortened};

use super::Report;
use crate::scores::Tally;

/// Classes up to which the matrix is drawn; beyond, a cell is smaller than a pixel and only the worst pairs are told.
const DRAWN: usize = 100;
/// Classes up to which the cells have their numbers.
const NUMBERED: usize = 20;
/// Classes up to which the names above are slanted; more are too near to each other and stand upright.
const SLANTED: usize = 50;
/// Classes up to which the list has its place beside the matrix.
const SMALL: usize = 8;
/// Pairs in the list beside a matrix.
const FEW: usize = 10;
/// Pairs in a list below.
const PAIRS: usize = 20;
/// Letters of a class name along the matrix.
const LETTERS: usize = 20;

/// The matrix where it can be read, and the pairs that are confused most often; empty where there is nothing to confuse.
pub fn confusion(report: &Report<'_>, tally: &Tally) -> String {
    match tally.classes() {
        _ if tally.images() == 0 => String::new(),
        0..=1 => String::new(),
        2..=SMALL => {
            let (matrix, pairs) = (matrix(report, tally), pairs(report, tally, FEW));
            format!("{}<div class=\"beside\">\n{matrix}<div>{pairs}</div></div>\n", explanation())
        }
        _ if tally.classes() <= DRAWN => {
            format!("{}{}{}", explanation(), matrix(report, tally), pairs(report, tally, PAIRS))
        }
        _ => pairs(report, tally, PAIRS),
    }
}

/// Sizes of a matrix, in pixels.
struct Layout {
    classes: usize,
    cell: f64,
    /// The height of a class name's letters.
    letters: f64,
    /// The space for names, to the left of the cells and above them.
    margin: f64,
    names: Vec<String>,
}

impl Layout {
    fn new(report: &Report<'_>, classes: usize) -> Self {
        let (cell, letters): (f64, f64) = match classes {
            ..=6 => (72.0, 14.0),
            7..=10 => (58.0, 13.5),
            11..=NUMBERED => (38.0, 13.0),
            21..=SLANTED => (17.0, 11.0),
            _ => (9.2, 9.0),
        };
        let names: Vec<String> = (0..classes).map(|class| shortened(&report.class(class), LETTERS)).collect();
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        // Letters are about 0.6 as wide as they are high.
        Self { classes, cell, letters, margin: longest as f64 * letters * 0.6 + 12.0, names }
    }

    /// Whether every name is narrower than a cell.
    fn level(&self) -> bool {
        self.margin - 12.0 < self.cell - 6.0
    }

    /// How far the names above are turned, in degrees.
    fn turn(&self) -> f64 {
        match self.classes {
            _ if self.level() => 0.0,
            ..=SLANTED => 45.0,
            _ => 90.0,
        }
    }

    /// The height of the names above.
    fn above(&self) -> f64 {
        self.margin * self.turn().to_radians().sin() + if self.level() { self.letters + 14.0 } else { 10.0 }
    }

    /// How far the last name above reaches beyond its column.
    fn beyond(&self) -> f64 {
        if self.level() { 0.0 } else { self.margin * self.turn().to_radians().cos() }
    }

    fn side(&self) -> f64 {
        self.classes as f64 * self.cell
    }

    /// The left upper corner of a cell.
    fn corner(&self, label: usize, predicted: usize) -> (f64, f64) {
        (self.margin + predicted as f64 * self.cell, self.above() + label as f64 * self.cell)
    }

    /// Names along both sides.
    fn names(&self, svg: &mut String) {
        let size = self.letters;
        for (class, name) in self.names.iter().enumerate() {
            let (x, y) = self.corner(class, class);
            let (left, middle) = (self.margin - 7.0, y + self.cell / 2.0 + size * 0.35);
            let name = escape(name);
            let _ = write!(
                svg,
                r#"<text class="tick" x="{left:.1}" y="{middle:.1}" text-anchor="end" font-size="{size}">{name}</text>"#
            );
            let (x, y) = (x + self.cell / 2.0, self.above() - 7.0);
            let turned = if self.level() {
                r#"text-anchor="middle""#.to_string()
            } else {
                format!(r#"transform="rotate(-{} {x:.1} {y:.1})" dy="{:.1}""#, self.turn(), size * 0.3)
            };
            let _ = write!(
                svg,
                r#"<text class="tick" x="{x:.1}" y="{y:.1}" {turned} font-size="{size}">{name}</text>"#
            );
        }
    }
}

/// A heat map, a row for each class: how its images were told apart.
fn matrix(report: &Report<'_>, tally: &Tally) -> String {
    let layout = Layout::new(report, tally.classes());
    let mut svg = String::new();
    let (x, y) = layout.corner(0, 0);
    let side = layout.side();
    let _ =
        write!(svg, r#"<rect class="ground" x="{x:.1}" y="{y:.1}" width="{side:.1}" height="{side:.1}"/>"#);
    layout.names(&mut svg);
    for cell in tally.cells() {
        let share = cell.images as f64 / tally.support(cell.label).max(1) as f64;
        let (x, y) = layout.corner(cell.label, cell.predicted);
        let kind = if cell.label == cell.predicted { "right" } else { "wrong" };
        let gap = if layout.cell > 12.0 { 1.0 } else { 0.4 };
        let size = layout.cell - gap;
        let _ = write!(
            svg,
            r#"<rect class="heat {kind}" x="{x:.1}" y="{y:.1}" width="{size:.1}" height="{size:.1}" fill-opacity="{:.3}"><title>{}</title></rect>"#,
            opacity(share),
            escape(&format!(
                "{} taken for {}: {} ({})",
                report.class(cell.label),
                report.class(cell.predicted),
                whole(cell.images),
                percent(share)
            ))
        );
        if layout.classes <= NUMBERED {
            let strong = if opacity(share) > 0.55 { " strong" } else { "" };
            let (x, y) = (x + size / 2.0, y + size / 2.0 + 4.5);
            let _ = write!(
                svg,
                r#"<text class="count{strong}" x="{x:.1}" y="{y:.1}" text-anchor="middle">{}</text>"#,
                whole(cell.images)
            );
        }
    }
    let (width, height) = (layout.margin + side + layout.beyond(), layout.above() + side + 2.0);
    format!(
        "<div class=\"wide\"><svg class=\"matrix\" role=\"img\" aria-label=\"Confusion matrix of {} classes; the table of \
         classes has its numbers.\" width=\"{width:.0}\" height=\"{height:.0}\">{svg}</svg></div>\n",
        tally.classes()
    )
}

fn explanation() -> String {
    format!(
        "<p>A row is a class, a column what its images were taken for: {} right, {} wrong, as a share of the row.</p>\n",
        legend("right"),
        legend("wrong")
    )
}

/// The square root, so that one mistake in a hundred is not white.
fn opacity(share: f64) -> f64 {
    share.clamp(0.0, 1.0).sqrt()
}

fn legend(kind: &str) -> String {
    let boxes: String = [0.01, 0.1, 0.5, 1.0]
        .map(|share| {
            format!(
                "<svg aria-hidden=\"true\" width=\"13\" height=\"13\"><rect class=\"heat {kind}\" width=\"13\" \
                 height=\"13\" fill-opacity=\"{:.3}\"/></svg>",
                opacity(share)
            )
        })
        .concat();
    format!("<span class=\"steps\">{boxes}</span>")
}

/// The pairs that are confused most often.
fn pairs(report: &Report<'_>, tally: &Tally, most: usize) -> String {
    let all = tally.confusions();
    if all.is_empty() {
        return String::new();
    }
    let rows: String = all
        .iter()
        .take(most)
        .map(|pair| {
            format!(
                "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                escape(&report.class(pair.label)),
                escape(&report.class(pair.predicted)),
                whole(pair.images),
                percent(pair.images as f64 / tally.support(pair.label).max(1) as f64)
            )
        })
        .collect();
    let shown = all.len().min(most);
    let different = counted(all.len() as u64, "pair of classes is", "pairs of classes are");
    format!(
        "<p class=\"soft\">{different} confused at least once; {} here.</p>\n\
         <div class=\"wide\"><table class=\"data few\"><thead><tr><th scope=\"col\">class</th><th scope=\"col\">taken for</th>\
         <th scope=\"col\" class=\"n\">images</th><th scope=\"col\" class=\"n\">of the class</th></tr></thead>\n\
         <tbody>{rows}</tbody></table></div>\n",
        if shown == all.len() {
            "all of them are".to_string()
        } else {
            format!("the {shown} with the most images are")
        }
    )
}
