//! What can be wrong with a name, a block string or a set of coefficients.

use thiserror::Error;

/// A sentence for each thing that a caller can get wrong.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ArchError {
    /// No network has this name; the nearest names are offered.
    #[error("no network is called `{name}`; {}", suggestion(.nearest))]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// Up to three names that are spelled alike, nearest first.
        nearest: Vec<String>,
    },
    /// A block string does not follow the grammar of the official code.
    #[error("block string `{string}`: {reason}")]
    BlockString {
        /// The whole string.
        string: String,
        /// Which token is wrong and what is expected in its place.
        reason: String,
    },
    /// A coefficient or a size lies outside what a network can be built with.
    #[error("{what} is {value}; it must lie in {range}")]
    OutOfRange {
        /// Which quantity.
        what: &'static str,
        /// The value that was given.
        value: String,
        /// What is allowed.
        range: &'static str,
    },
    /// A count of the network does not fit 64 bits.
    #[error("{name} is too large: its counts do not fit 64 bits; scale it less")]
    TooLarge {
        /// The network's name.
        name: String,
    },
}

fn suggestion(nearest: &[String]) -> String {
    match nearest {
        [] => "`efficientnet models` lists them all".to_string(),
        names => format!("did you mean {}? (`efficientnet models` lists them all)", names.join(", ")),
    }
}
