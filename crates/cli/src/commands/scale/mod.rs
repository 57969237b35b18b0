//! `efficientnet scale`: the compound scaling method, from counts and from measured times, and the search for it, which trains.

mod fit;
mod grid;
mod grow;
pub mod latency;
mod paper;
mod search;
mod table;

use std::path::Path;

use efficientnet_arch::ArchSpec;
use efficientnet_scaling::{BaselineFile, CompoundRule, PixelRounding, ScalingError};
use serde::Serialize;

use crate::args::scale::{BaseArgs, FormatArgs, ScaleArgs, ScaleCommand};
use crate::{Outcome, error::CliError, output};

pub fn run(args: &ScaleArgs) -> Outcome {
    match &args.command {
        ScaleCommand::Table(args) => table::run(args),
        ScaleCommand::Fit(args) => fit::run(args),
        ScaleCommand::Grow(args) => grow::run(args),
        ScaleCommand::Latency(args) => latency::run(args),
        ScaleCommand::Grid(args) => grid::run(args),
        ScaleCommand::Paper(args) => paper::run(args),
        ScaleCommand::Search(args) => search::run(args),
        ScaleCommand::Report(args) => search::report(args),
    }
}

/// What `--json` prints: what was asked, and the rows that `--csv` prints.
#[derive(Serialize)]
struct Report<'a, Asked, Row> {
    #[serde(flatten)]
    asked: Asked,
    rows: &'a [Row],
}

/// Rows in the format that was asked for; `text` is for people.
fn print<Asked: Serialize, Row: Serialize>(
    format: &FormatArgs,
    asked: Asked,
    rows: &[Row],
    text: impl FnOnce() -> String,
) -> Outcome {
    match (format.json, format.csv) {
        (true, _) => output::json(&Report { asked, rows }),
        (_, true) => output::text(efficientnet_scaling::to_csv(rows)?.trim_end()),
        _ => output::text(&text()),
    }
}

/// A file is recognised by its ending, a network by its name.
fn is_file(text: &str) -> bool {
    Path::new(text).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"))
}

fn network(text: &str) -> Result<ArchSpec, CliError> {
    match is_file(text) {
        true => Ok(BaselineFile::open(Path::new(text))?),
        false => Ok(ArchSpec::named(text)?),
    }
}

impl BaseArgs {
    /// The paper's rule with the bases that were given.
    fn rule(&self) -> Result<CompoundRule, ScalingError> {
        let paper = CompoundRule::PAPER;
        CompoundRule::new(
            self.alpha.unwrap_or(paper.alpha()),
            self.beta.unwrap_or(paper.beta()),
            self.gamma.unwrap_or(paper.gamma()),
        )
    }

    fn is_given(&self) -> bool {
        self.alpha.or(self.beta).or(self.gamma).is_some()
    }
}

fn pixels(multiple: usize) -> PixelRounding {
    match multiple {
        1 => PixelRounding::Nearest,
        step => PixelRounding::Multiple(step),
    }
}

/// A coefficient or a ratio for people.
fn short(number: f64) -> String {
    format!("{number:.2}")
}

fn optional(number: Option<f64>) -> String {
    number.map_or_else(|| "-".to_string(), short)
}

fn megabytes(bytes: u64) -> String {
    output::scaled(bytes, 1024.0 * 1024.0, "MiB")
}
