//! A search that is being run, or was: its folder, its shard's share of the trials, what is known so far.
//!
//! A study asks its [`Strategy`] for a round, runs those of its trials that are dealt to this shard and that nobody has a
//! result of, and writes a line for each before it turns to the next. What is not in the journal has not happened: a kill
//! costs the trial that was under way, and of that only what its runner did not keep.

mod error;
mod folder;
mod pace;
mod progress;
mod record;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use efficientnet_runs::folder::{Environment, Lock};
use efficientnet_runs::lines::Lines;

use crate::journal::Entry;
use crate::{
    Measured, Outcome, Plan, Results, Round, Row, RunError, Runner, Strategy, Task, Time, Trial, TrialId,
};

pub use error::StudyError;
pub use progress::Progress;
pub use record::Record;

use pace::Pace;

/// Which share of the trials is run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub index: usize,
    /// Shards in all.
    pub count: usize,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 1, count: 1 };

    fn has(self, place: usize) -> bool {
        place % self.count == self.index - 1
    }
}

/// As in file names: `1-of-2`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-of-{}", self.index, self.count)
    }
}

/// As on a command line: `1/2`.
impl FromStr for Shard {
    type Err = StudyError;

    fn from_str(text: &str) -> Result<Self, StudyError> {
        let numbers = text.split_once('/').map(|(index, count)| (index.trim().parse(), count.trim().parse()));
        match numbers {
            Some((Ok(index), Ok(count))) => Self { index, count }.checked(),
            _ => Err(StudyError::Shard(text.to_string())),
        }
    }
}

impl Shard {
    fn checked(self) -> Result<Self, StudyError> {
        let is_one = (1..=self.count).contains(&self.index);
        is_one.then_some(self).ok_or_else(|| StudyError::Shard(format!("{}/{}", self.index, self.count)))
    }
}

/// How long after a look for other shards' trials the next one follows.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How a run of a study ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every trial is known.
    Complete,
    /// Somebody asked to stop.
    Stopped,
    /// This shard has nothing left to do before others have done their share.
    Waiting {
        /// How many of their trials are missing.
        trials: u64,
    },
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("every trial is done"),
            Self::Stopped => f.write_str("stopped; go on with --resume"),
            Self::Waiting { trials } => write!(
                f,
                "this shard's share is done, and {trials} trials of other shards are missing: run these shards or copy their \
                 trials-*.jsonl into this folder, then go on with --resume"
            ),
        }
    }
}

/// A search's folder, held by this process for its shard.
#[derive(Debug)]
pub struct Study {
    plan: Plan,
    dir: PathBuf,
    shard: Shard,
    trials: Lines<Entry>,
    times: Lines<Time>,
    results: Results,
    notes: Vec<String>,
    pace: Pace,
    waits: bool,
    _lock: Lock,
}

impl Study {
    /// Begins a study in a folder that does not exist or is empty, or takes one up. A shard may join a study that another
    /// shard began; whatever has rows of this shard is only taken up where `resume` says so.
    ///
    /// # Errors
    /// [`StudyError`]: a study that is there and was not to be resumed, or the other way round; another plan's; other files
    /// in the folder; the shard at work in another process; a damaged file.
    pub fn open(
        plan: &Plan,
        dir: impl Into<PathBuf>,
        shard: Shard,
        resume: bool,
        environment: &Environment,
    ) -> Result<Self, StudyError> {
        let (dir, shard) = (dir.into(), shard.checked()?);
        let (plan, files) = plan.packed();
        let hash = plan.hash()?;
        let lock = folder::enter(&dir, &plan, &hash, &files, shard, resume, environment)?;
        let known = record::collect(&dir)?;
        known.of_plan(&hash)?;
        let (mut trials, torn) = Lines::append(folder::trials(&dir, shard))?;
        let (times, _) = Lines::append(folder::times(&dir, shard))?;
        let mut notes = known.notes;
        if trials.mark()?.entries == 0 {
            trials.push(&Entry::Head { plan: hash })?;
            trials.mark()?;
        }
        if torn > 0 {
            let path = folder::trials(&dir, shard);
            notes.push(format!(
                "the last line of {} was half written ({torn} bytes): it is cut off, and its trial is run again",
                path.display()
            ));
        }
        let pace = Pace::of(&known.rows, &record::times(&dir)?);
        let results = known.rows.into_iter().map(|row| (row.trial, row.outcome)).collect();
        Ok(Self { plan, dir, shard, trials, times, results, notes, pace, waits: false, _lock: lock })
    }

