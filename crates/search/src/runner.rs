//! Who trains the trials: known here only by this trait, so that searches are tested without a tensor.

use std::sync::atomic::AtomicBool;

use crate::Trial;

/// What a trial came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Images that it was measured on.
    pub images: u64,
    /// How many of these it named rightly.
    pub correct: u64,
    /// Mean cross entropy on them, in nats.
    pub loss: f64,
    /// Time in training steps and measuring alone, in seconds: what is left of a trial's time is the search's own.
    pub seconds: f64,
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunError {
    /// This trial cannot be had, for example because its loss was no number any more: goes to the journal, the search goes on.
    Failed(String),
    /// Somebody asked to stop; what was done of the trial may be gone on with.
    Stopped,
    /// No trial can be had, for example because the disk is full: ends the search, nothing goes to the journal.
    Fatal(String),
}

/// Trains and measures networks.
pub trait Runner {
    /// Trains a trial and measures it on the validation images. `stop` is set from outside to stop at the next update;
    /// `progress` is told the share that is done, 0 to 1, now and then.
    ///
    /// # Errors
    /// [`RunError`].
    fn run(
        &mut self,
        trial: &Trial,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Measured, RunError>;
}
