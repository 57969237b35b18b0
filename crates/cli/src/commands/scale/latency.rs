//! `efficientnet scale latency`: what networks take on a device, predicted from measured pieces and measured whole; and the
//! predictor for whoever else wants milliseconds as a cost.

use std::path::Path;

use efficientnet_arch::{ArchSpec, Coefficients, Totals};
use efficientnet_scaling::{CompoundRule, Factors, Scaler};
use efficientnet_search::NetworkKey;
use efficientnet_search::latency::{
    Accuracy, Correction, LatencyError, LatencyTable, Point, Predictor, Setup,
};
use serde::Serialize;

use super::{network, print, short};
use crate::args::scale::{ClockArgs, LatencyArgs};
use crate::clock::DeviceClock;
use crate::error::CliError;
use crate::output::{self, scaled};
use crate::{Outcome, interrupt};

/// Factors on depth, width and resolution: each dimension alone, and two networks of the paper's rule.
const AROUND: [[f64; 3]; 11] = [
    [1.0, 1.0, 1.0],
    [1.4, 1.0, 1.0],
    [2.0, 1.0, 1.0],
    [1.0, 0.75, 1.0],
    [1.0, 1.4, 1.0],
    [1.0, 2.0, 1.0],
    [1.0, 1.0, 0.6],
    [1.0, 1.0, 0.75],
    [1.0, 1.0, 1.4],
    [1.2, 1.1, 1.15],
    [1.4, 1.2, 1.3],
];

/// As many of them as a correction needs.
const FEW: [[f64; 3]; 5] =
    [[1.0, 1.0, 1.0], [2.0, 1.0, 1.0], [1.0, 1.5, 1.0], [1.0, 1.0, 1.5], [1.0, 1.0, 0.7]];

#[derive(Serialize)]
struct Asked {
    #[serde(flatten)]
    setup: Setup,
    correction: Correction,
    /// Over all networks of the table, each by the line through the others.
    accuracy: Option<Accuracy>,
    /// The same for a line through the networks' multiply-adds, over the networks that are shown.
    accuracy_by_macs: Option<Accuracy>,
    pieces: usize,
}

/// Flat, so that it is a line of CSV as well.
#[derive(Serialize)]
struct Row {
    model: String,
    depth: f64,
    width: f64,
    resolution: usize,
    macs: u64,
    pieces_ms: f64,
    predicted_ms: f64,
    measured_ms: f64,
    spread_ms: f64,
    error_percent: f64,
}

pub fn run(args: &LatencyArgs) -> Outcome {
    interrupt::listen();
    let networks = args.models.iter().map(|model| network(model)).collect::<Result<Vec<_>, _>>()?;
    let networks = match &networks[..] {
        [one] => scalings(one, &AROUND)?,
        _ => networks,
    };
    let mut predictor = predictor(&args.clock)?;
    predictor.calibrate(&networks)?;
    let table = predictor.table();
    let rows = networks.iter().map(|spec| Row::of(spec, table)).collect::<Result<Vec<_>, CliError>>()?;
    let asked = Asked {
        setup: table.setup.clone(),
        correction: table.correction.unwrap_or(Correction::NONE),
        accuracy: table.accuracy(),
        accuracy_by_macs: Accuracy::leave_one_out(&rows.iter().map(Row::by_macs).collect::<Vec<_>>()),
        pieces: table.pieces.len(),
    };
    let text = text(&asked, &rows);
    print(&args.format, asked, &rows, || text)
}

/// A predictor on the device that is asked for, with the table that is asked for.
pub fn predictor(args: &ClockArgs) -> Result<Predictor<'static>, CliError> {
    let (clock, setup) = DeviceClock::new(args)?;
    Ok(match &args.table {
        Some(path) => Predictor::open(path.clone(), setup, Some(Box::new(clock)))?,
        None => Predictor::new(LatencyTable::new(setup), Some(Box::new(clock))),
    })
}

/// Has a predictor's correction fitted to a network and a few around it, unless its table has one.
pub fn calibrate_around(predictor: &mut Predictor<'_>, spec: &ArchSpec) -> Result<(), CliError> {
    Ok(predictor.calibrate_once(&scalings(spec, &FEW)?)?)
}

/// Milliseconds of one image on a device, as the cost of a search.
///
/// The table lies in the study's folder. Pieces that it lacks are measured when a network with them comes up and written
/// down before anybody sees the number, under a lock: all shards of a study, and a search that is taken up again, have the same
/// costs. The correction is fitted once, to the first network that is asked for and four scalings of it. A shard on another
/// machine can read the table, but not add to it (its milliseconds would be others): it gets a sentence that says so.
///
/// # Errors
/// Where the device cannot be opened, or the table is damaged or of another device. The function itself fails with a sentence
/// where a piece cannot be measured, or when Ctrl-C was pressed.
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

