//! `efficientnet data`: list, fetch, inspect and split data sets.

mod fetch;
mod inspect;
mod list;
mod split;

use crate::Outcome;
use crate::args::{DataArgs, DataCommand};

pub fn run(args: &DataArgs) -> Outcome {
    match &args.command {
        DataCommand::List { json } => list::run(*json),
        DataCommand::Fetch { name, into } => fetch::run(name, into.as_deref()),
        DataCommand::Inspect(args) => inspect::run(args),
        DataCommand::Split(args) => split::run(args),
    }
}
