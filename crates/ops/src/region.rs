//! A part of a network that the library underneath differentiates as a whole.

use burn::module::Module;
use burn::tensor::Tensor;

#[cfg(feature = "tch")]
use crate::torch_graph;

/// Runs `forward` of a module on `x`: `forward(module, x)`, and gradients for `x` and for every parameter of the module.
///
/// On a device with autodiff over LibTorch, what happens inside is recorded and differentiated by LibTorch's own autograd, and
/// Burn's graph has one region in its place. That holds in f32 on the fused path, without gradient checkpointing and
/// without [`norm_sync`](crate::norm_sync). Anywhere else it is nothing but the call.
///
/// `forward` must reach tensors that have gradients through `module` and `x` alone.
///
/// # Shapes
/// - input and output: as `forward` has them
pub fn in_region<M: Module, const D: usize, const E: usize>(
    module: &M,
    x: Tensor<D>,
    forward: impl FnOnce(&M, Tensor<D>) -> Tensor<E>,
) -> Tensor<E> {
    #[cfg(feature = "tch")]
    if torch_graph::serves(&x) {
        return torch_graph::record(module, x, forward);
    }
    forward(module, x)
}

/// `x + residual`, which inside of a region leaves both as they are: what was recorded may still need either of them.
///
/// # Shapes
/// - all: `[batch, channels, height, width]`
///
/// # Panics
/// Where the shapes differ.
pub fn add_residual(x: Tensor<4>, residual: Tensor<4>) -> Tensor<4> {
    assert_eq!(x.dims(), residual.dims(), "a residual has the shape of what it is added to");
    #[cfg(feature = "tch")]
    if torch_graph::serves(&x) {
        // A tensor that is held twice is not written to.
        return x.clone() + residual.clone();
    }
    x + residual
}
