//! From a journal to numbers: who is better than whom, by how much, and how sure one may be.
//!
//! Every number here comes from the rows of a journal and nothing else, so the same journal gives the same analysis. The
//! uncertainty of a network's top-1 is taken from its seeds. Few seeds tell little of a single network's spread, so the
//! spread is pooled over all networks that were trained for as many epochs: it is taken to be the same for all of them.
//! The images that networks are measured on are the same for all, so the error that comes from having so few images is
//! shared, cancels in differences for the most part, and is shown apart.

mod clock;
mod coefficients;
mod compare;
mod numbers;
mod surface;
mod trained;

use serde::Serialize;

pub use clock::Clock;
pub use coefficients::{Cell, Landscape, Place, Quantiles, Slope, Winner};
pub use compare::{Comparison, Difference, Gain, Line, Stop, Verdict};
pub use numbers::{F_LEVEL, Fit, Interval, f_tail, least_squares, t_quantile};
pub use surface::{Surface, shares};
pub use trained::{Failure, Noise, SeedResult, Trained};

use crate::{EvolutionSummary, Lineup, Plan, Row, Task, Time, Tradeoff, hypervolume, pareto_front};

/// What is analysed.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its networks.
    pub lineup: &'a Lineup,
    /// The trials that have ended, from all shards.
    pub rows: &'a [Row],
    /// What clocks say of them.
    pub times: &'a [Time],
    /// What an evolution came to, for `evolve`.
    pub evolution: Option<&'a EvolutionSummary>,
}

/// What a journal says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// Every network and number of epochs that it was trained for, in the order of the journal.
    pub trained: Vec<Trained>,
    /// The spread between seeds, for each number of epochs.
    pub noise: Vec<Noise>,
    /// Trials that came to nothing.
    pub failures: Vec<Failure>,
    /// The networks that no other beats in cost and top-1, as places in `trained`, cheapest first; of those that were
    /// trained for most epochs, since others do not compare.
    pub front: Vec<usize>,
    /// The area that these dominate.
    pub hypervolume: Option<Hypervolume>,
    /// Lines beside each other, for `compare`.
    pub comparison: Option<Comparison>,
    /// alpha, beta and gamma, for `coefficients`.
    pub landscape: Option<Landscape>,
    /// Evolution and random search, for `evolve`.
    pub evolution: Option<EvolutionSummary>,
    /// What clocks say.
    pub clock: Clock,
}

/// The area that a front dominates, with the cost on a logarithmic axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Hypervolume {
    /// Doublings of the cost times share of the images.
    pub area: f64,
    /// Where it ends: this cost.
    pub reference_cost: f64,
    /// Where it begins: this top-1.
    pub reference_top1: f64,
}

impl Analysis {
    /// What `material` says. An empty journal gives an empty analysis.
    pub fn of(material: &Material<'_>) -> Self {
        let (trained, noise, failures) = trained::trained(material.rows);
        let epochs = trained.iter().map(|network| network.epochs).max();
        let longest: Vec<usize> = (0..trained.len()).filter(|i| Some(trained[*i].epochs) == epochs).collect();
        let points: Vec<Tradeoff> = longest.iter().map(|index| trained[*index].tradeoff()).collect();
        let front: Vec<usize> = pareto_front(&points).into_iter().map(|place| longest[place]).collect();
        let comparison = match &material.plan.task {
            Task::Compare(plan) => Some(compare::compare(plan, material.lineup, &trained)),
            _ => None,
        };
        let landscape = match &material.plan.task {
            Task::Coefficients(plan) => coefficients::landscape(plan, material.lineup, &trained, &noise),
            _ => None,
        };
        Self {
            hypervolume: dominated(&points),
            clock: Clock::of(material.times),
            trained,
            noise,
            failures,
            front,
            comparison,
            landscape,
            evolution: material.evolution.cloned(),
        }
    }

    /// The noise of trials of so many epochs.
    pub fn noise_of(&self, epochs: u64) -> Option<&Noise> {
        self.noise.iter().find(|noise| noise.epochs == epochs)
    }
}

/// The reference is 1.1 times the greatest cost, and no image named rightly.
fn dominated(points: &[Tradeoff]) -> Option<Hypervolume> {
    let greatest = points.iter().map(|point| point.cost).filter(|cost| *cost > 0.0).reduce(f64::max)?;
    let reference = Tradeoff { cost: (greatest * 1.1).log2(), top1: 0.0 };
    let in_doublings: Vec<Tradeoff> =
        points.iter().map(|point| Tradeoff { cost: point.cost.log2(), top1: point.top1 }).collect();
    Some(Hypervolume {
        area: hypervolume(&in_doublings, reference),
        reference_cost: greatest * 1.1,
        reference_top1: 0.0,
    })
}

#[cfg(test)]
pub(crate) mod tests;
