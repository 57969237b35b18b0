//! A search's folder gets its report, whole or half done.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use common::{COMPARE, Formula, GRID, plan, run};
use efficientnet_search::report::{ReportError, write};
use efficientnet_search::{RunError, Shard};

#[test]
fn a_comparison_has_its_report() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("search");
    run(&plan(COMPARE), &folder, Shard::WHOLE, false, &mut Formula::default()).unwrap();
    let written = write(&folder).unwrap();
    let page = std::fs::read_to_string(&written.page).unwrap();
    assert!(page.contains("compound") && page.contains("over all costs together"), "{page}");
    assert!(!page.contains("is not at its end") && page.contains("<dt>command</dt>"));
    let trials = std::fs::read_to_string(folder.join("trials.csv")).unwrap();
    assert_eq!(trials.lines().count(), 11, "{trials}");
    // Again, over the first one: the same search gives the same page.
    assert_eq!(write(&folder).unwrap(), written);
    assert_eq!(std::fs::read_to_string(&written.page).unwrap(), page);
}

#[test]
fn a_grid_that_was_stopped_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("search");
    let mut runner = Formula::with(|_, ran, _| (ran > 5).then_some(RunError::Stopped));
    run(&plan(GRID), &folder, Shard::WHOLE, false, &mut runner).unwrap();
    let page = std::fs::read_to_string(write(&folder).unwrap().page).unwrap();
    assert!(page.contains("This search is not at its end: 5 of "), "{page}");
    assert!(page.contains("Best coefficients: alpha "));
}

#[test]
fn a_folder_without_a_search_has_no_report() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(write(dir.path()), Err(ReportError::Study(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