    /// Whether [`Study::run`] waits for the trials of shards that write into the same folder, in place of ending with
    /// [`Ended::Waiting`]. It looks for them every second, for as long as nobody asks it to stop.
    pub fn wait_for_others(&mut self, wait: bool) {
        self.waits = wait;
    }

    /// What a folder's journals hold, of all shards; for reports. Nobody need have stopped writing them.
    ///
    /// # Errors
    /// [`StudyError`] where there is no study, or a file is damaged.
    pub fn read(dir: &Path) -> Result<Record, StudyError> {
        record::read(dir)
    }

    /// The plan, as it stands in the folder.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a runner may keep what it has of a trial until that ends.
    pub fn trial_dir(&self, trial: TrialId) -> PathBuf {
        self.dir.join("trials").join(trial.to_string())
    }

    /// What is known.
    pub fn results(&self) -> &Results {
        &self.results
    }

    /// Sentences about what was found in the folder, such as a line that was half written. [`Study::run`] says them.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Runs what is left of this shard's share.
    ///
    /// # Errors
    /// [`StudyError::Fatal`] where no trial can be had, [`StudyError::Strategy`] where the strategy cannot go on, and where a
    /// file cannot be read or written. What is in the journal stays.
    pub fn run(
        &mut self,
        strategy: &dyn Strategy,
        runner: &mut dyn Runner,
        stop: &AtomicBool,
        progress: &mut Progress,
    ) -> Result<Ended, StudyError> {
        self.notes.iter().for_each(|note| progress.say(note));
        let ended = self.rounds(strategy, runner, stop, progress);
        progress.finish();
        ended
    }

    fn rounds(
        &mut self,
        strategy: &dyn Strategy,
        runner: &mut dyn Runner,
        stop: &AtomicBool,
        progress: &mut Progress,
    ) -> Result<Ended, StudyError> {
        self.refresh()?;
        loop {
            let Some(round) = strategy.round(&self.results).map_err(StudyError::Strategy)? else {
                return Ok(Ended::Complete);
            };
            let own = self.share(&round);
            if own.iter().all(|trial| self.results.contains_key(&trial.id)) {
                let missing = round.trials.iter().filter(|trial| !self.results.contains_key(&trial.id));
                let missing: BTreeSet<TrialId> = missing.map(|trial| trial.id).collect();
                let trials = missing.len() as u64;
                if !self.waits {
                    return Ok(Ended::Waiting { trials });
                }
                progress.say(&format!("waiting for {trials} trials of other shards"));
                if !self.wait_for(&missing, stop)? {
                    return Ok(Ended::Stopped);
                }
                continue;
            }
            progress.round(&round, &own, &self.results, self.shard, self.pace);
            for trial in own {
                if self.results.contains_key(&trial.id) {
                    continue;
                }
                if stop.load(Ordering::Relaxed) || !self.attempt(&trial, runner, stop, progress)? {
                    return Ok(Ended::Stopped);
                }
            }
            self.refresh()?;
        }
    }

