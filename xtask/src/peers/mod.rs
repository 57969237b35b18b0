//! `cargo xtask bench --peers`: ours beside other libraries, on the same networks, weights, images and processors.
//!
//! Every figure is of a fresh process. In a round each side has its turn on a workload, so that whatever the machine does
//! meanwhile it does to all, and every process writes its logits, which are held together at once: a side that computes
//! something else is not fast but wrong.

mod logits;
mod pin;
pub mod python;
mod rivals;
mod row;
mod side;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::build::{self, Built};
use crate::compare::row::Measure;
use crate::compare::{child, positive};
use crate::error::{Context, Error, Result};
use crate::machine::Machine;
use crate::paths;
use crate::process;
use crate::report;
use crate::system::System;
use python::{Made, Python};
use rivals::Rivals;
use row::{Row, Workload};
use side::Side;

/// What is run where nothing else is said: networks, and their batches.
const DEFAULT: [(&str, &[usize]); 4] = [
    ("efficientnet-b0", &[1, 16]),
    ("efficientnet-b4", &[1]),
    ("efficientnetv2-s", &[1]),
    ("mobilenetv2", &[1]),
];

/// The variables by which the sides, and the libraries below them, are told how many threads to take.
const THREAD_VARIABLES: [&str; 4] =
    ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"];

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
}

/// What `--json` writes.
#[derive(Serialize)]
struct Report<'a> {
    started: String,
    command: String,
    machine: Machine,
    commit: Option<String>,
    pinned: bool,
    rows: &'a [Row],
}

/// Everything that processes are started with.
struct Sides<'a> {
    options: &'a Options,
    python: Python,
    rivals: Rivals,
    built: Built,
    system: System,
    /// The processors to pin to; `None` where there is no `taskset`.
    processors: Option<Vec<usize>>,
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
    let rows = sides.all(&threads)?;
    print(&rows, &machine, &started, options);
    if let Some(path) = &options.json {
        let commit = report::commit(&paths::workspace_root()?);
        let report = Report { started, command: report::command(), machine, commit, pinned, rows: &rows };
        let text = serde_json::to_string_pretty(&report).doing(|| "cannot write JSON".into())?;
        fs::write(path, text + "\n").doing(|| format!("cannot write {}", path.display()))?;
    }
    conclude(&rows)
}

