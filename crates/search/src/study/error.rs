//! Why a search cannot be begun, gone on with or read.

use std::path::PathBuf;

use efficientnet_runs::folder::FolderError;
use efficientnet_runs::lines::LinesError;

use super::Shard;
use crate::PlanError;

/// A sentence for each thing that can go wrong with a search as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// There is a search already.
    #[error("{} holds a search already; go on with it with --resume, or name another folder with --out", .0.display())]
    Exists(PathBuf),
    /// There is no search.
    #[error("{} holds no search to go on with (no plan.toml); start one without --resume", .0.display())]
    NoStudy(PathBuf),
    /// The search was begun with another plan.
    #[error("{} is the search of another plan; go on with its own plan.toml, or name another folder with --out", .0.display())]
    OtherPlan(PathBuf),
    /// A journal was brought here from another search.
    #[error("{} is the journal of another plan; take it out of the folder", .0.display())]
    OtherJournal(PathBuf),
    /// Another process runs the shard.
    #[error(
        "shard {} of {} in {} is being run by another process; wait for it, stop it, or run another shard",
        .shard.index, .shard.count, .dir.display()
    )]
    Locked {
        /// Which shard.
        shard: Shard,
        /// The search's folder.
        dir: PathBuf,
    },
    /// There is no such shard.
    #[error("`{0}` is no shard; write it like 1/4, from 1/4 to 4/4")]
    Shard(String),
    /// The strategy cannot go on.
    #[error("the search cannot go on: {0}")]
    Strategy(String),
    /// No trial can be had.
    #[error("{0}; what is done is kept, go on with --resume")]
    Fatal(String),
    /// The plan, the given one or the folder's.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A journal cannot be read or written.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
}
