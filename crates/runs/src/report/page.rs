//! The page around the parts.

use std::fmt::Write;

use efficientnet_charts::page::{self as frame, code, section};
use efficientnet_charts::svg::escape;

use super::{Report, calibration, classes, confusion, curves, mistakes, summary};

const STYLE: &str = include_str!("report.css");

/// The whole page.
pub fn page(report: &Report<'_>) -> String {
    let title = escape(report.title);
    let mut body = format!("<h1>{title}</h1>\n");
    if let Some(evaluation) = &report.evaluation {
        let _ = writeln!(body, "<p class=\"when\">{}</p>", escape(evaluation.what));
    }
    body.push_str(&summary::summary(report));
    section(&mut body, "Curves", &curves::curves(report.journal));
    if let Some(evaluation) = &report.evaluation {
        let tally = evaluation.tally;
        section(&mut body, "What is taken for what", &confusion::confusion(report, tally));
        section(&mut body, "Classes", &classes::classes(report, tally));
        let diagram = tally.calibration().map_or_else(String::new, |found| calibration::calibration(&found));
        section(&mut body, "Is it as sure as it should be?", &diagram);
        section(&mut body, "The worst mistakes", &mistakes::mistakes(report, evaluation.mistakes));
    }
    section(&mut body, "How it was made", &origin(report));
    frame::page(report.title, STYLE, &body)
}

/// Command, environment and recipe.
fn origin(report: &Report<'_>) -> String {
    let mut html = String::new();
    if !report.command.is_empty() {
        html.push_str(&code(report.command));
    }
    html.push_str(&frame::facts(report.environment));
    if !report.recipe.is_empty() {
        let _ = write!(html, "<h3>Recipe</h3>\n{}", code(report.recipe));
    }
    html
}
