//! The arithmetic on made-up figures; no test looks at a clock.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

use super::*;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// 100 GFLOP/s; 100 GB/s to 32 KiB, 50 to 1 MiB, 10 beyond.
fn ceilings() -> Ceilings {
    let reading = |(bytes, gigabytes)| Reading { bytes, gigabytes };
    let readings = [(32 * KIB, 100.0), (MIB, 50.0), (16 * MIB, 10.0)].map(reading).into();
    Ceilings { isa: Isa::Portable, threads: 1, gflops: 100.0, readings }
}

fn step(name: &str, us: u64, macs: usize, [weight_bytes, map_bytes]: [usize; 2]) -> StepProfile {
    let (name, time) = (name.to_owned(), Duration::from_micros(us));
    let fetched_bytes = weight_bytes;
    StepProfile { name, size: [7, 7], time, macs, products: macs, weight_bytes, map_bytes, fetched_bytes }
}

fn roofline() -> Roofline {
    let steps = vec![
        // 10^7 multiply-adds take 200 us; the maps are nothing beside that.
        step("product", 250, 10_000_000, [40_000, 60_000]),
        // 10^6 bytes of weights from main memory take 100 us; the multiply-adds 20.
        step("classifier", 400, 1_000_000, [1_000_000, 4_000]),
        // A megabyte and more of maps from the second cache.
        step("gate", 30, 0, [0, 2 * MIB]),
        // Faster than can be: nothing is left to gain.
        step("tiny", 0, 1000, [0, 100]),
        step("slow", 900, 10_000_000, [0, 0]),
    ];
    Roofline::new(ceilings(), Profile { steps, arena_bytes: 20 * MIB })
}

#[test]
fn a_set_is_as_fast_as_the_next_smaller_one_that_was_measured() {
    let ceilings = ceilings();
    let sizes = [0, KIB, 32 * KIB, MIB - 1, MIB, 16 * MIB, 1 << 40];
    assert_eq!(sizes.map(|bytes| ceilings.gigabytes(bytes)), [100.0, 100.0, 100.0, 100.0, 50.0, 10.0, 10.0]);
}

#[test]
fn noise_does_not_make_a_small_set_slower_than_a_large_one() {
    let reading = |(bytes, gigabytes)| Reading { bytes, gigabytes };
    let read = falling([(1, 90.0), (2, 40.0), (4, 50.0), (8, 5.0), (16, 6.0)].map(reading).into());
    assert_eq!(
        read.iter().map(|reading| reading.gigabytes).collect::<Vec<_>>(),
        [90.0, 50.0, 50.0, 6.0, 6.0]
    );
}

#[test]
fn the_larger_bound_wins() {
    let roofline = roofline();
    let of = |index: usize| {
        let step: &BoundedStep = &roofline.steps[index];
        (step.limit(), step.bound().as_nanos())
    };
    assert_eq!(of(0), (Limit::Arithmetic, 200_000));
    assert_eq!(of(1), (Limit::Memory, 100_000));
    assert_eq!(of(2), (Limit::Memory, 2 * MIB as u128 / 50));
    assert!((roofline.steps[0].share() - 0.8).abs() < 1e-9);
    assert!((roofline.steps[1].share() - 0.25).abs() < 1e-9);
    assert_eq!(roofline.network_bytes, 20 * MIB + 1_040_000);
}

/// The step before has brought them nearer.
#[test]
fn weights_that_were_fetched_ahead_are_near() {
    let mut excite = step("squeeze-excite", 10, 0, [20_000, 0]);
    let of = |step: &StepProfile| BoundedStep::new(&ceilings(), 20 * MIB, step.clone()).memory.as_nanos();
    assert_eq!(of(&excite), 2_000);
    excite.fetched_bytes = 0;
    assert_eq!(of(&excite), 200);
}

#[test]
fn the_furthest_are_those_with_most_time_to_gain() {
    let roofline = roofline();
    assert_eq!(roofline.furthest(3), [4, 1, 0]);
    assert_eq!(roofline.furthest(99).len(), 5);
    assert_eq!(roofline.steps[3].lost(), Duration::ZERO);
    let text = roofline.to_string();
    let last = text.lines().last().unwrap();
    let expected =
        "furthest from their bound: slow -> 7x7 (700 of 900 us); classifier -> 7x7 (300 of 400 us); product";
    assert!(last.starts_with(expected), "{last}");
    // A heading, the steps, their sum, an empty line, what the machine does on two lines, who is furthest.
    assert_eq!(text.lines().count(), 5 + 6, "{text}");
    assert!(text.contains("reading over and over: 32 KiB at 100.0, 16 MiB at 10.0 GB/s"), "{text}");
}
