//! The largest network within a budget, against looking at every network.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use efficientnet_arch::ArchSpec;
use efficientnet_scaling::{
    BaselineFile, Budget, CompoundRule, GrowOptions, Quantity, Scaler, ScalingError, Step,
};
use proptest::prelude::*;

const QUANTITIES: [Quantity; 4] =
    [Quantity::Macs, Quantity::Params, Quantity::Activations, Quantity::PeakActivationBytes];
const RULES: [&str; 5] = ["compound", "depth", "width", "resolution", "fast"];
const MODELS: [&str; 4] = ["efficientnet-b0", "mobilenetv1", "mobilenetv2", "resnet18"];

fn scaler(model: &str, rule: &str) -> Scaler {
    Scaler::named(model, CompoundRule::named(rule).unwrap()).unwrap()
}

fn cost(scaler: &Scaler, quantity: Quantity, phi: f64) -> f64 {
    scaler.spec(phi).unwrap().totals().map_or(f64::INFINITY, |totals| quantity.of(&totals) as f64)
}

/// Every step from -3 to 4, asked from the largest down.
fn brute_force(scaler: &Scaler, limit: f64, cost: impl Fn(&Step) -> f64) -> Option<f64> {
    let steps: Vec<Step> = scaler.steps(-3.0, 4.0).unwrap().collect();
    steps.iter().rev().find(|step| cost(step) <= limit).map(|step| step.to)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..Default::default() })]

    #[test]
    fn nothing_larger_fits(
        model in 0usize..4, rule in 0usize..5, quantity in 0usize..4, doublings in -1.0f64..2.0,
    ) {
        let (scaler, quantity) = (scaler(MODELS[model], RULES[rule]), QUANTITIES[quantity]);
        let own = cost(&scaler, quantity, 0.0);
        let budget = Budget::new(quantity, (own * doublings.exp2()) as u64).unwrap();
        let options = GrowOptions { shrink: true, ..Default::default() };
        let found = match scaler.grow(&budget, options) {
            Ok(grown) => grown.point.phi,
            // Depth alone cannot halve MobileNet's activations, resolution alone no parameters.
            Err(ScalingError::BudgetUnderBaseline { .. }) => {
                prop_assert!(cost(&scaler, quantity, -100.0) > budget.amount() as f64);
                return Ok(());
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        let wanted = brute_force(&scaler, budget.amount() as f64, |step| cost(&scaler, quantity, step.to));
        // Where the whole line fits (parameters under resolution alone), or where the line from -3 to 4 is too short.
        match wanted {
            Some(to) if to < 4.0 => prop_assert_eq!(found, to),
            Some(_) => prop_assert!(found >= 4.0, "{}", found),
            None => prop_assert!(found < -3.0, "{}", found),
        }
    }

    /// Any staircase, however jagged, as long as the search may look far enough.
    #[test]
    fn a_jagged_cost_is_searched_to_the_end(seed in any::<u64>(), limit in 1.0f64..3.0) {
        let scaler = scaler("mobilenetv1", "compound");
        let jag = |spec: &ArchSpec| {
            let totals = spec.totals().unwrap();
            let noise = (totals.params ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            totals.macs as f64 / 568_741_352.0 * (1.0 + 0.5 * noise as f64 / f64::from(1 << 24))
        };
        let options = GrowOptions { shrink: true, overshoot: 2.0 };
        let found = scaler.grow_by(limit, options, jag).unwrap().point.phi;
        let wanted = brute_force(&scaler, limit, |step| jag(&scaler.spec(step.to).unwrap())).unwrap();
        prop_assert_eq!(found, wanted);
    }
}

#[test]
fn the_found_step_is_reported_whole() {
    let scaler = scaler("efficientnet-b0", "compound");
    let grown = scaler.grow(&"1.8GMACs".parse().unwrap(), GrowOptions::default()).unwrap();
    assert!(grown.cost <= 1.8e9 && grown.next_cost.unwrap() > 1.8e9);
    assert_eq!(scaler.realised(grown.phi_from).unwrap(), scaler.realised(grown.point.phi).unwrap());
    let (before, after) = (grown.phi_from - 1e-6, grown.point.phi + 1e-6);
    assert_ne!(scaler.realised(before).unwrap(), scaler.realised(grown.phi_from).unwrap());
    assert_ne!(scaler.realised(after).unwrap(), scaler.realised(grown.point.phi).unwrap());
}

#[test]
fn a_measured_cost_is_asked_for_few_networks_and_each_once() {
    let scaler = scaler("efficientnet-b0", "compound");
    let mut asked = Vec::new();
    let grown = scaler
        .grow_by(0.050, GrowOptions::measured(), |spec| {
            let seconds = spec.totals().unwrap().macs as f64 * 1e-11;
            asked.push(seconds);
            seconds
        })
        .unwrap();
    // None of them much too large.
    assert!(asked.iter().all(|seconds| *seconds < 0.050 * 1.5), "{asked:?}");
    assert!(grown.cost <= 0.050 && grown.next_cost.unwrap() > 0.050);
    assert_eq!(asked.len(), grown.asked);
    assert!(asked.len() < 40, "{}", asked.len());
}

#[test]
fn a_time_is_said_in_milliseconds() {
    let scaler = scaler("efficientnet-b0", "compound");
    let cost = |spec: &ArchSpec| spec.totals().unwrap().macs as f64 * 1e-8;
    let grown = scaler.grow_timed(10.0, GrowOptions::measured(), cost).unwrap();
    assert!(grown.cost <= 10.0 && grown.next_cost.unwrap() > 10.0);
    let text = scaler.grow_timed(2.0, GrowOptions::measured(), cost).unwrap_err().to_string();
    let wanted =
        "2.00 ms is less than efficientnet-b0 itself takes (3.86 ms); the nearest within it is phi = -";
    assert!(text.starts_with(wanted) && text.ends_with(" ms"), "{text}");
    assert!(scaler.grow_timed(f64::NAN, GrowOptions::measured(), cost).is_err());
}

#[test]
fn a_budget_under_the_baseline_says_what_would_fit() {
    let scaler = scaler("efficientnet-b0", "compound");
    let budget = "100MMACs".parse().unwrap();
    let text = scaler.grow(&budget, GrowOptions::default()).unwrap_err().to_string();
    let wanted =
        "100 MMACs is less than efficientnet-b0 itself takes (386 MMACs); the nearest within it is phi = -";
    assert!(text.starts_with(wanted) && text.ends_with(" MMACs"), "{text}");
    let grown = scaler.grow(&budget, GrowOptions { shrink: true, ..Default::default() }).unwrap();
    assert!(grown.point.phi < 0.0 && grown.cost <= 1e8 && grown.cost > 0.8e8);
    assert!(text.contains(&format!("phi = {}", grown.point.phi)), "{text}");

    let one = "1params".parse().unwrap();
    let text = scaler.grow(&one, GrowOptions { shrink: true, ..Default::default() }).unwrap_err().to_string();
    assert!(text.ends_with("and no phi below 0 comes under it, so raise the budget"), "{text}");
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let flat = CompoundRule::new(1.0, 1.0, 1.0).unwrap();
    let scaler = Scaler::named("efficientnet-b0", flat).unwrap();
    let budget: Budget = "1GMACs".parse().unwrap();
    assert_eq!(scaler.grow(&budget, GrowOptions::default()), Err(ScalingError::NoGrowth(1.0)));
    let scaler = Scaler::named("efficientnet-b0", CompoundRule::PAPER).unwrap();
    for limit in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(scaler.grow_by(limit, GrowOptions::measured(), |_| 1.0).is_err(), "{limit}");
    }
    for overshoot in [0.5, f64::NAN] {
        assert!(scaler.grow(&budget, GrowOptions { shrink: false, overshoot }).is_err(), "{overshoot}");
    }
    let nan = scaler.grow_by(1.0, GrowOptions::measured(), |_| f64::NAN).unwrap_err().to_string();
    assert!(nan.starts_with("the cost is NaN"), "{nan}");
}

#[test]
fn what_cannot_be_counted_is_over_every_budget() {
    let text = "name = \"big\"\nresolution = 1024\nblocks = [\"r1_k9_s22_e999_i9999_o9999\"]";
    let big = BaselineFile::parse(text).unwrap().spec().unwrap();
    let scaler = Scaler::new(big, CompoundRule::PAPER).unwrap();
    let text = scaler.point(12.0).unwrap_err().to_string();
    assert!(
        text.starts_with("big at phi = 12 cannot be had") && text.contains("do not fit 64 bits"),
        "{text}"
    );
    let grown = scaler.grow(&"18446744073709551615MACs".parse().unwrap(), GrowOptions::default()).unwrap();
    assert!(grown.point.phi < 12.0 && grown.next_cost.is_none());
    assert!(scaler.point(grown.point.phi + 1e-6).is_err());
}

/// The end of what can be built is over every budget.
#[test]
fn a_boundless_budget_ends_at_the_last_network() {
    let scaler = scaler("efficientnet-b0", "width");
    let grown = scaler.grow(&"18446744073709551615MACs".parse().unwrap(), GrowOptions::default()).unwrap();
    assert!((grown.point.width - 50.0).abs() < 1e-4, "{}", grown.point.width);
    assert_eq!(grown.next_cost, None);
}
