//! `efficientnet`: the command people type.
//!
//! Text for people by default, `--json` for machines. Exit status 0: done; 2: the user can mend it (a name, a file, an
//! option); 1: something else failed; 130: interrupted. The sentence that says why goes to standard error.

mod args;
mod classes;
mod clock;
mod commands;
mod engine;
mod error;
mod interrupt;
mod loading;
mod output;
mod place;
mod ranks;
mod run_folder;
mod timing;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::error::CliError;

fn main() -> ExitCode {
    error::describe_panics();
    let outcome = match Cli::parse().command {
        Command::Models(args) => commands::models::run(&args),
        Command::Summary(args) => commands::summary::run(&args),
        Command::Weights(args) => commands::weights::run(&args),
        Command::Data(args) => commands::data::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Quantize(args) => commands::quantize::run(&args),
        Command::Train(args) => commands::train::run(&args),
        Command::Scale(args) => commands::scale::run(&args),
        Command::Measure(args) => commands::measure::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

type Outcome = Result<(), CliError>;
