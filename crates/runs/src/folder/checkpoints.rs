//! The checkpoints of a run: which there are, which is used, which are kept.
//!
//! There is no index beside them that could be wrong: a name says the step, a header the score. Several processes may read
//! (every rank reads the checkpoint that it goes on from); one, which holds the run's lock, writes.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{CHECKPOINTS, FolderError, io_error, names, sync};
use crate::checkpoint::{Checkpoint, CheckpointError, State};

/// The checkpoints of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoints {
    folder: PathBuf,
}

/// A checkpoint that is not whole or cannot be read.
#[derive(Debug)]
pub struct Damaged {
    /// Its file.
    pub path: PathBuf,
    /// Why, naming the file.
    pub reason: CheckpointError,
}

/// The checkpoint to go on from.
#[derive(Debug)]
pub struct Newest {
    /// Its file.
    pub path: PathBuf,
    /// What it holds.
    pub checkpoint: Checkpoint,
    /// Newer ones that are damaged, newest first, to be told to the user.
    pub damaged: Vec<Damaged>,
}

impl Checkpoints {
    /// Those of the run in this folder.
    pub fn new(run: &Path) -> Self {
        Self { folder: run.join(CHECKPOINTS) }
    }

    /// The file of a step.
    pub fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:08}.safetensors"))
    }

    /// Steps that have a checkpoint, oldest first.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn steps(&self) -> Result<Vec<u64>, FolderError> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let mut steps: Vec<u64> = names(&self.folder)?.iter().filter_map(|name| step(name)).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// Keeps a checkpoint under its step. Whatever happens, the others stay as they are.
    ///
    /// # Errors
    /// [`FolderError::Checkpoint`], [`FolderError::Io`].
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<PathBuf, FolderError> {
        fs::create_dir_all(&self.folder).map_err(|error| io_error(&self.folder, "made", error))?;
        let path = self.path(checkpoint.state.step);
        checkpoint.write(&path)?;
        sync(&self.folder).map_err(|error| io_error(&self.folder, "written", error))?;
        Ok(path)
    }

    /// The newest checkpoint that is whole, with the newer ones that are not; `None` where none was saved, so that the run
    /// goes on from its beginning.
    ///
    /// # Errors
    /// [`FolderError::AllDamaged`] where there are some and none is whole; [`FolderError::Io`].
    pub fn newest(&self) -> Result<Option<Newest>, FolderError> {
        let mut damaged = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            let path = self.path(step);
            match Checkpoint::read(&path) {
                Ok(checkpoint) => return Ok(Some(Newest { path, checkpoint, damaged })),
                Err(reason) => damaged.push(Damaged { path, reason }),
            }
        }
        if damaged.is_empty() {
            return Ok(None);
        }
        Err(FolderError::AllDamaged { folder: self.folder.clone(), damaged })
    }

    /// Deletes checkpoints but the `last` newest (at least one) and the `best` with the highest scores, the older one of
    /// equals. Gives the files that were deleted. One whose header is damaged counts for nothing and is left for the user
    /// to look at.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn keep(&self, last: usize, best: usize) -> Result<Vec<PathBuf>, FolderError> {
        let states = self.steps()?.into_iter().filter_map(|step| Some((step, self.state(step)?.score)));
        let scores: Vec<(u64, Option<f64>)> = states.collect();
        let kept = kept(&scores, last.max(1), best);
        let unwanted = scores.iter().filter(|(step, _)| !kept.contains(step));
        let unwanted: Vec<PathBuf> = unwanted.map(|(step, _)| self.path(*step)).collect();
        for path in &unwanted {
            fs::remove_file(path).map_err(|error| io_error(path, "removed", error))?;
        }
        Ok(unwanted)
    }

    fn state(&self, step: u64) -> Option<State> {
        State::read(&self.path(step)).ok()
    }
}

/// Which of the steps, oldest first, are kept.
fn kept(scores: &[(u64, Option<f64>)], last: usize, best: usize) -> BTreeSet<u64> {
    let mut ranked: Vec<(f64, u64)> =
        scores.iter().filter_map(|(step, score)| score.map(|score| (score, *step))).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut steps: Vec<u64> = scores.iter().map(|(step, _)| *step).collect();
    steps.sort_unstable_by_key(|step| Reverse(*step));
    let best = ranked.into_iter().take(best).map(|(_, step)| step);
    steps.into_iter().take(last).chain(best).collect()
}

/// The step of a file's name; `None` for any other file, also one whose number is spelled in another way.
fn step(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("step-")?.strip_suffix(".safetensors")?;
    let step = digits.parse().ok()?;
    (format!("{step:08}") == digits).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_steps() {
        let checkpoints = Checkpoints::new(Path::new("run"));
        assert_eq!(checkpoints.path(1234), Path::new("run/checkpoints/step-00001234.safetensors"));
        assert_eq!(step("step-00001234.safetensors"), Some(1234));
        assert_eq!(step("step-123456789.safetensors"), Some(123_456_789));
        for other in ["step-1234.safetensors", "step-+0001234.safetensors", "step-00001234.part", "notes.txt"]
        {
            assert_eq!(step(other), None, "{other}");
        }
    }

    #[test]
    fn the_last_and_the_best_are_kept() {
        let scores = [(1, Some(0.5)), (2, Some(0.9)), (3, None), (4, Some(0.9)), (5, Some(0.1)), (6, None)];
        let kept = |last, best| kept(&scores, last, best).into_iter().collect::<Vec<_>>();
        assert_eq!(kept(1, 0), [6]);
        assert_eq!(kept(2, 1), [2, 5, 6]);
        assert_eq!(kept(1, 3), [1, 2, 4, 6]);
        assert_eq!(kept(9, 9), [1, 2, 3, 4, 5, 6]);
    }
}
