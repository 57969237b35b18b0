use std::sync::Arc;

use efficientnet_arch::ArchSpec;

use super::*;

/// So many networks with costs of one's own.
fn networks(costs: &[f64]) -> Vec<Arc<Candidate>> {
    let network = |(index, cost): (usize, &f64)| {
        let spec = ArchSpec::named("efficientnet-b0").unwrap().with_classes(10 + index);
        let totals = spec.totals().unwrap();
        Arc::new(Candidate { spec, totals, cost: *cost })
    };
    costs.iter().enumerate().map(network).collect()
}

fn measured(top1: f64) -> Outcome {
    Outcome::Measured { images: 1_000_000, correct: (top1 * 1e6).round() as u64, loss: 1.0 }
}

/// Answers a round: the networks by their place.
fn answer(
    round: &Round,
    networks: &[Arc<Candidate>],
    results: &mut Results,
    top1: &dyn Fn(usize) -> Outcome,
) {
    for trial in &round.trials {
        let place = networks.iter().position(|network| Arc::ptr_eq(network, &trial.candidate)).unwrap();
        results.insert(trial.id, top1(place));
    }
}

fn places(round: &Round, networks: &[Arc<Candidate>]) -> Vec<usize> {
    let place =
        |trial: &Trial| networks.iter().position(|network| Arc::ptr_eq(network, &trial.candidate)).unwrap();
    let mut places: Vec<usize> = round.trials.iter().map(place).collect();
    places.sort_unstable();
    places.dedup();
    places
}

#[test]
fn rungs_rise_to_the_whole_length() {
    assert_eq!(rungs(3, 1, 9), [1, 3, 9]);
    assert_eq!(rungs(3, 1, 10), [1, 3, 9, 10]);
    assert_eq!(rungs(2, 5, 5), [5]);
    assert_eq!(rungs(4, 2, 7), [2, 7]);
    assert_eq!(rungs(u64::MAX, 2, u64::MAX), [2, u64::MAX]);
}

#[test]
fn the_best_go_on() {
    let networks = networks(&[1.0; 9]);
    let halving = Halving::new(&networks, 3, 1, 9, &[0, 1], true);
    let mut results = Results::new();
    let first = halving.round(&results).unwrap().unwrap();
    assert_eq!((first.trials.len(), first.later, first.later_epochs), (18, 8, 6 * 3 + 2 * 9));
    // All at one cost: accuracy itself ranks.
    answer(&first, &networks, &mut results, &|place| measured(0.1 * place as f64));
    let second = halving.round(&results).unwrap().unwrap();
    assert_eq!(places(&second, &networks), [6, 7, 8]);
    assert!(second.trials.iter().all(|trial| trial.id.epochs == 3));
    answer(&second, &networks, &mut results, &|place| measured(if place == 7 { 0.9 } else { 0.1 }));
    let third = halving.round(&results).unwrap().unwrap();
    assert_eq!((places(&third, &networks), third.later), (vec![7], 0));
    answer(&third, &networks, &mut results, &|_| measured(0.95));
    assert!(halving.round(&results).unwrap().is_none());
}

#[test]
fn failed_networks_come_last_and_equal_ones_in_the_order_of_their_keys() {
    let networks = networks(&[1.0; 4]);
    let halving = Halving::new(&networks, 2, 1, 2, &[0], true);
    let mut results = Results::new();
    let first = halving.round(&results).unwrap().unwrap();
    let failed = Outcome::Failed { reason: "no".to_string() };
    answer(&first, &networks, &mut results, &|place| if place == 2 { failed.clone() } else { measured(0.0) });
    let second = halving.round(&results).unwrap().unwrap();
    let mut keys: Vec<NetworkKey> =
        [0, 1, 3].map(|place: usize| NetworkKey::of(&networks[place].spec)).to_vec();
    keys.sort_unstable();
    let found: Vec<NetworkKey> = second.trials.iter().map(|trial| trial.id.network).collect();
    assert_eq!(found, keys[..2]);
}

#[test]
fn accuracy_is_compared_at_equal_cost() {
    // Each doubling of the cost brings a tenth; network 2 is better than that says, the dearest is merely the dearest.
    let costs: Vec<f64> = (0..9).map(|doubling| f64::from(1 << doubling)).collect();
    let networks = networks(&costs);
    let top1 = |place: usize| measured(0.05 + 0.1 * place as f64 + if place == 2 { 0.08 } else { 0.0 });
    let kept = |by_cost| {
        let halving = Halving::new(&networks, 9, 1, 9, &[0], by_cost);
        let mut results = Results::new();
        answer(&halving.round(&results).unwrap().unwrap(), &networks, &mut results, &top1);
        places(&halving.round(&results).unwrap().unwrap(), &networks)
    };
    assert_eq!(kept(true), [2]);
    assert_eq!(kept(false), [8]);
}

#[test]
fn too_few_networks_make_no_line() {
    let costs: Vec<f64> = (0..7).map(|doubling| f64::from(1 << doubling)).collect();
    let networks = networks(&costs);
    let halving = Halving::new(&networks, 7, 1, 9, &[0], true);
    let mut results = Results::new();
    let first = halving.round(&results).unwrap().unwrap();
    answer(&first, &networks, &mut results, &|place| {
        measured(0.1 * place as f64 + if place == 2 { 0.08 } else { 0.0 })
    });
    assert_eq!(places(&halving.round(&results).unwrap().unwrap(), &networks), [6]);
}

#[test]
fn a_draw_follows_from_its_seed() {
    let networks = networks(&[1.0; 20]);
    let drawn = |count, seed| {
        let round = Full::drawn(&networks, count, seed, 1, &[0]).round(&Results::new()).unwrap().unwrap();
        assert_eq!(round.trials.len(), count.min(20));
        places(&round, &networks)
    };
    assert_eq!(drawn(5, 1), drawn(5, 1));
    assert_ne!(drawn(5, 1), drawn(5, 2));
    assert_eq!(drawn(5, 1).len(), 5);
    assert_eq!(drawn(30, 1), (0..20).collect::<Vec<_>>());
}

#[test]
fn results_that_nobody_asked_for_change_nothing() {
    let networks = networks(&[1.0; 3]);
    let full = Full::new(&networks, 1, &[0]);
    let mut results = Results::new();
    let round = full.round(&results).unwrap().unwrap();
    answer(&round, &networks, &mut results, &|_| measured(0.5));
    assert!(full.round(&results).unwrap().is_none());
    let stranger = TrialId { seed: 9, ..round.trials[0].id };
    let first = results.remove(&round.trials[0].id);
    results.insert(stranger, first.unwrap());
    assert_eq!(full.round(&results).unwrap().unwrap().trials.len(), 3);
}
