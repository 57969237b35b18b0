//! Everything that a search's folder tells, of all its shards.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use efficientnet_runs::folder::{Environment, FolderError};
use efficientnet_runs::lines;

use super::StudyError;
use super::folder::{Made, io_error, names};
use crate::journal::Entry;
use crate::plan::PLAN;
use crate::{Plan, Row, Time, TrialId};

/// A search as it stands.
#[derive(Debug, Clone)]
pub struct Record {
    /// What was searched.
    pub plan: Plan,
    /// Trials that ended, each once, in the order of the files and their lines.
    pub rows: Vec<Row>,
    /// What clocks say of them.
    pub times: Vec<Time>,
    /// With what and where each shard was run.
    pub environments: Vec<Environment>,
    /// Sentences about what is odd: a trial with two results, a line that is half written.
    pub notes: Vec<String>,
}

/// The trials of all shards.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub rows: Vec<Row>,
    pub notes: Vec<String>,
    /// Whose trials each file holds.
    heads: Vec<(PathBuf, Option<String>)>,
}

impl Known {
    /// That every file is of the plan with this hash; one in which nothing stands yet is of any.
    pub fn of_plan(&self, hash: &str) -> Result<(), StudyError> {
        let other = self.heads.iter().find(|(_, head)| head.as_ref().is_some_and(|head| head != hash));
        other.map_or(Ok(()), |(path, _)| Err(StudyError::OtherJournal(path.clone())))
    }
}

pub(super) fn read(dir: &Path) -> Result<Record, StudyError> {
    if !dir.join(PLAN).is_file() {
        return Err(StudyError::NoStudy(dir.to_path_buf()));
    }
    let plan = Plan::open(dir.join(PLAN))?;
    let mut known = collect(dir)?;
    // A later release may give the same plan another hash; but that of all files is one.
    let mut heads = known.heads.iter().filter_map(|(path, head)| Some((path, head.as_ref()?)));
    if let Some((_, first)) = heads.next() {
        for (path, _) in heads.filter(|(_, head)| *head != first) {
            known.notes.push(format!("{} is the journal of another plan", path.display()));
        }
    }
    Ok(Record {
        plan,
        rows: known.rows,
        times: times(dir)?,
        environments: environments(dir)?,
        notes: known.notes,
    })
}

/// Reads every `trials-*.jsonl`. A trial that stands in several counts once; of different outcomes the first counts.
pub(super) fn collect(dir: &Path) -> Result<Known, StudyError> {
    let mut known = Known::default();
    let mut places: BTreeMap<TrialId, (usize, PathBuf)> = BTreeMap::new();
    for path in files(dir, "trials-", ".jsonl")? {
        let mut entries = lines::read::<Entry>(&path)?.into_iter();
        let first = entries.next();
        let head = match &first {
            Some(Entry::Head { plan }) => Some(plan.clone()),
            Some(Entry::Trial(row)) => {
                let note = format!(
                    "{} does not begin with its plan; whose trials these are is not known",
                    path.display()
                );
                known.notes.push(note);
                add(&mut known, &mut places, row, &path);
                None
            }
            None => None,
        };
        for entry in entries {
            if let Entry::Trial(row) = entry {
                add(&mut known, &mut places, &row, &path);
            }
        }
        known.heads.push((path, head));
    }
    Ok(known)
}

fn add(known: &mut Known, places: &mut BTreeMap<TrialId, (usize, PathBuf)>, row: &Row, path: &Path) {
    match places.get(&row.trial) {
        None => {
            places.insert(row.trial, (known.rows.len(), path.to_path_buf()));
            known.rows.push(row.clone());
        }
        Some((place, first)) if known.rows.get(*place).is_some_and(|known| known.outcome != row.outcome) => {
            known.notes.push(format!(
                "trial {} has one result in {} and another in {}; the first counts",
                row.trial,
                first.display(),
                path.display()
            ));
        }
        Some(_) => {}
    }
}

/// What clocks say, each trial once.
pub(super) fn times(dir: &Path) -> Result<Vec<Time>, StudyError> {
    let (mut times, mut known) = (Vec::new(), std::collections::BTreeSet::new());
    for path in files(dir, "times-", ".jsonl")? {
        times.extend(lines::read::<Time>(&path)?.into_iter().filter(|time| known.insert(time.trial)));
    }
    Ok(times)
}

fn environments(dir: &Path) -> Result<Vec<Environment>, StudyError> {
    let read = |path: PathBuf| {
        let text = fs::read(&path).map_err(|error| io_error(&path, "read", error))?;
        let made = serde_json::from_slice::<Made>(&text).map_err(|error| error.to_string());
        made.map(|made| made.environment).map_err(|reason| FolderError::Environment { path, reason }.into())
    };
    files(dir, "environment-", ".json")?.into_iter().map(read).collect()
}

fn files(dir: &Path, start: &str, end: &str) -> Result<Vec<PathBuf>, StudyError> {
    let ours = |name: &String| name.starts_with(start) && name.ends_with(end);
    Ok(names(dir)?.into_iter().filter(ours).map(|name| dir.join(name)).collect())
}
