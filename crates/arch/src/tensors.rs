//! The name and shape of every tensor of a network: what a checkpoint must hold.
//!
//! Shapes are PyTorch's: convolution `[out, in / groups, kernel, kernel]`, linear `[out, in]`.

use serde::Serialize;

use crate::{ArchSpec, LayerOp};

/// What a tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TensorKind {
    /// Weight of a convolution, `[out, in / groups, kernel, kernel]`.
    ConvWeight,
    /// Weight of a depthwise convolution, `[channels, 1, kernel, kernel]`.
    DepthwiseWeight,
    /// Bias of a convolution, `[out]`.
    ConvBias,
    /// Scale of batch normalisation (gamma), `[channels]`.
    BnWeight,
    /// Shift of batch normalisation (beta), `[channels]`.
    BnBias,
    /// Running mean of batch normalisation, `[channels]`.
    BnMean,
    /// Running variance of batch normalisation, `[channels]`.
    BnVariance,
    /// Weight of the classifier, `[classes, features]`.
    LinearWeight,
    /// Bias of the classifier, `[classes]`.
    LinearBias,
}

impl TensorKind {
    /// False for the running statistics of batch normalisation.
    pub fn is_parameter(self) -> bool {
        !matches!(self, Self::BnMean | Self::BnVariance)
    }
}

/// One tensor of a network.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct TensorSpec {
    /// Path of its layer, such as `stages.1.blocks.0.expand.conv`.
    pub layer: String,
    /// Last segment: `weight`, `bias`, `running_mean` or `running_var`.
    pub field: &'static str,
    /// What it is for.
    pub kind: TensorKind,
    /// Shape in PyTorch's order.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// Full name: layer and field.
    pub fn name(&self) -> String {
        format!("{}.{}", self.layer, self.field)
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Never true of a network's tensors.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ArchSpec {
    /// Every tensor in order of execution. The names do not depend on resolution, padding or number of classes.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        use TensorKind::*;
        let mut tensors = Vec::new();
        for layer in self.layers() {
            let (input, output) = (layer.input[0], layer.output[0]);
            let mut add = |field, kind, shape: &[usize]| {
                tensors.push(TensorSpec { layer: layer.name.clone(), field, kind, shape: shape.to_vec() });
            };
            match layer.op {
                LayerOp::Conv { kernel, groups, bias, .. } => {
                    let kind = if groups > 1 { DepthwiseWeight } else { ConvWeight };
                    add("weight", kind, &[output, input / groups, kernel, kernel]);
                    if bias {
                        add("bias", ConvBias, &[output]);
                    }
                }
                LayerOp::BatchNorm => {
                    add("weight", BnWeight, &[output]);
                    add("bias", BnBias, &[output]);
                    add("running_mean", BnMean, &[output]);
                    add("running_var", BnVariance, &[output]);
                }
                LayerOp::Linear => {
                    add("weight", LinearWeight, &[output, input]);
                    add("bias", LinearBias, &[output]);
                }
                _ => {}
            }
        }
        tensors
    }
}
