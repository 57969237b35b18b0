//! `efficientnet scale latency`: what networks take on a device, measured and predicted; and the predictor for whoever else
//! wants milliseconds as a cost.

use std::path::Path;

use efficientnet_arch::{ArchSpec, Coefficients, Totals};
use efficientnet_data::{Purpose, Random};
use efficientnet_search::latency::{
    Accuracy, Costs, LatencyError, LatencyTable, Line, Predictor, Setup, Specimen, Whole, around, held_out,
};
use efficientnet_search::{BlockSpace, NetworkKey, Plan, Task};
use serde::Serialize;

use super::{network, optional, print, short};
use crate::args::scale::{ClockArgs, LatencyArgs};
use crate::clock::DeviceClock;
use crate::error::CliError;
use crate::output::{self, scaled};
use crate::{Outcome, interrupt};

#[derive(Serialize)]
struct Asked {
    #[serde(flatten)]
    setup: Setup,
    costs: Option<Costs>,
    errors: Vec<Errors>,
}

/// Errors on networks that were left out of the fit.
#[derive(Serialize)]
struct Errors {
    /// Which networks, and how they were left out.
    of: String,
    by_steps: Accuracy,
    by_macs: Accuracy,
}

/// Flat, so that it is a line of CSV as well. Each prediction is from networks of other groups.
#[derive(Serialize)]
struct Row {
    model: String,
    group: String,
    depth: f64,
    width: f64,
    resolution: usize,
    macs: u64,
    measured_ms: f64,
    spread_ms: f64,
    predicted_ms: Option<f64>,
    error_percent: Option<f64>,
    macs_error_percent: Option<f64>,
}

pub fn run(args: &LatencyArgs) -> Outcome {
    interrupt::listen();
    let specimens = specimens(args)?;
    let mut predictor = predictor(&args.clock)?;
    predictor.calibrate(specimens.iter().map(|specimen| &specimen.spec))?;
    let table = predictor.table();
    let known = specimens.iter().map(|specimen| Known::of(specimen, table)).collect::<Result<Vec<_>, _>>()?;
    let rows = rows(&known);
    let asked = Asked { setup: table.setup.clone(), costs: table.costs.clone(), errors: errors(&known) };
    let text = text(&asked, &rows);
    print(&args.format, asked, &rows, || text)
}

/// The networks that are asked for: those around a single one, and those that are drawn from a plan's space.
fn specimens(args: &LatencyArgs) -> Result<Vec<Specimen>, CliError> {
    if let Some(path) = &args.space {
        let plan = Plan::open(path)?;
        let mut specimens = around(plan.base())?;
        specimens.extend(drawn(&plan, args.networks)?);
        return Ok(specimens);
    }
    let networks = args.models.iter().map(|model| network(model)).collect::<Result<Vec<_>, _>>()?;
    match &networks[..] {
        [one] => Ok(around(one)?),
        _ => Ok(networks.into_iter().map(|spec| Specimen { group: spec.name.clone(), spec }).collect()),
    }
}

/// Networks of a plan's space, each equally likely; from a plan without a space a sentence.
fn drawn(plan: &Plan, count: usize) -> Result<Vec<Specimen>, CliError> {
    let Task::Evolve(evolve) = &plan.task else {
        let sentence =
            format!("{} has no space to draw networks from; take a plan with [evolve.space]", plan.name);
        return Err(CliError::Usage(sentence));
    };
    let space = BlockSpace::new(&evolve.space, plan.base())?;
    let draw = |index: usize| -> Result<Specimen, CliError> {
        let genome = space.random(&mut Random::new(evolve.seed, 0, index as u64, Purpose::Evolution));
        let spec = space.network(&genome, &format!("drawn {}", index + 1))?;
        Ok(Specimen { spec, group: "drawn".to_string() })
    };
    (0..count).map(draw).collect()
}

