//! Two processes never write one run: the operating system gives the lock back when its holder ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::{FolderError, io_error};

/// The lock's file in a run's folder; it stays when the lock is given back.
pub(super) const FILE: &str = ".lock";

/// A lock that is held.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock is the open file")] File);

impl Lock {
    /// Takes the lock of a file, which is made where there is none.
    ///
    /// # Errors
    /// [`FolderError::Locked`] where another process has it, [`FolderError::Io`].
    pub fn take(path: &Path) -> Result<Self, FolderError> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| io_error(path, "written", error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                Err(FolderError::Locked(path.parent().unwrap_or(path).to_path_buf()))
            }
            // Some network file systems have no locks; a run there is better than none.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(Self(file)),
            Err(TryLockError::Error(error)) => Err(io_error(path, "locked", error)),
        }
    }
}
