//! Two ranks of 8 images are one of 16.

use std::fs;
use std::path::Path;

use super::bitmaps;
use super::job::{RECIPE, evaluate, journal, succeed, weights};

/// Nothing that is drawn for a batch and not for an image: two batches of 8 cannot draw as one of 16 does.
const PLAIN: [&str; 10] = [
    "--set",
    "data.batch_size=16",
    "--set",
    "training.accumulate=1",
    "--set",
    "model.dropout=0",
    "--set",
    "model.drop_path=0",
    "--set",
    "data.transform=\"random_crop(24, padding=3) | flip(0.5) | normalize(imagenet)\"",
];

/// How far weights and losses may lie apart, where sums were added in another order: relative to the largest value of the tensor,
/// and to the loss.
const TOLERANCE: f64 = 2e-4;

/// Trains on one process and on two, and gives both folders' largest difference after it was held to the tolerance.
fn compare(extra: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let words: Vec<&str> = [RECIPE].iter().chain(&PLAIN).chain(extra).copied().collect();
    succeed(1, &words, &one);
    succeed(2, &words, &two);
    let losses = compare_losses(&one, &two);
    let mut largest: f64 = 0.0;
    for file in ["last.safetensors", "averaged.safetensors"] {
        let (one, two) = (weights(&one, file), weights(&two, file));
        assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
        for (name, expected) in &one {
            let scale = expected.iter().fold(1e-3, |scale: f64, value| scale.max(f64::from(value.abs())));
            for (expected, found) in expected.iter().zip(&two[name]) {
                let difference = f64::from((expected - found).abs()) / scale;
                assert!(difference <= TOLERANCE, "{file} {name}: {found}, and {expected} on one process");
                largest = largest.max(difference);
            }
        }
    }
    eprintln!("largest difference: {largest:e} of weights, {losses:e} of losses");
}

fn compare_losses(one: &Path, two: &Path) -> f64 {
    let [[one, one_epochs], [two, two_epochs]] = [journal(one), journal(two)];
    assert_eq!((one.len(), one_epochs.len()), (two.len(), two_epochs.len()));
    assert!(one.len() >= 20, "only {} steps", one.len());
    let mut largest: f64 = 0.0;
    for (one, two) in one.iter().zip(&two) {
        for field in ["step", "epoch", "rate", "top1"] {
            assert_eq!(one[field], two[field], "{field} of {one} and {two}");
        }
        for field in ["loss", "gradient_norm"] {
            let [expected, found] = [one, two].map(|line| line[field].as_f64().unwrap());
            let difference = (expected - found).abs() / expected;
            assert!(difference <= TOLERANCE, "{field} of {one} and {two}");
            largest = largest.max(difference);
        }
    }
    assert_ne!(one[0]["loss"], one[one.len() - 1]["loss"], "something was learned");
    largest
}

#[test]
fn with_frozen_normalisation() {
    compare(&["--set", "model.freeze_norm=true"]);
}

#[test]
fn with_synchronised_normalisation() {
    compare(&["--set", "training.sync_norm=true"]);
}

#[test]
fn with_synchronised_normalisation_in_two_parts() {
    // 32 images of an update: one process has parts of 16, and two have parts of 8.
    compare(&[
        "--set",
        "training.sync_norm=true",
        "--set",
        "data.batch_size=32",
        "--set",
        "training.accumulate=2",
        "--set",
        "training.epochs=12",
    ]);
}

#[test]
fn with_images_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    bitmaps::write(dir.path(), 79, 5);
    let data = dir.path().to_str().unwrap();
    compare(&["--data", data, "--set", "data.on_error=\"skip\"", "--set", "model.freeze_norm=true"]);
}

/// With a rate that moves no weight, both measure the same network.
#[test]
fn a_measurement_is_exact_whatever_the_sizes() {
    let dir = tempfile::tempdir().unwrap();
    let (mut epochs, mut mistakes) = (Vec::new(), Vec::new());
    for ranks in [1, 2, 3] {
        let out = dir.path().join(ranks.to_string());
        let batch = format!("data.batch_size={}", [16, 16, 15][ranks - 1]);
        let mut words = vec![RECIPE];
        words.extend(PLAIN);
        words.extend(["--set", &batch, "--set", "training.epochs=1", "--set", "schedule.rate=1e-30"]);
        words.extend(["--set", "model.freeze_norm=true"]);
        words.extend(["--set", "data.validation=\"shapes(images=37, size=32, seed=1)\""]);
        succeed(ranks, &words, &out);
        epochs.push(journal(&out)[1][0].clone());
        let report = fs::read_to_string(out.join("report.html")).unwrap();
        mistakes.push(report.matches("data:image").count());
    }
    for epoch in &epochs {
        assert_eq!(epoch["validation"]["images"], 37, "{epoch}");
        assert_eq!(epoch["validation"], epochs[0]["validation"]);
        assert_eq!(epoch["averaged"], epochs[0]["averaged"]);
    }
    // The report shows the worst of all ranks' mistakes.
    assert!(mistakes[0] > 20 && mistakes.iter().all(|count| *count == mistakes[0]), "{mistakes:?}");
}

#[test]
fn an_evaluation_says_the_same_on_any_number_of_ranks() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    succeed(1, &[RECIPE, "--set", "training.epochs=1"], &run);
    let photographs = dir.path().join("photographs");
    bitmaps::write(&photographs, 37, 4);
    let names = dir.path().join("names");
    fs::write(&names, "blue\ngreen\nred\n4\n5\n6\n7\n8\n9\n10\n").unwrap();
    let [run, photographs, names] = [&run, &photographs, &names].map(|path| path.to_str().unwrap());
    let words =
        ["--weights", run, "--data", photographs, "--classes", names, "--skip-broken", "--predictions"];
    let reports = [1, 2, 3].map(|ranks| {
        let mut report = evaluate(ranks, &[&words[..], &["--batch", "5"]].concat());
        report.as_object_mut().unwrap().remove("images_per_second");
        // Which rank met which broken file first is all that may differ.
        report["skipped"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
        report
    });
    assert_eq!(reports[0]["images"], 37);
    assert_eq!(reports[0]["skipped"].as_array().unwrap().len(), 4);
    assert_eq!(reports[1], reports[0]);
    assert_eq!(reports[2], reports[0]);
}
