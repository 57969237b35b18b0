//! `cargo xtask`: sets backends up, builds, tests, benchmarks, compares, and keeps the docs' tables up to date.
//!
//! It links none of the workspace's crates: it starts processes and reads their JSON, so it compiles in seconds and
//! works where nothing else has been built yet.

mod backend;
mod build;
mod compare;
mod demo;
mod docs;
mod doctor;
mod environment;
mod error;
mod machine;
mod mpi;
mod paths;
mod peers;
mod process;
mod report;
mod setup;
mod system;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::backend::{Backend, Selection};
use crate::error::Result;
use crate::setup::Part;
use crate::system::System;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The workspace's chores",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Show which backends can be built and run here, and what would mend the others
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch what backends, or training over MPI, need, by package name
    Setup {
        /// Backends, and `mpi`
        #[arg(required = true, value_name = "NAME")]
        parts: Vec<Part>,
        /// Fetch again what is there already
        #[arg(long)]
        force: bool,
    },
    /// Print the variables that backends need, for `eval "$(cargo xtask env tch)"`
    Env {
        /// The backends
        #[arg(required = true, value_name = "BACKEND")]
        backends: Vec<Backend>,
    },
    /// Build the `efficientnet` command
    Build {
        /// Backends, separated by commas, or `all` that work here
        #[arg(long, value_name = "LIST", default_value = "flex,ndarray")]
        backends: Selection,
        /// Compile kernel fusion and autotuning in even without a GPU
        #[arg(long)]
        tuned: bool,
        /// Cargo's profile
        #[arg(long, value_name = "NAME", default_value = "release")]
        profile: String,
    },
    /// Check formatting, and run clippy without accepting a warning
    Lint {
        /// Backends, separated by commas, or `all` that work here
        #[arg(long, value_name = "LIST", default_value = "flex,ndarray")]
        backends: Selection,
    },
    /// Run all tests, on every backend that works here
    Test {
        /// Only those of our kernels, in one of several ways
        #[arg(value_name = "WHAT", conflicts_with_all = ["backends", "all", "arguments"])]
        what: Option<Tests>,
        /// Exactly these backends, separated by commas; one that does not work is an error
        #[arg(long, value_name = "LIST")]
        backends: Option<Selection>,
        /// The largest networks too
        #[arg(long)]
        all: bool,
        /// What to pass to `cargo test`
        #[arg(last = true, value_name = "ARGS")]
        arguments: Vec<String>,
    },
    /// Run the benchmarks; `train` times a training step beside PyTorch's, `--peers` inference beside other libraries'
    Bench {
        /// Only those whose name contains this
        #[arg(value_name = "FILTER")]
        filter: Option<String>,
        /// Backends, separated by commas, or `all` that work here
        #[arg(long, value_name = "LIST", default_value = "flex,ndarray")]
        backends: Selection,
        #[command(flatten)]
        peers: peers::Options,
    },
    /// Train a small EfficientNet on built-in pictures, evaluate it and write its report: no download
    Demo,
    /// Measure networks on backends, and write a report
    Compare(compare::Options),
    /// Rewrite the generated tables of the docs
    Docs {
        /// Change nothing; fail when something would change
        #[arg(long)]
        check: bool,
    },
}

/// A part of the tests that is run in a way of its own.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Tests {
    /// Each instruction set in turn
    Kernels,
    /// The portable kernels in Miri, which watches every access to memory; needs a nightly toolchain
    Miri,
    /// The kernels under the thread sanitiser; needs a nightly toolchain
    Races,
    /// The kernels of 64-bit ARM in an emulator; says which packages it needs
    Arm,
}

fn main() -> ExitCode {
    let outcome = process::watch_interrupts().and_then(|()| run(Cli::parse().task));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.code)
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Doctor { json } => doctor::print(json),
        Task::Setup { parts, force } => setup::setup(&parts, force),
        Task::Env { backends } => environment::print(&backends),
        Task::Build { backends, tuned, profile } => {
            let system = System::here();
            let wanted = doctor::resolve(&backends, &system)?;
            let built = build::build(&wanted, tuned, &profile, &system)?;
            println!("{}", paths::display(&built.binary));
            Ok(())
        }
        Task::Lint { backends } => build::lint(&backends),
        Task::Test { what: Some(Tests::Kernels), .. } => test::kernels(),
        Task::Test { what: Some(Tests::Miri), .. } => test::watched(test::Watcher::Miri),
        Task::Test { what: Some(Tests::Races), .. } => test::watched(test::Watcher::ThreadSanitiser),
        Task::Test { what: Some(Tests::Arm), .. } => test::arm(),
        Task::Test { what: None, backends, all, arguments } => test::test(backends.as_ref(), all, &arguments),
        Task::Bench { peers, .. } if peers.asked() => peers::bench(&peers),
        Task::Bench { filter: Some(filter), backends, .. } if filter == "train" => {
            build::bench_training(&backends)
        }
        Task::Bench { filter, backends, .. } => build::bench(&backends, filter.as_deref()),
        Task::Demo => demo::demo(),
        Task::Compare(options) => compare::compare(&options),
        Task::Docs { check } => docs::docs(check),
    }
}
