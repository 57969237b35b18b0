//! A plan over a tiny network, and a runner whose accuracy is a formula.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "a test fails where it stands; not every test needs everything"
)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use efficientnet_runs::folder::Environment;
use efficientnet_search::{
    Ended, Lineup, Measured, Plan, PlanError, Progress, RunError, Runner, Shard, Study, StudyError, Trial,
    count_cost,
};

pub const TINY: &str = r#"
name = "tiny"
resolution = 32
classes = 10
stem_filters = 8
head_filters = 32
blocks = ["r1_k3_s11_e1_i8_o8_se0.25", "r2_k3_s22_e2_i8_o16_se0.25", "r2_k3_s22_e2_i16_o24_se0.25"]
"#;

pub const PROXY: &str = r#"
[proxy]
recipe = "proxy"
transform = "squash({size}, bilinear) | flip(0.5) | normalize(imagenet)"
eval_transform = "squash({size}, bilinear) | normalize(imagenet)"
epochs = 9
seeds = [0, 1]
"#;

pub const COMPARE: &str = r#"
[[compare.arm]]
name = "compound"
rule = "compound"
cost = [2.0, 3.0]

[[compare.arm]]
name = "width"
rule = "width"
cost = [2.0, 3.0]
"#;

pub const GRID: &str = "[coefficients.grid]\nstep = 0.1\ntolerance = 0.1\n";

/// The text of a plan over `tiny.toml`.
pub fn text(task: &str) -> String {
    format!("name = \"test\"\nbaseline = \"tiny.toml\"\n{PROXY}\n{task}")
}

/// Reads a plan with `tiny.toml` beside it.
pub fn parse(text: &str) -> Result<Plan, PlanError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tiny.toml"), TINY).unwrap();
    Plan::parse(text, "plan.toml", dir.path())
}

pub fn plan(task: &str) -> Plan {
    parse(&text(task)).unwrap()
}

pub fn lineup(plan: &Plan) -> Lineup {
    plan.lineup(&mut count_cost(plan.cost)).unwrap()
}

/// What the runner does at a trial besides its formula.
pub type Whim = Box<dyn FnMut(&Trial, u64, &AtomicBool) -> Option<RunError>>;

/// Larger networks are better, wide ones a little more, longer training helps, seeds scatter.
pub struct Formula {
    pub ran: u64,
    pub whim: Whim,
}

impl Default for Formula {
    fn default() -> Self {
        Self { ran: 0, whim: Box::new(|_, _, _| None) }
    }
}

impl Formula {
    pub fn with(whim: impl FnMut(&Trial, u64, &AtomicBool) -> Option<RunError> + 'static) -> Self {
        Self { ran: 0, whim: Box::new(whim) }
    }
}

pub fn correct(trial: &Trial) -> u64 {
    let (candidate, id) = (&trial.candidate, trial.id);
    let width = candidate.spec.coefficients.width;
    let top1 = 0.1 * (candidate.totals.macs as f64).log10() - 0.2 / id.epochs as f64 + 0.05 * width.min(1.3);
    // Something that is another for each network.
    let scatter = (candidate.totals.macs % 97 + 31 * id.seed) % 101;
    (1000.0 * top1.clamp(0.0, 1.0)) as u64 + scatter / 4
}

impl Runner for Formula {
    fn run(
        &mut self,
        trial: &Trial,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Measured, RunError> {
        self.ran += 1;
        if let Some(error) = (self.whim)(trial, self.ran, stop) {
            return Err(error);
        }
        progress(0.5);
        Ok(Measured { images: 10_000, correct: correct(trial), loss: 1.0 / 3.0, seconds: 0.001 })
    }
}

pub fn open(plan: &Plan, dir: &Path, shard: Shard, resume: bool) -> Result<Study, StudyError> {
    Study::open(plan, dir, shard, resume, &Environment::of_this_machine("test"))
}

pub fn run(
    plan: &Plan,
    dir: &Path,
    shard: Shard,
    resume: bool,
    runner: &mut Formula,
) -> Result<Ended, StudyError> {
    let strategy = plan.strategy(&lineup(plan)).unwrap();
    let mut study = open(plan, dir, shard, resume)?;
    study.run(&*strategy, runner, &AtomicBool::new(false), &mut Progress::silent())
}

/// Runs the whole plan in a new folder and gives its journal.
pub fn whole(plan: &Plan, dir: &Path) -> String {
    let ended = run(plan, dir, Shard::WHOLE, false, &mut Formula::default()).unwrap();
    assert_eq!(ended, Ended::Complete);
    std::fs::read_to_string(dir.join("trials-1-of-1.jsonl")).unwrap()
}

pub fn stop_now(stop: &AtomicBool) {
    stop.store(true, Ordering::Relaxed);
}