/// A predictor on the device that is asked for, with the table that is asked for.
pub fn predictor(args: &ClockArgs) -> Result<Predictor<'static>, CliError> {
    let (clock, setup) = DeviceClock::new(args)?;
    Ok(match &args.table {
        Some(path) => Predictor::open(path.clone(), setup, Some(Box::new(clock)))?,
        None => Predictor::new(LatencyTable::new(setup), Some(Box::new(clock))),
    })
}

/// Has what steps cost fitted to the networks around one, unless the table says it.
pub fn calibrate_around(predictor: &mut Predictor<'_>, spec: &ArchSpec) -> Result<(), CliError> {
    predictor.calibrate_once(|| Ok(around(spec)?.into_iter().map(|specimen| specimen.spec).collect()))
}

/// Milliseconds of one image on a device, as the cost of a search.
///
/// The table lies in the study's folder. What steps cost is measured and fitted once, on the first network that is asked for and those
/// around it, and written down before anybody sees a number, under a lock: all shards of a study, and a search that is taken
/// up again, have the same costs, also on other machines. After that nothing is measured.
///
/// # Errors
/// Where the device cannot be opened, or the table is damaged or of another device. The function itself fails with a sentence
/// where a network cannot be measured, or when Ctrl-C was pressed.
pub fn latency_cost(
    device: &str,
    table: &Path,
) -> Result<impl FnMut(&ArchSpec, &Totals) -> Result<f64, String> + use<>, CliError> {
    let args = ClockArgs {
        device: Some(device.to_string()),
        table: Some(table.to_path_buf()),
        ..ClockArgs::default()
    };
    let mut predictor = predictor(&args)?;
    Ok(move |spec: &ArchSpec, _: &Totals| {
        let cost = calibrate_around(&mut predictor, spec).and_then(|()| Ok(predictor.predict(spec)?));
        cost.map_err(|error| {
            error.failure().map_or_else(|| "interrupted".to_string(), |(sentence, _)| sentence.to_string())
        })
    })
}

/// A network with what is known of it.
struct Known<'a> {
    specimen: &'a Specimen,
    whole: &'a Whole,
    macs: u64,
}

impl<'a> Known<'a> {
    fn of(specimen: &'a Specimen, table: &'a LatencyTable) -> Result<Self, CliError> {
        let whole = table.networks.get(&NetworkKey::of(&specimen.spec));
        let whole = whole.ok_or_else(|| LatencyError::Missing(specimen.spec.name.clone()))?;
        Ok(Self { specimen, whole, macs: specimen.spec.totals()?.macs })
    }

    fn name(&self) -> &str {
        &self.specimen.spec.name
    }

    fn group(&self) -> &str {
        &self.specimen.group
    }

    fn measured(&self) -> f64 {
        self.whole.timing.median_ms
    }
}

