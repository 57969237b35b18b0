//! A search's folder: whose it is, and which files are there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use efficientnet_data::write_atomically;
use efficientnet_runs::folder::{Environment, FolderError, Lock, is_part};
use serde::{Deserialize, Serialize};

use super::{Shard, StudyError};
use crate::Plan;
use crate::latency::TABLE;
use crate::plan::PLAN;

/// What `environment-*.json` holds.
#[derive(Serialize, Deserialize)]
pub(super) struct Made {
    pub plan_sha256: String,
    #[serde(flatten)]
    pub environment: Environment,
}

pub(super) fn trials(dir: &Path, shard: Shard) -> PathBuf {
    dir.join(format!("trials-{shard}.jsonl"))
}

pub(super) fn times(dir: &Path, shard: Shard) -> PathBuf {
    dir.join(format!("times-{shard}.jsonl"))
}

/// Begins a study or takes one up; the lock is the shard's.
pub(super) fn enter(
    dir: &Path,
    plan: &Plan,
    hash: &str,
    files: &[(String, String)],
    shard: Shard,
    resume: bool,
    environment: &Environment,
) -> Result<Lock, StudyError> {
    let exists = dir.join(PLAN).is_file();
    match (exists, resume) {
        (false, true) => return Err(StudyError::NoStudy(dir.to_path_buf())),
        (false, false) => vacant(dir, files)?,
        (true, _) => same_plan(dir, hash)?,
    }
    // Other shards of a study that was begun may still join it.
    if exists && !resume && (shard.count == 1 || trials(dir, shard).exists()) {
        return Err(StudyError::Exists(dir.to_path_buf()));
    }
    fs::create_dir_all(dir).map_err(|error| io_error(dir, "made", error))?;
    let lock = lock(dir, shard)?;
    // Another shard may have begun one meanwhile.
    if !exists && dir.join(PLAN).is_file() {
        same_plan(dir, hash)?;
    }
    let own = dir.join(format!("environment-{shard}.json"));
    if !own.exists() {
        let made = Made { plan_sha256: hash.to_string(), environment: environment.clone() };
        let made =
            serde_json::to_string_pretty(&made).map_err(|error| io_error(&own, "written", error.into()))?;
        write(&own, &format!("{made}\n"))?;
    }
    if !dir.join(PLAN).is_file() {
        files.iter().try_for_each(|(name, text)| write(&dir.join(name), text))?;
        // Last, since it makes the folder a search.
        write(&dir.join(PLAN), &plan.to_toml()?)?;
    }
    Ok(lock)
}

fn same_plan(dir: &Path, hash: &str) -> Result<(), StudyError> {
    let own = Plan::open(dir.join(PLAN))?.hash()?;
    if own == hash { Ok(()) } else { Err(StudyError::OtherPlan(dir.to_path_buf())) }
}

fn lock(dir: &Path, shard: Shard) -> Result<Lock, StudyError> {
    Lock::take(&dir.join(format!(".lock-{shard}"))).map_err(|error| match error {
        FolderError::Locked(_) => StudyError::Locked { shard, dir: dir.to_path_buf() },
        other => other.into(),
    })
}

/// Refuses a folder with anything in it but what a killed beginning leaves, the latencies that the plan's networks were
/// looked for by, and the plan: shards that are started at once find one that was not there a moment ago. Whose it is, is asked later.
fn vacant(dir: &Path, files: &[(String, String)]) -> Result<(), StudyError> {
    if !dir.exists() {
        return Ok(());
    }
    let ours = |name: &str| {
        let begun =
            [".lock-", "environment-", "trials-", "times-"].iter().any(|start| name.starts_with(start));
        let latencies = name.trim_start_matches('.').starts_with(TABLE);
        begun || latencies || name == PLAN || is_part(name) || files.iter().any(|(file, _)| file == name)
    };
    match names(dir)?.into_iter().find(|name| !ours(name)) {
        Some(other) => Err(FolderError::Foreign { path: dir.to_path_buf(), other }.into()),
        None => Ok(()),
    }
}

/// Names in a folder, sorted, so that everything comes in the same order everywhere.
pub(super) fn names(dir: &Path) -> Result<Vec<String>, StudyError> {
    let entries = fs::read_dir(dir).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let entries = entries.map_err(|error| io_error(dir, "read", error))?;
    let mut names: Vec<String> =
        entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    Ok(names)
}

fn write(path: &Path, text: &str) -> Result<(), StudyError> {
    let written = write_atomically(path, |out| out.write_all(text.as_bytes()));
    written.map_err(|error| io_error(path, "written", error))
}

pub(super) fn io_error(path: &Path, action: &'static str, source: io::Error) -> StudyError {
    FolderError::Io { path: path.to_path_buf(), action, source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_another_shard_has_just_written_is_nothing_foreign() {
        let dir = tempfile::tempdir().unwrap();
        for name in [PLAN, ".lock-1-of-3", "environment-1-of-3.json", "tiny.toml"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let files = [("tiny.toml".to_string(), String::new())];
        vacant(dir.path(), &files).unwrap();
        fs::write(dir.path().join("thesis.tex"), "").unwrap();
        let refused = vacant(dir.path(), &files).unwrap_err().to_string();
        assert!(refused.contains("thesis.tex"), "{refused}");
    }
}
