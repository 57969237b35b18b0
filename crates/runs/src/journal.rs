//! The journal: one line of JSON for every step and every epoch.
//!
//! It holds nothing that a clock says, so that two runs of one recipe have equal journals; times stand in a file of
//! their own.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::lines::{self, Lines, LinesError, Mark};

/// The journal's file in a run's folder.
pub const JOURNAL: &str = "journal.jsonl";
/// The file of what clocks say.
pub const TIMES: &str = "times.jsonl";

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// An update of the weights.
    Step(Step),
    /// The end of an epoch, after its evaluation.
    Epoch(Epoch),
}

/// An update of the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Updates so far, this one included: the first is 1.
    pub step: u64,
    /// The epoch that it belongs to, from 0.
    pub epoch: u64,
    /// The learning rate of this update.
    pub rate: f64,
    /// Mean training loss of the step's images.
    pub loss: f32,
    /// Share of the step's images whose class had the highest logit, 0 to 1.
    pub top1: f32,
    /// Global norm of the gradients before clipping, where it was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f32>,
}

/// The end of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Updates so far.
    pub step: u64,
    /// Means over the epoch's steps.
    pub train: Scores,
    /// On the validation data, with the weights as they are; `None` where this epoch was not evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Scores>,
    /// On the validation data, with the averaged weights; `None` where the run keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub averaged: Option<Scores>,
}

/// How well a set of images was classified.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Images that counted.
    pub images: u64,
    /// Mean loss.
    pub loss: f32,
    /// Share whose class had the highest logit, 0 to 1.
    pub top1: f32,
    /// Share whose class was among the five highest logits, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top5: Option<f32>,
}

/// What a clock says of the run at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// Updates so far.
    pub step: u64,
    /// Seconds of training so far, those before an interruption included.
    pub seconds: f64,
    /// Images trained on a second, since the time before this one.
    pub images_per_second: f64,
    /// Seconds spent waiting for the loader, since the time before this one.
    pub waited_for_data: f64,
    /// Seconds spent on validation, since the time before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
}

/// How far the two files of a journal were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Written {
    /// `journal.jsonl`.
    pub journal: Mark,
    /// `times.jsonl`.
    pub times: Mark,
}

/// A journal that is being written: `journal.jsonl`, and `times.jsonl` beside it.
#[derive(Debug)]
pub struct Journal {
    entries: Lines<Entry>,
    times: Lines<Time>,
}

impl Journal {
    /// Opens the journal in a run's folder at a checkpoint's place, or begins it at `Written::default()`. What was written
    /// after that place is cut off: the run goes on from there and writes it again.
    ///
    /// # Errors
    /// [`LinesError`] where a file cannot be opened or is not the one that the checkpoint saw.
    pub fn open(run: &Path, at: Written) -> Result<Self, LinesError> {
        let entries = Lines::open(run.join(JOURNAL), at.journal)?;
        let times = Lines::open(run.join(TIMES), at.times)?;
        Ok(Self { entries, times })
    }

    /// Adds an update.
    ///
    /// # Errors
    /// [`LinesError`] where it cannot be written, or holds a number that is not finite.
    pub fn step(&mut self, step: &Step) -> Result<(), LinesError> {
        self.entries.push(&Entry::Step(step.clone()))
    }

    /// Adds the end of an epoch.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn epoch(&mut self, epoch: &Epoch) -> Result<(), LinesError> {
        self.entries.push(&Entry::Epoch(epoch.clone()))
    }

    /// Adds what a clock says.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn time(&mut self, time: &Time) -> Result<(), LinesError> {
        self.times.push(time)
    }

    /// Hands everything to the operating system, so that it outlives this process. Every few seconds is often enough.
    ///
    /// # Errors
    /// [`LinesError::Io`], for example where the disk is full.
    pub fn flush(&mut self) -> Result<(), LinesError> {
        self.entries.flush()?;
        self.times.flush()
    }

    /// How far the files are written, for a checkpoint; everything until there is on the disk.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn written(&mut self) -> Result<Written, LinesError> {
        Ok(Written { journal: self.entries.mark()?, times: self.times.mark()? })
    }
}

/// Reads a `journal.jsonl`, also one that is being written: a torn last line is dropped.
///
/// # Errors
/// [`LinesError`], with the line that cannot be understood.
pub fn read(path: &Path) -> Result<Vec<Entry>, LinesError> {
    lines::read(path)
}

/// Reads a `times.jsonl`, as [`read`] does.
///
/// # Errors
/// As [`read`].
pub fn read_times(path: &Path) -> Result<Vec<Time>, LinesError> {
    lines::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64) -> Step {
        Step { step, epoch: 0, rate: 0.016, loss: 2.5, top1: 0.25, gradient_norm: None }
    }

    #[test]
    fn a_line_a_step_and_an_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), Written::default()).unwrap();
        let scores = Scores { images: 4, loss: 2.5, top1: 0.25, top5: Some(1.0) };
        let epoch = Epoch { epoch: 0, step: 1, train: scores, validation: None, averaged: Some(scores) };
        journal.step(&step(1)).unwrap();
        journal.epoch(&epoch).unwrap();
        journal.flush().unwrap();
        let path = dir.path().join(JOURNAL);
        assert_eq!(read(&path).unwrap(), [Entry::Step(step(1)), Entry::Epoch(epoch)]);
        let text = std::fs::read_to_string(path).unwrap();
        let first = r#"{"event":"step","step":1,"epoch":0,"rate":0.016,"loss":2.5,"top1":0.25}"#;
        assert_eq!(text.lines().next(), Some(first));
    }

    #[test]
    fn a_run_that_goes_on_writes_what_one_without_a_stop_does() {
        let dir = tempfile::tempdir().unwrap();
        let time = |step| Time {
            step,
            seconds: 1.0,
            images_per_second: 8.0,
            waited_for_data: 0.0,
            validation: None,
        };
        let mut journal = Journal::open(dir.path(), Written::default()).unwrap();
        journal.step(&step(1)).unwrap();
        journal.time(&time(1)).unwrap();
        let written = journal.written().unwrap();
        journal.step(&step(2)).unwrap();
        journal.time(&time(2)).unwrap();
        drop(journal);
        let whole = std::fs::read(dir.path().join(JOURNAL)).unwrap();

        let mut journal = Journal::open(dir.path(), written).unwrap();
        journal.step(&step(2)).unwrap();
        drop(journal);
        assert_eq!(std::fs::read(dir.path().join(JOURNAL)).unwrap(), whole);
        assert_eq!(read_times(&dir.path().join(TIMES)).unwrap(), [time(1)]);
    }

    #[test]
    fn a_loss_that_is_not_a_number_never_reaches_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), Written::default()).unwrap();
        let error = journal.step(&Step { loss: f32::NAN, ..step(1) }).unwrap_err();
        assert!(matches!(error, LinesError::NotFinite { entries: 0, .. }));
    }
}
