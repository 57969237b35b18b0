//! A search is run, killed, resumed, dealt out and merged: always the same rows.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use common::*;
use efficientnet_search::{Ended, Outcome, Progress, Row, RunError, Shard, Study, TrialId};

const TRIALS: &str = "trials-1-of-1.jsonl";
const ONE_ARM: &str = "[[compare.arm]]\nname = \"width\"\nrule = \"width\"\ncost = [2.0, 3.0]";
const TWO_TRIALS: &str = "[[compare.arm]]\nname = \"width\"\nrule = \"width\"\ncost = [2.0]";

fn halving() -> String {
    format!("[coefficients]\nstrategy = {{ kind = \"halving\", eta = 3, min_epochs = 1 }}\n{GRID}")
}

fn rows(dir: &Path) -> BTreeMap<TrialId, Row> {
    let rows = Study::read(dir).unwrap().rows;
    let count = rows.len();
    let rows: BTreeMap<TrialId, Row> = rows.into_iter().map(|row| (row.trial, row)).collect();
    assert_eq!(rows.len(), count, "a trial is doubled");
    rows
}

fn shard(index: usize, count: usize) -> Shard {
    Shard { index, count }
}

#[test]
fn all_networks_of_the_first_seed_come_first() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(COMPARE);
    let text = whole(&plan, &dir.path().join("run"));
    let rows = Study::read(&dir.path().join("run")).unwrap().rows;
    let networks = lineup(&plan).candidates.len();
    assert_eq!(rows.len(), 2 * networks);
    assert_eq!(text.lines().count(), 1 + rows.len());
    assert!(rows[..networks].iter().all(|row| row.trial.seed == 0));
    assert!(rows[networks..].iter().all(|row| row.trial.seed == 1 && row.trial.epochs == 9));
    assert!(rows.iter().all(|row| row.blocks.is_none() && row.cost == row.macs as f64));
    // No clock: two runs are the same bytes.
    assert_eq!(text, whole(&plan, &dir.path().join("again")));
}

#[test]
fn whatever_a_kill_leaves_of_the_journal_the_end_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let plan = parse(&text(TWO_TRIALS).replace("seeds = [0, 1]", "seeds = [0]")).unwrap();
    let text = whole(&plan, dir.path());
    let strategy = plan.strategy(&lineup(&plan)).unwrap();
    for end in 0..=text.len() {
        fs::write(dir.path().join(TRIALS), &text[..end]).unwrap();
        let mut study = open(&plan, dir.path(), Shard::WHOLE, true).unwrap();
        // Of the lines that were whole none is run again.
        let known = text[..end].matches('\n').count().saturating_sub(1);
        assert_eq!(study.results().len(), known, "{end}");
        let torn = end > 0 && !text[..end].ends_with('\n');
        assert_eq!(
            study.notes().iter().filter(|note| note.contains("was half written")).count(),
            usize::from(torn)
        );
        let mut runner = Formula::default();
        let ended =
            study.run(&*strategy, &mut runner, &AtomicBool::new(false), &mut Progress::silent()).unwrap();
        assert_eq!(ended, Ended::Complete);
        assert_eq!(fs::read_to_string(dir.path().join(TRIALS)).unwrap(), text, "{end}");
        assert_eq!(runner.ran as usize, text.lines().count() - 1 - known);
    }
}

