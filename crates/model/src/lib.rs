//! An [`ArchSpec`] becomes a Burn network; published weights go in, logits and feature maps come out.
//!
//! One builder serves EfficientNet V1, Lite, EdgeTPU and V2, MobileNetV1 and V2, and ResNet: they differ in their spec
//! alone. The network lives on whichever [`Device`](burn::tensor::Device) it is built on, and trains where that device has
//! autodiff.
//!
//! ```
//! use burn::tensor::Tensor;
//! use efficientnet_arch::ArchSpec;
//! use efficientnet_model::Network;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let device = efficientnet_backend::device("flex")?;
//! let network = Network::init(&ArchSpec::named("efficientnet-b0")?, &device)?;
//! let logits = network.forward(Tensor::zeros([1, 3, 64, 64], &device));
//! assert_eq!(logits.dims(), [1, 1000]);
//! # Ok(())
//! # }
//! ```

mod block;
mod compile;
mod error;
mod freeze;
mod init;
mod layers;
mod load;
mod network;
mod surgery;
mod tensors;

pub use block::{Block, SqueezeExcite};
pub use compile::{ActivationRanges, Calibration, CompileOptions, CompiledNetwork};
pub use efficientnet_kernels::{BoundedStep, Roofline};
pub use error::ModelError;
pub use freeze::Freeze;
pub use layers::{ConvUnit, StochasticDepth};
pub use network::{Features, Network, Stage};
pub use tensors::NetworkTensor;
