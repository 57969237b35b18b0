//! What a training step repeats a hundred times, as operations of their own: convolution, batch normalisation with its
//! activation, squeeze-and-excitation, optimiser updates.
//!
//! Burn composes them from small operations, of which each writes a map and keeps what its gradient needs. Here each is one
//! [backend extension](TrainingOps) with its gradient written by hand, that keeps nothing but its input: on `flex` they
//! are the kernels of [`efficientnet_kernels::training`], elsewhere the same mathematics in Burn's operations. On `tch` a whole network
//! becomes one such operation, which LibTorch differentiates by itself: see [`in_region`].
//!
//! The functions of this crate take Burn's tensors and choose by themselves. Off an autodiff device, for other numbers than
//! f32, on backends without an extension, or where [`set_path`] or the environment variable `EFFICIENTNET_OPS=composed` asks
//! for it, they are compositions of Burn's public operations and nothing else, which can be captured and exported. Tests hold the two together.
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use efficientnet_ops::{Activation, norm_act};
//!
//! let device = Device::flex().autodiff();
//! let x = Tensor::random([2, 3, 8, 8], Distribution::Default, &device).require_grad();
//! let (gamma, beta) = (Tensor::ones([3], &device), Tensor::zeros([3], &device));
//! let normalised = norm_act(x.clone(), gamma, beta, 1e-3, Activation::Silu);
//! let gradients = normalised.output.sum().backward();
//! assert_eq!(x.grad(&gradients).map(|dx| dx.dims()), Some([2, 3, 8, 8]));
//! ```

mod autodiff;
mod composed;
mod default;
mod extension;
#[cfg(feature = "flex")]
mod flex;
mod functions;
pub mod norm_sync;
pub mod optimise;
mod path;
#[cfg(feature = "flex")]
mod pool;
mod region;
#[cfg(feature = "tch")]
mod torch;
#[cfg(feature = "tch")]
mod torch_graph;
#[cfg(feature = "tch")]
mod torch_update;

pub use efficientnet_kernels::Activation;
pub use extension::TrainingOps;
pub use functions::{
    Norm, SqueezeExcite, conv2d, mean_pool, norm_act, norm_act_frozen, scale_channels, silu,
};
pub use path::{PATH_VARIABLE, Path, is_fused, path, set_path};
pub use region::{add_residual, in_region};
