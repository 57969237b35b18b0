//! TF-slim's MobileNetV2 as it is passed around for inference: batch normalisation folded into the convolutions, which
//! therefore have a bias, and the classifier a 1x1 convolution.
//!
//! A folded convolution is a convolution with a normalisation that does nothing but add: scale 1, shift the bias, mean 0,
//! and the variance that gives 1 with the network's epsilon.

use efficientnet_arch::{ArchSpec, Family, TensorKind, TensorSpec};

use super::place::Place;
use super::{Layout, Origin, named};

/// The tensor's name and layout, or the constant that folding has left.
pub(super) fn origin(spec: &ArchSpec, place: &Place, tensor: &TensorSpec) -> Option<Origin> {
    if spec.baseline.family != Family::MobileNetV2 {
        return None;
    }
    let layer = match place {
        Place::Stem(_) => "stem".to_string(),
        Place::Head(_) => "head".to_string(),
        Place::Classifier => "classifier".to_string(),
        Place::Unit(at, unit, _) => format!("block{}.{}", at.flat, at.role(*unit)),
        Place::Squeeze(..) | Place::Shortcut(..) => return None,
    };
    let origin = match tensor.kind {
        TensorKind::ConvWeight | TensorKind::DepthwiseWeight => {
            named(format!("{layer}.weight"), Layout::Same)
        }
        TensorKind::LinearWeight => named(format!("{layer}.weight"), Layout::Pointwise),
        TensorKind::BnBias | TensorKind::ConvBias | TensorKind::LinearBias => {
            named(format!("{layer}.bias"), Layout::Same)
        }
        TensorKind::BnWeight => Origin::Constant(1.0),
        TensorKind::BnMean => Origin::Constant(0.0),
        TensorKind::BnVariance => Origin::Constant((1.0 - spec.batch_norm.epsilon) as f32),
    };
    Some(origin)
}
