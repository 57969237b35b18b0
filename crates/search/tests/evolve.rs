//! Evolution and its control over a made-up accuracy: no tensor, no clock.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;

use efficientnet_arch::{ArchSpec, BlockArgs, Coefficients, Stage, Totals};
use efficientnet_search::{
    CostKind, CostOf, Evolution, EvolutionSummary, Evolve, History, NetworkKey, Outcome, Plan, Results,
    Round, Space, Strategy, Task, Trial, TrialId, count_cost,
};

const BASELINE: &str = r#"
name = "tiny"
resolution = 32
classes = 10
dropout = 0.0
drop_path = 0.0
head_filters = 256
blocks = [
    "r1_k3_s11_e1_i32_o16_se0.25",
    "r2_k3_s11_e4_i16_o24_se0.25",
    "r2_k5_s22_e4_i24_o40_se0.25",
    "r2_k3_s22_e4_i40_o80_se0.25",
    "r1_k3_s11_e4_i80_o112_se0.25",
]
"#;

/// The task of [`whole`] as it stands.
fn plan() -> Evolve {
    Evolve {
        population: 8,
        sample: 4,
        networks: 60,
        children: 2,
        target: 1.0,
        exponent: -0.07,
        seed: 0,
        space: Space { expand_ratio: vec![2, 4, 6], ..Space::default() },
    }
}

fn whole(task: &Evolve, seeds: &[u64], baseline: &str) -> Plan {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tiny.toml"), baseline).unwrap();
    let text = r#"
        name = "evolve"
        baseline = "tiny.toml"
        proxy = { recipe = "proxy", epochs = 4, seeds = [0] }
        evolve = { population = 2, sample = 1, networks = 2 }
    "#;
    let mut plan = Plan::parse(text, "evolve.toml", dir.path()).unwrap();
    plan.proxy.seeds = seeds.to_vec();
    plan.task = Task::Evolve(task.clone());
    plan
}

fn macs() -> CostOf<'static> {
    Box::leak(Box::new(count_cost(CostKind::Macs)))
}

fn search(task: &Evolve, seeds: &[u64]) -> Evolution<'static> {
    Evolution::new(&whole(task, seeds, BASELINE), macs()).unwrap()
}

/// The baseline with the constants of the recipe.
fn baseline() -> ArchSpec {
    whole(&plan(), &[0], BASELINE).base().clone()
}

/// Every choice has its say, the later stages more: a slope that can be climbed one mutation at a time.
fn accuracy(spec: &ArchSpec) -> f64 {
    let stage = |(index, stage): (usize, &Stage)| {
        let BlockArgs { kernel, expand_ratio, se_ratio, output_filters, repeats, skip, .. } = stage.args;
        let merits = 0.02 * (kernel == 5) as u8 as f64
            + 0.02 * se_ratio.is_some() as u8 as f64
            + 0.02 * skip as u8 as f64
            + 0.01 * (expand_ratio as f64).ln()
            + 0.02 * (repeats as f64).ln()
            + 0.01 * (output_filters as f64).ln();
        merits * (1.0 + index as f64 / 4.0)
    };
    0.2 + spec.stages.iter().enumerate().map(stage).sum::<f64>()
}

fn measured(top1: f64) -> Outcome {
    Outcome::Measured { images: 1_000_000, correct: (top1 * 1e6).round() as u64, loss: 1.0 }
}

fn train(trial: &Trial) -> Outcome {
    measured(accuracy(&trial.candidate.spec))
}

/// Runs a search to its end; `outcome` trains, `order` says in which order the trials of a round end.
fn finished(
    search: &Evolution<'_>,
    outcome: impl Fn(&Trial) -> Outcome,
    order: impl Fn(&mut Vec<Trial>),
) -> Results {
    let mut results = Results::new();
    while let Some(round) = search.round(&results).unwrap() {
        let mut trials = round.trials;
        order(&mut trials);
        let before = results.len();
        results.extend(trials.iter().map(|trial| (trial.id, outcome(trial))));
        assert!(results.len() > before, "a round that asks for nothing new");
    }
    results
}

fn in_order(_: &mut Vec<Trial>) {}

fn keys(history: &History) -> Vec<NetworkKey> {
    history.entries.iter().map(|entry| entry.key).collect()
}

