//! Convolutional networks on a CPU, with nothing left in them but arithmetic: whole networks for inference, single operations
//! with their gradients for training ([`training`]).
//!
//! For inference a network is told to a [`PlanBuilder`] operation by operation, convolutions with their normalisation folded in. The
//! [`Plan`] that comes out has its weights packed, its operations fused and its memory laid out; it runs any number of
//! images of any size, from any number of threads at once. It knows nothing of tensors libraries or of how networks are
//! described: it is slices of f32 in and out.
//!
//! How it is made, and how fast it is beside others: `docs/kernels.md`.

mod builder;
mod error;
mod isa;
mod kernel;
mod memory;
mod op;
mod pack;
mod plan;
mod profile;
mod roofline;
mod run;
mod shape;
mod simd;
mod steps;
mod stream;
mod team;
pub mod training;

pub use builder::{Options, PlanBuilder};
pub use error::PlanError;
pub use isa::Isa;
pub use op::{
    Activation, Conv, ImageLayout, Images, Map, MaxPool, Padding, Residual, ResidualOrder, SqueezeExcite,
    Value,
};
pub use plan::Plan;
pub use profile::{Profile, StepProfile, reachable_gflops};
pub use roofline::{BoundedStep, Ceilings, Limit, Reading, Roofline};
