//! `efficientnet train` as a whole: killed at any moment and taken up again, it ends as if nothing had happened.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny.toml");

/// One thread: with more, sums of floating point numbers may come out in another order.
fn efficientnet(words: &[&str], out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_efficientnet"));
    command.arg("train").args(words).arg("--out").arg(out).env("RAYON_NUM_THREADS", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn train(words: &[&str], out: &Path) -> Output {
    efficientnet(words, out).output().unwrap()
}

fn succeed(words: &[&str], out: &Path) {
    let output = train(words, out);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn refused(words: &[&str], out: &Path) -> String {
    let output = train(words, out);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    said
}

fn checkpoints(out: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(out.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What has to be equal, byte for byte.
fn results(out: &Path) -> Vec<Vec<u8>> {
    ["journal.jsonl", "last.safetensors", "averaged.safetensors", "best.safetensors"]
        .iter()
        .map(|name| fs::read(out.join(name)).unwrap())
        .collect()
}

/// Seconds from a fixed sequence, so that a failure can be had again.
fn moments(longest: f64) -> impl Iterator<Item = Duration> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Duration::from_secs_f64(longest * (state >> 11) as f64 / (1u64 << 53) as f64)
    })
}

fn kill(mut child: Child) -> bool {
    let ended = child.try_wait().unwrap().is_some();
    child.kill().unwrap();
    child.wait().unwrap();
    ended
}

#[test]
fn killed_at_twenty_moments_it_ends_with_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let begin = Instant::now();
    succeed(&[RECIPE], &whole);
    let longest = begin.elapsed().as_secs_f64();
    let expected = results(&whole);

    let (mut kills, mut moments) = (0, moments(longest));
    for round in 0.. {
        let out = dir.path().join(format!("killed-{round}"));
        let mut words = vec![RECIPE];
        loop {
            let child = efficientnet(&words, &out).spawn().unwrap();
            sleep(moments.next().unwrap());
            if kill(child) {
                break;
            }
            kills += 1;
            // A run that was killed before its folder was one begins anew.
            words = if out.join("recipe.toml").exists() { vec![RECIPE, "--resume"] } else { vec![RECIPE] };
        }
        assert!(results(&out) == expected, "round {round}, after {kills} kills in all");
        if kills >= 20 {
            break;
        }
    }
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_used() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    succeed(&[RECIPE], &whole);
    let damaged = dir.path().join("damaged");
    succeed(&[RECIPE, "--set", "training.epochs=3"], &damaged);
    let newest = checkpoints(&damaged).pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).unwrap();

    // The staircase does not depend on the number of epochs, so the run may be prolonged.
    let output = train(&[RECIPE, "--resume"], &damaged);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains(newest.file_name().unwrap().to_str().unwrap()) && said.contains("damaged"),
        "{said}"
    );
    assert!(results(&damaged) == results(&whole));
}

#[test]
fn ctrl_c_leaves_a_checkpoint_to_go_on_from() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, stopped) = (dir.path().join("whole"), dir.path().join("stopped"));
    succeed(&[RECIPE, "--set", "training.epochs=40"], &whole);
    let child = efficientnet(&[RECIPE, "--set", "training.epochs=40"], &stopped).spawn().unwrap();
    let journal = stopped.join("checkpoints");
    while fs::read_dir(&journal).map_or(0, |entries| entries.count()) == 0 {
        sleep(Duration::from_millis(5));
    }
    let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(asked.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("--resume"));
    assert!(!stopped.join("last.safetensors").exists());
    // Its own recipe is in the folder.
    succeed(&["--resume"], &stopped);
    assert!(results(&stopped) == results(&whole));
}

#[test]
fn bad_input_is_refused_before_the_first_step() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let refuse = |setting: &str| refused(&[RECIPE, "--set", setting], &out);
    assert!(refuse("schedule.rtae=0.1").contains("schedule.rate"));
    assert!(refuse("schedule.rate=nan").contains("schedule.rate"));
    assert!(refuse("data.batch_size=100").contains("larger than the"));
    assert!(refuse("data.batch_size=7").contains("does not divide"));
    assert!(refuse("model.name=\"efficientnet-b9\"").contains("efficientnet-b"));
    assert!(refuse("training.precision=\"f8\"").contains("bf16"));
    assert!(refuse("data.train=\"/no/such/folder\"").contains("/no/such/folder"));
    assert!(!out.exists(), "a refused run leaves nothing behind");

    succeed(&[RECIPE, "--set", "training.epochs=1"], &out);
    assert!(refused(&[RECIPE], &out).contains("--resume"));
    assert!(refused(&[RECIPE, "--resume", "--set", "schedule.rate=0.5"], &out).contains("recipe"));
    let nothing = dir.path().join("nothing");
    assert!(refused(&[RECIPE, "--resume"], &nothing).contains("nothing"));
}

#[test]
fn a_loss_that_is_no_number_names_step_rate_and_images() {
    let dir = tempfile::tempdir().unwrap();
    let words = [RECIPE, "--set", "schedule.rate=1e30", "--set", "schedule.warmup_epochs=0"];
    let output = train(&words, &dir.path().join("run"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let sentence = said.lines().last().unwrap();
    assert!(
        sentence.contains("step") && sentence.contains("rate") && sentence.contains("schedule.rate"),
        "{said}"
    );
}

#[test]
fn a_probe_keeps_the_features_and_learns_a_classifier() {
    let dir = tempfile::tempdir().unwrap();
    let (trained, probed) = (dir.path().join("trained"), dir.path().join("probed"));
    succeed(&[RECIPE, "--set", "training.epochs=1"], &trained);
    let weights = trained.to_str().unwrap();
    // A probe keeps the weights' own preprocessing.
    succeed(&["--finetune", weights, "--probe", "--data", "shapes(images=100, size=32, seed=5)"], &probed);
    assert!(probed.join("report.html").exists());
    let read = |path: &Path, name: &str| {
        let mut weights = efficientnet_weights::load(path, &Default::default()).unwrap();
        weights.take(name).unwrap().values
    };
    let (before, after) = (trained.join("averaged.safetensors"), probed.join("last.safetensors"));
    for name in ["stem.conv.weight", "head.bn.running_var"] {
        assert_eq!(read(&before, name), read(&after, name), "{name}");
    }
    assert_ne!(read(&before, "classifier.weight"), read(&after, "classifier.weight"));
}
