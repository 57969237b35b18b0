//! `cargo xtask bench --peers`: ours beside other libraries, on the same networks, weights, images and processors.
//!
//! Every figure is of a fresh process. In a round each side has its turn on a workload, so that whatever the machine does
//! meanwhile it does to all, and every process writes its logits, which are held together at once: a side that computes
//! something else is not fast but wrong.

mod layers;
mod logits;
mod page;
mod pin;
pub mod python;
mod rivals;
mod roofline;
mod row;
mod side;
mod sides;
mod table;

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use crate::backend::Backend;
use crate::build;
use crate::compare::positive;
use crate::error::{Context, Error, Result};
use crate::machine::Machine;
use crate::paths;
use crate::process;
use crate::report;
use crate::system::System;
use layers::Roof;
use python::Python;
use rivals::Rivals;
use row::Row;
use side::Side;
use sides::Sides;

/// What is run where nothing else is said: networks, and their batches.
const DEFAULT: [(&str, &[usize]); 4] = [
    ("efficientnet-b0", &[1, 16]),
    ("efficientnet-b4", &[1]),
    ("efficientnetv2-s", &[1]),
    ("mobilenetv2", &[1]),
];

/// What to time, and beside whom.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "With --peers")]
pub struct Options {
    /// Time inference beside other libraries: ort, torch, tract, candle [default: all]; ratios are to the first
    #[arg(
        long,
        value_name = "LIST",
        num_args = 0..=1,
        value_delimiter = ',',
        default_missing_value = "ort,torch,tract,candle",
        conflicts_with_all = ["filter", "backends"],
        value_parser = side::peer,
    )]
    peers: Option<Vec<Side>>,
    /// Networks [default: efficientnet-b0, efficientnet-b4, efficientnetv2-s, mobilenetv2]
    #[arg(long, value_delimiter = ',', value_name = "LIST", requires = "peers")]
    models: Option<Vec<String>>,
    /// Threads [default: 1,2]
    #[arg(long, value_delimiter = ',', value_name = "LIST", requires = "peers", value_parser = positive)]
    threads: Option<Vec<usize>>,
    /// Batch sizes [default: 1, and 16 for efficientnet-b0]
    #[arg(long, value_delimiter = ',', value_name = "LIST", requires = "peers", value_parser = positive)]
    batch: Option<Vec<usize>>,
    /// Height and width of the images, in pixels [default: each network's own]
    #[arg(long, value_name = "PIXELS", requires = "peers", value_parser = positive)]
    resolution: Option<usize>,
    /// Fresh processes of each side for each workload
    #[arg(long, value_name = "N", default_value_t = 5, requires = "peers", value_parser = positive)]
    rounds: usize,
    /// How long each process measures, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, requires = "peers")]
    seconds: f64,
    /// How long each process warms up, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5, requires = "peers")]
    warmup_seconds: f64,
    /// Seconds after which a process is ended and its side given up for that workload
    #[arg(long, value_name = "SECONDS", default_value_t = 300.0, requires = "peers")]
    timeout: f64,
    /// The Python that has torch, timm, onnx and onnxruntime [default: EFFICIENTNET_PYTHON, or python3]
    #[arg(long, value_name = "PROGRAM", requires = "peers")]
    python: Option<PathBuf>,
    /// Write the rows here, too
    #[arg(long, value_name = "FILE.json", requires = "peers")]
    json: Option<PathBuf>,
    /// Write a page here, too, with each step of our networks beside what this machine takes for it at least
    #[arg(long, value_name = "FILE.html", requires = "peers")]
    html: Option<PathBuf>,
}

/// What `--json` writes, and what the page is made of.
#[derive(Debug, Serialize)]
struct Report<'a> {
    started: String,
    command: String,
    machine: Machine,
    commit: Option<String>,
    pinned: bool,
    rows: &'a [Row],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    layers: &'a [Roof],
}

impl Options {
    /// Whether this is what was asked for, and not the benchmarks of our own.
    pub fn asked(&self) -> bool {
        self.peers.is_some()
    }

    fn peers(&self) -> &[Side] {
        self.peers.as_deref().unwrap_or_default()
    }

    fn check(&self) -> Result<()> {
        let times = [("--seconds", self.seconds), ("--warmup-seconds", self.warmup_seconds)];
        for (name, seconds) in times {
            if !(0.0..=86_400.0).contains(&seconds) {
                return Err(Error::usage(format!("{name} takes seconds from 0 to 86400")));
            }
        }
        if !(self.timeout > 0.0 && self.timeout < 1e9) {
            return Err(Error::usage("--timeout must be a positive number of seconds"));
        }
        Ok(())
    }

