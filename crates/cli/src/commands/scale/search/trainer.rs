//! Who trains a search's trials: `efficientnet-train`, on one device, over images that are opened and decoded once.

use std::fs;
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use efficientnet_data::{Decoded, Room, Source, Transform};
use efficientnet_runs::folder::{Environment, FolderError, RECIPE};
use efficientnet_runs::lines::LinesError;
use efficientnet_runs::recipe::Recipe;
use efficientnet_runs::scores::Measures;
use efficientnet_search::{Measured, Plan, Results, RunError, Runner, Trial, TrialId};
use efficientnet_train::{Alone, Finished, Images, Job, LAST, Leave, Place, TrainError, train_quietly};

use crate::error::CliError;

/// The folder of the trials that have not ended, in the search's.
const TRIALS: &str = "trials";

/// Trains trials, each in a run's folder of its own, so that one that was killed goes on from its last checkpoint.
pub struct Trainer<'a> {
    pub plan: &'a Plan,
    pub place: Place,
    pub environment: Environment,
    pub images: Images,
    /// The search's folder.
    pub folder: PathBuf,
    /// Whether trials that have ended stay, with weights and report.
    pub keep: bool,
    /// The folder of a trial that has ended: its line is not written yet when it is given back.
    pub ended: Option<PathBuf>,
}

impl Trainer<'_> {
    /// Deletes the folder of the last trial, unless trials are kept.
    pub fn clear(&mut self) {
        if let Some(folder) = self.ended.take().filter(|_| !self.keep) {
            remove(&folder);
        }
    }

    /// Deletes the folders of trials whose line was written, but who were killed before they were cleared.
    pub fn sweep(&self, known: &Results) {
        let folders = known.keys().map(|trial| trial_folder(&self.folder, *trial));
        // One that is to be kept has weights.
        folders
            .filter(|folder| folder.is_dir() && !folder.join(LAST).exists())
            .for_each(|folder| remove(&folder));
    }

    /// Deletes the folder of all trials where it is empty.
    pub fn leave(&self) {
        // Where there are kept trials in it, it stays.
        let _ = fs::remove_dir(self.folder.join(TRIALS));
    }

    fn train(
        &self,
        recipe: &Recipe,
        trial: &Trial,
        folder: &Path,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Finished, TrainError> {
        let job = Job {
            network: Some(trial.candidate.spec.clone()),
            images: Some(self.images.clone()),
            resume: folder.join(RECIPE).is_file(),
            leave: if self.keep { Leave::Everything } else { Leave::Nothing },
            ..Job::new(recipe.clone(), folder, self.environment.clone())
        };
        train_quietly(job, &self.place, progress)
    }
}

impl Runner for Trainer<'_> {
    /// `stop` is the place's own flag.
    fn run(
        &mut self,
        trial: &Trial,
        _stop: &AtomicBool,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Measured, RunError> {
        self.clear();
        let folder = trial_folder(&self.folder, trial.id);
        let recipe = recipe(self.plan, trial)?;
        let finished = match self.train(&recipe, trial, &folder, progress) {
            Err(error) if begins_anew(&error) => {
                eprintln!("note: the trial {} begins anew: {error}", trial.id);
                remove(&folder);
                self.train(&recipe, trial, &folder, progress)
            }
            other => other,
        };
        let finished = match finished {
            Ok(finished) if !finished.complete => return Err(RunError::Stopped),
            Ok(finished) => finished,
            Err(error) => {
                let error = run_error(error);
                if matches!(error, RunError::Failed(_)) {
                    self.ended = Some(folder);
                }
                return Err(error);
            }
        };
        self.ended = Some(folder);
        measured(&finished)
    }
}

fn trial_folder(folder: &Path, trial: TrialId) -> PathBuf {
    folder.join(TRIALS).join(trial.to_string())
}

/// The trial's recipe. It is measured at its end alone, and that changes nothing in it.
fn recipe(plan: &Plan, trial: &Trial) -> Result<Recipe, RunError> {
    let mut recipe = plan.recipe_of(trial).map_err(|error| RunError::Fatal(error.to_string()))?;
    recipe.evaluate.every_epochs = recipe.training.epochs;
    Ok(recipe)
}

fn measured(finished: &Finished) -> Result<Measured, RunError> {
    let Some(evaluation) = &finished.evaluation else { return Err(RunError::Fatal(nothing_to_measure())) };
    let Measures { images, correct, loss, .. } = evaluation.tally.measures();
    let loss = loss.filter(|loss| loss.is_finite());
    let loss =
        loss.ok_or_else(|| RunError::Failed("its loss on the validation images is no number".to_string()))?;
    Ok(Measured { images, correct, loss, seconds: finished.spent })
}

fn nothing_to_measure() -> String {
    "the recipe has no images to measure on; set data.validation or data.holdout in proxy.set".to_string()
}

/// Whether an error is of this trial alone.
fn run_error(error: TrainError) -> RunError {
    match error {
        TrainError::NotFinite { .. } | TrainError::Device(_) | TrainError::Model(_) | TrainError::Arch(_) => {
            RunError::Failed(error.to_string())
        }
        other => RunError::Fatal(other.to_string()),
    }
}

/// Whether what is left of a trial cannot be gone on with, and beginning it anew is all that is lost.
fn begins_anew(error: &TrainError) -> bool {
    matches!(
        error,
        TrainError::OtherRun(_)
            | TrainError::Extra(_)
            | TrainError::Journal(LinesError::NotAtMark { .. })
            | TrainError::Folder(FolderError::AllDamaged { .. } | FolderError::Environment { .. })
            | TrainError::Folder(FolderError::Lines(LinesError::NotAtMark { .. }))
    )
}

/// Deletes a trial's folder; where that fails it costs room on a disk and nothing else.
fn remove(folder: &Path) {
    let removed = fs::remove_dir_all(folder);
    if let Err(error) = removed.or_else(|error| if error.kind() == NotFound { Ok(()) } else { Err(error) }) {
        eprintln!("note: {} cannot be removed: {error}", folder.display());
    }
}

/// The images of all trials, with so many bytes of them kept as pixels. What is held out follows from the plan's first seed, so
/// that all trials are measured on the same images.
pub fn images(plan: &Plan, bytes: u64) -> Result<Images, CliError> {
    let recipe = plan.recipe_for(plan.base().resolution())?;
    let Images { train, validation } = Images::open(&recipe)?;
    let validation = validation.ok_or_else(|| CliError::Usage(nothing_to_measure()))?;
    let room = Room::new(bytes);
    let images = Images {
        train: kept(train, &recipe.data.transform, &room),
        validation: Some(kept(validation, &recipe.data.eval_transform, &room)),
    };
    // That a batch can be had of them is said now, and not by the first trial.
    images.training(&recipe, &Alone)?;
    Ok(images)
}

fn kept(source: Arc<dyn Source>, transform: &Transform, room: &Arc<Room>) -> Arc<dyn Source> {
    let decoding = transform.decoding();
    match decoding.scaled {
        // Files are decoded at the size that the transform asks for, which differs from network to network.
        true => source,
        false => Arc::new(Decoded::new(source, decoding.exif, Arc::clone(room))),
    }
}