#[test]
fn halving_that_was_stopped_after_any_trial_comes_to_the_same_end() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(&halving());
    let text = whole(&plan, &dir.path().join("whole"));
    let rungs: Vec<u64> =
        Study::read(&dir.path().join("whole")).unwrap().rows.iter().map(|row| row.trial.epochs).collect();
    assert!(rungs.is_sorted() && BTreeSet::from_iter(&rungs).into_iter().eq(&[1, 3, 9]), "{rungs:?}");
    let count = |epochs| rungs.iter().filter(|rung| **rung == epochs).count();
    assert_eq!((count(3), count(9)), (2 * (count(1) / 2).div_ceil(3), 2 * (count(3) / 2).div_ceil(3)));

    let run_dir = dir.path().join("stopped");
    let mut resume = false;
    loop {
        // Asked to stop while the second trial runs.
        let mut runner = Formula::with(|_, ran, stop| {
            (ran == 2).then(|| stop_now(stop))?;
            Some(RunError::Stopped)
        });
        let ended = run(&plan, &run_dir, Shard::WHOLE, resume, &mut runner).unwrap();
        resume = true;
        if ended == Ended::Complete {
            break;
        }
        assert_eq!((ended, runner.ran), (Ended::Stopped, 2));
    }
    assert_eq!(fs::read_to_string(run_dir.join(TRIALS)).unwrap(), text);
}

#[test]
fn shards_merge_to_the_same_rows() {
    for task in [
        COMPARE.to_string(),
        halving(),
        format!("[coefficients]\nstrategy = {{ kind = \"random\", networks = 5 }}\n{GRID}"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(&task);
        whole(&plan, &dir.path().join("whole"));
        let expected = rows(&dir.path().join("whole"));
        for count in [2, 3] {
            let run_dir = dir.path().join(format!("shards-{count}"));
            let (mut ran, mut open, mut round) = (0, true, 0);
            while open {
                open = false;
                for index in 1..=count {
                    let mut runner = Formula::default();
                    let ended = run(&plan, &run_dir, shard(index, count), round > 0, &mut runner).unwrap();
                    open |= ended != Ended::Complete;
                    ran += runner.ran as usize;
                }
                round += 1;
            }
            assert_eq!(rows(&run_dir), expected, "{count} shards");
            assert_eq!(ran, expected.len(), "a trial was run twice");
            assert!(Study::read(&run_dir).unwrap().notes.is_empty());
        }
    }
}

#[test]
fn shards_that_wait_for_each_other_need_no_second_start() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(&halving());
    whole(&plan, &dir.path().join("whole"));
    let run_dir = dir.path().join("shards");
    // One that fails must not be waited for.
    let stop = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        let shards = [1, 2, 3].map(|index| {
            let (plan, run_dir, stop) = (&plan, &run_dir, &stop);
            scope.spawn(move || {
                let strategy = plan.strategy(&lineup(plan)).unwrap();
                let opened = open(plan, run_dir, shard(index, 3), false);
                let stopped = |_: &_| stop.store(true, std::sync::atomic::Ordering::Relaxed);
                let mut study = opened.inspect_err(stopped).unwrap();
                study.wait_for_others(true);
                study.run(&*strategy, &mut Formula::default(), stop, &mut Progress::silent()).unwrap()
            })
        });
        shards.map(|shard| shard.join().unwrap())
    });
    assert_eq!(ended, [Ended::Complete; 3]);
    assert_eq!(rows(&run_dir), rows(&dir.path().join("whole")));
}

#[test]
fn a_shard_that_waits_can_be_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(&halving());
    let stop = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let strategy = plan.strategy(&lineup(&plan)).unwrap();
            let mut study = open(&plan, dir.path(), shard(1, 2), false).unwrap();
            study.wait_for_others(true);
            study.run(&*strategy, &mut Formula::default(), &stop, &mut Progress::silent()).unwrap()
        });
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(!run.is_finished());
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        run.join().unwrap()
    });
    assert_eq!(ended, Ended::Stopped);
}

#[test]
fn shards_without_a_common_disk_are_merged_by_copying() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(COMPARE);
    whole(&plan, &dir.path().join("whole"));
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let ended = run(&plan, &one, shard(1, 2), false, &mut Formula::default()).unwrap();
    let others = rows(&dir.path().join("whole")).len() / 2;
    assert_eq!(ended, Ended::Waiting { trials: others as u64 });
    let sentence = ended.to_string();
    assert!(
        sentence.contains(&format!("{others} trials of other shards are missing: run these shards")),
        "{sentence}"
    );
    run(&plan, &two, shard(2, 2), false, &mut Formula::default()).unwrap();
    fs::copy(two.join("trials-2-of-2.jsonl"), one.join("trials-2-of-2.jsonl")).unwrap();
    let mut runner = Formula::default();
    assert_eq!(run(&plan, &one, shard(1, 2), true, &mut runner).unwrap(), Ended::Complete);
    assert_eq!((rows(&one), runner.ran), (rows(&dir.path().join("whole")), 0));
}