#[test]
fn both_searches_train_as_many_networks_each_once_from_one_population() {
    let search = search(&plan(), &[0, 1]);
    let results = finished(&search, train, in_order);
    let histories = search.histories(&results).unwrap();
    let [evolution, random] = &histories[..] else { panic!() };
    let (evolved, drawn) = (keys(evolution), keys(random));
    for history in [&evolved, &drawn] {
        assert_eq!(history.len(), 60);
        let mut different = history.to_vec();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), 60);
    }
    assert_eq!(evolved[..8], drawn[..8]);
    assert_ne!(evolved[8..], drawn[8..]);
    let mut all = [evolved.clone(), drawn].concat();
    all.sort();
    all.dedup();
    assert_eq!(results.len(), 2 * all.len());
    assert_eq!(evolved[0], NetworkKey::of(&baseline()));
    assert_eq!(evolution.entries[0].name, "tiny");
}

/// Each child's parent was alive at the beginning of its round: among the youngest eight. Nobody else has one.
#[test]
fn the_oldest_die() {
    let search = search(&plan(), &[0]);
    let results = finished(&search, train, in_order);
    let evolution = search.histories(&results).unwrap().swap_remove(0);
    for (index, entry) in evolution.entries.iter().enumerate() {
        assert_eq!(entry.parent.is_some(), index >= 8);
        assert_eq!(entry.round, (index.max(6) as u64 - 6) / 2);
        let Some(parent) = entry.parent else { continue };
        let start = 8 + 2 * (entry.round as usize - 1);
        assert!(keys(&evolution)[start - 8..start].contains(&parent), "{index}");
    }
    let random = search.histories(&results).unwrap().swap_remove(1);
    assert!(random.entries.iter().all(|entry| entry.parent.is_none()));
}

/// Tournaments are won by the better: with as many draws as are needed to meet everybody, by the best.
#[test]
fn parents_are_the_best_of_their_sample() {
    let plan = Evolve { population: 4, sample: 4, networks: 40, children: 1, ..plan() };
    let search = search(&plan, &[0]);
    let results = finished(&search, train, in_order);
    let evolution = search.histories(&results).unwrap().swap_remove(0);
    let mut ranks = [0; 4];
    for (index, entry) in evolution.entries.iter().enumerate().skip(4) {
        let alive = &evolution.entries[index - 4..index];
        let parent = alive.iter().find(|other| Some(other.key) == entry.parent).unwrap();
        ranks[alive.iter().filter(|other| other.reward > parent.reward).count()] += 1;
    }
    // 1 - (3/4)^4 of 36 are 24.6; the worst is drawn alone in (1/4)^4 of them.
    assert!(ranks[0] >= 18 && ranks[3] <= 2, "{ranks:?}");
}

#[test]
fn neither_the_order_of_a_round_nor_another_process_changes_anything() {
    let one = search(&plan(), &[0, 1]);
    let forwards = finished(&one, train, in_order);
    let backwards = finished(&search(&plan(), &[0, 1]), train, |trials| trials.reverse());
    assert_eq!(forwards, backwards);
    // Killed at any place and taken up by another process.
    let histories = one.histories(&forwards).unwrap();
    let fresh = search(&plan(), &[0, 1]);
    assert_eq!(fresh.histories(&forwards).unwrap(), histories);
    let mut known = Results::new();
    for (place, (id, outcome)) in forwards.iter().enumerate() {
        known.insert(*id, outcome.clone());
        if place % 20 > 0 {
            continue;
        }
        let (mine, theirs) = (one.round(&known).unwrap(), search(&plan(), &[0, 1]).round(&known).unwrap());
        let ids = |round: Option<Round>| {
            round.map(|round| round.trials.iter().map(|trial| trial.id).collect::<Vec<_>>())
        };
        assert_eq!(ids(mine), ids(theirs));
    }
}

#[test]
fn what_no_round_asked_for_changes_nothing() {
    let search = search(&plan(), &[0]);
    let results = finished(&search, train, in_order);
    let mut more = results.clone();
    for (id, outcome) in &results {
        more.insert(TrialId { seed: 99, ..*id }, outcome.clone());
        more.insert(TrialId { epochs: 99, ..*id }, outcome.clone());
    }
    assert_eq!(search.histories(&more).unwrap(), search.histories(&results).unwrap());
    assert!(search.round(&more).unwrap().is_none());
}

#[test]
fn another_seed_searches_elsewhere() {
    let other = search(&Evolve { seed: 1, ..plan() }, &[0]);
    let first = search(&plan(), &[0]).histories(&Results::new()).unwrap();
    assert_ne!(keys(&other.histories(&Results::new()).unwrap()[0])[1..], keys(&first[0])[1..]);
}

