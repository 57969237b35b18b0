//! `efficientnet scale table`: published rows beside literal powers.

use efficientnet_scaling::{CompoundRule, Line, Row, RowKind, Scaler};
use serde::Serialize;

use super::{is_file, megabytes, network, optional, pixels, print, short};
use crate::args::scale::TableArgs;
use crate::output::{self, scaled};
use crate::{Outcome, error::CliError};

#[derive(Serialize)]
struct Asked<'a> {
    family: &'a str,
    base: &'a str,
    rule: CompoundRule,
    constraint: f64,
}

pub fn run(args: &TableArgs) -> Outcome {
    let line = line(&args.family)?;
    let rule = args.base.rule()?;
    let scaler = Scaler::new(line.base.clone(), rule)?.with_pixels(pixels(args.base.multiple))?;
    let rows = line.table(&scaler, &args.phi)?;
    let asked = Asked { family: &line.name, base: &line.base.name, rule, constraint: rule.constraint() };
    print(&args.format, asked, &rows, || text(&line, rule, &rows))
}

fn line(family: &str) -> Result<Line, CliError> {
    match is_file(family) {
        true => Ok(Line::of(network(family)?)),
        false => Ok(Line::named(family)?),
    }
}

fn text(line: &Line, rule: CompoundRule, rows: &[Row]) -> String {
    let heading =
        format!("{} scaled by {rule} (alpha * beta^2 * gamma^2 = {:.3})", line.base.name, rule.constraint());
    let mut parts = vec![heading];
    for kind in [RowKind::Published, RowKind::Power] {
        let of_kind: Vec<&Row> = rows.iter().filter(|row| row.kind == kind).collect();
        if !of_kind.is_empty() {
            parts.push(table(kind, &of_kind));
        }
    }
    parts.join("\n\n")
}

/// Also what `efficientnet scale fit` shows.
pub fn table(kind: RowKind, rows: &[&Row]) -> String {
    let counts = ["params", "macs", "activations", "peak", "nominal", "realised"];
    let (front, back): (&[&str], &[&str]) = match kind {
        RowKind::Published | RowKind::Given => {
            (&["network", "d", "w", "pixels"], &["phi of d", "of w", "of r", "log2 macs", "best phi"])
        }
        RowKind::Power => (&["phi", "d", "w", "pixels"], &[]),
    };
    let header = [front, &counts, back].concat();
    output::table(&header, &header[1..], rows.iter().map(|row| cells(row)))
}

fn cells(row: &Row) -> Vec<String> {
    let name = row.phi.map_or_else(|| row.model.clone(), |phi| phi.to_string());
    let mut cells = vec![
        name,
        short(row.depth),
        short(row.width),
        row.resolution.to_string(),
        scaled(row.params, 1e6, "M"),
        scaled(row.macs, 1e9, "G"),
        scaled(row.activations, 1e6, "M"),
        megabytes(row.peak_activation_bytes),
        short(row.nominal_ratio),
        short(row.macs_ratio),
    ];
    if row.kind != RowKind::Power {
        cells.extend([row.phi_depth, row.phi_width, row.phi_resolution].map(optional));
        cells.extend([short(row.phi_macs), optional(row.phi_fit)]);
    }
    cells
}