#[test]
fn a_trial_in_two_files_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(ONE_ARM);
    let text = whole(&plan, dir.path());
    let twin = dir.path().join("trials-2-of-2.jsonl");
    fs::write(&twin, &text).unwrap();
    assert!(Study::read(dir.path()).unwrap().notes.is_empty());
    assert_eq!(rows(dir.path()).len(), text.lines().count() - 1);
    let expected = rows(dir.path());
    fs::write(&twin, text.replacen("\"correct\":", "\"correct\":1", 1)).unwrap();
    let record = Study::read(dir.path()).unwrap();
    assert_eq!(record.notes.len(), 1);
    assert!(
        record.notes[0].contains(" has one result in ") && record.notes[0].ends_with("; the first counts")
    );
    assert_eq!(rows(dir.path()), expected);
}

#[test]
fn rows_that_nobody_asked_for_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(&halving());
    let text = whole(&plan, dir.path());
    let stranger = text.lines().nth(1).unwrap().replacen("\"seed\":0", "\"seed\":77", 1);
    let first = text.lines().next().unwrap();
    fs::write(dir.path().join(TRIALS), format!("{first}\n{stranger}\n")).unwrap();
    run(&plan, dir.path(), Shard::WHOLE, true, &mut Formula::default()).unwrap();
    let found = fs::read_to_string(dir.path().join(TRIALS)).unwrap();
    assert_eq!(found.replacen(&format!("{stranger}\n"), "", 1), text);
}

#[test]
fn a_failed_trial_is_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(ONE_ARM);
    let mut runner =
        Formula::with(|_, ran, _| (ran == 2).then(|| RunError::Failed("the loss is no number".to_string())));
    assert_eq!(run(&plan, dir.path(), Shard::WHOLE, false, &mut runner).unwrap(), Ended::Complete);
    let rows = Study::read(dir.path()).unwrap().rows;
    let failed: Vec<&Row> = rows.iter().filter(|row| row.outcome.top1().is_none()).collect();
    assert_eq!((rows.len(), failed.len()), (6, 1));
    assert_eq!(failed[0].outcome, Outcome::Failed { reason: "the loss is no number".to_string() });
    // It is not tried again.
    let mut runner = Formula::default();
    run(&plan, dir.path(), Shard::WHOLE, true, &mut runner).unwrap();
    assert_eq!(runner.ran, 0);
}

#[test]
fn a_fatal_error_ends_the_search_without_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(ONE_ARM);
    let mut runner =
        Formula::with(|_, ran, _| (ran == 3).then(|| RunError::Fatal("the disk is full".to_string())));
    let error = run(&plan, dir.path(), Shard::WHOLE, false, &mut runner).unwrap_err();
    assert_eq!(error.to_string(), "the disk is full; what is done is kept, go on with --resume");
    assert_eq!(rows(dir.path()).len(), 2);
    let mut runner = Formula::default();
    assert_eq!(run(&plan, dir.path(), Shard::WHOLE, true, &mut runner).unwrap(), Ended::Complete);
    assert_eq!(runner.ran, 4);
}

#[test]
fn a_search_where_everything_failed_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut runner = Formula::with(|_, _, _| Some(RunError::Failed("no".to_string())));
    let error = run(&plan(&halving()), dir.path(), Shard::WHOLE, false, &mut runner).unwrap_err().to_string();
    assert!(error.starts_with("the search cannot go on: every trial of 1 epochs failed"), "{error}");
}

