//! Nobody waits for a rank that does not come.

use std::fs;
use std::path::Path;

use super::bitmaps;
use super::job::{
    BOUND, Job, RECIPE, journal, results, said, signal, start, start_patiently, start_strangers, succeed,
};

/// Long enough to be interrupted in.
const LONG: [&str; 3] = [RECIPE, "--set", "training.epochs=12"];

/// With equal statistics on all ranks: those of each rank's own are averaged where a checkpoint is written, and one more
/// checkpoint rounds them once more.
const SYNCHRONISED: [&str; 5] = [RECIPE, "--set", "training.epochs=12", "--set", "training.sync_norm=true"];

/// Sentences of ours on standard error.
fn sentences(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.starts_with("error: ")).collect()
}

/// A run on two ranks that has to fail within the bound. Where one rank fails there is one sentence; where both do, the first
/// one's comes first, and on a busy machine the launcher may let the other come to its own.
fn refused(words: &[&str], out: &Path, failing: usize) -> String {
    let output = start(2, words, out).end(BOUND);
    let said = said(&output);
    assert!(!output.status.success(), "{words:?}: {said}");
    let sentences = sentences(&said);
    assert!((1..=failing).contains(&sentences.len()), "{words:?}: {said}");
    assert!(failing == 1 || sentences[0].contains("rank 0"), "{words:?}: {said}");
    sentences[0].to_string()
}

#[test]
fn a_rank_that_is_killed_ends_the_others_and_the_run_goes_on_from_its_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    for (victim, ranks_after) in [(1, 1), (0, 2)] {
        let out = dir.path().join(format!("killed-{victim}"));
        let mut job = start(2, &LONG, &out);
        job.wait_for_checkpoint();
        signal("KILL", job.rank(victim));
        let output = job.end(BOUND);
        assert!(!output.status.success(), "{}", said(&output));
        assert!(!out.join("last.safetensors").exists());
        succeed(ranks_after, &["--resume"], &out);
        // 80 images in updates of 8, 12 times.
        let [steps, epochs] = journal(&out);
        assert_eq!((steps.len(), epochs.len()), (120, 12));
        assert!(steps.iter().zip(1..).all(|(line, step)| line["step"] == step));
        assert!(out.join("last.safetensors").exists());
    }
}

/// Stops a run of two ranks by what `ask` does: the checkpoint is of the step that it says it stopped at.
fn stop(words: &[&str], out: &Path, ask: impl Fn(&Job)) {
    let mut job = start_patiently(2, words, out);
    job.wait_for_checkpoint();
    ask(&job);
    let output = job.end(BOUND);
    let said = said(&output);
    assert!(!output.status.success() && said.contains("--resume"), "{said}");
    let step = said.lines().find_map(|line| line.strip_prefix("stopped after step ")).unwrap();
    let step: u64 = step.split(';').next().unwrap().parse().unwrap();
    let newest = fs::read_dir(out.join("checkpoints")).unwrap().map(|entry| entry.unwrap().file_name());
    let newest = newest.max().unwrap().into_string().unwrap();
    assert!(newest.contains(&format!("{step}.")), "{newest} at step {step}: {said}");
}

#[test]
fn ctrl_c_on_any_rank_stops_all_at_the_same_step() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    succeed(2, &SYNCHRONISED, &whole);
    let resumed = |name: &str, ask: &dyn Fn(&Job)| {
        let out = dir.path().join(name);
        stop(&SYNCHRONISED, &out, ask);
        succeed(2, &["--resume"], &out);
        assert!(results(&out) == results(&whole), "{name}");
    };
    resumed("one", &|job| signal("INT", job.rank(1)));
    resumed("all", &|job| {
        let processes = [job.rank(0), job.rank(1), job.launcher()];
        processes.into_iter().for_each(|process| signal("INT", process));
    });
}

/// As a terminal does it. The launcher takes its time before it passes it on, so the run has to be one that lasts.
#[test]
fn ctrl_c_on_the_launcher_leaves_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let words = [RECIPE, "--set", "training.epochs=10000"];
    stop(&words, &dir.path().join("run"), |job| signal("INT", job.launcher()));
}

#[test]
fn an_image_that_one_rank_cannot_read_ends_all() {
    let dir = tempfile::tempdir().unwrap();
    let images = dir.path().join("images");
    bitmaps::write(&images, 79, 1);
    let words = [RECIPE, "--data", images.to_str().unwrap()];
    let sentence = refused(&words, &dir.path().join("run"), 1);
    assert!(sentence.contains("broken") && sentence.contains("rank "), "{sentence}");
}

#[test]
fn what_only_the_first_rank_notices_ends_all() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    succeed(2, &[RECIPE, "--set", "training.epochs=1"], &out);
    assert!(refused(&[RECIPE], &out, 1).contains("--resume"));
    assert!(refused(&[RECIPE, "--resume", "--set", "schedule.rate=0.5"], &out, 1).contains("recipe"));
    // No checkpoint can be written.
    let full = dir.path().join("full");
    let mut job = start(2, &LONG, &full);
    job.wait_for_checkpoint();
    fs::rename(full.join("checkpoints"), full.join("elsewhere")).unwrap();
    fs::write(full.join("checkpoints"), b"no folder").unwrap();
    let output = job.end(BOUND);
    assert!(!output.status.success() && sentences(&said(&output)).len() == 1, "{}", said(&output));
}

/// Each would begin a run of its own in the same folder.
#[test]
fn processes_that_do_not_find_each_other_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let output = start_strangers(2, &[RECIPE], &dir.path().join("run")).end(BOUND);
    let said = said(&output);
    assert!(!output.status.success() && sentences(&said).len() == 1, "{said}");
    assert!(said.contains("2 processes were started together, and this one finds 1"), "{said}");
}

#[test]
fn what_all_ranks_notice_is_said_once() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    assert!(refused(&[RECIPE, "--set", "data.batch_size=7"], &out, 2).contains("does not divide"));
    assert!(refused(&[RECIPE, "--set", "data.batch_size=10"], &out, 2).contains("2 ranks"));
    assert!(
        refused(&[RECIPE, "--set", "data.train=\"/no/such/folder\""], &out, 2).contains("/no/such/folder")
    );
    let weights = ["--set", "model.init=\"/no/such/weights.safetensors\""];
    assert!(refused(&[RECIPE, weights[0], weights[1]], &out, 2).contains("/no/such/weights"));
    let diverges = [RECIPE, "--set", "schedule.rate=1e30", "--set", "schedule.warmup_epochs=0"];
    assert!(refused(&diverges, &out, 2).contains("schedule.rate"));
}
