//! Measures of small sets, worked out by hand.

use super::*;

fn outcome(label: usize, top: &[usize], confidence: f32) -> Outcome {
    Outcome { label, top: top.to_vec(), confidence, label_probability: 0.0, loss: 0.5 }
}

fn tally(classes: usize, outcomes: &[Outcome]) -> Tally {
    let mut tally = Tally::new(classes);
    for outcome in outcomes {
        tally.add(outcome).unwrap();
    }
    tally
}

/// ```text
///         as 0  as 1  as 2
/// is 0      3     1     0
/// is 1      2     1     1      and one image without a prediction
/// is 2      0     0     0
/// ```
fn small() -> Tally {
    let pairs = [(0, 0), (0, 0), (0, 0), (0, 1), (1, 0), (1, 0), (1, 1), (1, 2)];
    let mut outcomes: Vec<Outcome> =
        pairs.iter().map(|(label, predicted)| outcome(*label, &[*predicted], 0.75)).collect();
    outcomes.push(Outcome::from_logits(&[f32::NAN, 0.0, 0.0], 1, 0.0));
    tally(3, &outcomes)
}

#[test]
fn the_matrix_counts_every_image() {
    let tally = small();
    assert_eq!((tally.images(), tally.correct(), tally.undefined()), (9, 4, 1));
    assert_eq!((tally.count(1, 0), tally.count(0, 1), tally.count(2, 2), tally.count(9, 9)), (2, 1, 0, 0));
    assert_eq!((tally.support(0), tally.support(1), tally.support(2), tally.support(9)), (4, 5, 0, 0));
    assert_eq!(tally.top1(), Some(4.0 / 9.0));
    let pairs: Vec<_> = tally.confusions().iter().map(|c| (c.label, c.predicted, c.images)).collect();
    assert_eq!(pairs, [(1, 0, 2), (0, 1, 1), (1, 2, 1)]);
}

#[test]
fn classes_have_their_measures() {
    let classes = small().per_class();
    // Class 0: 5 predicted, 3 right of 4. Class 1: 2 predicted, 1 right of 5. Class 2: 1 predicted, none there.
    assert_eq!((classes[0].precision, classes[0].recall), (Some(3.0 / 5.0), Some(3.0 / 4.0)));
    assert_eq!((classes[0].f1, classes[1].f1, classes[2].f1), (Some(6.0 / 9.0), Some(2.0 / 7.0), Some(0.0)));
    assert_eq!((classes[1].precision, classes[1].recall), (Some(0.5), Some(0.2)));
    assert_eq!((classes[2].precision, classes[2].recall), (Some(0.0), None));
    assert_eq!(classes[1].confused_with, Some(Confusion { label: 1, predicted: 0, images: 2 }));
    assert_eq!(classes[2].confused_with, None);
    let measures = small().measures();
    assert!((measures.mean_recall.unwrap() - 0.475).abs() < 1e-12, "{measures:?}");
    assert!((measures.mean_f1.unwrap() - (6.0 / 9.0 + 2.0 / 7.0) / 3.0).abs() < 1e-12, "{measures:?}");
}

#[test]
fn the_calibration_error_is_that_of_the_bins() {
    // (0.467, 0.533]: 0.5 and 0.5, one right. (0.867, 0.933]: 0.9, wrong. (0.933, 1]: 1.0 and 0.95, both right.
    let outcomes = [
        outcome(0, &[0], 0.5),
        outcome(0, &[1], 0.5),
        outcome(0, &[1], 0.9),
        outcome(1, &[1], 1.0),
        outcome(1, &[1], 0.95),
    ];
    let calibration = tally(2, &outcomes).calibration().unwrap();
    assert!((calibration.ece - (0.0 + 0.9 + 0.05) / 5.0).abs() < 1e-7, "{calibration:?}");
    assert!((calibration.confidence - 3.85 / 5.0).abs() < 1e-7 && calibration.accuracy == 0.6);
    assert_eq!(calibration.bins.len(), BINS);
    assert_eq!((calibration.bins[7].images, calibration.bins[7].accuracy), (2, Some(0.5)));
    assert_eq!(
        (calibration.bins[13].confidence, calibration.bins[13].accuracy),
        (Some(f64::from(0.9_f32)), Some(0.0))
    );
    assert!((calibration.bins[14].confidence.unwrap() - 0.975).abs() < 1e-7);
    assert_eq!(calibration.bins[0].confidence, None);
}

