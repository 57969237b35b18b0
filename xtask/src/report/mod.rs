//! The report of a comparison: what was run on what, the rows, and the files they become.

pub mod bars;
mod charts;
mod html;
mod markdown;
mod number;
pub mod parts;
mod summary;
pub mod svg;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use markdown::table as markdown_table;
pub use number::{difference, mebibytes, three_digits};

use crate::backend::Backend;
use crate::compare::row::Row;
use crate::error::{Context, Error, Result};
use crate::machine::Machine;
use crate::paths;
use crate::process::probe;

/// The rows, one JSON object a line.
pub const ROWS_FILE: &str = "rows.jsonl";
/// The page.
pub const HTML_FILE: &str = "report.html";
/// The same as Markdown.
pub const MARKDOWN_FILE: &str = "report.md";
/// What was run on what.
const RUN_FILE: &str = "run.json";

/// What was run, when, on which machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// When it began, in UTC.
    pub started: String,
    /// The command, as typed.
    pub command: String,
    /// The machine.
    pub machine: Machine,
    /// The commit of this tree, `+` after it when files differ from it.
    pub commit: Option<String>,
    /// Burn's version.
    pub burn: Option<String>,
    /// The Cargo features of the binary; `None` for one that was not built here.
    pub features: Option<String>,
    /// The backend that the others are held against.
    pub reference: Backend,
    /// Rows that were to be measured.
    pub planned: usize,
    /// Whether all were.
    pub complete: bool,
}

impl Run {
    /// A run that begins now.
    pub fn begin(reference: Backend, features: Option<String>, planned: usize) -> Self {
        let root = paths::workspace_root().unwrap_or_default();
        Self {
            started: now(),
            command: command(),
            machine: Machine::here(),
            commit: commit(&root),
            burn: fs::read_to_string(root.join("Cargo.lock"))
                .ok()
                .and_then(|lock| locked_version(&lock, "burn")),
            features,
            reference,
            planned,
            complete: false,
        }
    }

    /// Writes `run.json`.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).doing(|| "cannot write JSON".into())?;
        write_file(&folder.join(RUN_FILE), &(text + "\n"))
    }

    /// Reads `run.json`.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(RUN_FILE);
        let text = fs::read_to_string(&path).map_err(|error| {
            Error::usage(format!("{} is no folder of a comparison ({}: {error})", folder.display(), RUN_FILE))
        })?;
        serde_json::from_str(&text).doing(|| format!("cannot read {}", path.display()))
    }
}

/// Reads `rows.jsonl`. A last line that was cut short is left out.
pub fn read_rows(folder: &Path) -> Result<Vec<Row>> {
    let path = folder.join(ROWS_FILE);
    let text = fs::read_to_string(&path).doing(|| format!("cannot read {}", path.display()))?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut rows = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(row) => rows.push(row),
            Err(_) if index + 1 == lines.len() && !text.ends_with('\n') => {}
            Err(error) => {
                return Err(Error::failure(format!(
                    "line {} of {} is no row: {error}",
                    index + 1,
                    path.display()
                )));
            }
        }
    }
    Ok(rows)
}

/// Writes `report.html` and `report.md`.
pub fn write(run: &Run, rows: &[Row], folder: &Path) -> Result<()> {
    write_file(&folder.join(HTML_FILE), &html::page(run, rows))?;
    write_file(&folder.join(MARKDOWN_FILE), &markdown::text(run, rows))
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).doing(|| format!("cannot write {}", path.display()))
}

/// The time, in UTC.
pub fn now() -> String {
    utc(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// This command, as it could be typed again.
pub fn command() -> String {
    command_line(env::args().skip(1))
}

/// The commit of the tree at `root`, `+` after it when files differ from it.
pub fn commit(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| probe(Command::new("git").current_dir(root).args(arguments));
    let hash = git(&["rev-parse", "--short=12", "HEAD"]).filter(|hash| !hash.is_empty())?;
    let changed = git(&["status", "--porcelain"]).is_some_and(|list| !list.is_empty());
    Some(if changed { format!("{hash}+") } else { hash })
}

/// The version of `package` in the text of a `Cargo.lock`.
fn locked_version(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines();
    lines.find(|line| line.trim() == name)?;
    Some(lines.next()?.trim().strip_prefix("version = \"")?.strip_suffix('"')?.to_string())
}

/// `cargo xtask ...` as it could be typed again.
fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let word = |text: String| {
        if text.is_empty() || text.contains(|c: char| c.is_whitespace() || "'\"\\$`!*?;&|<>()".contains(c)) {
            format!("'{}'", text.replace('\'', r"'\''"))
        } else {
            text
        }
    };
    ["cargo".to_string(), "xtask".to_string()]
        .into_iter()
        .chain(arguments.map(word))
        .collect::<Vec<_>>()
        .join(" ")
}

/// `2026-01-31 23:59 UTC` from seconds since 1970.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Counted in eras of 400 years that begin on a first of March, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", rest / 3600, rest / 60 % 60)
}

#[cfg(test)]
mod tests;
