//! A table's file, which several processes may extend: whoever measures holds a lock, reads what the others have measured,
//! and adds to that. So all of them have the same numbers, whoever came first.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use efficientnet_data::write_atomically;
use serde::Deserialize;

use super::table::VERSION;
use super::{LatencyError, LatencyTable, Setup};

/// The table in a file; none where there is no file yet.
pub(super) fn read(path: &Path) -> Result<Option<LatencyTable>, LatencyError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, "read", &error)),
    };
    let damaged = |error: serde_json::Error| LatencyError::Damaged {
        path: path.to_path_buf(),
        reason: error.to_string(),
    };
    match serde_json::from_str(&text).map_err(damaged)? {
        // Tables of the first format had no number.
        Format { version, setup: Some(_) } if version != Some(VERSION) => {
            let theirs = version.unwrap_or(1);
            Err(LatencyError::OtherVersion { path: path.to_path_buf(), theirs, ours: VERSION })
        }
        _ => serde_json::from_str(&text).map(Some).map_err(damaged),
    }
}

/// As much of a table as all formats have.
#[derive(Deserialize)]
struct Format {
    version: Option<u32>,
    setup: Option<serde_json::Value>,
}

/// Writes it, whole or not at all.
pub(super) fn write(path: &Path, table: &LatencyTable) -> Result<(), LatencyError> {
    let text = serde_json::to_string(table)
        .map_err(|error| LatencyError::Damaged { path: path.to_path_buf(), reason: error.to_string() })?;
    let written = write_atomically(path, |out| writeln!(out, "{text}"));
    written.map_err(|error| failed(path, "written", &error))
}

/// Holds off other processes until it is dropped; waits for one that is measuring.
pub(super) fn lock(path: &Path) -> Result<File, LatencyError> {
    let lock = lock_path(path);
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&lock);
    let file = file.map_err(|error| failed(&lock, "written", &error))?;
    match file.lock() {
        Ok(()) => Ok(file),
        // Some network file systems have no locks; a table there is better than none.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(error) => Err(failed(&lock, "locked", &error)),
    }
}

/// `latency.json` has `.latency.json.lock` beside it; the table itself is replaced whenever it grows.
fn lock_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.lock"))
}

/// Whether a table answers what is asked for: its device, engine and batch. On which machine it was measured matters only
/// when something is to be added.
pub(super) fn same_question(path: &Path, theirs: &Setup, ours: &Setup) -> Result<(), LatencyError> {
    let batch = |setup: &Setup| setup.batch.to_string();
    let settings = [
        ("device", theirs.device.clone(), ours.device.clone()),
        ("engine", theirs.engine.clone(), ours.engine.clone()),
        ("batch", batch(theirs), batch(ours)),
    ];
    match settings.into_iter().find(|(_, theirs, ours)| theirs != ours) {
        None => Ok(()),
        Some((what, theirs, ours)) => {
            Err(LatencyError::OtherQuestion { path: path.to_path_buf(), what, theirs, ours })
        }
    }
}

fn failed(path: &Path, action: &'static str, error: &io::Error) -> LatencyError {
    LatencyError::File { path: path.to_path_buf(), action, reason: error.to_string() }
}
