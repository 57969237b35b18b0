//! The networks that a plan is about, and what each stands for in it.

mod arm;
mod grid;

use std::collections::HashMap;
use std::sync::Arc;

use efficientnet_arch::{ArchSpec, Coefficients, Totals};
use efficientnet_scaling::{CompoundRule, PixelRounding};
use serde::Serialize;

use crate::plan::Problem;
use crate::{Candidate, CostKind, Factors, NetworkKey, Plan, PlanError, Task};

/// What a network costs by the plan's measure.
pub type CostOf<'a> = &'a mut dyn FnMut(&ArchSpec, &Totals) -> Result<f64, String>;

/// All networks of a plan that can be said before anything is trained, each once.
#[derive(Debug, Clone, Default)]
pub struct Lineup {
    /// In the order in which the plan comes to them.
    pub candidates: Vec<Arc<Candidate>>,
    /// For `compare`: what stands on each line.
    pub arms: Vec<Stretch>,
    /// For `coefficients`: what each point of the grid is.
    pub points: Vec<GridPoint>,
}

/// A line of networks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stretch {
    /// As the plan calls it.
    pub name: String,
    /// Its networks, cheapest first.
    pub members: Vec<Member>,
}

/// A network's place on a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Member {
    /// Which network.
    pub network: NetworkKey,
    /// How far along the line's rule; none where it was given by its factors.
    pub phi: Option<f64>,
    /// Depth, width and resolution over the baseline's.
    pub factors: Factors,
    /// By how much its cost exceeds that of the line's start.
    pub cost_ratio: f64,
}

/// A point of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GridPoint {
    /// alpha, beta and gamma.
    pub rule: CompoundRule,
    /// Where on its line the network stands: 1, unless the plan wants all at one cost.
    pub phi: f64,
    /// The network that it realises; several points may have the same.
    pub network: NetworkKey,
    /// By how much its cost exceeds the baseline's.
    pub cost_ratio: f64,
}

/// The cost for plans that count: multiply-adds, parameters or activations. A latency is nothing that can be counted: asked for
/// it, there is a sentence instead.
pub fn count_cost(kind: CostKind) -> impl FnMut(&ArchSpec, &Totals) -> Result<f64, String> {
    move |_, totals| match kind {
        CostKind::Macs => Ok(totals.macs as f64),
        CostKind::Params => Ok(totals.params as f64),
        CostKind::Activations => Ok(totals.activations as f64),
        CostKind::Latency => {
            Err("a latency cannot be counted; it is predicted from measured networks".to_string())
        }
    }
}

impl Plan {
    /// The networks that the plan is about, each once, with what `cost` says that they cost. Those of an evolution are not
    /// known beforehand, but for the baseline.
    ///
    /// Networks of a comparison's line are looked for among all that its rule goes through near the wanted cost; of these the
    /// one whose cost is nearest as a ratio counts. A grid's points are counted once for each network that they realise.
    ///
    /// # Errors
    /// [`PlanError::Key`] where a network cannot be built or counted, a grid has no point, or no cost can be had.
    pub fn lineup(&self, cost: CostOf<'_>) -> Result<Lineup, PlanError> {
        let mut gathering = Gathering::new(self.pixels(), cost);
        let (mut arms, mut points) = (Vec::new(), Vec::new());
        let problem = |problem: Problem| problem.of(&self.name);
        match &self.task {
            Task::Compare(compare) => {
                for (index, (arm, base)) in compare.arm.iter().zip(self.arm_bases()).enumerate() {
                    arms.push(arm::stretch(arm, index, base, &mut gathering).map_err(problem)?);
                }
            }
            Task::Coefficients(task) => {
                points = grid::points(task, self.base(), &mut gathering).map_err(problem)?;
            }
            Task::Evolve(_) => {
                gathering.add(self.base().clone(), "baseline").map_err(problem)?;
            }
        }
        let candidates = gathering.candidates;
        self.check_sizes(&candidates)?;
        Ok(Lineup { candidates, arms, points })
    }

    /// How the input's side is rounded.
    pub fn pixels(&self) -> PixelRounding {
        if self.multiple <= 1 { PixelRounding::Nearest } else { PixelRounding::Multiple(self.multiple) }
    }

    /// That every network's pictures can be had.
    fn check_sizes(&self, candidates: &[Arc<Candidate>]) -> Result<(), PlanError> {
        let mut sizes: Vec<usize> = candidates.iter().map(|candidate| candidate.spec.resolution()).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes.into_iter().try_for_each(|size| self.recipe_for(size).map(drop))
    }
}

/// Networks as they are come to, each once.
struct Gathering<'a> {
    pixels: PixelRounding,
    cost: CostOf<'a>,
    candidates: Vec<Arc<Candidate>>,
    places: HashMap<NetworkKey, usize>,
}

impl<'a> Gathering<'a> {
    fn new(pixels: PixelRounding, cost: CostOf<'a>) -> Self {
        Self { pixels, cost, candidates: Vec::new(), places: HashMap::new() }
    }

    /// Counts a network and takes it in, unless it is known; `key` is what the plan says it by.
    fn add(&mut self, spec: ArchSpec, key: &str) -> Result<(NetworkKey, f64), Problem> {
        let network = NetworkKey::of(&spec);
        if let Some(known) = self.places.get(&network).and_then(|place| self.candidates.get(*place)) {
            return Ok((network, known.cost));
        }
        let totals = spec.totals().map_err(|error| unrealisable(key, error))?;
        let cost = self.cost(&spec, &totals, key)?;
        self.places.insert(network, self.candidates.len());
        self.candidates.push(Arc::new(Candidate { spec: named(spec), totals, cost }));
        Ok((network, cost))
    }

    fn cost(&mut self, spec: &ArchSpec, totals: &Totals, key: &str) -> Result<f64, Problem> {
        let cost = (self.cost)(spec, totals);
        let cost =
            cost.map_err(|reason| Problem::new(key, format!("has a network without a cost: {reason}")))?;
        if cost > 0.0 && cost.is_finite() {
            return Ok(cost);
        }
        Err(Problem::new(
            key,
            format!("has a network whose cost is {cost}; a cost is a finite number above 0"),
        ))
    }
}

fn unrealisable(key: &str, error: impl std::fmt::Display) -> Problem {
    Problem::new(key, format!("asks for a network that cannot be had: {error}"))
}

/// The network called by what it is: design, depth, width and pixels.
fn named(spec: ArchSpec) -> ArchSpec {
    let Coefficients { width, depth, resolution } = spec.coefficients;
    let name = format!("{} d{depth:.2} w{width:.2} r{resolution}", spec.baseline.name);
    ArchSpec { name, ..spec }
}
