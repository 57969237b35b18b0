//! What is measured, in which order, and with which arguments.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Options;
use super::row::{Kind, Row, Status};
use crate::backend::Backend;

/// One child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What it is asked for.
    pub kind: Kind,
    /// The network.
    pub model: String,
    /// The backend.
    pub backend: Backend,
    /// Images in a batch; 0 for an evaluation.
    pub batch: usize,
    /// The backend whose logits are the reference.
    pub reference: Backend,
}

/// All jobs: for each network and batch size the reference first, since the others read its logits; evaluations last.
pub fn plan(options: &Options, backends: &[Backend]) -> Vec<Job> {
    let mut ordered = vec![options.reference];
    ordered.extend(backends.iter().copied().filter(|&backend| backend != options.reference));
    let job = |kind, model: &String, backend, batch| Job {
        kind,
        model: model.clone(),
        backend,
        batch,
        reference: options.reference,
    };
    let mut jobs = Vec::new();
    for model in &options.models {
        for &batch in &options.batch {
            jobs.extend(ordered.iter().map(|&backend| job(Kind::Measure, model, backend, batch)));
        }
    }
    if options.data.is_some() {
        for model in &options.models {
            jobs.extend(ordered.iter().map(|&backend| job(Kind::Eval, model, backend, 0)));
        }
    }
    jobs
}

/// The backends of some jobs, each once.
pub fn backends(jobs: &[Job]) -> impl Iterator<Item = Backend> {
    Backend::ALL.into_iter().filter(|backend| jobs.iter().any(|job| job.backend == *backend))
}

impl Job {
    /// A row of this job without a measurement.
    pub fn row(&self, status: Status, reason: Option<String>) -> Row {
        Row {
            kind: self.kind,
            model: self.model.clone(),
            backend: self.backend.to_string(),
            batch: self.batch,
            status,
            reason,
            wall_seconds: 0.0,
            measure: None,
            eval: None,
        }
    }

    /// The command line; `logits` is the folder where the reference leaves its answers for the others.
    pub fn command(&self, mut binary: Command, options: &Options, logits: &Path) -> Command {
        let device = self.backend.name();
        match self.kind {
            Kind::Measure => {
                binary.args(["measure", &self.model, "--device", device, "--json"]);
                binary.args(["--batch", &self.batch.to_string(), "--seconds", &options.seconds.to_string()]);
                if let Some(resolution) = options.resolution {
                    binary.args(["--resolution", &resolution.to_string()]);
                }
                if let Some(weights) = &options.weights {
                    binary.arg("--weights").arg(weights);
                }
                if let Some(data) = &options.data {
                    binary.arg("--images").arg(data);
                }
                let file = self.logits(logits);
                if self.backend == self.reference {
                    binary.arg("--out").arg(file);
                } else if file.is_file() {
                    binary.arg("--reference").arg(file);
                }
            }
            Kind::Eval => {
                binary.args(["eval", "--model", &self.model, "--device", device, "--json"]);
                if let Some(limit) = options.limit {
                    binary.args(["--limit", &limit.to_string()]);
                }
                if let Some(weights) = &options.weights {
                    binary.arg("--weights").arg(weights);
                }
                for (name, path) in [("--data", &options.data), ("--classes", &options.classes)] {
                    if let Some(path) = path {
                        binary.arg(name).arg(path);
                    }
                }
            }
        }
        binary
    }

    fn logits(&self, folder: &Path) -> PathBuf {
        let plain: String =
            self.model.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        folder.join(format!("{plain}-{}.npy", self.batch))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::backend::Backend::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn options(line: &[&str]) -> Options {
        Cli::try_parse_from(std::iter::once(&"x").chain(line)).unwrap().options
    }

    #[test]
    fn the_reference_comes_first_and_is_never_left_out() {
        let options = options(&["--models", "a,b", "--batch", "1,4", "--reference", "ndarray"]);
        let jobs = plan(&options, &[Tch, Ndarray]);
        assert_eq!(jobs.len(), 8);
        assert!(jobs.chunks(2).all(|pair| pair[0].backend == Ndarray && pair[1].backend == Tch));
        let jobs = plan(&options, &[Tch]);
        assert_eq!(jobs.iter().filter(|job| job.backend == Ndarray).count(), 4);
        assert_eq!(backends(&jobs).collect::<Vec<_>>(), [Ndarray, Tch]);
    }

    #[test]
    fn evaluations_need_data_and_come_last() {
        let options = options(&["--models", "a", "--weights", "w", "--data", "d", "--classes", "c"]);
        let jobs = plan(&options, &[Flex]);
        let kinds: Vec<_> = jobs.iter().map(|job| job.kind).collect();
        assert_eq!(kinds, [Kind::Measure, Kind::Measure, Kind::Eval]);
        let command = jobs[2].command(Command::new("e"), &options, Path::new("l"));
        let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        assert_eq!(
            arguments.join(" "),
            "eval --model a --device flex --json --weights w --data d --classes c"
        );
    }

    #[test]
    fn a_reference_is_passed_only_where_there_is_one() {
        let options = options(&["--models", "a/b", "--batch", "2", "--seconds", "0.5", "--resolution", "64"]);
        let jobs = plan(&options, &[Flex, Tch]);
        let folder = tempfile::tempdir().unwrap();
        let line = |job: &Job| {
            let command = job.command(Command::new("e"), &options, folder.path());
            command.get_args().map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert!(
            line(&jobs[0]).starts_with(
                "measure a/b --device flex --json --batch 2 --seconds 0.5 --resolution 64 --out "
            )
        );
        assert!(!line(&jobs[1]).contains("--reference"));
        std::fs::write(folder.path().join("a-b-2.npy"), "").unwrap();
        assert!(line(&jobs[1]).contains("--reference") && line(&jobs[1]).ends_with("a-b-2.npy"));
    }

    #[test]
    fn lists_and_defaults_are_read() {
        assert_eq!(options(&[]).batch, [1, 8]);
        assert_eq!(options(&[]).reference, Flex);
        assert!(Cli::try_parse_from(["x", "--batch", "0"]).is_err());
        assert!(Cli::try_parse_from(["x", "--data", "d"]).is_err());
    }
}
