//! What can be wrong with a plan: one sentence that says where, which key, and what would be right.

use std::fmt;

use efficientnet_runs::document::Place;

/// Why there is no plan, or no network of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The file could not be read.
    #[error("{path} cannot be read as a plan: {reason}")]
    Read {
        /// The file.
        path: String,
        /// What the system said, or what is wrong with the file as a whole.
        reason: String,
    },
    /// The text is no TOML.
    #[error("{origin}, {place}: this is no TOML ({reason})")]
    Syntax {
        /// The file.
        origin: String,
        /// Where the parser gave up.
        place: Place,
        /// What it said.
        reason: String,
    },
    /// A key is unknown, missing, of another type or of a value that cannot be.
    #[error("{origin}{}: {message}", at(.place))]
    Key {
        /// The file, or the plan's name.
        origin: String,
        /// Where in the file; `None` where there is none or where the key is missing.
        place: Option<Place>,
        /// The key with its tables: `compare.arm.phi`.
        key: String,
        /// What is wrong with it, and what would be right.
        message: String,
    },
}

/// What is wrong with a key, before it is known where that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// With its tables, and which of a list's: `compare.arm[0].phi`.
    pub key: String,
    /// The whole sentence.
    pub message: String,
}

impl Problem {
    /// `what` is the sentence behind the key's name.
    pub fn new(key: impl Into<String>, what: impl fmt::Display) -> Self {
        let key = key.into();
        let message = format!("`{}` {what}", plain_key(&key));
        Self { key, message }
    }

    /// The problem of a plan that stands in no text.
    pub fn of(self, origin: impl Into<String>) -> PlanError {
        self.at(origin, None)
    }

    pub fn at(self, origin: impl Into<String>, place: Option<Place>) -> PlanError {
        let Self { key, message } = self;
        PlanError::Key { origin: origin.into(), place, key: plain_key(&key), message }
    }
}

/// Without the places in lists.
pub(crate) fn plain_key(key: &str) -> String {
    let mut parts = key.split('[');
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |key, part| key + part.split_once(']').map_or("", |(_, rest)| rest))
}

fn at(place: &Option<Place>) -> String {
    place.map_or(String::new(), |place| format!(", {place}"))
}
