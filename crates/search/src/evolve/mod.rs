//! The baseline itself: the multi-objective search of the paper's section 4, by regularised evolution, with random search as
//! its control.
//!
//! - [`BlockSpace`]: what each stage may become, and networks as genomes.
//! - [`Objective`]: ACC(m) x (COST(m) / T)^w.
//! - [`Evolution`]: both searches as one strategy. It has no state: asked for a round, it goes through the whole history
//!   again from its seed and the results, so that a kill, a resume and shards come to the same networks.
//! - [`EvolutionSummary`]: what came of it, and how sure one may be.
//!
//! Evolution goes in rounds so that several networks can be trained side by side: all children of a round have their
//! parents from the population as it was at the round's start, then they join it and as many of the oldest die, whatever
//! they are worth (Real et al. 2019, Algorithm 1, which is the case of one child a round).
//!
//! Random search begins with the same first population, which was drawn at random, and draws on where evolution begins to
//! choose. So neither has the luckier start, what is compared is the choosing alone, and these networks are trained once.

mod choices;
mod error;
mod evolution;
mod history;
mod random;
mod resample;
mod reward;
mod space;
mod summary;

pub use error::EvolveError;
pub use evolution::Evolution;
pub use history::{Entry, History};
pub use resample::{Comparison, Later};
pub use reward::Objective;
pub use space::{BlockSpace, Genome};
pub use summary::{ArmSummary, EvolutionSummary, FrontMember, Scored};