#[test]
fn five_of_five_classes_say_nothing() {
    let outcomes = [outcome(0, &[5, 4, 3, 2, 0], 0.4), outcome(1, &[5, 4, 3, 2, 0], 0.4)];
    assert_eq!(tally(6, &outcomes).top5(), Some(0.5));
    assert_eq!(tally(5, &[outcome(0, &[4, 3, 2, 1, 0], 0.4)]).top5(), None);
}

#[test]
fn a_loss_that_is_not_finite_is_not_hidden() {
    let mut tally = tally(2, &[outcome(0, &[0], 0.5), Outcome { loss: 0.25, ..outcome(0, &[0], 0.5) }]);
    assert_eq!(tally.mean_loss(), Some(0.375));
    let scores = tally.scores().unwrap();
    assert_eq!((scores.images, scores.loss, scores.top1, scores.top5), (2, 0.375, 1.0, None));
    tally.add(&Outcome { loss: f32::INFINITY, ..outcome(0, &[0], 0.5) }).unwrap();
    assert_eq!((tally.mean_loss(), tally.top1()), (None, Some(1.0)));
    assert!(tally.scores().unwrap().loss.is_nan());
}

#[test]
fn of_nothing_nothing_is_said() {
    for classes in [0, 1, 1000] {
        let tally = Tally::new(classes);
        let measures = tally.measures();
        assert_eq!((measures.top1, measures.loss, measures.ece, measures.mean_f1), (None, None, None, None));
        assert_eq!((tally.per_class().len(), tally.scores()), (classes, None));
    }
}

#[test]
fn shards_in_any_order_give_the_same_bits() {
    // Logits without a pattern: multiples of the golden ratio.
    let logits = |place: usize| -> Vec<f32> {
        (0..7)
            .map(|class| ((place * 7 + class) as f64 * 0.618_033_988_749_895).fract() as f32 * 8.0)
            .collect()
    };
    let outcomes: Vec<Outcome> =
        (0..1003).map(|place| Outcome::from_logits(&logits(place), place % 7, 0.1)).collect();
    let whole = tally(7, &outcomes);
    let mut merged = Tally::new(7);
    for rank in [3, 0, 2, 1] {
        let shard: Vec<Outcome> = outcomes.iter().skip(rank).step_by(4).cloned().collect();
        merged.merge(&tally(7, &shard)).unwrap();
    }
    assert_eq!(merged, whole);
    assert_eq!(merged.images(), 1003);
    let mean = outcomes.iter().map(|outcome| f64::from(outcome.loss)).sum::<f64>() / 1003.0;
    assert!((whole.mean_loss().unwrap() - mean).abs() < 1e-9);
}

#[test]
fn other_classes_are_refused() {
    let mut two = Tally::new(2);
    let error = two.add(&outcome(2, &[0], 0.5)).unwrap_err();
    assert_eq!(error, ScoreError::Class { class: 2, classes: 2 });
    assert!(two.add(&outcome(0, &[1, 7], 0.5)).is_err());
    assert_eq!(two, Tally::new(2));
    let error = two.merge(&Tally::new(3)).unwrap_err();
    assert!(
        error.to_string().starts_with("results over 3 classes cannot be added to results over 2"),
        "{error}"
    );
}

#[test]
fn a_tally_survives_its_json() {
    let text = serde_json::to_string(&small()).unwrap();
    assert!(text.contains("[1,0,2]"), "{text}");
    assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), small());
}

#[test]
fn a_damaged_tally_is_refused() {
    let text = serde_json::to_string(&small()).unwrap();
    for (good, bad, why) in [
        ("[1,0,2]", "[1,0,4]", "more predictions than images"),
        ("[1,0,2]", "[1,3,2]", "class 3 is named and there are only 3"),
        ("\"support\":[4,5,0]", "\"support\":[4,18446744073709551615,0]", "too many images"),
        ("\"support\":[4,5,0]", "\"support\":[4,6,0]", "do not hold the images"),
        ("\"top5\":4", "\"top5\":10", "more images were counted"),
        ("\"bins\":[{", "\"bins\":[{\"images\":0,\"correct\":0,\"confidence\":0},{", "not 15 bins"),
    ] {
        assert!(text.contains(good), "{good} in {text}");
        let error = serde_json::from_str::<Tally>(&text.replace(good, bad)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
