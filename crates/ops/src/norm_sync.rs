//! Batch normalisation over the batch of several processes (synchronised batch normalisation; Peng et al., MegDet, CVPR
//! 2018).
//!
//! A trainer of several processes gives a function that adds a vector up over all of them. From then on each normalisation
//! in training calls it twice: in the forward pass with `[count, sums.., sums of squares..]` (`2 channels + 1`
//! numbers), in the backward pass with the two sums of gradients (`2 channels`). Every process has to run the same layers in
//! the same order. Gradients of `gamma` and `beta` stay those of the process, as of all other parameters: who averages gradients does
//! so for all.

use std::sync::{Arc, RwLock};

/// Adds a vector up, element by element, over all processes, and leaves the sums in place.
pub type AllReduce = Arc<dyn Fn(&mut [f32]) + Send + Sync>;

static ALL_REDUCE: RwLock<Option<AllReduce>> = RwLock::new(None);

/// Sets the function for the whole process; `None` ends the synchronisation.
pub fn set(all_reduce: Option<AllReduce>) {
    *ALL_REDUCE.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = all_reduce;
}

/// Whether a function is set.
pub fn is_set() -> bool {
    get().is_some()
}

/// The function that is set.
pub(crate) fn get() -> Option<AllReduce> {
    ALL_REDUCE.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
}
