//! `efficientnet scale grow`: the largest network of a rule, or of several, within a budget.

use efficientnet_arch::ArchSpec;
use efficientnet_scaling::{Budget, CompoundRule, GrowOptions, Grown, Scaler, ScalingError};
use serde::Serialize;

use super::{megabytes, network, pixels, print, short};
use crate::args::scale::GrowArgs;
use crate::output::{self, scaled};
use crate::{Outcome, error::CliError};

#[derive(Serialize)]
struct Asked<'a> {
    base: &'a str,
    budget: Budget,
}

/// Flat, so that it is a line of CSV as well.
#[derive(Serialize)]
struct Row<'a> {
    rule: &'a str,
    alpha: f64,
    beta: f64,
    gamma: f64,
    phi: f64,
    phi_from: f64,
    depth: f64,
    width: f64,
    resolution: usize,
    params: u64,
    macs: u64,
    activations: u64,
    peak_activation_bytes: u64,
    macs_ratio: f64,
    cost: u64,
    next_cost: Option<u64>,
    budget_used: f64,
}

pub fn run(args: &GrowArgs) -> Outcome {
    let base = network(&args.model)?;
    let rows = args.rule.iter().map(|rule| row(args, &base, rule)).collect::<Result<Vec<_>, CliError>>()?;
    let asked = Asked { base: &base.name, budget: args.budget };
    print(&args.format, asked, &rows, || {
        let show = args.budget.quantity().show(args.budget.amount());
        let header =
            ["rule", "phi", "d", "w", "pixels", "params", "macs", "activations", "peak", "of budget"];
        let table = output::table(&header, &header[1..], rows.iter().map(Row::cells));
        format!("the largest from {} within {show}\n\n{table}", base.name)
    })
}

fn row<'a>(args: &GrowArgs, base: &ArchSpec, name: &'a str) -> Result<Row<'a>, CliError> {
    let rule = rule(args, name)?;
    let scaler = Scaler::new(base.clone(), rule)?.with_pixels(pixels(args.base.multiple))?;
    let options = GrowOptions { shrink: args.shrink, ..GrowOptions::default() };
    let grown = scaler.grow(&args.budget, options).map_err(with_option)?;
    Ok(Row::of(name, rule, &grown, args.budget))
}

/// The sentence of a budget that is too small, with what to type.
fn with_option(error: ScalingError) -> CliError {
    match &error {
        ScalingError::BudgetUnderBaseline { nearest: Some(_), .. } => {
            CliError::Usage(format!("{error}; `--shrink` allows it"))
        }
        _ => error.into(),
    }
}

fn rule(args: &GrowArgs, name: &str) -> Result<CompoundRule, CliError> {
    match (name, args.base.is_given()) {
        ("compound", _) => Ok(args.base.rule()?),
        (_, false) => Ok(CompoundRule::named(name)?),
        (_, true) => {
            CompoundRule::named(name)?;
            Err(CliError::Usage(format!(
                "--alpha, --beta and --gamma are of the compound rule, not of `{name}`"
            )))
        }
    }
}

impl<'a> Row<'a> {
    fn of(name: &'a str, rule: CompoundRule, grown: &Grown, budget: Budget) -> Self {
        let point = grown.point;
        Self {
            rule: name,
            alpha: rule.alpha(),
            beta: rule.beta(),
            gamma: rule.gamma(),
            phi: point.phi,
            phi_from: grown.phi_from,
            depth: point.depth,
            width: point.width,
            resolution: point.resolution,
            params: point.params,
            macs: point.macs,
            activations: point.activations,
            peak_activation_bytes: point.peak_activation_bytes,
            macs_ratio: point.macs_ratio,
            cost: grown.cost as u64,
            next_cost: grown.next_cost.map(|cost| cost as u64),
            budget_used: grown.cost / budget.amount() as f64,
        }
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.rule.to_string(),
            self.phi.to_string(),
            short(self.depth),
            short(self.width),
            self.resolution.to_string(),
            scaled(self.params, 1e6, "M"),
            scaled(self.macs, 1e9, "G"),
            scaled(self.activations, 1e6, "M"),
            megabytes(self.peak_activation_bytes),
            format!("{:.1} %", self.budget_used * 100.0),
        ]
    }
}
