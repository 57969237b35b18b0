//! A process that writes a run is killed again and again, wherever it happens to be, and started again.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use efficientnet_data::{Purpose, Random};
use efficientnet_runs::checkpoint::{Checkpoint, State, Tensor};
use efficientnet_runs::folder::{CHECKPOINTS, Environment, RECIPE, RunFolder};
use efficientnet_runs::journal::{JOURNAL, Step};

/// Where the child finds its run; without it the child is a test that has nothing to do.
const RUN: &str = "EFFICIENTNET_TEST_RUN";
const STEPS: u64 = 200;

/// A run with numbers in place of a network: the weight follows from the steps, so a wrong resume shows in the journal.
fn train(path: &Path) {
    let run = match path.join(RECIPE).exists() {
        true => RunFolder::resume(path, "hash"),
        false => RunFolder::create(path, "steps = 200\n", "hash", &Environment::default()),
    };
    let run = run.unwrap();
    let newest = run.newest().unwrap();
    assert!(newest.as_ref().is_none_or(|newest| newest.damaged.is_empty()));
    let from = newest.as_ref().map(|newest| &newest.checkpoint.state);
    let (mut journal, mut board) = (run.journal(from).unwrap(), run.board(from).unwrap());
    let mut weight = newest.as_ref().map_or(1.0, |newest| newest.checkpoint.tensors[0].values[0]);
    for step in from.map_or(0, |state| state.step) + 1..=STEPS {
        weight *= 0.99;
        // So that the fastest machine is not done before the fourth kill.
        sleep(Duration::from_millis(1));
        let entry = Step { step, epoch: 0, rate: 0.1, loss: weight, top1: 0.5, gradient_norm: None };
        journal.step(&entry).unwrap();
        board.step(&entry).unwrap();
        journal.flush().unwrap();
        if step % 7 == 0 || step == STEPS {
            let written = journal.written().unwrap();
            let state = State { step, score: Some(f64::from(weight)), written, ..State::default() };
            let tensors = vec![Tensor { name: "w".into(), shape: vec![9999], values: vec![weight; 9999] }];
            run.save(&Checkpoint { state, tensors }).unwrap();
            run.keep(2, 1).unwrap();
        }
    }
}

#[test]
#[ignore = "the process that the other test kills"]
fn child() {
    if let Some(path) = std::env::var_os(RUN) {
        train(Path::new(&path));
    }
}

#[test]
fn the_journal_ends_as_that_of_a_run_without_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, killed) = (dir.path().join("whole"), dir.path().join("killed"));
    train(&whole);
    let mut random = Random::new(0, 0, 0, Purpose::Order);
    let mut kills = 0;
    loop {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--ignored", "--quiet"]).env(RUN, &killed);
        let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        // The later ones get longer, so that the run ends on any machine.
        sleep(Duration::from_millis(5 + random.below(20 + 10 * kills) as u64));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        // Killed at the last moment it may have ended well all the same.
        if child.wait().unwrap().success() {
            break;
        }
        assert!(kills < 200, "the run does not get on");
    }
    assert!(kills > 3, "{kills} kills");
    assert_eq!(std::fs::read(killed.join(JOURNAL)).unwrap(), std::fs::read(whole.join(JOURNAL)).unwrap());
    let last = format!("{CHECKPOINTS}/step-{STEPS:08}.safetensors");
    let last = |run: &Path| Checkpoint::read(&run.join(&last)).unwrap();
    assert_eq!(last(&killed).tensors, last(&whole).tensors);
    assert_eq!(last(&killed).state, last(&whole).state);
}
