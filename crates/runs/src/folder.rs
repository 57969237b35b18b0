//! A run's folder: what one run writes, and nobody else at the same time.
//!
//! ```text
//! runs/NAME/
//!   recipe.toml                 the recipe as it was given; a folder with it is a run
//!   environment.json            the recipe's hash, the program, the machine
//!   classes.txt                 where the data have names for their classes
//!   journal.jsonl, times.jsonl  every step and epoch; what clocks say
//!   events.out.tfevents.*       the same for TensorBoard
//!   checkpoints/step-00001234.safetensors
//!   report.html
//! ```
//!
//! What is written once appears whole or not at all; what grows is cut back to the checkpoint that a run goes on from.

mod checkpoints;
mod environment;
mod lock;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use efficientnet_data::write_atomically;
use efficientnet_download::io_reason;
use serde::{Deserialize, Serialize};

pub use checkpoints::{Checkpoints, Damaged, Newest};
pub use environment::Environment;
pub use lock::Lock;

use crate::board::{Board, BoardError};
use crate::checkpoint::{Checkpoint, CheckpointError, State};
use crate::journal::{Journal, Written};
use crate::lines::LinesError;

/// The recipe's file.
pub const RECIPE: &str = "recipe.toml";
/// The environment's file.
pub const ENVIRONMENT: &str = "environment.json";
/// The folder of the checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";

/// Why a run cannot be begun, gone on with or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The operating system refused.
    #[error("{} cannot be {action}: {}", .path.display(), io_reason(.source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a participle: `read`, `written`.
        action: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// There is a run already.
    #[error("{} holds a run already; go on with it with --resume, or name another folder with --out", .0.display())]
    Exists(PathBuf),
    /// The folder is used for something else.
    #[error("{} holds other files (`{other}`); name a new or an empty folder with --out", .path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// One of the files.
        other: String,
    },
    /// There is no run to go on with.
    #[error("{} holds no run to go on with (no {RECIPE}); start one without --resume", .0.display())]
    NoRun(PathBuf),
    /// The run was begun with another recipe.
    #[error(
        "{} is the run of another recipe; go on with its own {RECIPE}, or name another folder with --out",
        .0.display()
    )]
    OtherRecipe(PathBuf),
    /// Another process writes the run.
    #[error("{} is being written by another process; wait for it or stop it", .0.display())]
    Locked(PathBuf),
    /// The environment's file is not what was written.
    #[error("{} is damaged ({reason}); restore it from a copy or start the run anew", .path.display())]
    Environment {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// Every checkpoint is damaged.
    #[error(
        "no checkpoint in {} is whole ({}); restore one from a copy or start the run anew",
        .folder.display(), list(.damaged)
    )]
    AllDamaged {
        /// The folder of the checkpoints.
        folder: PathBuf,
        /// All of them, newest first.
        damaged: Vec<Damaged>,
    },
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The event file cannot be opened.
    #[error(transparent)]
    Board(#[from] BoardError),
}

/// A run's folder, held by this process.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    checkpoints: Checkpoints,
    _lock: Lock,
}

/// What `environment.json` holds.
#[derive(Serialize, Deserialize)]
struct Record<E> {
    recipe_sha256: String,
    #[serde(flatten)]
    environment: E,
}

impl RunFolder {
    /// Begins a run in a folder that does not exist or is empty. `recipe` is the file's text, `hash` names what it says
    /// (two spellings of one recipe have one hash).
    ///
    /// # Errors
    /// [`FolderError::Exists`], [`FolderError::Foreign`], [`FolderError::Locked`], [`FolderError::Io`].
    pub fn create(
        path: impl Into<PathBuf>,
        recipe: &str,
        hash: &str,
        environment: &Environment,
    ) -> Result<Self, FolderError> {
        let path = path.into();
        vacant(&path)?;
        let folder = path.join(CHECKPOINTS);
        fs::create_dir_all(&folder).map_err(|error| io_error(&folder, "made", error))?;
        let lock = Lock::take(&path.join(lock::FILE))?;
        // Another process may have begun one meanwhile.
        vacant(&path)?;
        let run = Self { checkpoints: Checkpoints::new(&path), path, _lock: lock };
        run.sweep()?;
        let record = Record { recipe_sha256: hash.to_string(), environment };
        let record = serde_json::to_string_pretty(&record)
            .map_err(|error| io_error(&run.path.join(ENVIRONMENT), "written", error.into()))?;
        run.write(ENVIRONMENT, format!("{record}\n").as_bytes())?;
        // Last, since it makes the folder a run.
        run.write(RECIPE, recipe.as_bytes())?;
        Ok(run)
    }

