//! The plans in `plans/` are plans.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::{Path, PathBuf};

use efficientnet_search::{CostKind, Plan, Results, Task, count_cost};

fn plans() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plans");
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut plans: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    plans.sort_unstable();
    plans
}

/// Every plan is read, its networks are built and counted, and its first round is known. `cargo test -p efficientnet-search
/// --test committed -- --nocapture` prints what each costs, as the comments in the plans say it.
#[test]
fn every_committed_plan_has_networks_and_a_first_round() {
    let plans = plans();
    assert!(plans.len() >= 17, "{}", plans.len());
    for path in plans {
        let plan = Plan::open(&path).unwrap();
        assert_eq!(plan.name, path.file_stem().unwrap().to_string_lossy());
        // What is measured on a machine is another test's.
        let cost = if plan.cost == CostKind::Latency { CostKind::Macs } else { plan.cost };
        let lineup = plan.lineup(&mut count_cost(cost)).unwrap();
        assert!(!lineup.candidates.is_empty());
        let Some(strategy) = plan.strategy(&lineup) else {
            assert!(matches!(plan.task, Task::Evolve(_)));
            continue;
        };
        let round = strategy.round(&Results::new()).unwrap().unwrap();
        assert!(!round.trials.is_empty());
        let work = |macs: u64, epochs: u64| macs as f64 * epochs as f64;
        let own: f64 =
            round.trials.iter().map(|trial| work(trial.candidate.totals.macs, trial.id.epochs)).sum();
        let macs: f64 = lineup.candidates.iter().map(|candidate| candidate.totals.macs as f64).sum();
        let later = macs / lineup.candidates.len() as f64 * round.later_epochs as f64;
        let base = plan.base().totals().unwrap().macs;
        println!(
            "{}: {} networks, {} trials, {:.3e} multiply-adds of the forward pass an image; baseline {:.3} M",
            plan.name,
            lineup.candidates.len(),
            round.trials.len() as u64 + round.later,
            own + later,
            base as f64 / 1e6,
        );
        for arm in &lineup.arms {
            let ratios: Vec<String> =
                arm.members.iter().map(|member| format!("{:.2}", member.cost_ratio)).collect();
            println!("    {}: {}", arm.name, ratios.join(", "));
        }
    }
}
