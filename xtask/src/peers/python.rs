//! The Python half: who makes the networks, and PyTorch.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::compare::child;
use crate::error::{Context, Error, Result};
use crate::paths;
use crate::process;

/// Names the Python that has PyTorch and timm, for benchmarks beside them.
pub const PYTHON_VARIABLE: &str = "EFFICIENTNET_PYTHON";

/// The Python that was named, or the usual one.
pub fn program(named: Option<&Path>) -> OsString {
    named
        .map(|path| path.as_os_str().to_owned())
        .or_else(|| env::var_os(PYTHON_VARIABLE))
        .unwrap_or_else(|| "python3".into())
}

/// A Python, and what it has.
#[derive(Debug)]
pub struct Python {
    program: OsString,
    script: PathBuf,
    /// ONNX Runtime's shared library, or what would bring it.
    pub library: std::result::Result<PathBuf, String>,
}

/// What the script's `check` prints.
#[derive(Debug, Deserialize)]
struct Check {
    missing: Vec<String>,
    library: Option<PathBuf>,
}

/// Where a network is, and its images for each batch.
#[derive(Debug, Clone, Deserialize)]
pub struct Made {
    /// As ONNX.
    pub onnx: PathBuf,
    /// Weights in timm's naming.
    pub weights: PathBuf,
    /// In the order of the batches that were asked for.
    pub images: Vec<PathBuf>,
}

impl Python {
    /// Looks at what the Python has. PyTorch, timm and ONNX make the networks, so nothing goes without them.
    pub fn find(named: Option<&Path>) -> Result<Self> {
        let program = program(named);
        let script = paths::workspace_root()?.join("scripts").join("benchmark_peers.py");
        let text = process::probe(Command::new(&program).arg(&script).arg("check"));
        let shown = Path::new(&program).display();
        let text = text.ok_or_else(|| {
            Error::usage(format!(
                "`{shown}` does not run: name a Python of at least 3.9 by --python or {PYTHON_VARIABLE}"
            ))
        })?;
        let check: Check =
            serde_json::from_str(&text).doing(|| format!("cannot read what `{shown}` says"))?;
        let needed: Vec<&str> =
            check.missing.iter().map(String::as_str).filter(|name| *name != "onnxruntime").collect();
        if !needed.is_empty() {
            return Err(Error::usage(format!(
                "`{shown}` lacks {}, which make the networks: `pip install torch timm onnx onnxruntime`, or name another \
                 Python by --python or {PYTHON_VARIABLE}",
                needed.join(" and ")
            )));
        }
        let library =
            check.library.ok_or_else(|| format!("`{shown}` has no onnxruntime: `pip install onnxruntime`"));
        Ok(Self { program, script, library })
    }

    /// Has what is missing of a network written into the folder.
    pub fn make(&self, model: &str, resolution: usize, batches: &[usize], folder: &Path) -> Result<Made> {
        let mut command = self.command("make", model);
        command.arg("--resolution").arg(resolution.to_string()).arg("--folder").arg(folder);
        command.arg("--batches").args(batches.iter().map(ToString::to_string));
        let captured = process::capture(&mut command, None)?;
        if process::interrupted() {
            return Err(Error::interrupted());
        }
        child::verdict(&captured, None)
            .map_err(|(_, reason)| Error::failure(format!("{model}: {reason}")))?;
        // What libraries print stands before.
        let last = captured.stdout.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        serde_json::from_str(last).doing(|| format!("cannot read what {} says", self.script.display()))
    }

    /// The script with a subcommand for a network.
    pub fn command(&self, subcommand: &str, model: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).args([subcommand, model]);
        command
    }
}
