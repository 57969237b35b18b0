//! Everything that processes are started with, and their turns.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;

use super::layers::{Layers, Roof};
use super::python::{Made, Python};
use super::rivals::Rivals;
use super::row::{self, Row, Workload};
use super::side::{self, Side};
use super::{Options, logits, pin};
use crate::build::Built;
use crate::compare::child;
use crate::compare::row::Measure;
use crate::error::{Context, Error, Result};
use crate::paths;
use crate::process::{self, Captured};
use crate::system::System;

/// The variables by which the sides, and the libraries below them, are told how many threads to take.
const THREAD_VARIABLES: [&str; 4] =
    ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"];

/// Everything that processes are started with.
pub struct Sides<'a> {
    pub options: &'a Options,
    pub python: Python,
    pub rivals: Rivals,
    pub built: Built,
    pub system: System,
    /// The processors to pin to; `None` where there is no `taskset`.
    pub processors: Option<Vec<usize>>,
}

/// A workload with its files.
#[derive(Debug)]
pub struct Ready {
    workload: Workload,
    made: Made,
    images: PathBuf,
}

impl Sides<'_> {
    /// Makes the networks; what is to be run, in order.
    pub fn workloads(&self, threads: &[usize]) -> Result<Vec<Ready>> {
        let folder = paths::target()?.join("peers").join("networks");
        let mut workloads = Vec::new();
        for (model, batches) in self.options.networks() {
            let resolution = self.resolution(&model)?;
            eprintln!("making {model} at {resolution} pixels, unless it is there");
            let made = self.python.make(&model, resolution, &batches, &folder)?;
            for (index, &batch) in batches.iter().enumerate() {
                let ready = |&threads| Ready {
                    workload: Workload { model: model.clone(), resolution, batch, threads },
                    made: made.clone(),
                    images: made.images.get(index).cloned().unwrap_or_default(),
                };
                workloads.extend(threads.iter().map(ready));
            }
        }
        Ok(workloads)
    }

    /// Runs all sides on everything. After Ctrl-C, the workloads that were finished.
    pub fn all(&self, workloads: &[Ready]) -> Result<Vec<Row>> {
        let scratch = scratch()?;
        let mut rows = Vec::new();
        for (index, ready) in workloads.iter().enumerate() {
            eprintln!("[{}/{}] {}", index + 1, workloads.len(), ready.workload.text());
            match self.workload(ready, &scratch.path().join("logits.npy"))? {
                Some(found) => rows.extend(found),
                None => break,
            }
        }
        Ok(rows)
    }

    /// The steps of our networks, once for each network and number of threads. After Ctrl-C, those that were finished.
    pub fn layers(&self, workloads: &[Ready]) -> Result<Vec<Roof>> {
        let scratch = scratch()?;
        let mut roofs: Vec<Roof> = Vec::new();
        for ready in workloads {
            let workload = Workload { batch: 1, ..ready.workload.clone() };
            if roofs.iter().any(|roof| roof.workload == workload) {
                continue;
            }
            eprintln!("the steps of {}", workload.text());
            let outcome = match self.command(Side::Ours, ready, &scratch.path().join("logits.npy")) {
                Ok(mut command) => {
                    command.arg("--layers");
                    self.process(command, workload.threads, |captured| Layers::read(&captured.stdout))?
                }
                Err(reason) => Err(reason),
            };
            if process::interrupted() {
                break;
            }
            let reason = outcome.as_ref().err().cloned();
            roofs.push(Roof { workload, layers: outcome.ok(), reason });
        }
        Ok(roofs)
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
    fn workload(&self, ready: &Ready, out: &Path) -> Result<Option<Vec<Row>>> {
        let workload = &ready.workload;
        let sides = side::turns(self.options.peers());
        let mut rows: Vec<Row> = sides.into_iter().map(|side| Row::new(workload, side)).collect();
        let mut reference = None;
        for round in 0..self.options.rounds {
            for row in rows.iter_mut().filter(|row| row.reason.is_none()) {
                let outcome = match self.command(row.side, ready, out) {
                    Ok(command) => self.process(command, workload.threads, |captured| {
                        child::measure(captured).map_err(|(_, reason)| reason)
                    })?,
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
    fn command(&self, side: Side, ready: &Ready, out: &Path) -> std::result::Result<Command, String> {
        let Ready { workload, made, images } = ready;
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

    /// Runs one process: what is read out of what it says, or why there is nothing.
    fn process<T>(
        &self,
        command: Command,
        threads: usize,
        read: impl FnOnce(&Captured) -> std::result::Result<T, String>,
    ) -> Result<std::result::Result<T, String>> {
        let mut command = match &self.processors {
            Some(processors) => pin::pinned(&command, &pin::last(processors, threads)),
            None => command,
        };
        let limit = Some(Duration::from_secs_f64(self.options.timeout));
        let captured = process::capture(&mut command, limit)?;
        let verdict = child::verdict(&captured, limit).map_err(|(_, reason)| reason);
        Ok(verdict.and_then(|()| read(&captured)))
    }
}

fn scratch() -> Result<TempDir> {
    tempfile::tempdir().doing(|| "cannot make a temporary folder".into())
}

/// Adds a process's figures to its row. The first logits of a workload are what all others are held against.
pub fn note(row: &mut Row, measure: &Measure, found: &[f32], reference: &mut Option<(Side, Vec<f32>)>) {
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
