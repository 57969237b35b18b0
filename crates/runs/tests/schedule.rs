//! The schedule against numbers worked out from the official code's formulae.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use efficientnet_runs::recipe::Recipe;
use efficientnet_runs::schedule::Schedule;

fn schedule(settings: &[&str], steps_per_epoch: u64) -> Schedule {
    let recipe = Recipe::named("official").unwrap().with_all(settings.iter().copied()).unwrap();
    Schedule::new(&recipe, steps_per_epoch)
}

fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() <= 1e-12 * expected.abs(), "{value} is not {expected}");
}

/// 2048 images: the peak is 0.016 * 8 = 0.128. 625 steps an epoch: the warm-up has 3125 and a stair 1500.
#[test]
fn the_official_rate_step_by_step() {
    let official = schedule(&[], 625);
    assert_eq!(official.total_steps(), 218_750);
    for (step, rate) in [
        (0, 0.0),
        (1, 0.128 / 3125.0),
        (1_562, 0.06397952),
        (3_124, 0.12795904),
        // Two stairs, at 1500 and 3000, lie inside the warm-up: 0.97^2 of the peak remain.
        (3_125, 0.1204352),
        (4_499, 0.1204352),
        (4_500, 0.116822144),
        (218_749, 0.128 * 0.97f64.powi(145)),
    ] {
        near(official.rate(step), rate);
    }
}

/// 7 steps an epoch: a stair has 16.8 of them, so they are 17, 17, 17, 17 and 16 steps long.
#[test]
fn a_stair_need_not_be_whole() {
    let official = schedule(&["schedule.warmup_epochs=0", "schedule.rate_per_images=", "schedule.rate=1"], 7);
    let falls = |step: u64| official.rate(step) < official.rate(step - 1);
    let stairs: Vec<u64> = (1..=100).filter(|step| falls(*step)).collect();
    assert_eq!(stairs, [17, 34, 51, 68, 84]);
    near(official.rate(100), 0.97f64.powi(5));
}

#[test]
fn a_warm_up_of_half_an_epoch_from_a_tenth() {
    let settings = ["schedule.warmup_epochs=0.5", "schedule.warmup_from=0.1", "schedule.decay=constant"];
    let warm = schedule(&settings, 10);
    for (step, share) in [(0, 0.1), (1, 0.28), (4, 0.82), (5, 1.0), (3499, 1.0)] {
        near(warm.rate(step), 0.128 * share);
    }
}

/// `0.5 * (1 + cos(pi * step / total))`, from the first step on, whatever the warm-up covers.
#[test]
fn cosine_and_line_end_at_their_share() {
    let short =
        ["training.epochs=10", "schedule.warmup_epochs=1", "schedule.rate_per_images=", "schedule.rate=1"];
    let cosine = schedule(&[&short[..], &["schedule.decay=cosine"]].concat(), 100);
    near(cosine.rate(50), 0.5);
    for (step, share) in [(100, 0.9755282581475768), (250, 0.8535533905932737), (500, 0.5)] {
        near(cosine.rate(step), share);
    }
    assert!((cosine.rate(999) - 2.467399e-6).abs() < 1e-12);
    assert_eq!((cosine.rate(1000), cosine.rate(5000)), (0.0, 0.0));

    let line = schedule(&[&short[..], &["schedule.decay=linear", "schedule.final_share=0.2"]].concat(), 100);
    for (step, share) in [(100, 0.92), (250, 0.8), (1000, 0.2), (5000, 0.2)] {
        near(line.rate(step), share);
    }
}

/// `min(0.9999, (1 + t) / (10 + t))`, which are equal at t = 89,990.
#[test]
fn the_average_follows_fast_in_the_beginning() {
    let official = schedule(&[], 625);
    for (updates, decay) in
        [(1, 2.0 / 11.0), (10, 0.55), (1000, 1001.0 / 1010.0), (89_989, 89_990.0 / 89_999.0)]
    {
        near(official.average_decay(updates).unwrap(), decay);
    }
    for updates in [89_991, 1_000_000] {
        assert_eq!(official.average_decay(updates), Some(0.9999));
    }
    assert_eq!(schedule(&["average.ramp=false"], 625).average_decay(1), Some(0.9999));
    assert_eq!(schedule(&["average="], 625).average_decay(1), None);
}

#[test]
fn an_epoch_without_steps_has_a_rate_all_the_same() {
    for decay in ["staircase", "cosine", "linear", "constant"] {
        let empty = schedule(&[&format!("schedule.decay={decay}")], 0);
        assert!(empty.rate(0).is_finite() && empty.rate(u64::MAX).is_finite(), "{decay}");
    }
}
