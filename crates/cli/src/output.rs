//! What goes to standard output: a table for people or JSON for machines, written in one piece.

use std::io::{self, Write};
use std::path::Path;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use efficientnet_data::write_atomically;
use serde::Serialize;

use crate::error::CliError;

/// Writes text and a line's end.
pub fn text(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(CliError::OutputClosed),
        Err(error) => Err(CliError::Failure(format!("standard output cannot be written: {error}"))),
    }
}

/// Writes a file in one piece: a full disk leaves nothing behind, and what was there stays as it was.
pub fn file(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    write_atomically(path, |out| out.write_all(bytes)).map_err(|error| CliError::writing(path, &error))
}

/// Writes a value as JSON.
pub fn json(value: &impl Serialize) -> Result<(), CliError> {
    let rendered = serde_json::to_string_pretty(value)
        .map_err(|error| CliError::Failure(format!("the result has no JSON form: {error}")))?;
    text(&rendered)
}

/// A table with a header; the columns whose name stands in `right` are aligned to the right.
pub fn table(header: &[&str], right: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for (index, name) in header.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
            if right.contains(name) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table.lines().map(|line| line.trim_end().to_string()).collect::<Vec<_>>().join("\n")
}

/// `5288548` as `5,288,548`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let head = (!head.is_empty()).then(|| head.to_string());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

/// A number with a unit's prefix: `5.29 M`, `0.386 G`.
pub fn scaled(number: u64, unit: f64, suffix: &str) -> String {
    let value = number as f64 / unit;
    let decimals = if value < 1.0 { 3 } else { 2 };
    format!("{value:.decimals$} {suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_three() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1000), "1,000");
        assert_eq!(thousands(5_288_548), "5,288,548");
    }

    #[test]
    fn prefixes() {
        assert_eq!(scaled(385_825_092, 1e9, "G"), "0.386 G");
        assert_eq!(scaled(5_288_548, 1e6, "M"), "5.29 M");
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let table =
            table(&["name", "n"], &["n"], [vec!["a".into(), "1".into()], vec!["b".into(), "100".into()]]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines, ["name    n", "a       1", "b     100"]);
    }
}