    /// Takes up a run that was begun with the recipe of this hash.
    ///
    /// # Errors
    /// [`FolderError::NoRun`], [`FolderError::OtherRecipe`], [`FolderError::Locked`], [`FolderError::Environment`],
    /// [`FolderError::Io`].
    pub fn resume(path: impl Into<PathBuf>, hash: &str) -> Result<Self, FolderError> {
        let path = path.into();
        if !path.join(RECIPE).is_file() {
            return Err(FolderError::NoRun(path));
        }
        let lock = Lock::take(&path.join(lock::FILE))?;
        if recipe_hash(&path)? != hash {
            return Err(FolderError::OtherRecipe(path));
        }
        let run = Self { checkpoints: Checkpoints::new(&path), path, _lock: lock };
        run.sweep()?;
        Ok(run)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its checkpoints.
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Writes a file of the run, such as `classes.txt` or `report.html`, in one piece.
    ///
    /// # Errors
    /// [`FolderError::Io`]; whatever had the name is then as it was.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(name);
        write_atomically(&path, |out| out.write_all(bytes))
            .and_then(|()| sync(&self.path))
            .map_err(|error| io_error(&path, "written", error))
    }

    /// The journal, from a checkpoint's state on or, without one, from the beginning.
    ///
    /// # Errors
    /// [`FolderError::Lines`] where it cannot be opened or is not the one that the checkpoint saw.
    pub fn journal(&self, from: Option<&State>) -> Result<Journal, FolderError> {
        let written = from.map_or_else(Written::default, |state| state.written);
        Ok(Journal::open(&self.path, written)?)
    }

    /// A new event file for TensorBoard, from a checkpoint's state on or, without one, from the beginning.
    ///
    /// # Errors
    /// [`FolderError::Board`] where it cannot be made.
    pub fn board(&self, from: Option<&State>) -> Result<Board, FolderError> {
        Ok(Board::create(&self.path, from.map_or(0, |state| state.step) + 1)?)
    }

    /// Keeps a checkpoint. Whatever happens, the older ones stay as they are.
    ///
    /// # Errors
    /// [`FolderError::Checkpoint`], for example where the disk is full.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<PathBuf, FolderError> {
        self.checkpoints.save(checkpoint)
    }

    /// The newest checkpoint that is whole; see [`Checkpoints::newest`].
    ///
    /// # Errors
    /// [`FolderError::AllDamaged`], [`FolderError::Io`].
    pub fn newest(&self) -> Result<Option<Newest>, FolderError> {
        self.checkpoints.newest()
    }

    /// Deletes checkpoints but the last and the best; see [`Checkpoints::keep`].
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn keep(&self, last: usize, best: usize) -> Result<Vec<PathBuf>, FolderError> {
        self.checkpoints.keep(last, best)
    }

    /// Removes what a killed process had not yet renamed. The lock says that nobody is writing it now.
    fn sweep(&self) -> Result<(), FolderError> {
        for folder in [self.path.clone(), self.path.join(CHECKPOINTS)] {
            for name in names(&folder)?.into_iter().filter(|name| is_part(name)) {
                let path = folder.join(name);
                fs::remove_file(&path).map_err(|error| io_error(&path, "removed", error))?;
            }
        }
        Ok(())
    }
}

/// The hash of the recipe that a folder's run was begun with.
///
/// # Errors
/// [`FolderError::Environment`], [`FolderError::Io`].
pub fn recipe_hash(run: &Path) -> Result<String, FolderError> {
    let path = run.join(ENVIRONMENT);
    let text = fs::read(&path).map_err(|error| io_error(&path, "read", error))?;
    let record = serde_json::from_slice::<Record<serde_json::Value>>(&text);
    record
        .map(|record| record.recipe_sha256)
        .map_err(|error| FolderError::Environment { path, reason: error.to_string() })
}

/// Refuses a folder with anything in it but what a killed `create` leaves.
fn vacant(path: &Path) -> Result<(), FolderError> {
    if !path.exists() {
        return Ok(());
    }
    if path.join(RECIPE).exists() {
        return Err(FolderError::Exists(path.to_path_buf()));
    }
    let ours = |name: &str| [lock::FILE, ENVIRONMENT, CHECKPOINTS].contains(&name) || is_part(name);
    let other = names(path)?.into_iter().find(|name| !ours(name));
    let other = match other {
        None if path.join(CHECKPOINTS).exists() => {
            let inside = names(&path.join(CHECKPOINTS))?.into_iter().find(|name| !is_part(name));
            inside.map(|name| format!("{CHECKPOINTS}/{name}"))
        }
        other => other,
    };
    other.map_or(Ok(()), |other| Err(FolderError::Foreign { path: path.to_path_buf(), other }))
}

/// Names in a folder, sorted, so that messages are the same everywhere.
fn names(folder: &Path) -> Result<Vec<String>, FolderError> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let entries = entries.map_err(|error| io_error(folder, "read", error))?;
    let mut names: Vec<String> =
        entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    Ok(names)
}

/// Whether a name is one of `write_atomically` before the renaming.
pub fn is_part(name: &str) -> bool {
    name.starts_with(".efficientnet-") && name.ends_with(".part")
}

/// Brings a folder's list of names to the disk, so that a renaming outlives a power cut.
fn sync(folder: &Path) -> io::Result<()> {
    // Windows has no such call for folders.
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

fn io_error(path: &Path, action: &'static str, source: io::Error) -> FolderError {
    FolderError::Io { path: path.to_path_buf(), action, source }
}

fn list(damaged: &[Damaged]) -> String {
    let names = damaged.iter().filter_map(|damaged| damaged.path.file_name());
    names.map(|name| name.to_string_lossy()).collect::<Vec<_>>().join(", ")
}
