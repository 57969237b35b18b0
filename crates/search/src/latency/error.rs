//! Why there is no latency.

use std::path::PathBuf;

use thiserror::Error;

/// A sentence for each thing that can go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LatencyError {
    /// The table's file cannot be read or written.
    #[error("{} cannot be {action}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried, as a participle: `read`, `written`, `locked`.
        action: &'static str,
        /// What the system says.
        reason: String,
    },
    /// The file is no table.
    #[error("{} is no table of latencies ({reason}); name another file, or remove it to measure anew", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// The table is of another version of the program.
    #[error(
        "{} is a table of latencies of format {theirs}, and this program has {ours}; name another file, or remove it to \
         measure anew", .path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The table's.
        theirs: u32,
        /// The program's.
        ours: u32,
    },
    /// The table answers another question.
    #[error("{} was measured with {what} {theirs}, not {ours}; name another file", .path.display())]
    OtherQuestion {
        /// The file.
        path: PathBuf,
        /// Which setting.
        what: &'static str,
        /// The table's.
        theirs: String,
        /// What was asked for.
        ours: String,
    },
    /// The table is of another machine, and lacks something.
    #[error(
        "{} was measured on another machine ({theirs}; here: {ours}) and lacks {missing}; measure that there, or \
         name another file", .path.display()
    )]
    OtherMachine {
        /// The file.
        path: PathBuf,
        /// The table's machine.
        theirs: String,
        /// This one.
        ours: String,
        /// A network that would have to be measured.
        missing: String,
    },
    /// Something was never measured, and nobody is there to measure it; or nothing was measured at all.
    #[error("the table of latencies lacks {0}; measure with `efficientnet scale latency`")]
    Missing(String),
    /// Measuring failed.
    #[error("{0}")]
    Clock(String),
    /// The clock gave something that is no time.
    #[error("{what} was measured as {milliseconds} ms; times must be finite and above 0, so measure again")]
    NoTime {
        /// A network.
        what: String,
        /// What the clock said.
        milliseconds: String,
    },
}
