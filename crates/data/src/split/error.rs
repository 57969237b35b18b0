//! What can be wrong with splits.

use std::io;
use std::path::PathBuf;

/// Why a split is not made, written or read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// Nothing or everything held out.
    #[error("a fraction of {fraction} cannot be held out; give one between 0 and 1, such as 0.05")]
    Fraction {
        /// What was asked for.
        fraction: f64,
    },
    /// Too few or too many folds.
    #[error("there cannot be {folds} folds of these samples; give a number from 2 to {most}")]
    Folds {
        /// What was asked for.
        folds: usize,
        /// The most that are possible.
        most: usize,
    },
    /// None of every class.
    #[error("0 samples of every class are no part; give 1 or more")]
    PerClass,
    /// More samples than 32 bits can count.
    #[error("a source of {samples} samples is too large for a split; at most {max} are possible", max = u32::MAX)]
    TooLarge {
        /// How many there are.
        samples: usize,
    },
    /// A part that the split does not have.
    #[error("the split has no part `{part}`; it has {parts}")]
    NoPart {
        /// What was asked for.
        part: String,
        /// All parts.
        parts: String,
    },
    /// A part without samples.
    #[error("the part `{part}` of the split is empty; split a source with more samples, or by other numbers")]
    EmptyPart {
        /// The part.
        part: String,
    },
    /// The file could not be read as text.
    #[error("{path} cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be written.
    #[error("{path} cannot be written: {source}; check the folder and its permissions", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its first line is not that of a split.
    #[error("{path} is not a split, its first line does not say what made it; make the split again", path = path.display())]
    NotASplit {
        /// The file.
        path: PathBuf,
    },
    /// A line that cannot be used.
    #[error("{path}: line {line} {problem}; make the split again", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Fewer or more lines than samples.
    #[error("{path} has {found} samples, but was written with {expected}; make the split again", path = path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// Lines in the file.
        found: usize,
        /// What the first line says.
        expected: usize,
    },
    /// Not one key in common.
    #[error(
        "{path} was made from another source: it begins with `{key}`, and this source has none of its {samples} samples; \
         give the source that it belongs to",
        path = path.display()
    )]
    OtherSource {
        /// The file.
        path: PathBuf,
        /// Its first sample.
        key: String,
        /// How many it has.
        samples: usize,
    },
    /// Samples that are gone.
    #[error(
        "{path}: the source lacks `{key}` of line {line}{others}; bring the samples back, or make the split again",
        path = path.display(),
        others = and_others(*count)
    )]
    Lacking {
        /// The file.
        path: PathBuf,
        /// The first line with such a sample, from 1.
        line: usize,
        /// The sample.
        key: String,
        /// How many there are.
        count: usize,
    },
    /// Samples that have been added.
    #[error(
        "{path} does not know the source's `{key}`{others}; take the samples out, or make the split again",
        path = path.display(),
        others = and_others(*count)
    )]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The first such sample by key.
        key: String,
        /// How many there are.
        count: usize,
    },
    /// The keys are right, but not as the first line says.
    #[error("{path} has been changed by hand: its first line belongs to other samples; make the split again", path = path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

fn and_others(count: usize) -> String {
    match count {
        1 => String::new(),
        2 => " and 1 other sample".to_string(),
        count => format!(" and {} other samples", count - 1),
    }
}
