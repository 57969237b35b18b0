//! What can be wrong with a rule, a budget, a grid or a baseline's file.

use efficientnet_arch::ArchError;
use thiserror::Error;

/// A sentence for each thing that a caller can get wrong.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ScalingError {
    /// The network itself: its name, or a coefficient that no network can be built with.
    #[error(transparent)]
    Arch(#[from] ArchError),
    /// A number is not what it may be.
    #[error("{what} is {value}; it must be {expected}")]
    Number {
        /// Which number.
        what: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A rule's network cannot be built or counted at this phi.
    #[error("{base} at phi = {phi} cannot be had: {source}")]
    Unrealisable {
        /// The network that was scaled.
        base: String,
        /// How far.
        phi: f64,
        /// Which number leaves which range.
        source: ArchError,
    },
    /// No published line of networks has this name.
    #[error("no line of networks is called `{name}`; there are {}", .known.join(", "))]
    UnknownLine {
        /// What was asked for.
        name: String,
        /// All of them.
        known: Vec<String>,
    },
    /// No scaling rule has this name.
    #[error("no scaling rule is called `{0}`; there are compound, depth, width, resolution, fast")]
    UnknownRule(String),
    /// A budget is not written as a number and a unit.
    #[error("`{text}` is no budget: {reason}; write it like 1.8GMACs, 12Mparams, 40Mactivations or 64MiB")]
    BudgetSyntax {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A budget is neither that nor a time.
    #[error(
        "`{text}` is no budget: {reason}; write it like 1.8GMACs, 12Mparams, 40Mactivations, 64MiB or 20ms"
    )]
    LimitSyntax {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The network that scaling starts from already costs more.
    #[error("{budget} is less than {base} itself takes ({own}); {}", nearest_below(.nearest.as_ref()))]
    BudgetUnderBaseline {
        /// The budget.
        budget: String,
        /// The network that was to grow.
        base: String,
        /// What it costs unscaled.
        own: String,
        /// The largest phi below 0 that is within the budget, and what it costs.
        nearest: Option<(f64, String)>,
    },
    /// A rule by which nothing grows.
    #[error("alpha * beta^2 * gamma^2 is {0}; a network grows only by a rule where it is above 1")]
    NoGrowth(f64),
    /// A grid without a point.
    #[error(
        "no point of the grid has alpha * beta^2 * gamma^2 within {tolerance} of {target}; the nearest is \
         alpha = {}, beta = {}, gamma = {} with {product:.4}: take a tolerance of {} or a smaller step",
        .nearest[0], .nearest[1], .nearest[2], round_up((product - target).abs())
    )]
    EmptyGrid {
        /// What the product should be.
        target: f64,
        /// How far it may be from that.
        tolerance: f64,
        /// alpha, beta, gamma of the point that comes nearest.
        nearest: [f64; 3],
        /// Its product.
        product: f64,
    },
    /// A grid that would not end.
    #[error("the grid has {points} candidates, more than {limit}; take a larger step")]
    GridTooLarge {
        /// Candidates of alpha, beta and gamma together.
        points: u128,
        /// How many may be looked at.
        limit: u128,
    },
    /// Rows that are not flat.
    #[error("the rows have no CSV form: {0}")]
    Csv(String),
    /// A baseline's file cannot be read.
    #[error("{path} cannot be read: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A baseline's file does not describe one.
    #[error("{path}: {reason}")]
    BaselineFile {
        /// The file.
        path: String,
        /// Which key, which line, what is expected.
        reason: String,
    },
}

fn nearest_below(nearest: Option<&(f64, String)>) -> String {
    match nearest {
        Some((phi, cost)) => {
            format!("the nearest within it is phi = {phi} with {cost}")
        }
        None => "and no phi below 0 comes under it, so raise the budget".to_string(),
    }
}

/// To three digits behind the point, so that the tolerance offered suffices; |1.9 - 2| is 0.1 and not a hair more.
fn round_up(number: f64) -> f64 {
    (number * 1e3 - 1e-6).ceil() / 1e3
}
