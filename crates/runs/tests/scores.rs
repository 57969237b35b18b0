//! The measures of a set of logits against NumPy and PyTorch; `scripts/fixtures/scores.py` made the reference.
#![allow(clippy::unwrap_used)]

use efficientnet_runs::scores::{Outcome, Tally};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    smoothing: f32,
    labels: Vec<usize>,
    logits_32nds: Vec<Vec<f32>>,
    top1: f64,
    top5: f64,
    loss: f64,
    ece: f64,
    confusion: Vec<Vec<u64>>,
    recall: Vec<Option<f64>>,
    precision: Vec<Option<f64>>,
    f1: Vec<Option<f64>>,
}

fn near(found: Option<f64>, expected: Option<f64>, what: &str) {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            assert!((found - expected).abs() < 1e-7, "{what}: {found} is not {expected}");
        }
        _ => assert_eq!(found, expected, "{what}"),
    }
}

#[test]
fn measures_are_those_of_the_reference() {
    let fixture: Fixture = serde_json::from_str(include_str!("fixtures/scores.json")).unwrap();
    let classes = fixture.confusion.len();
    let mut tally = Tally::new(classes);
    for (units, label) in fixture.logits_32nds.iter().zip(&fixture.labels) {
        let logits: Vec<f32> = units.iter().map(|unit| unit / 32.0).collect();
        tally.add(&Outcome::from_logits(&logits, *label, fixture.smoothing)).unwrap();
    }
    let measures = tally.measures();
    assert_eq!(measures.images, fixture.labels.len() as u64);
    near(measures.top1, Some(fixture.top1), "top-1");
    near(measures.top5, Some(fixture.top5), "top-5");
    near(measures.loss, Some(fixture.loss), "loss");
    near(measures.ece, Some(fixture.ece), "calibration error");
    for (label, row) in fixture.confusion.iter().enumerate() {
        let found: Vec<u64> = (0..classes).map(|predicted| tally.count(label, predicted)).collect();
        assert_eq!(found, *row, "row {label}");
    }
    for (class, found) in tally.per_class().iter().enumerate() {
        near(found.recall, fixture.recall[class], "recall");
        near(found.precision, fixture.precision[class], "precision");
        near(found.f1, fixture.f1[class], "F1");
    }
}