    /// Until others have written all of these trials; false where somebody asked to stop. The strategy is not asked meanwhile: an
    /// evolution goes through all of its history for each answer.
    fn wait_for(&mut self, missing: &BTreeSet<TrialId>, stop: &AtomicBool) -> Result<bool, StudyError> {
        while missing.iter().any(|trial| !self.results.contains_key(trial)) {
            let look_again = Instant::now() + LOOK_AGAIN;
            while Instant::now() < look_again {
                if stop.load(Ordering::Relaxed) {
                    return Ok(false);
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            self.refresh()?;
        }
        Ok(true)
    }

    /// The trials of a round that are dealt to this shard.
    fn share(&self, round: &Round) -> Vec<Trial> {
        let dealt = round.trials.iter().enumerate().filter(|(place, _)| self.shard.has(*place));
        dealt.map(|(_, trial)| trial.clone()).collect()
    }

    /// Runs a trial and writes its line; false where somebody asked to stop.
    fn attempt(
        &mut self,
        trial: &Trial,
        runner: &mut dyn Runner,
        stop: &AtomicBool,
        progress: &mut Progress,
    ) -> Result<bool, StudyError> {
        let start = Instant::now();
        progress.begin(trial);
        let found = runner.run(trial, stop, &mut |share| progress.share(share));
        let (outcome, training_seconds) = match found {
            Ok(measured) => (outcome(&measured), measured.seconds),
            Err(RunError::Failed(reason)) => (Outcome::Failed { reason }, 0.0),
            Err(RunError::Stopped) => return Ok(false),
            Err(RunError::Fatal(reason)) => return Err(StudyError::Fatal(reason)),
        };
        let row = self.row(trial, outcome);
        self.trials.push(&Entry::Trial(Box::new(row.clone())))?;
        self.trials.mark()?;
        let seconds = start.elapsed().as_secs_f64();
        self.times.push(&Time { trial: trial.id, seconds, training_seconds })?;
        self.times.flush()?;
        self.pace.add(&row, seconds);
        progress.ended(&row, self.pace);
        self.results.insert(trial.id, row.outcome);
        Ok(true)
    }

    fn row(&self, trial: &Trial, outcome: Outcome) -> Row {
        let candidate = &trial.candidate;
        let (spec, totals) = (&candidate.spec, candidate.totals);
        let blocks = || spec.baseline.rows.iter().map(ToString::to_string).collect();
        Row {
            trial: trial.id,
            name: spec.name.clone(),
            depth: spec.coefficients.depth,
            width: spec.coefficients.width,
            resolution: spec.coefficients.resolution,
            blocks: matches!(self.plan.task, Task::Evolve(_)).then(blocks),
            macs: totals.macs,
            params: totals.params,
            activations: totals.activations,
            cost: candidate.cost,
            outcome,
        }
    }

    /// Takes in what other shards have written meanwhile.
    fn refresh(&mut self) -> Result<(), StudyError> {
        for row in record::collect(&self.dir)?.rows {
            self.results.entry(row.trial).or_insert(row.outcome);
        }
        Ok(())
    }
}

/// What a runner measured, if it can be.
fn outcome(measured: &Measured) -> Outcome {
    let Measured { images, correct, loss, .. } = *measured;
    let failed = |reason: &str| Outcome::Failed { reason: reason.to_string() };
    match (images, correct, loss) {
        (0, ..) => failed("it was measured on no image"),
        (images, correct, _) if correct > images => failed("more images were right than there were"),
        (.., loss) if !loss.is_finite() => failed("its validation loss is no finite number"),
        (images, correct, loss) => Outcome::Measured { images, correct, loss },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_that_cannot_be_is_a_failed_trial() {
        let good = Measured { images: 4, correct: 3, loss: 0.5, seconds: 1.0 };
        assert_eq!(outcome(&good).top1(), Some(0.75));
        let bad = [
            (Measured { loss: f64::NAN, ..good }, "its validation loss is no finite number"),
            (Measured { loss: f64::INFINITY, ..good }, "its validation loss is no finite number"),
            (Measured { images: 0, correct: 0, ..good }, "it was measured on no image"),
            (Measured { correct: 5, ..good }, "more images were right than there were"),
        ];
        for (measured, reason) in bad {
            assert_eq!(outcome(&measured), Outcome::Failed { reason: reason.to_string() });
        }
    }
}
