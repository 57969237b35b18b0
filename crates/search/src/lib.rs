//! Searches over networks: what the paper did by hand, as a plan that runs, survives a kill, and grows past one machine.
//!
//! A [`Plan`] says which networks are compared, how each is trained (a proxy: a short recipe, several seeds), and by what
//! they are judged. Its [`Strategy`] turns what is known so far into the next [`Trial`]s, purely: the same results give the
//! same trials, so a search that was killed, or ran as several shards, comes to the same end. A study keeps a journal
//! with one line a trial; a [`Runner`], which this crate only knows as a trait, trains them.
//!
//! Nothing here touches a tensor.

mod candidate;
mod journal;
pub mod latency;
mod lineup;
mod plan;
mod runner;
mod strategy;
mod trial;

pub use candidate::{Candidate, NetworkKey};
pub use journal::{Row, Time};
pub use lineup::{GridPoint, Lineup, Member, Stretch};
pub use plan::{
    Arm, Coefficients, Compare, CostKind, Evolve, Factors, Plan, Proxy, RuleName, Space, Strategies, Task,
};
pub use runner::{Measured, RunError, Runner};
pub use strategy::{Results, Round, Strategy};
pub use trial::{Outcome, Trial, TrialId};
