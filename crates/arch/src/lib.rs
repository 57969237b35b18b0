//! What a network *is*, as plain data: EfficientNet V1, Lite, EdgeTPU and V2, MobileNetV1 and V2, ResNet.
//!
//! Nothing here touches a tensor. A [`Baseline`] is a family's unscaled design, as its authors wrote it down (block
//! strings for EfficientNet); compound scaling turns it and a set of [`Coefficients`] into an [`ArchSpec`], in which every
//! convolution has its final number of channels. From the spec alone follow the parameters, the multiply-adds, the
//! activations and the peak memory ([`ArchSpec::count`]), and the name and shape of every tensor ([`ArchSpec::tensors`]).
//!
//! ```
//! use efficientnet_arch::{ArchSpec, Coefficients};
//!
//! let b0 = ArchSpec::named("efficientnet-b0")?;
//! assert_eq!(b0.count()?.macs, 385_825_092);
//!
//! // Any width, depth and resolution of the same baseline, not only the published ones.
//! let wide = b0.rescaled(Coefficients { width: 1.1, depth: 1.2, resolution: 260 })?;
//! assert_eq!(wide.count()?.params, 9_109_994); // these are B2's
//! # Ok::<(), efficientnet_arch::ArchError>(())
//! ```

mod baseline;
mod block_string;
mod count;
mod error;
mod features;
mod layer;
mod named;
mod rounding;
mod scale;
mod spec;
mod step;
mod tensors;

pub use baseline::{Baseline, Family, FilterRule, Rounding};
pub use block_string::{BlockArgs, BlockKind, StrideNotation};
pub use count::{Counts, LayerCounts, StageCounts, Totals};
pub use error::ArchError;
pub use features::{FeatureInfo, Tap};
pub use layer::{Layer, LayerOp, Shape};
pub use named::{NamedModel, models};
pub use rounding::{round_filters, round_repeats};
pub use scale::{Coefficients, Realised, RealisedRow};
pub use spec::{
    Activation, ArchSpec, BatchNorm, Block, ConvUnit, Padding, Residual, SqueezeExcite, Stage, Stem,
};
pub use step::{Step, StepKind};
pub use tensors::{TensorKind, TensorSpec};