/// A network and what becomes of it by some factors, named for these.
fn scalings(spec: &ArchSpec, factors: &[[f64; 3]]) -> Result<Vec<ArchSpec>, CliError> {
    let scaler = Scaler::new(spec.clone(), CompoundRule::PAPER)?;
    let scaled = |&[depth, width, resolution]: &[f64; 3]| {
        if [depth, width, resolution] == [1.0; 3] {
            return Ok(spec.clone());
        }
        let coefficients = scaler.apply(Factors { depth, width, resolution });
        let name = name(&spec.name, [depth, width], coefficients, spec.coefficients);
        Ok(ArchSpec { name, ..spec.rescaled(coefficients)? })
    };
    factors.iter().map(scaled).collect()
}

/// Only what is scaled is said.
fn name(base: &str, [depth, width]: [f64; 2], scaled: Coefficients, own: Coefficients) -> String {
    let mut parts = Vec::new();
    if depth != 1.0 {
        parts.push(format!("d {depth}"));
    }
    if width != 1.0 {
        parts.push(format!("w {width}"));
    }
    if scaled.resolution != own.resolution {
        parts.push(format!("{} px", scaled.resolution));
    }
    format!("{base}({})", parts.join(", "))
}

impl Row {
    fn of(spec: &ArchSpec, table: &LatencyTable) -> Result<Self, CliError> {
        let key = NetworkKey::of(spec);
        let missing = || LatencyError::Missing(spec.name.clone());
        let whole = table.networks.get(&key).ok_or_else(missing)?;
        let predicted_ms = table.predicted_by_others(key).ok_or_else(missing)?;
        let measured_ms = whole.timing.median_ms;
        let Coefficients { width, depth, resolution } = spec.coefficients;
        Ok(Self {
            model: spec.name.clone(),
            depth,
            width,
            resolution,
            macs: spec.totals()?.macs,
            pieces_ms: whole.pieces_ms,
            predicted_ms,
            measured_ms,
            spread_ms: whole.timing.spread_ms,
            error_percent: 100.0 * (predicted_ms - measured_ms) / measured_ms,
        })
    }

    fn by_macs(&self) -> Point {
        Point { name: self.model.clone(), sum: self.macs as f64, measured: self.measured_ms }
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.model.clone(),
            self.resolution.to_string(),
            scaled(self.macs, 1e9, "G"),
            short(self.pieces_ms),
            short(self.predicted_ms),
            short(self.measured_ms),
            short(self.spread_ms),
            format!("{:+.1}", self.error_percent),
        ]
    }
}

fn text(asked: &Asked, rows: &[Row]) -> String {
    let Setup { device, engine, batch, date, .. } = &asked.setup;
    let header =
        ["network", "pixels", "macs", "pieces ms", "predicted ms", "measured ms", "spread ms", "error %"];
    let table = output::table(&header, &header[1..], rows.iter().map(Row::cells));
    let Correction { offset_ms, slope, networks } = asked.correction;
    let mut lines = vec![
        format!("latency on {device} ({engine}, batch {batch}; {}; {date})\n", asked.setup.machine()),
        format!("{table}\n"),
        format!(
            "{offset_ms:.3} ms + {slope:.3} x the sum of the pieces, fitted to {networks} networks; in the table each is \
             predicted by the line through the others"
        ),
    ];
    lines.extend(asked.accuracy.as_ref().map(|accuracy| sentence("by their pieces", accuracy)));
    lines
        .extend(asked.accuracy_by_macs.as_ref().map(|accuracy| sentence("by their multiply-adds", accuracy)));
    lines.push(format!("{} different pieces", asked.pieces));
    lines.join("\n")
}

fn sentence(by: &str, accuracy: &Accuracy) -> String {
    let Accuracy { networks, mean_percent, worst_percent, worst, rank_correlation } = accuracy;
    let ranks = rank_correlation.map_or_else(|| "-".to_string(), |ranks| format!("{ranks:.3}"));
    format!(
        "{networks} networks {by}: mean error {mean_percent:.1} %, largest {worst_percent:.1} % ({worst}), rank \
         correlation {ranks}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalings_are_other_networks_named_for_what_is_scaled() {
        let base = ArchSpec::named("efficientnet-b0").unwrap();
        let networks = scalings(&base, &AROUND).unwrap();
        let names: Vec<&str> = networks.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names[..3], ["efficientnet-b0", "efficientnet-b0(d 1.4)", "efficientnet-b0(d 2)"]);
        assert_eq!(names[10], "efficientnet-b0(d 1.4, w 1.2, 291 px)");
        let keys: std::collections::BTreeSet<NetworkKey> = networks.iter().map(NetworkKey::of).collect();
        assert_eq!(keys.len(), networks.len());
    }
}
