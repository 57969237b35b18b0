//! What a training step needs of a CPU: convolutions with both gradients, batch normalisation with its activation, and
//! optimisers, in f32.
//!
//! Unlike a [`Plan`](crate::Plan), these functions are called one by one by a library that differentiates, and on its
//! tensors: slices of f32, `[batch, channels, height, width]`, without gaps. What they have in common:
//!
//! - Outputs are written, never added to; what was in them does not matter.
//! - They share rayon's global pool, because Burn's `flex` backend, which computes the rest of a step, does too: a pool of
//!   our own would run beside it and two threads would fight for each core. `RAYON_NUM_THREADS` or a pool that the caller
//!   has installed decides the number of threads.
//! - Work is cut by shape alone, so that no result depends, in any bit, on the number of threads.
//! - The instruction set is the one that `EFFICIENTNET_ISA` names, or the fastest; see [`isa`] and
//!   [`with_isa`].
//!
//! # Panics
//! A slice of a wrong length is a mistake of the program that calls, not of its user: every function panics and says which
//! slice it was.

mod activation;
mod convolution;
mod dense;
mod depthwise;
mod elementwise;
mod norm;
mod optimise;
mod run;
mod vector;

pub use convolution::Convolution;
pub use elementwise::{
    mean_pool_backward, mean_pool_forward, plane_products, scale_and_shift_channels, scale_channels_backward,
    scale_channels_forward, silu_backward, silu_forward,
};
pub use norm::NormAct;
pub use optimise::{AdamW, RmspropTf, Sgd, lerp};
pub use run::{isa, with_isa};

/// # Panics
/// If a slice has not the length that its shape asks for.
#[track_caller]
fn check(what: &str, found: usize, expected: usize) {
    assert!(found == expected, "{what} has {found} numbers, not {expected}");
}
