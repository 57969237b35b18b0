//! What can be wrong with a recipe: one sentence that says where, which key, and what would be right.

use std::fmt;

pub use crate::document::Place;

/// Why there is no recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The file could not be read.
    #[error("{path} cannot be read as a recipe: {reason}")]
    Read {
        /// The file.
        path: String,
        /// What the system said, or what is wrong with the file as a whole.
        reason: String,
    },
    /// No committed recipe is called so.
    #[error("no recipe is called `{name}`; {}", suggestion(.nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Names that are spelled alike, nearest first.
        nearest: Vec<String>,
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
        /// The file, the setting or the recipe's name.
        origin: String,
        /// Where in the file; `None` where there is none or where the key is missing.
        place: Option<Place>,
        /// The key with its table: `schedule.rate`.
        key: String,
        /// What is wrong with it, and what would be right.
        message: String,
    },
}

/// What is wrong with a key, before it is known where that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub key: String,
    pub message: String,
}

impl Problem {
    /// `what` is the sentence behind the key's name.
    pub fn new(key: &str, what: impl fmt::Display) -> Self {
        Self { key: key.to_string(), message: format!("`{key}` {what}") }
    }

    /// The problem of a recipe that stands in no text.
    pub fn of(self, origin: impl Into<String>) -> RecipeError {
        self.at(origin, None)
    }

    pub fn at(self, origin: impl Into<String>, place: Option<Place>) -> RecipeError {
        RecipeError::Key { origin: origin.into(), place, key: self.key, message: self.message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

fn at(place: &Option<Place>) -> String {
    place.map_or(String::new(), |place| format!(", {place}"))
}

fn suggestion(nearest: &[String]) -> String {
    match nearest {
        [] => "give the path of a file, or the name of a committed one".to_string(),
        names => format!("did you mean {}?", names.join(", ")),
    }
}
