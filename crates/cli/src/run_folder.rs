//! A training run's folder where weights are asked for: which of its files is meant, and what it was measured on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use efficientnet_data::Source;
use efficientnet_runs::folder::RECIPE;
use efficientnet_runs::recipe::Recipe;
use efficientnet_train::{AVERAGED, BEST, Images, LAST};

use crate::error::CliError;

/// The weights that a run leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// The moving averages (EMA) after the last step
    Averaged,
    /// The weights as they were after the last step
    Last,
    /// The weights, or averages, with the highest top-1 on the validation images
    Best,
}

impl Which {
    fn file(self) -> &'static str {
        match self {
            Self::Averaged => AVERAGED,
            Self::Last => LAST,
            Self::Best => BEST,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Averaged => "averaged",
            Self::Last => "last",
            Self::Best => "best",
        }
    }
}

/// The weights file that `path` means: itself, or one of the run's whose folder it is. Without a choice that is the averages,
/// where the run has any, else the last weights.
///
/// # Errors
/// [`CliError::Usage`] where a folder is no run or has no such file yet, and where a file is to be chosen from.
pub fn weights_file(path: &Path, which: Option<Which>) -> Result<PathBuf, CliError> {
    if path.is_dir() {
        return of_run(path, which).map_err(CliError::Usage);
    }
    match which {
        None => Ok(path.to_path_buf()),
        Some(which) => Err(CliError::Usage(format!(
            "--which {} chooses among the weights of a training run, and {} is no run's folder; leave --which out",
            which.word(),
            path.display()
        ))),
    }
}

/// The images that the run in this folder was measured on: those of `data.validation`, or the hold-out that its seed drew.
///
/// # Errors
/// [`CliError::Usage`] where the folder is no run, or its recipe measures on nothing; what is said of images that are not
/// there any more.
pub fn validation(run: &Path) -> Result<Arc<dyn Source>, CliError> {
    let shown = run.display();
    if !run.join(RECIPE).is_file() {
        return Err(CliError::Usage(format!(
            "{shown} is no training run with images of its own; say with --data what to measure on"
        )));
    }
    let recipe = Recipe::load(run.join(RECIPE))?;
    Images::open(&recipe)?.validation.ok_or_else(|| {
        CliError::Usage(format!(
            "the run in {shown} was measured on nothing (its recipe has neither data.validation nor data.holdout); say \
             with --data what to measure on"
        ))
    })
}

fn of_run(run: &Path, which: Option<Which>) -> Result<PathBuf, String> {
    let shown = run.display();
    if !run.join(RECIPE).is_file() {
        return Err(format!(
            "{shown} is a folder and no training run (there is no {RECIPE} in it); name a weights file or a run's folder"
        ));
    }
    let has = |which: Which| run.join(which.file()).is_file();
    let found = match which {
        Some(which) => has(which).then_some(which),
        None => [Which::Averaged, Which::Last].into_iter().find(|which| has(*which)),
    };
    if let Some(found) = found {
        return Ok(run.join(found.file()));
    }
    // Of the last weights every finished run has a file.
    let file = which.unwrap_or(Which::Last).file();
    let finished = has(Which::Last);
    let go_on = format!("go on with it by `efficientnet train --resume --out {shown}`");
    Err(match which {
        Some(Which::Averaged) if finished => {
            format!(
                "the run in {shown} keeps no averages (its recipe has no [average]); take --which last or best"
            )
        }
        Some(Which::Best) if finished => {
            format!("the run in {shown} has no {BEST}: it was never measured; take another --which")
        }
        Some(Which::Best) => format!("the run in {shown} has no {BEST}: it was not measured yet; {go_on}"),
        _ if has(Which::Best) => {
            format!("the run in {shown} is not finished and has no {file} yet; {go_on}, or take --which best")
        }
        _ => format!("the run in {shown} is not finished and has no {file} yet; {go_on}"),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn run(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(dir.path().join(file), "").unwrap();
        }
        dir
    }

    fn chosen(files: &[&str], which: Option<Which>) -> Result<String, String> {
        let dir = run(files);
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        match weights_file(dir.path(), which) {
            Ok(path) => Ok(name(path)),
            Err(CliError::Usage(sentence)) => Err(sentence),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn averages_come_first() {
        assert_eq!(chosen(&[RECIPE, LAST, AVERAGED, BEST], None).as_deref(), Ok(AVERAGED));
        assert_eq!(chosen(&[RECIPE, LAST, BEST], None).as_deref(), Ok(LAST));
        for (which, file) in [(Which::Averaged, AVERAGED), (Which::Last, LAST), (Which::Best, BEST)] {
            assert_eq!(chosen(&[RECIPE, LAST, AVERAGED, BEST], Some(which)).as_deref(), Ok(file));
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let sentence = |files: &[&str], which| chosen(files, which).unwrap_err();
        assert!(sentence(&[], None).contains("no training run"));
        let unfinished = sentence(&[RECIPE], None);
        assert!(unfinished.contains("not finished") && !unfinished.contains("best"), "{unfinished}");
        assert!(sentence(&[RECIPE, BEST], None).contains("--which best"));
        assert!(sentence(&[RECIPE, BEST], Some(Which::Averaged)).contains("not finished"));
        assert!(sentence(&[RECIPE], Some(Which::Best)).contains("not measured yet"));
        assert!(sentence(&[RECIPE, LAST], Some(Which::Best)).contains("never measured"));
        assert!(sentence(&[RECIPE, LAST], Some(Which::Averaged)).contains("[average]"));
    }

    #[test]
    fn a_file_leaves_no_choice() {
        let dir = run(&[LAST]);
        let file = dir.path().join(LAST);
        assert_eq!(weights_file(&file, None).ok(), Some(file.clone()));
        assert!(matches!(weights_file(&file, Some(Which::Last)), Err(CliError::Usage(_))));
    }
}
