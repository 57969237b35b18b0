//! The one error of this program: a sentence for the reader and the exit code that goes with it.
//!
//! Nothing here is caught and mended by a caller, so an enum of causes would have one arm per message. What matters is
//! who has to act: the user (exit 2) or nobody in particular (exit 1).

use std::fmt;

/// Why a command stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What went wrong and what to do about it, in one sentence.
    pub message: String,
    /// The exit code: 2 for the user's mistake, 1 for a failure, 130 after Ctrl-C.
    pub code: u8,
}

/// What every fallible function here returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The user asked for something that cannot be had as asked.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// Something that should have worked did not.
    pub fn failure(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// Ctrl-C.
    pub fn interrupted() -> Self {
        Self { message: "interrupted".to_string(), code: 130 }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Adds what was being done to an error of the system.
pub trait Context<T> {
    /// Turns any error into a failure that reads `DOING: CAUSE`.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::failure(format!("{}: {cause}", what())))
    }
}
