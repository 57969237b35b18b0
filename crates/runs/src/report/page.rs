//! The page around the parts.

use std::fmt::Write;

use super::svg::escape;
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
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Command, environment and recipe.
fn origin(report: &Report<'_>) -> String {
    let mut html = String::new();
    if !report.command.is_empty() {
        let _ = writeln!(html, "<pre><code>{}</code></pre>", escape(report.command));
    }
    if !report.environment.is_empty() {
        html.push_str("<dl class=\"facts\">\n");
        for (name, value) in report.environment {
            let _ = writeln!(html, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
        }
        html.push_str("</dl>\n");
    }
    if !report.recipe.is_empty() {
        let _ = writeln!(html, "<h3>Recipe</h3>\n<pre><code>{}</code></pre>", escape(report.recipe));
    }
    html
}

fn section(body: &mut String, title: &str, content: &str) {
    if !content.is_empty() {
        let _ = writeln!(body, "<section>\n<h2>{title}</h2>\n{content}</section>");
    }
}
