//! Goes through an evolution of many networks with a made-up accuracy and says how long its last replay took: what a search
//! of that length costs before a round.
//!
//! `cargo run --release -p efficientnet-search --example evolve [NETWORKS]`

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use efficientnet_search::{
    CostKind, Evolution, EvolutionSummary, Outcome, Plan, Results, Strategy, Task, Trial, count_cost,
};

const PLAN: &str = r#"
name = "example"
baseline = "efficientnet-b0"
proxy = { recipe = "proxy", epochs = 1, seeds = [0] }
evolve = { population = 64, sample = 16, networks = 64, children = 64 }
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let networks = std::env::args().nth(1).map(|text| text.parse()).transpose()?.unwrap_or(10_000);
    let mut plan = Plan::parse(PLAN, "example", Path::new(""))?;
    if let Task::Evolve(task) = &mut plan.task {
        task.networks = networks;
    }
    let mut cost = count_cost(CostKind::Macs);
    let search = Evolution::new(&plan, &mut cost)?;
    let mut results = Results::new();
    while let Some(round) = search.round(&results)? {
        results.extend(round.trials.iter().map(|trial| (trial.id, made_up(trial))));
    }
    println!("{networks} networks of each search, {} different ones", results.len());

    let mut cost = count_cost(CostKind::Macs);
    let fresh = Evolution::new(&plan, &mut cost)?;
    for (search, which) in [(&fresh, "after a start"), (&search, "before any other round")] {
        let start = Instant::now();
        search.round(&results)?;
        println!("{:.3} s {which}", start.elapsed().as_secs_f64());
    }
    let start = Instant::now();
    let summary = EvolutionSummary::of(&search, &results)?.ok_or("there is nothing to sum up")?;
    println!("{:.3} s for the summary", start.elapsed().as_secs_f64());
    for arm in summary.arms {
        println!("{}: {:.4} after {} networks", arm.name, arm.best.reward, arm.best_at);
    }
    Ok(())
}

/// Depth and kernels help, the more the later.
fn made_up(trial: &Trial) -> Outcome {
    let stages = trial.candidate.spec.stages.iter().enumerate();
    let merits = stages.map(|(index, stage)| (stage.args.repeats * stage.args.kernel * (index + 1)) as u64);
    Outcome::Measured { images: 1000, correct: (300 + merits.sum::<u64>()).min(1000), loss: 1.0 }
}
