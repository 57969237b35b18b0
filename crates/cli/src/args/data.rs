//! `efficientnet data`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::positive;

#[derive(Debug, Args)]
pub struct DataArgs {
    #[command(subcommand)]
    pub command: DataCommand,
}

/// What to do with data.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// List the data sets that are known by name, with sizes and licences
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Download a data set, check it against its published hash and unpack it
    Fetch {
        /// Its name (`efficientnet data list`)
        name: String,
        /// Where to put it (default: the cache)
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
    /// Count, measure and check every image of a data set
    Inspect(InspectArgs),
    /// Write down which images belong to which part of a data set
    Split(SplitArgs),
}

#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A folder of class folders, a tar, a CSV file, CIFAR or IDX binaries, a folder with train, val and test inside, or the name
    /// of a data set that was fetched
    pub path: String,
    /// Class names, one a line, line 1 is class 0 (default: the data set's own, or sorted)
    #[arg(long, value_name = "FILE")]
    pub classes: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Threads that decode (default: one for each processor)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub threads: Option<usize>,
    /// Fail where an image is broken, is in two splits, or has two classes
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
pub struct SplitArgs {
    /// A folder of class folders, a tar, a CSV file, CIFAR or IDX binaries; of several parts the first
    pub path: String,
    #[command(flatten)]
    pub kind: SplitKind,
    /// Seed of what is random
    #[arg(long, value_name = "S", default_value_t = 0, conflicts_with = "first")]
    pub seed: u64,
    /// Class names, one a line, line 1 is class 0 (default: the data set's own, or sorted)
    #[arg(long, value_name = "FILE")]
    pub classes: Option<PathBuf>,
    /// Where to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// How to divide.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct SplitKind {
    /// Hold this share of every class out, as `minival`
    #[arg(long, value_name = "SHARE")]
    pub holdout: Option<f64>,
    /// Deal every class out to so many folds
    #[arg(long, value_name = "K", value_parser = positive)]
    pub k_fold: Option<usize>,
    /// Take the first so many images of every class
    #[arg(long, value_name = "N", value_parser = positive)]
    pub first: Option<usize>,
}
