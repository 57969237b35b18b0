//! A search is run, killed, resumed, dealt out and merged: always the same rows.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use common::*;
use efficientnet_search::{
    Ended, Outcome, Plan, Progress, Row, RunError, Shard, Strategy, Study, StudyError, TrialId,
};

const TRIALS: &str = "trials-1-of-1.jsonl";
const HALVING: &str = "[coefficients]\nstrategy = { kind = \"halving\", eta = 3, min_epochs = 1 }\n[coefficients.grid]\nstep = 0.1\ntolerance = 0.1\n";

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