impl Sides<'_> {
    /// Makes the networks and runs everything. After Ctrl-C, the workloads that were finished.
    fn all(&self, threads: &[usize]) -> Result<Vec<Row>> {
        let folder = paths::target()?.join("peers").join("networks");
        let mut workloads = Vec::new();
        for (model, batches) in self.options.networks() {
            let resolution = self.resolution(&model)?;
            eprintln!("making {model} at {resolution} pixels, unless it is there");
            let made = self.python.make(&model, resolution, &batches, &folder)?;
            for (index, &batch) in batches.iter().enumerate() {
                let workload = |&threads| Workload { model: model.clone(), resolution, batch, threads };
                let images = made.images.get(index).cloned().unwrap_or_default();
                workloads.extend(
                    threads.iter().map(workload).map(|workload| (workload, made.clone(), images.clone())),
                );
            }
        }
        let scratch = tempfile::tempdir().doing(|| "cannot make a temporary folder".into())?;
        let mut rows = Vec::new();
        for (index, (workload, made, images)) in workloads.iter().enumerate() {
            eprintln!("[{}/{}] {}", index + 1, workloads.len(), workload.text());
            match self.workload(workload, made, images, &scratch.path().join("logits.npy"))? {
                Some(found) => rows.extend(found),
                None => break,
            }
        }
        Ok(rows)
    }

    /// The network's own resolution, unless another was asked for.
    fn resolution(&self, model: &str) -> Result<usize> {
        #[derive(Deserialize)]
        struct Model {
            model: String,
            resolution: usize,
        }
        let text = process::probe(self.built.command(&self.system).args(["models", "--json"]));
        let text = text.ok_or_else(|| Error::failure("`efficientnet models --json` fails"))?;
        let models: Vec<Model> =
            serde_json::from_str(&text).doing(|| "cannot read the list of networks".into())?;
        let found = models.iter().find(|known| known.model == model);
        let known = found.ok_or_else(|| {
            Error::usage(format!("no network is called {model}: `efficientnet models` lists them"))
        })?;
        Ok(self.options.resolution.unwrap_or(known.resolution))
    }

    /// All rounds of a workload; `None` after Ctrl-C.
    fn workload(
        &self,
        workload: &Workload,
        made: &Made,
        images: &Path,
        out: &Path,
    ) -> Result<Option<Vec<Row>>> {
        let sides = side::turns(self.options.peers());
        let mut rows: Vec<Row> = sides.into_iter().map(|side| Row::new(workload, side)).collect();
        let mut reference = None;
        for round in 0..self.options.rounds {
            for row in rows.iter_mut().filter(|row| row.reason.is_none()) {
                let outcome = match self.command(row.side, workload, made, images, out) {
                    Ok(command) => self.process(command, workload.threads)?,
                    Err(reason) => Err(reason),
                };
                if process::interrupted() {
                    return Ok(None);
                }
                match outcome {
                    Ok(measure) => {
                        let found = logits::read(out)?;
                        note(row, &measure, &found, &mut reference);
                    }
                    Err(reason) => row.fail(reason),
                }
                eprintln!("  round {}  {}", round + 1, progress(row));
            }
        }
        row::conclude(&mut rows, self.options.peers().first().copied());
        Ok(Some(rows))
    }

    /// The command of a side, or why it has none.
    fn command(
        &self,
        side: Side,
        workload: &Workload,
        made: &Made,
        images: &Path,
        out: &Path,
    ) -> std::result::Result<Command, String> {
        let threads = workload.threads.to_string();
        let mut command = match side {
            Side::Ours => {
                let mut command = self.built.command(&self.system);
                command.args(["measure", &workload.model, "--device", "flex", "--compiled", "--json"]);
                command.arg("--weights").arg(&made.weights);
                command
            }
            Side::Torch => {
                let mut command = self.python.command("torch", &workload.model);
                command.arg("--weights").arg(&made.weights).args(["--threads", &threads]);
                command
            }
            Side::Ort | Side::Tract | Side::Candle => {
                let mut command = self.rivals.command(side)?;
                command.arg("--onnx").arg(&made.onnx).args(["--threads", &threads]);
                if side == Side::Ort {
                    command.arg("--library").arg(self.python.library.as_ref().map_err(Clone::clone)?);
                }
                command
            }
        };
        command.arg("--input").arg(images).arg("--out").arg(out);
        command.arg("--seconds").arg(self.options.seconds.to_string());
        command.arg("--warmup-seconds").arg(self.options.warmup_seconds.to_string());
        command.envs(THREAD_VARIABLES.map(|name| (name, &threads)));
        Ok(command)
    }

    /// Runs one process: what it measured, or why it did not.
    fn process(&self, command: Command, threads: usize) -> Result<std::result::Result<Measure, String>> {
        let mut command = match &self.processors {
            Some(processors) => pin::pinned(&command, &pin::last(processors, threads)),
            None => command,
        };
        let limit = Some(Duration::from_secs_f64(self.options.timeout));
        let captured = process::capture(&mut command, limit)?;
        Ok(child::verdict(&captured, limit)
            .and_then(|()| child::measure(&captured))
            .map_err(|(_, reason)| reason))
    }
}

/// Adds a process's figures to its row. The first logits of a workload are what all others are held against.
fn note(row: &mut Row, measure: &Measure, found: &[f32], reference: &mut Option<(Side, Vec<f32>)>) {
    row.rounds_ms.push(measure.median_ms);
    row.peak_bytes = row.peak_bytes.max(measure.peak_rss_bytes);
    row.description.clone_from(&measure.device_description);
    match reference {
        None => *reference = Some((row.side, found.to_vec())),
        Some((side, _)) if *side == row.side => {}
        Some((_, logits)) => {
            let difference = logits::difference(found, logits);
            row.difference = Some(row.difference.map_or(difference, |before| before.max(difference)));
        }
    }
}

fn progress(row: &Row) -> String {
    let name = row.side.name();
    match (&row.reason, row.rounds_ms.last()) {
        (Some(reason), _) => format!("{name:<6}  not measured: {reason}"),
        (None, Some(ms)) => format!("{name:<6}  {ms:>9.2} ms"),
        (None, None) => name.to_string(),
    }
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
