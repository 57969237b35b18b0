//! alpha, beta and gamma: the triangle of their shares, the ranking.

use efficientnet_charts::number::percent_or_dash;
use efficientnet_charts::scale::short;
use efficientnet_charts::svg::{Shape, escape};
use efficientnet_charts::ternary::{Cell, Mark, Ternary};
use efficientnet_scaling::CompoundRule;

use super::figure::{Figure, hundred};
use crate::analysis::{Analysis, Landscape, Place, shares};

/// Lines of the ranking on the page.
const RANKED: usize = 20;

/// The triangle.
pub fn landscape(analysis: &Analysis) -> Option<Figure> {
    let landscape = analysis.landscape.as_ref()?;
    let cells = landscape.cells.iter().flat_map(|cell| {
        cell.points.iter().filter_map(move |rule| {
            let hint = format!(
                "{rule}: {:.2} % ({:.2} % as measured, at {:.2} times the cost)",
                hundred(cell.corrected),
                hundred(cell.top1),
                cell.cost_ratio
            );
            Some(Cell { shares: shares(rule)?, value: hundred(cell.corrected), hint })
        })
    });
    let ternary = Ternary {
        title: "Top-1 over the shares of depth, width and resolution",
        corners: ["all into depth", "all into width", "all into resolution"],
        unit: "top-1 at one cost",
        suffix: "\u{a0}%",
        cells: cells.collect(),
        marks: marks(landscape),
    };
    Some(Figure { name: "landscape", html: ternary.html(), svg: ternary.svg() })
}

fn marks(landscape: &Landscape) -> Vec<Mark> {
    let mut marks = Vec::new();
    if let Some(place) = landscape.places.first() {
        marks.push(Mark {
            shares: place.shares,
            shape: Shape::Star,
            name: format!("best network: {}", rule(place)),
        });
    }
    if let Some(surface) = landscape.surface.as_ref().filter(|surface| surface.distinguishable) {
        let [alpha, beta, gamma] = surface.coefficients;
        let name = format!("fitted surface's highest: {alpha:.2}, {beta:.2}, {gamma:.2}");
        marks.push(Mark { shares: surface.optimum, shape: Shape::Diamond, name });
    }
    if let Some(shares) = shares(&CompoundRule::PAPER) {
        marks.push(Mark { shares, shape: Shape::Cross, name: "the paper: 1.2, 1.1, 1.15".into() });
    }
    marks
}

/// A place's first point, in few letters.
pub fn rule(place: &Place) -> String {
    place.points.first().map_or_else(String::new, |rule| {
        format!("{}, {}, {}", short(rule.alpha()), short(rule.beta()), short(rule.gamma()))
    })
}

/// The best networks, and the paper's wherever it is.
pub fn ranking(landscape: &Landscape) -> String {
    let shown = landscape.places.iter().take(RANKED);
    let paper =
        landscape.paper.filter(|index| *index >= RANKED).and_then(|index| landscape.places.get(index));
    let rows: String = shown.chain(paper).map(|place| row(landscape, place)).collect();
    format!(
        "<div class=\"wide\"><table class=\"data\"><thead><tr><th scope=\"col\" class=\"n\">rank</th><th \
         scope=\"col\">alpha, beta, gamma</th><th scope=\"col\" class=\"n\">epochs</th><th scope=\"col\" \
         class=\"n\">cost</th><th scope=\"col\" class=\"n\">as measured</th><th scope=\"col\" class=\"n\">at one \
         cost</th><th scope=\"col\" class=\"n\">95 % interval</th><th scope=\"col\" class=\"n\">comes \
         first</th></tr></thead>\n<tbody>{rows}</tbody></table></div>\n"
    )
}

fn row(landscape: &Landscape, place: &Place) -> String {
    let is_paper = landscape.paper.is_some_and(|index| landscape.places[index].network == place.network);
    let remark = match (is_paper, landscape.paper_is_exact) {
        (true, true) => " <span class=\"soft\">(the paper's)</span>",
        (true, false) => " <span class=\"soft\">(nearest to the paper's)</span>",
        (false, _) => "",
    };
    let more = match place.points.len() {
        0 | 1 => String::new(),
        count => format!(" <span class=\"soft\">and {} more</span>", count - 1),
    };
    let interval = place
        .interval
        .map_or_else(|| "–".into(), |i| format!("{:.2} to {:.2} %", hundred(i.low), hundred(i.high)));
    format!(
        "<tr><td class=\"n\">{}</td><th scope=\"row\">{}{more}{remark}</th><td class=\"n\">{}</td><td \
         class=\"n\">{:.2}×</td><td class=\"n\">{:.2} %</td><td class=\"n\">{:.2} %</td><td class=\"n\">{interval}</td><td \
         class=\"n\">{}</td></tr>\n",
        place.rank,
        escape(&rule(place)),
        place.epochs,
        place.cost_ratio,
        hundred(place.top1),
        hundred(place.corrected),
        percent_or_dash(place.best)
    )
}
