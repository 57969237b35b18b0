//! From what a network said about each image to how good it is.
//!
//! An [`Outcome`] is one image's result and a [`Tally`] is many of them. A tally holds whole numbers only (sums of real
//! numbers are kept as fixed-point integers), so that adding is exact and its order is of no consequence: the tallies of
//! any number of ranks, in any order, merge into the tally of one.

mod calibration;
mod class;
mod outcome;
mod tally;

pub use calibration::{BinMeasures, Calibration, adaptive_calibration_error};
pub use class::{ClassMeasures, Confusion};
pub use outcome::{Outcome, TOP, worst};
pub use tally::{BINS, Measures, ScoreError, Tally};
