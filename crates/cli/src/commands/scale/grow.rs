//! `efficientnet scale grow`: the largest network of a rule, or of several, within a budget.

use efficientnet_arch::ArchSpec;
use efficientnet_scaling::{CompoundRule, GrowOptions, Grown, Limit, Scaler, ScalingError};
use efficientnet_search::NetworkKey;
use efficientnet_search::latency::Predictor;
use serde::Serialize;

use super::{latency, megabytes, network, pixels, print, short};
use crate::args::scale::{ClockArgs, GrowArgs};
use crate::output::{self, scaled};
use crate::{Outcome, error::CliError, interrupt};

#[derive(Serialize)]
struct Asked<'a> {
    base: &'a str,
    budget: Limit,
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
    cost: Amount,
    next_cost: Option<Amount>,
    budget_used: f64,
    /// Of a budget in milliseconds: what the network takes as a whole; its cost is what was predicted.
    measured_ms: Option<f64>,
}

/// A count, or milliseconds.
#[derive(Serialize)]
#[serde(untagged)]
enum Amount {
    Count(u64),
    Milliseconds(f64),
}

pub fn run(args: &GrowArgs) -> Outcome {
    let base = network(&args.model)?;
    let mut clock = match args.budget {
        Limit::Latency(_) => Some(clock(args, &base)?),
        Limit::Counted(_) if args.clock != ClockArgs::default() => {
            let sentence = "--device, --plain, --batch, --table and --seconds go with a budget in ms";
            return Err(CliError::Usage(sentence.to_string()));
        }
        Limit::Counted(_) => None,
    };
    let mut rows = Vec::with_capacity(args.rule.len());
    for rule in &args.rule {
        rows.push(row(args, &base, rule, clock.as_mut())?);
    }
    let asked = Asked { base: &base.name, budget: args.budget };
    print(&args.format, asked, &rows, || {
        let mut header =
            vec!["rule", "phi", "d", "w", "pixels", "params", "macs", "activations", "peak", "of budget"];
        if clock.is_some() {
            header.extend(["predicted ms", "measured ms"]);
        }
        let table = output::table(&header, &header[1..], rows.iter().map(Row::cells));
        format!("the largest from {} within {}\n\n{table}", base.name, args.budget.show())
    })
}

/// What tells milliseconds, once everything is known to be right that can be known without measuring.
fn clock(args: &GrowArgs, base: &ArchSpec) -> Result<Predictor<'static>, CliError> {
    args.rule.iter().try_for_each(|name| rule(args, name).map(drop))?;
    interrupt::listen();
    let mut predictor = latency::predictor(&args.clock)?;
    latency::calibrate_around(&mut predictor, base)?;
    Ok(predictor)
}

fn row<'a>(
    args: &GrowArgs,
    base: &ArchSpec,
    name: &'a str,
    clock: Option<&mut Predictor<'_>>,
) -> Result<Row<'a>, CliError> {
    let rule = rule(args, name)?;
    let scaler = Scaler::new(base.clone(), rule)?.with_pixels(pixels(args.base.multiple))?;
    let (grown, measured_ms) = match (args.budget, clock) {
        (Limit::Latency(milliseconds), Some(clock)) => {
            let grown = within(milliseconds, args.shrink, &scaler, clock)?;
            let spec = scaler.spec(grown.point.phi)?;
            clock.measure(std::slice::from_ref(&spec))?;
            let whole = clock.table().networks.get(&NetworkKey::of(&spec));
            (grown, whole.map(|whole| whole.timing.median_ms))
        }
        (Limit::Counted(budget), _) => {
            let options = GrowOptions { shrink: args.shrink, ..GrowOptions::default() };
            (scaler.grow(&budget, options).map_err(with_option)?, None)
        }
        (Limit::Latency(_), None) => {
            return Err(CliError::Failure("nothing measures milliseconds".to_string()));
        }
    };
    Ok(Row::of(name, rule, &grown, args.budget, measured_ms))
}

/// The largest network whose predicted latency is within the budget.
fn within(
    milliseconds: f64,
    shrink: bool,
    scaler: &Scaler,
    clock: &mut Predictor<'_>,
) -> Result<Grown, CliError> {
    let mut failure = None;
    let options = GrowOptions { shrink, ..GrowOptions::measured() };
    let grown = scaler.grow_timed(milliseconds, options, |spec| {
        // No number ends the search; why there is none is kept.
        clock.predict(spec).unwrap_or_else(|error| {
            failure = Some(error);
            f64::NAN
        })
    });
    match failure {
        Some(error) => Err(error.into()),
        None => grown.map_err(with_option),
    }
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
    fn of(name: &'a str, rule: CompoundRule, grown: &Grown, budget: Limit, measured_ms: Option<f64>) -> Self {
        let point = grown.point;
        let amount = |cost: f64| match budget {
            Limit::Counted(_) => Amount::Count(cost as u64),
            Limit::Latency(_) => Amount::Milliseconds(cost),
        };
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
            cost: amount(grown.cost),
            next_cost: grown.next_cost.map(amount),
            budget_used: grown.cost / budget.amount(),
            measured_ms,
        }
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![
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
        ];
        if let (Amount::Milliseconds(predicted), Some(measured)) = (&self.cost, self.measured_ms) {
            cells.extend([short(*predicted), short(measured)]);
        }
        cells
    }
}