/// On a slope, choosing parents must pay: over ten seeds in the mean, and in most of them.
#[test]
fn evolution_beats_random_search_on_a_slope() {
    let best = |seed| {
        let search = search(&Evolve { seed, networks: 80, ..plan() }, &[0]);
        let results = finished(&search, train, in_order);
        let summary = EvolutionSummary::of(&search, &results).unwrap().unwrap();
        [0, 1].map(|arm: usize| summary.arms[arm].best.reward)
    };
    let pairs: Vec<[f64; 2]> = (0..10).map(best).collect();
    let wins = pairs.iter().filter(|[evolution, random]| evolution > random).count();
    let gain = pairs.iter().map(|[evolution, random]| evolution - random).sum::<f64>() / 10.0;
    assert!(wins >= 8 && gain > 0.01, "{wins} of 10, {gain}");
}

#[test]
fn what_failed_is_worth_nothing() {
    let search = search(&plan(), &[0, 1]);
    let broken = search.histories(&Results::new()).unwrap()[0].entries[1].key;
    let half = search.histories(&Results::new()).unwrap()[0].entries[2].key;
    let failed = || Outcome::Failed { reason: "its loss was no number".to_string() };
    let outcome = |trial: &Trial| match trial.id {
        id if id.network == broken || (id.network == half && id.seed == 1) => failed(),
        _ => train(trial),
    };
    let results = finished(&search, outcome, in_order);
    let evolution = search.histories(&results).unwrap().swap_remove(0);
    let entry = |key| evolution.entries.iter().find(|entry| entry.key == key).unwrap();
    assert_eq!((entry(broken).reward, entry(broken).top1), (Some(0.0), None));
    let alone = entry(half).seeds[0].unwrap();
    assert_eq!((entry(half).seeds[1], entry(half).top1), (None, Some(alone / 2.0)));
    assert_eq!(entry(half).reward, Some(search.objective().reward(alone / 2.0, entry(half).cost)));

    let error = {
        let nothing = |trial: &Trial| (trial.id, failed());
        let round = search.round(&Results::new()).unwrap().unwrap();
        search.round(&round.trials.iter().map(nothing).collect()).unwrap_err()
    };
    assert_eq!(error, "every network of the first population failed; tiny: its loss was no number");
}

/// A space with fewer networks than the plan asks for is searched and done with.
#[test]
fn a_small_space_ends() {
    let one = Space {
        kernel: vec![3, 5],
        expand_ratio: vec![4],
        se_ratio: vec![0.25],
        width: vec![1.0],
        depth: vec![0],
        skip: vec![true],
    };
    let search = search(&Evolve { space: one, population: 4, ..plan() }, &[0]);
    assert_eq!(search.space().size(), 32.0);
    let results = finished(&search, train, in_order);
    let histories = search.histories(&results).unwrap();
    assert_eq!(histories.iter().map(|history| history.entries.len()).collect::<Vec<_>>(), [32, 32]);
}

#[test]
fn a_round_says_what_is_left() {
    let search = search(&plan(), &[0, 1, 2]);
    let round = search.round(&Results::new()).unwrap().unwrap();
    assert_eq!((round.trials.len(), round.later), (24, 2 * 52 * 3));
    let results = round.trials.iter().map(|trial| (trial.id, train(trial))).collect();
    let next = search.round(&results).unwrap().unwrap();
    assert_eq!((next.trials.len(), next.later), (12, 2 * 50 * 3));
    // The same network for all its trials, and not in three copies.
    assert!(std::sync::Arc::ptr_eq(&next.trials[0].candidate, &next.trials[4].candidate));
    assert_eq!(next.trials[0].id.network, NetworkKey::of(&next.trials[0].candidate.spec));
}

