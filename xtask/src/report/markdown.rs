//! The report as Markdown: the same sentences and tables, for a pull request or a terminal.

use std::fmt::Write;

use super::Run;
use super::html::facts;
use super::number::{difference, mebibytes, ms, percent, ratio, three_digits};
use super::summary;
use crate::compare::row::{Kind, Row};

/// The whole text.
pub fn text(run: &Run, rows: &[Row]) -> String {
    let models = summary::models(rows);
    let mut text = String::from("# EfficientNet on Burn: backends compared\n\n");
    let _ = writeln!(text, "{}\n", summary::headline(&models));
    for model in &models {
        let _ = writeln!(text, "- {}", summary::finding(model));
    }
    text.push('\n');
    if let Some((good, sentence)) = summary::agreement(run, rows) {
        let _ =
            writeln!(text, "**{}** {sentence}\n", if good { "Same answers." } else { "Different answers." });
    }
    for gap in summary::gaps(run, rows) {
        let _ = writeln!(text, "**Incomplete.** {gap}\n");
    }
    section(&mut text, "Machine", &["", ""], &machine(run, rows));
    section(&mut text, "Speed and memory", &SPEED, &speed(rows));
    section(&mut text, "Agreement", &AGREEMENT, &agreement(rows));
    section(&mut text, "Accuracy", &ACCURACY, &accuracy(rows));
    section(
        &mut text,
        "Without a result",
        &["Network", "Backend", "#Batch", "Outcome", "Why"],
        &failures(rows),
    );
    text.push_str("## How it was measured\n");
    for paragraph in summary::method(run) {
        let _ = write!(text, "\n{paragraph}\n");
    }
    text
}

/// A table in Markdown; a heading that begins with `#` is of a column of numbers.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = String::from("|");
    for heading in headings {
        let _ = write!(text, " {} |", heading.trim_start_matches('#'));
    }
    text.push_str("\n|");
    for heading in headings {
        text.push_str(if heading.starts_with('#') { "---:|" } else { "---|" });
    }
    text.push('\n');
    for row in rows {
        text.push('|');
        for cell in row {
            let _ = write!(text, " {} |", cell.replace('|', "\\|").replace('\n', " "));
        }
        text.push('\n');
    }
    text
}

const SPEED: [&str; 10] = [
    "Network",
    "Backend",
    "#Batch",
    "#Time an image",
    "#Against the fastest",
    "#10th to 90th",
    "#Images a second",
    "#First call",
    "#Load",
    "#Memory",
];
const AGREEMENT: [&str; 7] =
    ["Network", "Backend", "#Batch", "#Largest difference", "#Relative", "#Same first class", "Answers"];
const ACCURACY: [&str; 6] = ["Network", "Backend", "#Top-1", "#Top-5", "#Images", "#Images a second"];

fn section(text: &mut String, title: &str, headings: &[&str], rows: &[Vec<String>]) {
    if !rows.is_empty() {
        let _ = writeln!(text, "## {title}\n\n{}", table(headings, rows));
    }
}

fn machine(run: &Run, rows: &[Row]) -> Vec<Vec<String>> {
    let mut list: Vec<Vec<String>> =
        facts(run, rows).into_iter().map(|(name, value)| vec![name.to_string(), value]).collect();
    list.push(vec!["Started".to_string(), run.started.clone()]);
    list
}

fn speed(rows: &[Row]) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for model in summary::models(rows) {
        for group in &model.groups {
            for row in &group.rows {
                let Some(measure) = &row.measure else { continue };
                let per_image = |value: f64| three_digits(value / row.batch.max(1) as f64);
                let mark = if summary::is_software(row) { " (software)" } else { "" };
                lines.push(vec![
                    row.model.clone(),
                    format!("{}{mark}", row.backend),
                    row.batch.to_string(),
                    ms(row.ms_per_image().unwrap_or_default()),
                    group.ratio(row).map_or_else(String::new, ratio),
                    format!("{} to {}", per_image(measure.p10_ms), per_image(measure.p90_ms)),
                    three_digits(measure.images_per_second),
                    ms(measure.first_call_ms),
                    ms(measure.load_ms),
                    measure.peak_rss_bytes.map_or_else(String::new, mebibytes),
                ]);
            }
        }
    }
    lines
}

fn agreement(rows: &[Row]) -> Vec<Vec<String>> {
    let compared = rows.iter().filter_map(|row| Some((row, row.agreement()?)));
    compared
        .map(|(row, agreement)| {
            vec![
                row.model.clone(),
                row.backend.clone(),
                row.batch.to_string(),
                difference(agreement.max_abs),
                difference(agreement.max_rel),
                format!("{} of {}", agreement.top1_same, agreement.images),
                if agreement.agrees() { "the same" } else { "**different**" }.to_string(),
            ]
        })
        .collect()
}

fn accuracy(rows: &[Row]) -> Vec<Vec<String>> {
    let evaluated = rows.iter().filter_map(|row| Some((row, row.eval.as_ref()?)));
    evaluated
        .map(|(row, eval)| {
            vec![
                row.model.clone(),
                row.backend.clone(),
                percent(eval.top1),
                percent(eval.top5),
                eval.images.to_string(),
                three_digits(eval.images_per_second),
            ]
        })
        .collect()
}

fn failures(rows: &[Row]) -> Vec<Vec<String>> {
    summary::failures(rows)
        .into_iter()
        .map(|row| {
            vec![
                row.model.clone(),
                row.backend.clone(),
                if row.kind == Kind::Eval { "evaluation".to_string() } else { row.batch.to_string() },
                row.status.label().to_string(),
                row.reason.clone().unwrap_or_default(),
            ]
        })
        .collect()
}
