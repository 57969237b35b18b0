//! Searches over networks: what the paper did by hand, as a plan that runs, survives a kill, and grows past one machine.
//!
//! A [`Plan`] says which networks are compared, how each is trained (a proxy: a short recipe, several seeds), and by what
//! they are judged. Its [`Strategy`] turns what is known so far into the next [`Trial`]s, purely: the same results give the
//! same trials, so a search that was killed, or ran as several shards, comes to the same end. A study keeps a journal
//! with one line a trial; a [`Runner`], which this crate only knows as a trait, trains them.
//!
//! Nothing here touches a tensor.

pub mod analysis;
mod candidate;
mod evolve;
mod front;
mod journal;
pub mod latency;
mod lineup;
mod plan;
pub mod report;
mod runner;
mod strategy;
mod study;
mod trial;

pub use candidate::{Candidate, NetworkKey};
pub use evolve::{
    ArmSummary, BlockSpace, Comparison, Entry, Evolution, EvolutionSummary, EvolveError, FrontMember, Genome,
    History, Later, Objective, Scored,
};
pub use front::{Tradeoff, hypervolume, pareto_front};
pub use journal::{Row, Time};
pub use lineup::{CostOf, GridPoint, Lineup, Member, Stretch, count_cost};
pub use plan::{
    Arm, Coefficients, Compare, CostKind, Evolve, Factors, Plan, PlanError, Proxy, RuleName, Space,
    Strategies, Task,
};
pub use runner::{Measured, RunError, Runner};
pub use strategy::{Full, Halving, Results, Round, Strategy};
pub use study::{Ended, Progress, Record, Shard, Study, StudyError};
pub use trial::{Outcome, Trial, TrialId};
