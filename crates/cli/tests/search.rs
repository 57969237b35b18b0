//! `efficientnet scale search` as a whole: it ends with the same rows whether it was killed, or shared out, or neither.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

const BASELINE: &str = r#"
name = "mini"
like = "efficientnet-b0"
resolution = 16
stem_filters = 8
head_filters = 32
blocks = ["r1_k3_s11_e1_i8_o8_se0.25", "r1_k3_s22_e2_i8_o16"]
"#;

const PLAN: &str = r#"
name = "mini"
baseline = "mini.toml"
multiple = 4

[proxy]
recipe = "proxy"
set = [
    "data.train=shapes(images=64, size=32, seed=0)", "data.validation=shapes(images=40, size=32, seed=1)",
    "data.batch_size=16", "data.workers=1", "schedule.warmup_epochs=0",
]
transform = "squash({size}, bilinear) | flip(0.5) | normalize(imagenet)"
eval_transform = "squash({size}, bilinear) | normalize(imagenet)"
epochs = 2
seeds = [0, 1]

[[compare.arm]]
name = "width"
rule = "width"
phi = [0.0, 2.0]

[[compare.arm]]
name = "resolution"
rule = "resolution"
phi = [1.0]
"#;

struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mini.toml"), BASELINE).unwrap();
        fs::write(dir.path().join("plan.toml"), PLAN).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// One thread: with more, sums of floating point numbers may come out in another order.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_efficientnet"));
        command
            .args(["scale", "search"])
            .args(words)
            .current_dir(self.0.path())
            .env("RAYON_NUM_THREADS", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn search(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn succeed(&self, words: &[&str]) -> String {
        let output = self.search(words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one sentence with which it is refused.
    fn refused(&self, words: &[&str]) -> String {
        let output = self.search(words);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
        said
    }

    /// The lines about trials of all shards, sorted.
    fn rows(&self, out: &str) -> Vec<String> {
        let mut rows = Vec::new();
        for entry in fs::read_dir(self.path(out)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("trials-") && name.ends_with(".jsonl") {
                let text = fs::read_to_string(path).unwrap();
                rows.extend(text.lines().filter(|line| line.contains("\"trial\"")).map(String::from));
            }
        }
        rows.sort();
        rows
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn checkpoints(out: &Path) -> usize {
    let trials = fs::read_dir(out.join("trials")).into_iter().flatten().flatten();
    trials
        .map(|trial| fs::read_dir(trial.path().join("checkpoints")).map_or(0, |entries| entries.count()))
        .sum()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_search_ends_with_a_row_for_each_trial() {
    let scene = Scene::new();
    let text = scene.succeed(&["plan.toml", "--out", "whole"]);
    assert!(text.contains("whole"), "{text}");
    let rows = scene.rows("whole");
    assert_eq!(rows.len(), 6, "3 networks from 2 seeds: {rows:?}");
    for row in &rows {
        let row: Value = serde_json::from_str(row).unwrap();
        assert_eq!(row["outcome"]["measured"]["images"], 40, "{row}");
        assert_eq!(row["trial"]["epochs"], 2);
    }
    assert!(!scene.path("whole/trials").exists(), "trials that have ended leave nothing");
    assert!(scene.refused(&["plan.toml", "--out", "whole"]).contains("--resume"));
    // There is nothing left to do, and it is said.
    scene.succeed(&["plan.toml", "--out", "whole", "--resume"]);
    assert_eq!(scene.rows("whole"), rows);
}

#[test]
fn killed_at_any_moment_it_goes_on_to_the_same_rows() {
    let scene = Scene::new();
    scene.succeed(&["plan.toml", "--out", "whole"]);
    let expected = scene.rows("whole");
    let mut words = vec!["plan.toml", "--out", "killed"];
    // In a trial that has a checkpoint, and at moments that nothing is known of.
    let mut child = scene.command(&words).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && checkpoints(&scene.path("killed")) == 0 {
        sleep(Duration::from_millis(1));
    }
    kill(child);
    words.push("--resume");
    for millis in [30, 120, 300, 50, 200] {
        let child = scene.command(&words).spawn().unwrap();
        sleep(Duration::from_millis(millis));
        kill(child);
    }
    scene.succeed(&words);
    assert_eq!(scene.rows("killed"), expected);
    let journal = |out: &str| fs::read(scene.path(out).join("trials-1-of-1.jsonl")).unwrap();
    assert_eq!(journal("killed"), journal("whole"), "in the same order");
}

#[test]
fn two_shards_are_one_search() {
    let scene = Scene::new();
    scene.succeed(&["plan.toml", "--out", "whole"]);
    let expected = scene.rows("whole");

    // On two machines, copied together.
    scene.succeed(&["plan.toml", "--out", "first", "--shard", "1/2"]);
    scene.succeed(&["plan.toml", "--out", "second", "--shard", "2/2"]);
    let (first, second) = (scene.rows("first"), scene.rows("second"));
    assert_eq!((first.len(), second.len()), (3, 3));
    for name in ["trials-2-of-2.jsonl", "times-2-of-2.jsonl"] {
        fs::copy(scene.path("second").join(name), scene.path("first").join(name)).unwrap();
    }
    assert_eq!(scene.rows("first"), expected);
    scene.succeed(&["plan.toml", "--out", "first", "--shard", "1/2", "--resume"]);
    assert_eq!(scene.rows("first"), expected);

    // In one folder, one after the other.
    scene.succeed(&["plan.toml", "--out", "shared", "--shard", "1/2"]);
    scene.succeed(&["plan.toml", "--out", "shared", "--shard", "2/2", "--resume"]);
    assert_eq!(scene.rows("shared"), expected);
}

#[test]
fn a_second_process_on_a_shard_is_refused() {
    let scene = Scene::new();
    let long = ["plan.toml", "--out", "long", "--set", "proxy.epochs=500"];
    let mut child = scene.command(&long).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && checkpoints(&scene.path("long")) == 0 {
        sleep(Duration::from_millis(1));
    }
    let mut again = long.to_vec();
    again.push("--resume");
    let output = scene.search(&again);
    kill(child);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("another process"), "{}", said(&output));
}

#[test]
fn ctrl_c_stops_and_says_how_to_go_on() {
    let scene = Scene::new();
    let long = ["plan.toml", "--out", "long", "--set", "proxy.epochs=500"];
    let mut child = scene.command(&long).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && checkpoints(&scene.path("long")) == 0 {
        sleep(Duration::from_millis(1));
    }
    let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(asked.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("--resume"), "{output:?}");
}

#[test]
fn a_trial_that_fails_is_a_row_with_its_reason() {
    let scene = Scene::new();
    scene.succeed(&[
        "plan.toml",
        "--out",
        "wild",
        "--set",
        "schedule.rate=1e30",
        "--set",
        "training.clip_norm=",
    ]);
    let rows = scene.rows("wild");
    assert_eq!(rows.len(), 6);
    for row in &rows {
        let row: Value = serde_json::from_str(row).unwrap();
        let reason = row["outcome"]["failed"]["reason"].as_str().unwrap();
        assert!(reason.contains("loss of step"), "{reason}");
    }
    assert!(!scene.path("wild/trials").exists());
}

#[test]
fn trials_are_kept_where_somebody_asks() {
    let scene = Scene::new();
    scene.succeed(&["plan.toml", "--out", "kept", "--keep-trials", "--set", "proxy.seeds=[0]"]);
    let trials: Vec<PathBuf> =
        fs::read_dir(scene.path("kept/trials")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(trials.len(), 3);
    for trial in trials {
        assert!(trial.join("last.safetensors").is_file() && trial.join("report.html").is_file(), "{trial:?}");
    }
}

#[test]
fn a_dry_run_trains_nothing_and_leaves_nothing() {
    let scene = Scene::new();
    let report: Value = serde_json::from_str(&scene.succeed(&["plan.toml", "--dry-run", "--json"])).unwrap();
    assert_eq!(report["networks"].as_array().unwrap().len(), 3);
    assert_eq!(report["trials"], 6);
    let per_network = report["networks"].as_array().unwrap().iter();
    let sum: f64 = per_network.map(|network| network["macs"].as_f64().unwrap() * 4.0).sum();
    assert_eq!(report["macs_epochs"].as_f64().unwrap(), sum, "2 epochs from 2 seeds");
    assert!(report["estimated_seconds"].as_f64().unwrap() > 0.0);
    let text = scene.succeed(&["plan.toml", "--dry-run"]);
    assert!(text.contains("6 trials"), "{text}");
    assert!(!scene.path("runs").exists());

    // Networks can be counted without the images.
    let words = ["plan.toml", "--dry-run", "--json", "--set", "data.train=/no/such/images"];
    let report: Value = serde_json::from_str(&scene.succeed(&words)).unwrap();
    assert!(report["estimated_seconds"].is_null());
}

#[test]
fn bad_plans_are_refused_in_a_sentence() {
    let scene = Scene::new();
    let refused = |words: &[&str]| {
        let words: Vec<&str> = ["plan.toml", "--out", "refused"].iter().chain(words).copied().collect();
        let said = scene.refused(&words);
        assert!(!scene.path("refused").exists(), "{said}");
        said
    };
    assert!(refused(&["--set", "proxy.epochs=0"]).contains("proxy.epochs"));
    assert!(refused(&["--set", "proxy.epcohs=1"]).contains("did you mean `epochs`"));
    assert!(refused(&["--set", "schedule.rtae=1"]).contains("schedule.rate"));
    assert!(refused(&["--set", "baseline=no-such-network"]).contains("no-such-network"));
    assert!(refused(&["--set", "data.train=/no/such/images"]).contains("/no/such/images"));
    assert!(refused(&["--set", "data.validation="]).contains("data.holdout"));
    assert!(refused(&["--set", "data.batch_size=100"]).contains("batch"));
    assert!(refused(&["--device", "abacus"]).contains("abacus"));
    assert!(refused(&["--resume"]).contains("refused"));
    assert!(scene.refused(&["none.toml"]).contains("none.toml"));

    // Of the command line and not of the plan: there is more to be said.
    let output = scene.search(&["plan.toml", "--shard", "3/2"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("no shard"), "{}", said(&output));

    // The journal of another plan.
    let one = ["plan.toml", "--out", "one", "--set", "proxy.seeds=[0]", "--set", "proxy.epochs=1"];
    scene.succeed(&one);
    assert!(scene.refused(&["plan.toml", "--out", "one", "--resume"]).contains("plan"));
}
