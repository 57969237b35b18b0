//! A run is begun, killed, gone on with, as the training engine does it.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

use efficientnet_runs::checkpoint::{Checkpoint, State, Tensor};
use efficientnet_runs::folder::{self, Environment, FolderError, RunFolder};
use efficientnet_runs::journal::{self, Entry, JOURNAL, Step};
use tempfile::TempDir;

const TEXT: &str = "name = \"test\"\n";

fn create(path: &Path) -> Result<RunFolder, FolderError> {
    RunFolder::create(path, TEXT, "abc", &Environment::of_this_machine("0.1.0"))
}

fn begun() -> (TempDir, PathBuf, RunFolder) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("runs/name");
    let run = create(&path).unwrap();
    (dir, path, run)
}

fn checkpoint(step: u64, score: Option<f64>) -> Checkpoint {
    let state = State { step, score, ..State::default() };
    let values = vec![step as f32; 3];
    Checkpoint { state, tensors: vec![Tensor { name: "weight".to_string(), shape: vec![3], values }] }
}

fn files(path: &Path) -> Vec<String> {
    let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_new_run_has_its_recipe_and_its_environment() {
    let (_dir, path, run) = begun();
    assert_eq!(files(&path), [".lock", "checkpoints", "environment.json", "recipe.toml"]);
    assert_eq!(fs::read_to_string(path.join("recipe.toml")).unwrap(), TEXT);
    assert_eq!(folder::recipe_hash(&path).unwrap(), "abc");
    let text = fs::read_to_string(path.join("environment.json")).unwrap();
    let environment: Environment = serde_json::from_str(&text).unwrap();
    assert_eq!(environment, Environment::of_this_machine("0.1.0"));
    run.write("classes.txt", b"cat\ndog\n").unwrap();
    assert_eq!(fs::read_to_string(path.join("classes.txt")).unwrap(), "cat\ndog\n");
}

#[test]
fn a_run_is_not_begun_over_another() {
    let (_dir, path, run) = begun();
    let sentence = format!(
        "{} holds a run already; go on with it with --resume, or name another folder with --out",
        path.display()
    );
    assert_eq!(create(&path).unwrap_err().to_string(), sentence);
    drop(run);
    assert_eq!(create(&path).unwrap_err().to_string(), sentence);
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.tex"), "").unwrap();
    let error = create(dir.path()).unwrap_err();
    assert!(matches!(&error, FolderError::Foreign { other, .. } if other == "thesis.tex"), "{error}");
    assert_eq!(files(dir.path()), ["thesis.tex"]);

    let other = tempfile::tempdir().unwrap();
    fs::create_dir(other.path().join("checkpoints")).unwrap();
    fs::write(other.path().join("checkpoints/mine.bin"), "").unwrap();
    let error = create(other.path()).unwrap_err();
    assert!(
        matches!(&error, FolderError::Foreign { other, .. } if other == "checkpoints/mine.bin"),
        "{error}"
    );

    let file = dir.path().join("thesis.tex");
    assert!(matches!(create(&file), Err(FolderError::Io { .. })));
}

#[test]
fn an_empty_folder_and_a_beginning_that_was_killed_are_used() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("checkpoints")).unwrap();
    for name in [".lock", "environment.json", ".efficientnet-x.part", "checkpoints/.efficientnet-y.part"] {
        fs::write(dir.path().join(name), "half").unwrap();
    }
    create(dir.path()).unwrap();
    assert_eq!(files(dir.path()), [".lock", "checkpoints", "environment.json", "recipe.toml"]);
    assert_eq!(files(&dir.path().join("checkpoints")), [""; 0]);
}

#[test]
fn one_process_at_a_time() {
    let (_dir, path, run) = begun();
    let error = RunFolder::resume(&path, "abc").unwrap_err();
    assert!(matches!(error, FolderError::Locked(_)), "{error}");
    drop(run);
    RunFolder::resume(&path, "abc").unwrap();
}

#[test]
fn only_a_run_of_the_same_recipe_is_gone_on_with() {
    let (_dir, path, run) = begun();
    drop(run);
    let error = RunFolder::resume(&path, "other").unwrap_err();
    assert!(matches!(error, FolderError::OtherRecipe(_)), "{error}");
    let error = RunFolder::resume(path.join("none"), "abc").unwrap_err();
    assert!(matches!(error, FolderError::NoRun(_)), "{error}");
    fs::write(path.join("environment.json"), "{").unwrap();
    let error = RunFolder::resume(&path, "abc").unwrap_err();
    assert!(matches!(error, FolderError::Environment { .. }), "{error}");
}