    /// The workloads, in order, but for their resolution: network, batches.
    fn networks(&self) -> Vec<(String, Vec<usize>)> {
        let usual =
            |model: &str| DEFAULT.iter().find(|(name, _)| *name == model).map(|(_, batches)| *batches);
        let models =
            self.models.clone().unwrap_or_else(|| DEFAULT.map(|(model, _)| model.to_string()).into());
        let batches =
            |model: &str| self.batch.clone().unwrap_or_else(|| usual(model).unwrap_or(&[1]).to_vec());
        models.into_iter().map(|model| (model.clone(), batches(&model))).collect()
    }

    /// The counts of threads; more than there are processors would measure the scheduler.
    fn threads(&self, processors: usize) -> Result<Vec<usize>> {
        let Some(threads) = &self.threads else {
            return Ok([1, 2].into_iter().filter(|&threads| threads <= processors).collect());
        };
        match threads.iter().find(|&&threads| threads > processors) {
            Some(threads) => Err(Error::usage(format!(
                "--threads {threads} is more than the {processors} processors that this process may use"
            ))),
            None => Ok(threads.clone()),
        }
    }
}

/// Times all sides, prints the table, and fails where logits disagree.
pub fn bench(options: &Options) -> Result<()> {
    options.check()?;
    let machine = Machine::here();
    let processors = pin::allowed().unwrap_or_else(|| (0..machine.cores).collect());
    let threads = options.threads(processors.len())?;
    let started = report::now();
    let system = System::here();
    let python = Python::find(options.python.as_deref())?;
    let built = build::build(&[Backend::Flex], false, "release", &system)?;
    let rivals = Rivals::build(options.peers())?;
    let processors = Some(processors).filter(|_| pin::works());
    let pinned = processors.is_some();
    if !pinned {
        eprintln!("note: without `taskset` here, the system is free to move every process about");
    }
    let sides = Sides { options, python, rivals, built, system, processors };
    let workloads = sides.workloads(&threads)?;
    let rows = sides.all(&workloads)?;
    print(&rows, &machine, &started, options);
    let layers = if options.html.is_some() { sides.layers(&workloads)? } else { Vec::new() };
    let commit = report::commit(&paths::workspace_root()?);
    let command = report::command();
    let report = Report { started, command, machine, commit, pinned, rows: &rows, layers: &layers };
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report).doing(|| "cannot write JSON".into())?;
        fs::write(path, text + "\n").doing(|| format!("cannot write {}", path.display()))?;
    }
    if let (Some(path), Some(&first)) = (&options.html, options.peers().first()) {
        fs::write(path, page::page(&report, first)).doing(|| format!("cannot write {}", path.display()))?;
        println!("{}", paths::display(path));
    }
    conclude(&rows)
}

fn print(rows: &[Row], machine: &Machine, started: &str, options: &Options) {
    if rows.is_empty() {
        return;
    }
    let cpu = machine.cpu.as_deref().unwrap_or("an unknown processor");
    let first = options.peers().first().map_or("nothing", |side| side.title());
    println!("{cpu}, {} processors, {}; {started}; {}", machine.cores, machine.os, report::command());
    println!(
        "f32; medians of {} fresh processes of each side in turn; ratios are to {first}; logits: the largest difference \
         from the first side's, over their largest\n",
        options.rounds
    );
    println!("{}", table::table(rows));
    println!("{}", table::libraries(rows));
}

/// Says how it ended.
fn conclude(rows: &[Row]) -> Result<()> {
    if process::interrupted() {
        return Err(Error::interrupted());
    }
    let wrong: Vec<String> = rows
        .iter()
        .filter(|row| row.difference.is_some_and(|difference| difference > logits::TOLERANCE))
        .map(|row| format!("{} on {}", row.side.name(), row.workload.text()))
        .collect();
    if !wrong.is_empty() {
        let sentence =
            format!("logits differ by more than {} of the largest: {}", logits::TOLERANCE, wrong.join("; "));
        return Err(Error::failure(sentence));
    }
    let ours = rows.iter().filter(|row| row.side == Side::Ours);
    match ours.filter_map(|row| row.reason.as_ref()).next() {
        Some(reason) => Err(Error::failure(format!("ours could not be measured: {reason}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
