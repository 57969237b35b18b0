//! `cargo xtask compare`: networks x backends x batch sizes, each in a fresh process, into one report.
//!
//! A fresh process for each row, because a backend's default number type locks at its first use, because memory is only
//! comparable from a common start, and because a crash then costs one row.

pub mod child;
mod plan;
pub mod row;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::backend::{Backend, Selection};
use crate::build::{self, Built};
use crate::doctor;
use crate::error::{Context, Error, Result};
use crate::paths;
use crate::process;
use crate::report::{self, Run};
use crate::system::System;
use plan::Job;
use row::{Kind, Row, Status};

/// How long a measurement may take where nothing else is said. Compiling a network's kernels on a software Vulkan takes
/// seconds, tuning them minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// What to compare.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Networks, separated by commas
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "LIST",
        default_value = "efficientnet-b0,mobilenetv2,resnet18"
    )]
    pub models: Vec<String>,
    /// Backends, separated by commas, or `all` that work here [default: flex,ndarray]
    #[arg(long, value_name = "LIST")]
    pub backends: Option<Selection>,
    /// Batch sizes, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "LIST", default_value = "1,8", value_parser = positive)]
    pub batch: Vec<usize>,
    /// Height and width of the images, in pixels [default: each network's own]
    #[arg(long, value_name = "PIXELS")]
    pub resolution: Option<u32>,
    /// How long each combination is timed, in seconds
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    pub seconds: f64,
    /// Seconds after which a combination is given up [default: 300; none for an evaluation]
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<f64>,
    /// A checkpoint of the one network in `--models`, as `efficientnet` takes it, instead of made-up weights
    #[arg(long, value_name = "FILE|NAME")]
    pub weights: Option<String>,
    /// With `--weights`: labelled images to evaluate each backend on
    #[arg(long, value_name = "DIR", requires = "weights")]
    pub data: Option<PathBuf>,
    /// With `--data`: the file of class names
    #[arg(long, value_name = "FILE", requires = "data")]
    pub classes: Option<PathBuf>,
    /// With `--data`: evaluate on this many images only, spread evenly
    #[arg(long, value_name = "N", requires = "data", value_parser = positive)]
    pub limit: Option<usize>,
    /// The backend whose logits the others are held against
    #[arg(long, default_value = "flex", value_name = "BACKEND")]
    pub reference: Backend,
    /// Compile kernel fusion and autotuning in even without a GPU
    #[arg(long)]
    pub tuned: bool,
    /// Where to write the report [default: target/compare]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Measure nothing: write the report of the rows in this folder again
    #[arg(long, value_name = "DIR", exclusive = true)]
    pub render: Option<PathBuf>,
}

/// A whole number above 0, from the command line.
pub fn positive(text: &str) -> std::result::Result<usize, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|&value| value > 0)
        .ok_or_else(|| "a whole number above 0 is needed".to_string())
}

/// Measures and writes the report.
pub fn compare(options: &Options) -> Result<()> {
    if let Some(folder) = &options.render {
        return render(folder);
    }
    check(options)?;
    let system = System::here();
    let backends = match &options.backends {
        None => Backend::BUILT_IN.to_vec(),
        Some(Selection::All) => doctor::ready(&system),
        Some(Selection::These(list)) => list.clone(),
    };
    let jobs = plan::plan(options, &backends);
    let usable: Vec<Backend> = plan::backends(&jobs).filter(|&b| doctor::verdict(b, &system).runs).collect();
    let built = build::build(&usable, options.tuned, "release", &system)?;
    let out = match &options.out {
        Some(folder) => folder.clone(),
        None => paths::target()?.join("compare"),
    };
    fs::create_dir_all(&out).doing(|| format!("cannot make the folder {}", out.display()))?;
    let mut run = Run::begin(options.reference, built.features.as_ref().map(ToString::to_string), jobs.len());
    run.save(&out)?;
    let rows = measure(&jobs, options, &built, &system, &out)?;
    run.complete = rows.len() == jobs.len();
    run.save(&out)?;
    report::write(&run, &rows, &out)?;
    conclude(&rows, &out)
}

fn check(options: &Options) -> Result<()> {
    if !(options.seconds.is_finite() && options.seconds > 0.0) {
        return Err(Error::usage("--seconds must be a positive number"));
    }
    if options.timeout.is_some_and(|limit| !(limit.is_finite() && limit > 0.0 && limit < 1e9)) {
        return Err(Error::usage("--timeout must be a positive number of seconds"));
    }
    for path in [&options.data, &options.classes].into_iter().flatten() {
        if !path.exists() {
            return Err(Error::usage(format!("{} does not exist", path.display())));
        }
    }
    if options.weights.is_some() && options.models.len() != 1 {
        return Err(Error::usage(
            "--weights is a checkpoint of one network: name it with `--models NETWORK`",
        ));
    }
    Ok(())
}

/// Runs the jobs one after the other, and keeps each row in `rows.jsonl` at once. Stops early at Ctrl-C.
fn measure(jobs: &[Job], options: &Options, built: &Built, system: &System, out: &Path) -> Result<Vec<Row>> {
    let path = out.join(report::ROWS_FILE);
    let mut file = File::create(&path).doing(|| format!("cannot write {}", path.display()))?;
    let logits = tempfile::tempdir().doing(|| "cannot make a temporary folder".into())?;
    let mut rows = Vec::with_capacity(jobs.len());
    for (index, job) in jobs.iter().enumerate() {
        let verdict = doctor::verdict(job.backend, system);
        let row = if !verdict.runs {
            job.row(Status::Unavailable, Some(doctor::sentence(&verdict)))
        } else {
            let limit = match (options.timeout, job.kind) {
                (Some(seconds), _) => Some(Duration::from_secs_f64(seconds)),
                (None, Kind::Measure) => Some(DEFAULT_TIMEOUT),
                (None, Kind::Eval) => None,
            };
            let mut command = job.command(built.command(system), options, logits.path());
            match child::run(&mut command, job, limit)? {
                Some(row) => row,
                None => break,
            }
        };
        eprintln!(
            "[{:>width$}/{}] {}",
            index + 1,
            jobs.len(),
            row.line(),
            width = jobs.len().to_string().len()
        );
        let text = serde_json::to_string(&row).doing(|| "cannot write JSON".into())?;
        writeln!(file, "{text}").doing(|| format!("cannot write {}", path.display()))?;
        rows.push(row);
        if process::interrupted() {
            break;
        }
    }
    Ok(rows)
}

fn render(folder: &Path) -> Result<()> {
    let run = Run::load(folder)?;
    let rows = report::read_rows(folder)?;
    report::write(&run, &rows, folder)?;
    println!("{}", paths::display(&folder.join(report::HTML_FILE)));
    Ok(())
}

fn conclude(rows: &[Row], out: &Path) -> Result<()> {
    let bad = rows.iter().filter(|row| row.status != Status::Ok).count();
    if bad > 0 {
        eprintln!("{bad} of {} combinations could not be measured: the report says why", rows.len());
    }
    println!("{}", paths::display(&out.join(report::HTML_FILE)));
    if process::interrupted() {
        return Err(Error::interrupted());
    }
    if bad == rows.len() {
        return Err(Error::failure("nothing could be measured"));
    }
    Ok(())
}