#[test]
fn the_summary_is_that_of_the_histories() {
    let search = search(&plan(), &[0, 1, 2]);
    // Seeds differ, so that there is something to be unsure of.
    let outcome = |trial: &Trial| {
        measured(accuracy(&trial.candidate.spec) + [-0.01, 0.0, 0.02][trial.id.seed as usize])
    };
    let results = finished(&search, outcome, in_order);
    let summary = EvolutionSummary::of(&search, &results).unwrap().unwrap();
    assert_eq!(summary, EvolutionSummary::of(&search, &results).unwrap().unwrap());
    let histories = search.histories(&results).unwrap();
    for (arm, history) in summary.arms.iter().zip(&histories) {
        let rewards: Vec<f64> = history.entries.iter().map(|entry| entry.reward.unwrap()).collect();
        let best = rewards.iter().copied().fold(0.0, f64::max);
        assert_eq!(arm.best.reward, best);
        assert_eq!(rewards[arm.best_at - 1], best);
        assert_eq!(arm.best_so_far.len(), 60);
        assert!(arm.best_so_far.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(arm.best_so_far.last(), Some(&best));
        assert!(arm.hypervolume > 0.0 && arm.hypervolume < summary.reference_ratio);
        assert!(
            arm.front.iter().any(|member| member.network == arm.best.network),
            "the best is on the front"
        );
    }
    assert_eq!((summary.baseline.cost_ratio, summary.baseline.name.as_str()), (1.0, "tiny"));
    assert!(
        (summary.baseline.reward - summary.baseline.top1.unwrap()).abs() < 1e-12,
        "T is the baseline's cost"
    );
    assert_eq!(summary.winner_of, "evolution");
    assert!(summary.winner.reward > summary.baseline.reward);
    let [low, high] = summary.winner.reward_range;
    assert!(low < summary.winner.reward && summary.winner.reward < high);

    let comparison = summary.comparison.unwrap();
    let [low, high] = comparison.interval.unwrap();
    assert!(low <= comparison.difference && comparison.difference <= high, "{comparison:?}");
    let later = comparison.later.unwrap();
    assert!(later.evolution > later.random && later.p_value < 0.05, "{later:?}");
    assert!(serde_json::to_string(&comparison.above_zero).is_ok());
}

/// Where accuracy is chance, no test may say that evolution chose well.
#[test]
fn the_test_does_not_see_what_is_not_there() {
    let by_chance = |trial: &Trial| {
        let hash = u64::from_str_radix(&trial.id.network.to_string(), 16).unwrap();
        measured(0.5 + 0.1 * (hash % 1000) as f64 / 1000.0)
    };
    let p_value = |seed| {
        let search = search(&Evolve { seed, exponent: 0.0, ..plan() }, &[0]);
        let results = finished(&search, by_chance, in_order);
        EvolutionSummary::of(&search, &results).unwrap().unwrap().comparison.unwrap().later.unwrap().p_value
    };
    let values: Vec<f64> = (0..10).map(p_value).collect();
    let significant = values.iter().filter(|p| **p < 0.05).count();
    let mean = values.iter().sum::<f64>() / 10.0;
    assert!(significant <= 2 && (0.25..0.75).contains(&mean), "{values:?}");
}

/// Written down and taken as the baseline of another plan, it is the same network: constants of normalisation are the
/// recipe's.
#[test]
fn the_winner_is_a_baseline() {
    let search = search(&plan(), &[0]);
    let results = finished(&search, train, in_order);
    let summary = EvolutionSummary::of(&search, &results).unwrap().unwrap();
    let text = summary.winner_toml(&search).unwrap();
    let next = whole(&plan(), &[0], &text);
    assert_eq!(NetworkKey::of(next.base()), summary.winner.network, "{text}");
    assert_eq!(next.base().name, summary.winner.name);
    let grown = next.base().rescaled(Coefficients { width: 2.0, depth: 2.0, resolution: 64 }).unwrap();
    assert_eq!(grown.stages[0].args.output_filters, 2 * next.base().stages[0].args.output_filters);
}

fn refused(plan: &Plan) -> String {
    match Evolution::new(plan, macs()) {
        Ok(_) => panic!("it was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn bad_plans_get_a_sentence() {
    type Change<'a> = &'a dyn Fn(&mut Evolve);
    let cases: [(Change, &str); 16] = [
        (&|p| p.space.kernel = vec![], "`evolve.space.kernel` is empty; there is at least one choice"),
        (&|p| p.space.kernel = vec![3, 4], "`evolve.space.kernel` has 4; a kernel's side is odd"),
        (&|p| p.space.expand_ratio = vec![0], "`evolve.space.expand_ratio` is 0; it must lie in 1 to 100"),
        (&|p| p.space.se_ratio = vec![1.5], "`evolve.space.se_ratio` is 1.5; it must lie in 0 to 1"),
        (
            &|p| p.space.width = vec![f64::NAN],
            "`evolve.space.width` is NaN; it must be a finite number above 0",
        ),
        (&|p| p.space.depth = vec![0, 1, 0], "`evolve.space.depth` has 0 twice"),
        (&|p| p.space.skip = vec![], "`evolve.space.skip` is empty; there is at least one choice"),
        (&|p| p.space.width = vec![1.0; 101], "`evolve.space.width` has 101 values; it has 100 at most"),
        (&|p| p.sample = 9, "`evolve.sample` is 9; it must lie in 1 to 8"),
        (&|p| p.population = 1, "`evolve.population` is 1; it must lie in 2 to 1000000"),
        (&|p| p.networks = 7, "`evolve.networks` is 7; it must lie in 8 to 1000000"),
        (&|p| p.children = 9, "`evolve.children` is 9; it must lie in 1 to 8"),
        (&|p| p.target = 0.0, "`evolve.target` is 0; it must be a finite number above 0"),
        (&|p| p.exponent = f64::NAN, "`evolve.exponent` is NaN; it must lie in -10 to 10"),
        (
            &|p| p.space.kernel = vec![3],
            "stage 3 (`r2_k5_s22_e4_i24_o40_se0.25`) has kernel 5, which evolve.space.kernel does not offer; add it there",
        ),
        (
            &|p| p.space.width = vec![2.0],
            "stage 1 (`r1_k3_s11_e1_i32_o16_se0.25`) has width 16 filters, which evolve.space.width does not offer; add it \
             there",
        ),
    ];
    for (change, expected) in cases {
        let mut task = plan();
        change(&mut task);
        let error = refused(&whole(&task, &[0], BASELINE));
        assert_eq!(error.strip_prefix("evolve: ").unwrap_or(&error), expected);
    }
}

#[test]
fn baselines_that_the_space_does_not_fit_are_refused() {
    let of = |baseline: &str| refused(&whole(&plan(), &[0], baseline));
    let resnet = of("name = \"small\"\nlike = \"resnet18\"\nblocks = [\"r2_k3_s11_e1_i64_o64_basic\"]");
    assert!(
        resnet.starts_with("stage 1 (`r2_k3_s11_e1_i64_o64_basic`) is no inverted residual;"),
        "{resnet}"
    );
    let loose = of(&BASELINE.replace("i40_o80", "i48_o80"));
    assert!(loose.contains("declares other input filters than the stage before it puts out"), "{loose}");
    let mut alone = plan();
    alone.space = Space {
        kernel: vec![3],
        expand_ratio: vec![6],
        se_ratio: vec![0.0],
        width: vec![1.0],
        depth: vec![0],
        skip: vec![true],
    };
    let one = "name = \"one\"\nblocks = [\"r1_k3_s11_e6_i32_o16\"]";
    let alone = refused(&whole(&alone, &[0], one));
    assert_eq!(alone, "the space holds the baseline alone; give evolve.space more than one value somewhere");
}

#[test]
fn without_a_cost_there_is_no_search() {
    let plan = whole(&plan(), &[0], BASELINE);
    let mut unknown = |_: &ArchSpec, _: &Totals| Err("no block of it was measured".to_string());
    let error = Evolution::new(&plan, &mut unknown).err().unwrap().to_string();
    assert_eq!(error, "the cost of tiny cannot be had: no block of it was measured");
    let mut nothing = |_: &ArchSpec, _: &Totals| Ok(0.0);
    let error = Evolution::new(&plan, &mut nothing).err().unwrap().to_string();
    assert_eq!(error, "the cost of tiny cannot be had: it came to 0, which is no cost");
}

/// The plans in `plans/` are searches, and the full one has the paper's T of 400 million multiply-adds.
#[test]
fn the_committed_evolutions_are_searches() {
    for (name, trials, later) in [("tiny", 16, 64), ("cifar", 32, 192), ("full", 64, 1872)] {
        let file = format!("{}/../../plans/evolve-{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let search = Evolution::new(&Plan::open(file).unwrap(), macs()).unwrap();
        let round = search.round(&Results::new()).unwrap().unwrap();
        assert_eq!((round.trials.len(), round.later), (trials, later), "{name}");
        if name == "full" {
            let target = search.objective().target_cost;
            assert!((target / 400e6 - 1.0).abs() < 1e-4, "{target}");
            assert!(
                search.space().size() > 1.2e14 && search.space().size() < 1.3e14,
                "{}",
                search.space().size()
            );
        }
    }
}