#[test]
fn the_newest_whole_checkpoint_is_used() {
    let (_dir, _path, run) = begun();
    assert!(run.newest().unwrap().is_none());
    let files: Vec<PathBuf> = (1..=3).map(|step| run.save(&checkpoint(step, None)).unwrap()).collect();
    let newest = run.newest().unwrap().unwrap();
    assert_eq!((newest.path, newest.checkpoint), (files[2].clone(), checkpoint(3, None)));
    assert!(newest.damaged.is_empty());

    let mut bytes = fs::read(&files[2]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&files[2], bytes).unwrap();
    fs::write(&files[1], "half").unwrap();
    let newest = run.newest().unwrap().unwrap();
    assert_eq!(newest.checkpoint, checkpoint(1, None));
    let damaged: Vec<&PathBuf> = newest.damaged.iter().map(|damaged| &damaged.path).collect();
    assert_eq!(damaged, [&files[2], &files[1]]);
    assert!(newest.damaged[0].reason.to_string().contains("step-00000003.safetensors is damaged"));

    fs::write(&files[0], "").unwrap();
    let error = run.newest().unwrap_err();
    assert!(matches!(&error, FolderError::AllDamaged { damaged, .. } if damaged.len() == 3), "{error}");
    let names = "(step-00000003.safetensors, step-00000002.safetensors, step-00000001.safetensors)";
    assert!(error.to_string().contains(names), "{error}");
}

#[test]
fn the_last_and_the_best_are_kept_and_damaged_ones_left() {
    let (_dir, path, run) = begun();
    for (step, score) in [(10, Some(0.9)), (20, Some(0.8)), (30, None), (40, Some(0.1)), (50, None)] {
        run.save(&checkpoint(step, score)).unwrap();
    }
    fs::write(run.checkpoints().path(60), "damaged").unwrap();
    fs::write(path.join("checkpoints/notes.txt"), "mine").unwrap();
    let deleted = run.keep(2, 1).unwrap();
    assert_eq!(deleted, [run.checkpoints().path(20), run.checkpoints().path(30)]);
    assert_eq!(run.checkpoints().steps().unwrap(), [10, 40, 50, 60]);
    assert!(path.join("checkpoints/notes.txt").exists());
    run.keep(0, 0).unwrap();
    assert_eq!(run.checkpoints().steps().unwrap(), [50, 60]);
}

#[test]
fn what_a_killed_process_was_writing_is_swept_away() {
    let (_dir, path, run) = begun();
    drop(run);
    let folder = path.join("checkpoints");
    let mut part = Vec::new();
    efficientnet_data::write_atomically(&folder.join("file"), |_| {
        part = files(&folder);
        Ok(())
    })
    .unwrap();
    fs::remove_file(folder.join("file")).unwrap();
    fs::write(folder.join(&part[0]), "half").unwrap();
    fs::write(path.join(&part[0]), "half").unwrap();
    let run = RunFolder::resume(&path, "abc").unwrap();
    assert_eq!(files(&folder), [""; 0]);
    assert_eq!(files(&path), [".lock", "checkpoints", "environment.json", "recipe.toml"]);
    assert!(run.newest().unwrap().is_none());
}

/// What an engine does between `from` and `to`, with a checkpoint every third step.
fn train(run: &RunFolder, from: Option<&State>, to: u64) {
    let mut journal = run.journal(from).unwrap();
    let mut board = run.board(from).unwrap();
    for number in from.map_or(0, |state| state.step) + 1..=to {
        let loss = 1.0 / number as f32;
        let step = Step { step: number, epoch: 0, rate: 0.1, loss, top1: 0.5, gradient_norm: Some(loss) };
        journal.step(&step).unwrap();
        board.step(&step).unwrap();
        if number % 3 == 0 {
            let mut checkpoint = checkpoint(number, None);
            checkpoint.state.written = journal.written().unwrap();
            run.save(&checkpoint).unwrap();
        }
    }
    journal.flush().unwrap();
}

#[test]
fn a_run_that_was_killed_ends_with_the_journal_of_one_that_was_not() {
    let (_dir, whole, run) = begun();
    train(&run, None, 20);
    let expected = fs::read(whole.join(JOURNAL)).unwrap();
    for killed in 1..20 {
        let (_dir, path, run) = begun();
        train(&run, None, killed);
        drop(run);
        // A line that was being written.
        let mut torn = fs::read(path.join(JOURNAL)).unwrap();
        torn.extend(b"{\"event\":\"st");
        fs::write(path.join(JOURNAL), torn).unwrap();
        assert_eq!(journal::read(&path.join(JOURNAL)).unwrap().len() as u64, killed);

        let run = RunFolder::resume(&path, "abc").unwrap();
        let newest = run.newest().unwrap();
        let state = newest.as_ref().map(|newest| &newest.checkpoint.state);
        assert_eq!(state.map_or(0, |state| state.step), killed / 3 * 3);
        train(&run, state, 20);
        assert_eq!(fs::read(path.join(JOURNAL)).unwrap(), expected, "killed after step {killed}");
    }
    let entries = journal::read(&whole.join(JOURNAL)).unwrap();
    assert!(matches!(&entries[19], Entry::Step(step) if step.step == 20));
}
