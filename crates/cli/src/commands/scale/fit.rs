//! `efficientnet scale fit`: which phi a network would have.

use efficientnet_arch::{ArchSpec, Coefficients};
use efficientnet_scaling::{CompoundRule, Line, RowKind, Scaler};
use serde::Serialize;

use super::{is_file, network, pixels, print, table};
use crate::args::scale::FitArgs;
use crate::{Outcome, error::CliError};

#[derive(Serialize)]
struct Asked<'a> {
    base: &'a str,
    rule: CompoundRule,
    constraint: f64,
}

pub fn run(args: &FitArgs) -> Outcome {
    let spec = spec(args)?;
    let base = base(args)?;
    let rule = args.base.rule()?;
    let scaler = Scaler::new(base, rule)?.with_pixels(pixels(args.base.multiple))?;
    let own = scaler.given(spec)?;
    // To a hundredth, as it is shown, so that the power can be asked for again.
    let best = own.phi_fit.map(|phi| (phi * 100.0).round() / 100.0);
    let power = best.map(|phi| scaler.power(phi)).transpose()?;
    let rows: Vec<_> = [Some(own), power].into_iter().flatten().collect();
    let asked = Asked { base: &scaler.base().name, rule, constraint: rule.constraint() };
    print(&args.format, asked, &rows, || {
        let mut parts = vec![format!("{} scaled by {rule}", scaler.base().name)];
        parts.push(table::table(RowKind::Given, &[&rows[0]]));
        parts.extend(rows.get(1).map(|row| table::table(RowKind::Power, &[row])));
        parts.join("\n\n")
    })
}

fn spec(args: &FitArgs) -> Result<ArchSpec, CliError> {
    let named = network(&args.model)?;
    let own = named.coefficients;
    Ok(named.rescaled(Coefficients {
        width: args.width.unwrap_or(own.width),
        depth: args.depth.unwrap_or(own.depth),
        resolution: args.resolution.unwrap_or(own.resolution),
    })?)
}

/// What the network is a scaling of.
fn base(args: &FitArgs) -> Result<ArchSpec, CliError> {
    match is_file(&args.model) {
        true => network(&args.model),
        false => Ok(Line::named(&args.model)?.base),
    }
}
