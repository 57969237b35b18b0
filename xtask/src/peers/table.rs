//! The rows as a table in Markdown, its columns aligned so that it reads on a terminal, too.

use super::row::{Row, Spread};
use super::side::Side;
use crate::report::parts;
use crate::report::svg::escape;
use crate::report::{difference, markdown_table, mebibytes, three_digits};

const HEADINGS: [&str; 8] = [
    "network",
    "batch",
    "threads",
    "side",
    "ms (least, most)",
    "ratio (least, most)",
    "peak memory",
    "logits",
];
/// Columns of words; the others are of numbers.
const WORDS: [usize; 2] = [0, 3];
/// The column that holds the reason where there are no times. It may be of any length.
const TIMES: usize = 4;

/// The table.
pub fn table(rows: &[Row]) -> String {
    let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let measured = |row: usize, column: usize| column != TIMES || rows[row].reason.is_none();
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| {
            let of = |row: usize| cells[row][column].chars().count();
            let widest = (0..rows.len()).filter(|&row| measured(row, column)).map(of).max();
            widest.unwrap_or(0).max(HEADINGS[column].len())
        })
        .collect();
    let padded = |column: usize, text: &str| {
        let width = widths[column];
        if WORDS.contains(&column) { format!("{text:<width$}") } else { format!("{text:>width$}") }
    };
    let headings: Vec<String> = HEADINGS
        .iter()
        .enumerate()
        .map(|(column, text)| {
            let mark = if WORDS.contains(&column) { "" } else { "#" };
            format!("{mark}{}", padded(column, text))
        })
        .collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let lines: Vec<Vec<String>> = cells
        .iter()
        .map(|cells| cells.iter().enumerate().map(|(column, text)| padded(column, text)).collect())
        .collect();
    markdown_table(&headings, &lines)
}

/// The same for a page.
pub fn html(rows: &[Row]) -> String {
    let mark = |(column, text): (usize, &&str)| {
        let mark = if WORDS.contains(&column) { "" } else { "#" };
        format!("{mark}{text}")
    };
    let headings: Vec<String> = HEADINGS.iter().enumerate().map(mark).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut before = None;
    let lines = rows.iter().map(|row| {
        let is_new = before.replace(&row.workload).is_some_and(|before| before != &row.workload);
        let cells = cells(row).iter().map(|cell| escape(cell)).collect();
        (if is_new { "new" } else { "" }, cells)
    });
    parts::table(&headings, lines.collect())
}

fn cells(row: &Row) -> Vec<String> {
    let times = match (&row.reason, &row.ms) {
        (Some(reason), _) => format!("not measured: {reason}"),
        (None, Some(ms)) => spread(ms, three_digits),
        (None, None) => String::new(),
    };
    vec![
        row.workload.model.clone(),
        row.workload.batch.to_string(),
        row.workload.threads.to_string(),
        row.side.title().to_string(),
        times,
        row.ratio.as_ref().map_or_else(String::new, |ratio| spread(ratio, |value| format!("{value:.2}"))),
        row.peak_bytes.map_or_else(String::new, mebibytes),
        row.difference.map_or_else(String::new, |value| difference(Some(value))),
    ]
}

fn spread(spread: &Spread, text: impl Fn(f64) -> String) -> String {
    format!("{} ({}, {})", text(spread.median), text(spread.least), text(spread.most))
}

/// Each library once, in its own words.
pub fn libraries(rows: &[Row]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for row in rows {
        let Some(description) = &row.description else { continue };
        // Ours names the network, too.
        let line = match row.side {
            Side::Ours => continue,
            side => format!("{}: {description}", side.name()),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::row::{Workload, conclude};

    fn rows() -> Vec<Row> {
        let workload = Workload { model: "efficientnet-b0".into(), resolution: 224, batch: 16, threads: 1 };
        let row = |side| Row::new(&workload, side);
        let mut rows = vec![row(Side::Ort), row(Side::Ours), row(Side::Candle)];
        rows[0].rounds_ms = vec![10.0, 12.0];
        rows[1].rounds_ms = vec![8.0, 9.0];
        rows[1].peak_bytes = Some(30 << 20);
        rows[1].difference = Some(5.4e-6);
        rows[2].fail("candle-onnx is built with `protoc`, which is a long story".into());
        conclude(&mut rows, Some(Side::Ort));
        rows
    }

    #[test]
    fn a_table_says_times_ratios_and_reasons() {
        let text = table(&rows());
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect();
        assert_eq!(lines[0], HEADINGS);
        assert_eq!(lines[1], ["---", "---:", "---:", "---", "---:", "---:", "---:", "---:"]);
        let ours = ["efficientnet-b0", "16", "1", "this workspace", "8.50 (8.00, 9.00)", "0.77 (0.75, 0.80)"];
        assert_eq!(lines[3], [&ours[..], &["30 MiB", "5.4e-6"]].concat());
        let reason = "not measured: candle-onnx is built with `protoc`, which is a long story";
        assert_eq!(lines[4], ["efficientnet-b0", "16", "1", "candle", reason, "", "", ""]);
    }

    #[test]
    fn a_reason_does_not_widen_the_table() {
        let text = table(&rows());
        let lengths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert_eq!(lengths[0], lengths[2]);
        assert_eq!(lengths[2], lengths[3]);
        assert!(lengths[4] > lengths[3]);
    }

    #[test]
    fn each_library_is_named_once() {
        let mut rows = [rows(), rows()].concat();
        for row in &mut rows {
            row.description = Some(format!("{} 1.2", row.side.title()));
        }
        assert_eq!(libraries(&rows), "ort: ONNX Runtime 1.2\ncandle: candle 1.2");
    }
}
