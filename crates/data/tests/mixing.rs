//! MixUp and CutMix of batches: the plan, the values and the targets fit together.
#![allow(clippy::unwrap_used)]

use efficientnet_data::{Draw, Mix, Transform};
use proptest::prelude::*;

const SIZE: [usize; 2] = [12, 20];

fn transform(mixing: &str) -> Transform {
    format!("squash(12, 20, bilinear) | normalize(unit) | {mixing}").parse().unwrap()
}

fn draw(index: u64) -> Draw {
    Draw { seed: 1, epoch: 2, index }
}

/// Images of one value each: 0, 1, 2 and so on.
fn batch(count: usize) -> Vec<f32> {
    (0..count).flat_map(|image| vec![image as f32; 3 * SIZE[0] * SIZE[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn values_and_targets_agree(
        line in prop::sample::select(vec!["mixup(0.2)", "cutmix(1)", "mixup(0.4) | cutmix(1)", "cutmix(0.1)", "mixup(1e-12)"]),
        index in any::<u64>(),
        count in 2usize..9,
        smoothing in prop_oneof![Just(0.0f32), 0.0f32..0.5],
    ) {
        let Some(mix) = Mix::draw(&transform(line), draw(index), count) else { return Ok(()) };
        prop_assert!((0.0..=1.0).contains(&mix.lambda()));
        prop_assert!((1..count).contains(&mix.shift()));
        let mut values = batch(count);
        mix.apply(&mut values, SIZE);
        let classes: Vec<usize> = (0..count).collect();
        let targets = Mix::targets(Some(&mix), &classes, count, smoothing);
        let plain = Mix::targets(Some(&mix), &classes, count, 0.0);
        for image in 0..count {
            let row = &targets[image * count..][..count];
            prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row:?}");
            prop_assert!(row.iter().all(|target| *target >= 0.0));
            // The value of image i is i everywhere, so the mean of the mixed one is the mean class of its target.
            let length = 3 * SIZE[0] * SIZE[1];
            let mixed = &values[image * length..][..length];
            let mean = mixed.iter().map(|value| f64::from(*value)).sum::<f64>() / length as f64;
            let row = &plain[image * count..][..count];
            let expected: f64 = row.iter().zip(0..).map(|(target, class)| f64::from(*target) * f64::from(class)).sum();
            prop_assert!((mean - expected).abs() < 1e-5, "{mean} is not {expected}: {mix:?}");
            let partner = ((image + mix.shift()) % count) as f32;
            if let Mix::CutMix { .. } = mix {
                prop_assert!(mixed.iter().all(|value| [image as f32, partner].contains(value)));
            }
        }
    }
}

#[test]
fn a_plan_is_a_function_of_its_name() {
    let transform = transform("mixup(0.2) | cutmix(1)");
    let plan = |draw| Mix::draw(&transform, draw, 16);
    assert_eq!(plan(draw(7)), plan(draw(7)));
    for other in [Draw { seed: 0, ..draw(7) }, Draw { epoch: 0, ..draw(7) }, draw(8)] {
        assert_ne!(plan(draw(7)), plan(other));
    }
}

#[test]
fn nothing_is_mixed_without_reason() {
    for (line, count) in
        [("mixup(0)", 8), ("cutmix(0)", 8), ("mixup(1)", 1), ("cutmix(1)", 0), ("cutmix(1, prob=0)", 8)]
    {
        assert!((0..100).all(|index| Mix::draw(&transform(line), draw(index), count).is_none()), "{line}");
    }
    let plain: Transform = "squash(12, bilinear) | normalize(unit)".parse().unwrap();
    assert_eq!(Mix::draw(&plain, draw(0), 8), None);
    assert_eq!(Mix::targets(None, &[2, 0], 4, 0.0), [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    let smoothed = Mix::targets(None, &[1], 4, 0.2);
    assert!(smoothed.iter().zip([0.05, 0.85, 0.05, 0.05]).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6));
}

/// A share of Beta(1, 1) is even, one of Beta(0.2, 0.2) is mostly near 0 or 1; both have the mean 1/2.
#[test]
fn shares_have_their_distribution() {
    let shares = |line: &str| -> Vec<f64> {
        let transform = transform(line);
        (0..4000).map(|index| Mix::draw(&transform, draw(index), 4).unwrap().lambda()).collect()
    };
    for (line, within) in [("mixup(1)", 0.2), ("mixup(0.2)", 0.673)] {
        let shares = shares(line);
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        assert!((mean - 0.5).abs() < 0.02, "{line}: {mean}");
        let ends =
            shares.iter().filter(|share| !(0.1..0.9).contains(*share)).count() as f64 / shares.len() as f64;
        assert!((ends - within).abs() < 0.03, "{line}: {ends}");
    }
}

#[test]
fn of_two_ways_each_is_taken_half_the_time() {
    let transform = transform("mixup(0.2, prob=0.5) | cutmix(1)");
    let plans: Vec<Option<Mix>> = (0..4000).map(|index| Mix::draw(&transform, draw(index), 8)).collect();
    let share = |is: fn(&&Option<Mix>) -> bool| plans.iter().filter(is).count() as f64 / plans.len() as f64;
    assert!((share(|plan| matches!(plan, Some(Mix::CutMix { .. }))) - 0.5).abs() < 0.03);
    assert!((share(|plan| matches!(plan, Some(Mix::MixUp { .. }))) - 0.25).abs() < 0.03);
}
