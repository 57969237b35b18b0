//! Reports of made-up searches, to look at: `cargo run -p efficientnet-search --example reports -- [FOLDER]`.
//!
//! The networks and their costs are real; how good they are is a formula with noise.

use std::path::{Path, PathBuf};
use std::{env, error, fs};

use efficientnet_data::{Purpose, Random};
use efficientnet_search::analysis::Material;
use efficientnet_search::report::{Source, write_files};
use efficientnet_search::{
    Evolution, EvolutionSummary, Outcome, Plan, Results, Row, Strategy, Task, Time, Trial, count_cost,
};

const HEAD: &str = r#"
baseline = "efficientnet-b0"
[proxy]
recipe = "proxy"
transform = "resize({size}, bilinear) | random_crop({size}) | flip(0.5) | normalize(imagenet)"
eval_transform = "resize({size}, bilinear) | center_crop({size}) | normalize(imagenet)"
epochs = 9
seeds = [0, 1, 2]
"#;

const COMPARE: &str = r#"
[compare]
paper = "figure-8"
arm = [
    { name = "compound", rule = "compound", cost = [2, 4, 8] },
    { name = "depth", rule = "depth", cost = [2, 4, 8] },
    { name = "width", rule = "width", cost = [2, 4, 8] },
    { name = "resolution", rule = "resolution", cost = [2, 4, 8] },
    { name = "fast", rule = "fast", cost = [2, 4, 8] },
]
"#;

const SEARCHES: [(&str, &str, &str); 5] = [
    ("compare", "Is compound scaling better than scaling one dimension, at equal cost?", COMPARE),
    ("deeper", "Where does depth alone saturate?", DEPTH),
    ("coefficients", "Which alpha, beta and gamma are best?", "[coefficients]\nat_cost = 2.0\n"),
    ("halving", "The same, for less.", HALVING),
    ("evolve", "Is there a better baseline?", "[evolve]\npopulation = 12\nsample = 4\nnetworks = 60\n"),
];

const DEPTH: &str = r#"
[compare]
paper = "figure-3-depth"
arm = [{ name = "depth", rule = "depth", factors = [{ depth = 2 }, { depth = 3 }, { depth = 4 }, { depth = 6 }, { depth = 8 }] }]
"#;

const HALVING: &str =
    "[coefficients]\nat_cost = 2.0\nstrategy = { kind = \"halving\", eta = 3, min_epochs = 1 }\n";

fn main() -> Result<(), Box<dyn error::Error>> {
    let folder = PathBuf::from(env::args().nth(1).unwrap_or_else(|| "reports".to_string()));
    for (name, about, task) in SEARCHES {
        let text = format!("name = \"{name}\"\nabout = \"{about}\"\n{HEAD}{task}");
        let plan = Plan::parse(&text, name, Path::new("."))?;
        println!("{}", search(&plan, &folder.join(name))?.display());
    }
    Ok(())
}

/// Runs a plan with the formula in place of training.
fn search(plan: &Plan, folder: &Path) -> Result<PathBuf, Box<dyn error::Error>> {
    let mut cost = count_cost(plan.cost);
    let lineup = plan.lineup(&mut cost)?;
    let mut evolution_cost = count_cost(plan.cost);
    let evolution = match plan.task {
        Task::Evolve(_) => Some(Evolution::new(plan, &mut evolution_cost)?),
        _ => None,
    };
    let fixed = plan.strategy(&lineup);
    let strategy: &dyn Strategy = match (&evolution, &fixed) {
        (Some(evolution), _) => evolution,
        (None, Some(strategy)) => &**strategy,
        (None, None) => return Err("the plan has no strategy".into()),
    };
    let (mut results, mut rows, mut times) = (Results::new(), Vec::new(), Vec::new());
    while let Some(round) = strategy.round(&results)? {
        for trial in round.trials {
            if results.contains_key(&trial.id) {
                continue;
            }
            let row = tried(&trial);
            results.insert(trial.id, row.outcome.clone());
            let seconds = row.macs as f64 * trial.id.epochs as f64 / 3e7;
            times.push(Time { trial: trial.id, seconds: seconds * 1.004, training_seconds: seconds });
            rows.push(row);
        }
    }
    let summary =
        evolution.as_ref().map(|search| EvolutionSummary::of(search, &results)).transpose()?.flatten();
    let material =
        Material { plan, lineup: &lineup, rows: &rows, times: &times, evolution: summary.as_ref() };
    let environment = [("processor", "an example"), ("backend", "a formula with noise")];
    let environment = environment.map(|(name, value)| (name.to_string(), value.to_string()));
    let plan_text = plan.to_toml()?;
    let source = Source { material, plan_text: &plan_text, environment: &environment, planned: None };
    fs::create_dir_all(folder)?;
    Ok(write_files(folder, &source)?.page)
}

/// Larger networks are better, balanced ones a little more, and one trial in two hundred fails.
fn tried(trial: &Trial) -> Row {
    let (spec, totals) = (&trial.candidate.spec, trial.candidate.totals);
    let mut random = Random::new(trial.id.seed, trial.id.epochs, totals.macs, Purpose::Picture);
    let c = spec.coefficients;
    let size = (totals.macs as f64 / 385e6).log2();
    let uneven = (c.depth.ln() - c.width.ln() * 2.0).abs()
        + (c.depth.ln() - 2.0 * (c.resolution as f64 / 224.0).ln()).abs();
    let noise = (0..4).map(|_| random.between(-0.006, 0.006)).sum::<f64>();
    let top1 = 0.62 + 0.025 * size - 0.012 * uneven - 0.15 / trial.id.epochs as f64 + noise;
    let outcome = match random.chance(0.005) {
        true => Outcome::Failed { reason: "the loss was no number any more at step 120".into() },
        false => Outcome::Measured { images: 2000, correct: (2000.0 * top1) as u64, loss: 2.0 - top1 },
    };
    Row {
        trial: trial.id,
        name: format!("{} d{:.2} w{:.2} r{}", spec.baseline.name, c.depth, c.width, c.resolution),
        depth: c.depth,
        width: c.width,
        resolution: c.resolution,
        blocks: None,
        macs: totals.macs,
        params: totals.params,
        activations: totals.activations,
        cost: trial.candidate.cost,
        outcome,
    }
}