/// Milliseconds of a network from others, by steps.
fn by_steps(others: &[&Known<'_>], one: &Known<'_>) -> f64 {
    let costs = Costs::fit(others.iter().map(|other| other.whole));
    let steps: Vec<_> = one.whole.steps.iter().map(|step| step.step).collect();
    costs.of(&steps)
}

/// The same by multiply-adds.
fn by_macs(others: &[&Known<'_>], one: &Known<'_>) -> f64 {
    Line::fit(others.iter().map(|other| (other.macs as f64, other.measured()))).apply(one.macs as f64)
}

fn rows(known: &[Known<'_>]) -> Vec<Row> {
    let predicted = held_out(known, Known::group, by_steps);
    let line = held_out(known, Known::group, by_macs);
    let row = |(index, one): (usize, &Known<'_>)| {
        let at = |all: &Option<Vec<f64>>| all.as_ref().and_then(|all| all.get(index).copied());
        let percent = |predicted: f64| 100.0 * (predicted - one.measured()) / one.measured();
        let Coefficients { width, depth, resolution } = one.specimen.spec.coefficients;
        Row {
            model: one.name().to_string(),
            group: one.group().to_string(),
            depth,
            width,
            resolution,
            macs: one.macs,
            measured_ms: one.measured(),
            spread_ms: one.whole.timing.spread_ms,
            predicted_ms: at(&predicted),
            error_percent: at(&predicted).map(percent),
            macs_error_percent: at(&line).map(percent),
        }
    };
    known.iter().enumerate().map(row).collect()
}

/// Each network left out alone; then with all of its group; and the groups of the latter.
fn errors(known: &[Known<'_>]) -> Vec<Errors> {
    let of = |of: &str, some: &[&Known<'_>], predicted: [&[f64]; 2]| {
        let names: Vec<&str> = some.iter().map(|one| one.name()).collect();
        let measured: Vec<f64> = some.iter().map(|one| one.measured()).collect();
        let [by_steps, by_macs] = predicted.map(|predicted| Accuracy::of(&names, predicted, &measured));
        Some(Errors { of: of.to_string(), by_steps: by_steps?, by_macs: by_macs? })
    };
    let all: Vec<&Known<'_>> = known.iter().collect();
    let mut errors = Vec::new();
    if let (Some(steps), Some(macs)) =
        (held_out(known, Known::name, by_steps), held_out(known, Known::name, by_macs))
    {
        errors.extend(of("each network alone", &all, [&steps, &macs]));
    }
    let mut groups: Vec<&str> = Vec::new();
    for one in known {
        if !groups.contains(&one.group()) {
            groups.push(one.group());
        }
    }
    let apart = (held_out(known, Known::group, by_steps), held_out(known, Known::group, by_macs));
    let (Some(steps), Some(macs)) = apart else { return errors };
    if groups.len() == known.len() {
        return errors;
    }
    errors.extend(of("each with all of its kind", &all, [&steps, &macs]));
    for group in groups {
        let members: Vec<usize> = (0..known.len()).filter(|&index| known[index].group() == group).collect();
        let some: Vec<&Known<'_>> = members.iter().map(|&index| &known[index]).collect();
        let [steps, macs] =
            [&steps, &macs].map(|all| members.iter().map(|&index| all[index]).collect::<Vec<f64>>());
        errors.extend(of(&format!("  {group}"), &some, [&steps, &macs]));
    }
    errors
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let percent =
            |error: Option<f64>| error.map_or_else(|| "-".to_string(), |error| format!("{error:+.1}"));
        vec![
            self.model.clone(),
            self.group.clone(),
            self.resolution.to_string(),
            scaled(self.macs, 1e9, "G"),
            short(self.measured_ms),
            short(self.spread_ms),
            optional(self.predicted_ms),
            percent(self.error_percent),
            percent(self.macs_error_percent),
        ]
    }
}

impl Errors {
    fn cells(&self) -> Vec<String> {
        let of = |accuracy: &Accuracy| {
            let ranks =
                accuracy.rank_correlation.map_or_else(|| "-".to_string(), |ranks| format!("{ranks:.3}"));
            [format!("{:.1}", accuracy.mean_percent), format!("{:.1}", accuracy.worst_percent), ranks]
        };
        let count = self.by_steps.networks.to_string();
        [self.of.clone(), count].into_iter().chain(of(&self.by_steps)).chain(of(&self.by_macs)).collect()
    }
}

fn text(asked: &Asked, rows: &[Row]) -> String {
    let Setup { device, engine, batch, date, .. } = &asked.setup;
    let header = [
        "network",
        "kind",
        "pixels",
        "macs",
        "measured ms",
        "spread ms",
        "predicted ms",
        "error %",
        "by macs: error %",
    ];
    let networks = output::table(&header, &header[2..], rows.iter().map(Row::cells));
    let mut lines = vec![
        format!("latency on {device} ({engine}, batch {batch}; {}; {date})\n", asked.setup.machine()),
        networks,
    ];
    if !asked.errors.is_empty() {
        let header = [
            "left out of the fit",
            "networks",
            "mean error %",
            "largest",
            "ranks",
            "by macs: mean error %",
            "by macs: largest",
            "by macs: ranks",
        ];
        let errors = output::table(&header, &header[1..], asked.errors.iter().map(Errors::cells));
        lines.push("\neach network is predicted from the networks of other kinds\n".to_string());
        lines.push(errors);
    }
    lines.join("\n")
}