#[test]
fn a_shard_has_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(COMPARE);
    let held = open(&plan, dir.path(), shard(1, 2), false).unwrap();
    let error = open(&plan, dir.path(), shard(1, 2), true).unwrap_err().to_string();
    assert!(
        error.starts_with("shard 1 of 2 in ") && error.contains("is being run by another process"),
        "{error}"
    );
    // Another shard joins, with or without being asked to resume.
    drop(open(&plan, dir.path(), shard(2, 2), false).unwrap());
    drop(held);
    open(&plan, dir.path(), shard(1, 2), true).unwrap();
}

#[test]
fn folders_that_are_not_this_search_are_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (plan, other) = (plan(COMPARE), plan(ONE_ARM));
    let refused = |plan, name: &str, resume| {
        let path = dir.path().join(name);
        let error = open(plan, &path, Shard::WHOLE, resume).unwrap_err().to_string();
        error.replace(&path.display().to_string(), "DIR")
    };
    assert_eq!(
        refused(&plan, "none", true),
        "DIR holds no search to go on with (no plan.toml); start one without --resume"
    );
    assert!(!dir.path().join("none").exists());

    whole(&plan, &dir.path().join("run"));
    let exists = "DIR holds a search already; go on with it with --resume, or name another folder with --out";
    assert_eq!(refused(&plan, "run", false), exists);
    let of_other =
        "DIR is the search of another plan; go on with its own plan.toml, or name another folder with --out";
    assert_eq!(refused(&other, "run", true), of_other);
    assert_eq!(refused(&other, "run", false), of_other);

    fs::create_dir(dir.path().join("full")).unwrap();
    fs::write(dir.path().join("full/thesis.tex"), "").unwrap();
    let foreign = "DIR holds other files (`thesis.tex`); name a new or an empty folder with --out";
    assert_eq!(refused(&plan, "full", false), foreign);
    assert_eq!(fs::read_dir(dir.path().join("full")).unwrap().count(), 1);

    // A journal that was copied from another search.
    whole(&other, &dir.path().join("other"));
    fs::copy(dir.path().join("other").join(TRIALS), dir.path().join("run/trials-2-of-2.jsonl")).unwrap();
    let journal = "DIR/trials-2-of-2.jsonl is the journal of another plan; take it out of the folder";
    assert_eq!(refused(&plan, "run", true), journal);
    assert!(
        Study::read(&dir.path().join("run")).unwrap().notes[0].ends_with("is the journal of another plan")
    );
}

#[test]
fn a_damaged_line_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(ONE_ARM);
    let text = whole(&plan, dir.path());
    let damaged = text.replacen("\"macs\":", "\"mags\":", 1);
    fs::write(dir.path().join(TRIALS), &damaged).unwrap();
    let error = open(&plan, dir.path(), Shard::WHOLE, true).unwrap_err().to_string();
    assert!(error.starts_with("line 2 of ") && error.contains("unknown field `mags`"), "{error}");
    assert_eq!(fs::read_to_string(dir.path().join(TRIALS)).unwrap(), damaged);
}

#[test]
fn a_study_has_all_that_its_plan_needs() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(COMPARE);
    whole(&plan, dir.path());
    let record = Study::read(dir.path()).unwrap();
    assert_eq!(record.plan.hash().unwrap(), plan.hash().unwrap());
    assert_eq!(fs::read_to_string(dir.path().join("tiny.toml")).unwrap(), TINY);
    assert_eq!((record.times.len(), record.environments.len()), (record.rows.len(), 1));
    assert!(record.times.iter().all(|time| time.training_seconds == 0.001));
}

#[test]
fn shards_are_written_as_fractions() {
    assert_eq!("2/3".parse::<Shard>().unwrap(), shard(2, 3));
    for text in ["0/2", "3/2", "1", "1/0", "a/b", "1/2/3", "-1/2"] {
        let error = text.parse::<Shard>().unwrap_err().to_string();
        assert_eq!(error, format!("`{text}` is no shard; write it like 1/4, from 1/4 to 4/4"));
    }
}
