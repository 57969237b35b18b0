//! `cargo xtask build`, and the choice of features for everything that needs the binary.
//!
//! All commands select the workspace and the release profile. Cargo unites the features of the packages that are
//! selected, so two selections may want two builds of the same dependency; with one selection, `build`, `test` and
//! `compare` share one build of Burn. Only the benchmarks stand apart.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::backend::{Backend, Features, Selection};
use crate::doctor;
use crate::environment;
use crate::error::{Context, Error, Result};
use crate::paths;
use crate::peers::python::{self, PYTHON_VARIABLE};
use crate::process;
use crate::system::System;

/// Names a finished binary to use instead of building one.
pub const BINARY_VARIABLE: &str = "EFFICIENTNET_BIN";

/// A binary and what is in it.
#[derive(Debug, Clone)]
pub struct Built {
    /// Its path.
    pub binary: PathBuf,
    /// The backends compiled in; `None` for a binary that was named and not built here.
    pub features: Option<Features>,
}

impl Built {
    /// The backends whose variables the binary needs to start at all: libtorch is linked, not loaded on demand.
    pub fn linked(&self) -> Vec<Backend> {
        self.features.as_ref().map_or_else(|| Backend::ALL.to_vec(), |features| features.backends.clone())
    }

    /// The binary as a command, with the variables that it needs.
    pub fn command(&self, system: &System) -> Command {
        let mut command = Command::new(&self.binary);
        environment::apply(&mut command, &self.linked(), system);
        command
    }
}

/// The features for `wanted`. What was built last serves again where it holds them all, since another set costs another
/// build of Burn.
pub fn features(wanted: &[Backend], tuned: bool, system: &System) -> Result<Features> {
    let fresh = exact(wanted, tuned, system);
    let last = stamp()?;
    let last = fs::read_to_string(last).ok().and_then(|text| serde_json::from_str::<Features>(&text).ok());
    Ok(match last {
        Some(last) if last.covers(&fresh) && still_builds(&last, system) => last,
        _ => fresh,
    })
}

/// The features for `wanted`, whatever was built before.
fn exact(wanted: &[Backend], tuned: bool, system: &System) -> Features {
    let runs = |backend| doctor::verdict(backend, system).runs;
    Features::for_backends(wanted, runs, tuned || system.has_gpu()).with_mpi(system.mpi.works())
}

fn still_builds(features: &Features, system: &System) -> bool {
    let builds = |backend: &Backend| doctor::verdict(*backend, system).builds;
    features.backends.iter().all(builds) && (!features.mpi || system.mpi.works())
}

/// Remembers what was built; called after a success.
pub fn remember(features: &Features) -> Result<()> {
    let path = stamp()?;
    let text = serde_json::to_string(features).doing(|| "cannot write JSON".into())?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).doing(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(&path, text).doing(|| format!("cannot write {}", path.display()))
}

fn stamp() -> Result<PathBuf> {
    Ok(paths::target()?.join("xtask").join("features.json"))
}

/// `cargo SUBCOMMAND --workspace` with the features and the variables that they need.
pub fn cargo(subcommand: &str, features: &Features, system: &System) -> Result<Command> {
    let mut command = paths::cargo()?;
    command.args([subcommand, "--workspace", "--no-default-features", "--features"]);
    command.arg(features.to_flag("efficientnet"));
    if matches!(subcommand, "build" | "test") {
        // Criterion turns on a feature of a crate below Burn: with it among the packages all of Burn is built again.
        command.args(["--exclude", "efficientnet-benches"]);
    }
    environment::apply(&mut command, &features.backends, system);
    Ok(command)
}

/// Builds the `efficientnet` binary with at least `wanted`, or takes the one that `EFFICIENTNET_BIN` names.
pub fn build(wanted: &[Backend], tuned: bool, profile: &str, system: &System) -> Result<Built> {
    if let Some(binary) = env::var_os(BINARY_VARIABLE).map(PathBuf::from) {
        if !binary.is_file() {
            return Err(Error::usage(format!("{BINARY_VARIABLE} names no file: {}", binary.display())));
        }
        return Ok(Built { binary, features: None });
    }
    let features = features(wanted, tuned, system)?;
    eprintln!("building `efficientnet` with {features}");
    let mut command = cargo("build", &features, system)?;
    process::run(command.args(["--bin", "efficientnet", "--profile", profile]))?;
    if profile == "release" {
        remember(&features)?;
    }
    Ok(Built { binary: binary(&paths::target()?, profile), features: Some(features) })
}

/// `cargo xtask lint`: formatting, and clippy without a warning, with the same features and profile as the tests, so that
/// build scripts and macros are compiled once for both.
pub fn lint(selection: &Selection) -> Result<()> {
    process::run(paths::cargo()?.args(["fmt", "--all", "--check"]))?;
    let system = System::here();
    // Not those of the last build, which may want the metadata of many more crates.
    let features = exact(&doctor::resolve(selection, &system)?, false, &system);
    let mut command = cargo("clippy", &features, &system)?;
    process::run(command.args(["--release", "--all-targets", "--", "--deny", "warnings"]))
}

/// `cargo xtask bench train`: a training step on each backend beside PyTorch's, in one run.
pub fn bench_training(selection: &Selection) -> Result<()> {
    let system = System::here();
    let backends = doctor::resolve(selection, &system)?;
    let features = features(&backends, false, &system)?;
    let mut command = cargo("build", &features, &system)?;
    process::run(command.args(["--release", "--example", "training_step"]))?;
    remember(&features)?;
    let python = python::program(None);
    if process::probe(Command::new(&python).args(["-c", "import torch, timm"])).is_none() {
        return Err(Error::usage(format!(
            "{} has no PyTorch to compare with: `pip install torch timm`, or name another Python by {PYTHON_VARIABLE}",
            Path::new(&python).display()
        )));
    }
    let example = paths::target()?.join("release/examples/training_step");
    let mut command = Command::new(python);
    command.arg(paths::workspace_root()?.join("scripts/benchmark_training.py")).arg("--example").arg(example);
    command.arg("--devices").args(backends.iter().map(ToString::to_string));
    // The composed path takes several times as long, and is not what anybody trains on.
    command.args(["--paths", "fused", "--rounds", "3", "--steps", "6"]);
    environment::apply(&mut command, &features.backends, &system);
    process::run(&mut command)
}

/// `cargo xtask bench`: the criterion benchmarks whose names contain `filter`.
pub fn bench(selection: &Selection, filter: Option<&str>) -> Result<()> {
    let system = System::here();
    let backends = doctor::resolve(selection, &system)?;
    let features = features(&backends, false, &system)?;
    let mut command = cargo("bench", &features, &system)?;
    // Every bench target, and no library: those have no benchmarks and would refuse criterion's arguments.
    command.args(["--bench", "*", "--"]).args(filter);
    process::run(&mut command)
}

fn binary(target: &Path, profile: &str) -> PathBuf {
    let folder = if profile == "dev" { "debug" } else { profile };
    target.join(folder).join(format!("efficientnet{}", env::consts::EXE_SUFFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dev_profile_has_a_folder_of_another_name() {
        let name = format!("efficientnet{}", env::consts::EXE_SUFFIX);
        assert_eq!(binary(Path::new("t"), "release"), Path::new("t").join("release").join(&name));
        assert_eq!(binary(Path::new("t"), "dev"), Path::new("t").join("debug").join(&name));
    }

    #[test]
    fn an_unknown_binary_is_started_with_everything() {
        let built = Built { binary: "x".into(), features: None };
        assert_eq!(built.linked(), Backend::ALL);
    }
}
