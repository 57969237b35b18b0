//! The page around the parts.

use std::fmt::Write;

use efficientnet_charts::number::{counted, duration, whole};
use efficientnet_charts::page::{self as frame, Tile, code, section};
use efficientnet_charts::svg::escape;

use super::figure::{Figure, cost, hundred};
use super::{Source, evolution, landscape, lines, paper, table, words};
use crate::Task;
use crate::analysis::Analysis;

const STYLE: &str = include_str!("report.css");

/// The whole page.
pub fn page(source: &Source<'_>, analysis: &Analysis, figures: &[Figure]) -> String {
    let plan = source.material.plan;
    let mut body = format!("<h1>{}</h1>\n", escape(&plan.name));
    if !plan.about.is_empty() {
        let _ = writeln!(body, "<p class=\"when\">{}</p>", escape(&plan.about));
    }
    if let Some(text) = words::unfinished(source, analysis) {
        let _ = writeln!(body, "<p class=\"box\">{}</p>", escape(&text));
    }
    if words::ended(analysis) > 0 {
        body.push_str(&frame::tiles(&tiles(source, analysis)));
        section(&mut body, "What was found", &list(&words::findings(analysis)));
        results(&mut body, source, analysis, figures);
        section(&mut body, "How much chance there is", &shown(figures, &["seeds"]));
        section(
            &mut body,
            "What was trained, on what, for how long, and how sure one may be",
            &list(&words::method(source, analysis)),
        );
        section(&mut body, "All networks", &table::networks(analysis));
        section(&mut body, "What came to nothing", &table::failures(analysis));
    }
    section(&mut body, "How it was made", &origin(source));
    frame::page(&plan.name, STYLE, &body)
}

/// The part that depends on what was searched.
fn results(body: &mut String, source: &Source<'_>, analysis: &Analysis, figures: &[Figure]) {
    if let Some(comparison) = &analysis.comparison {
        let remark = paper::remark(source);
        let remark =
            if remark.is_empty() { String::new() } else { format!("<p class=\"soft\">{remark}</p>\n") };
        let charts = beside(figures, &["lines", "paper"]);
        section(body, "The lines", &format!("{charts}{remark}{}", lines::saturation(comparison)));
        let differences = shown(figures, &["differences"]);
        section(body, "Differences at equal cost", &format!("{differences}{}", lines::verdicts(comparison)));
    }
    if let Some(found) = &analysis.landscape {
        let triangle = shown(figures, &["landscape"]);
        section(body, "alpha, beta and gamma", &format!("{triangle}{}", landscape::ranking(found)));
    }
    if let Some(summary) = &analysis.evolution {
        let charts = beside(figures, &["best-so-far", "fronts"]);
        let words = evolution::words(source, summary);
        section(body, "Evolution, and random search as its control", &format!("{charts}{words}"));
    }
    let volume = analysis.hypervolume.map_or_else(String::new, |volume| {
        format!(
            "<p class=\"soft\">Hypervolume of the front: {:.3} (doublings of the cost times share of the images), up to {} and \
             down to a top-1 of {}.</p>\n",
            volume.area,
            escape(&cost(source.material.plan.cost, volume.reference_cost)),
            volume.reference_top1
        )
    });
    section(body, "Accuracy against cost", &format!("{}{volume}", shown(figures, &["accuracy-cost"])));
}

fn tiles(source: &Source<'_>, analysis: &Analysis) -> Vec<Tile> {
    let plan = source.material.plan;
    let longest = || analysis.trained.iter().filter(|network| network.longest);
    let ended = words::ended(analysis);
    let failed = analysis.failures.len() as u64;
    let mut tiles = vec![Tile {
        name: "networks",
        value: whole(longest().count() as u64),
        remark: match &plan.task {
            Task::Compare(compare) => counted(compare.arm.len() as u64, "line", "lines"),
            Task::Coefficients(_) => "of the grid".into(),
            Task::Evolve(_) => "of both searches".into(),
        },
    }];
    tiles.push(Tile {
        name: "trials",
        value: whole(ended),
        remark: if failed > 0 { format!("{} of them failed", whole(failed)) } else { "none failed".into() },
    });
    if let Some(best) = longest().max_by(|a, b| a.epochs.cmp(&b.epochs).then(a.top1.total_cmp(&b.top1))) {
        let value = format!("{:.1}\u{a0}%", hundred(best.top1));
        tiles.push(Tile {
            name: "best top-1",
            value,
            remark: format!("{} at {}", best.name, cost(plan.cost, best.cost)),
        });
    }
    if let Some(noise) = analysis.noise.last() {
        let value = format!("±{:.2}", hundred(noise.deviation));
        tiles.push(Tile { name: "points from seed to seed", value, remark: "standard deviation".into() });
    }
    if analysis.clock.trials > 0 {
        let value = duration(analysis.clock.training_seconds);
        tiles.push(Tile { name: "training", value, remark: "all trials together".into() });
    }
    tiles
}

fn list(sentences: &[String]) -> String {
    let items: String = sentences.iter().map(|text| format!("<li>{}</li>\n", escape(text))).collect();
    if items.is_empty() { items } else { format!("<ul class=\"verdicts\">\n{items}</ul>\n") }
}

/// Figures by their names, one below the other.
fn shown(figures: &[Figure], names: &[&str]) -> String {
    figures.iter().filter(|figure| names.contains(&figure.name)).map(|figure| figure.html.as_str()).collect()
}

/// Figures by their names, beside each other where there is room.
fn beside(figures: &[Figure], names: &[&str]) -> String {
    let charts = shown(figures, names);
    if charts.is_empty() { charts } else { format!("<div class=\"charts\">\n{charts}</div>\n") }
}

/// Environment and plan.
fn origin(source: &Source<'_>) -> String {
    let facts = frame::facts(source.environment);
    if source.plan_text.is_empty() {
        return facts;
    }
    format!("{facts}<h3>The plan</h3>\n{}", code(source.plan_text))
}
