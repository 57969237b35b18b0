//! The names and the layout of Keras applications (`keras/src/applications/{efficientnet,efficientnet_v2,mobilenet,
//! mobilenet_v2}.py`): `layer/variable`. A depthwise kernel is `depthwise_kernel`, as in the published files; Keras 3
//! shortens it to `kernel` in memory, which is read as well.
//!
//! Keras' ResNets have biases in their convolutions and the stride on the first one: other networks, which are not here.

use efficientnet_arch::{ArchSpec, Family, TensorKind, TensorSpec};

use super::place::{BlockAt, Part, Place};
use super::{Layout, Origin};

/// What Keras keeps beside the network's tensors: statistics of its normalisation layer and states of its random
/// generators. Not needed, and not unused either: the transform line says the same.
pub(crate) fn is_bystander(name: &str) -> bool {
    let layer = name.split('/').next().unwrap_or_default();
    ["normalization", "rescaling", "seed_generator"].iter().any(|word| layer.starts_with(word))
}

/// The tensor's name and layout.
pub(super) fn origin(spec: &ArchSpec, place: &Place, tensor: &TensorSpec) -> Option<Origin> {
    let layer = match spec.baseline.family {
        Family::EfficientNet | Family::EfficientNetV2 => efficientnet(spec, place)?,
        Family::MobileNetV1 => mobilenet_v1(place)?,
        Family::MobileNetV2 => mobilenet_v2(place)?,
        _ => return None,
    };
    let field = match tensor.kind {
        TensorKind::ConvWeight | TensorKind::LinearWeight => "kernel",
        TensorKind::DepthwiseWeight => "depthwise_kernel",
        TensorKind::ConvBias | TensorKind::LinearBias => "bias",
        TensorKind::BnWeight => "gamma",
        TensorKind::BnBias => "beta",
        TensorKind::BnMean => "moving_mean",
        TensorKind::BnVariance => "moving_variance",
    };
    let layout = match tensor.kind {
        TensorKind::ConvWeight => Layout::Hwio,
        TensorKind::DepthwiseWeight => Layout::HwioDepthwise,
        // MobileNetV1's classifier is a 1x1 convolution.
        TensorKind::LinearWeight if spec.baseline.family == Family::MobileNetV1 => Layout::PointwiseHwio,
        TensorKind::LinearWeight => Layout::Transposed,
        _ => Layout::Same,
    };
    let also = (tensor.kind == TensorKind::DepthwiseWeight).then(|| format!("{layer}/kernel"));
    Some(Origin::File { name: format!("{layer}/{field}"), also, layout })
}

fn efficientnet(spec: &ArchSpec, place: &Place) -> Option<String> {
    let name = match place {
        Place::Stem(part) => part.pick("stem_conv", "stem_bn").to_string(),
        Place::Head(part) => part.pick("top_conv", "top_bn").to_string(),
        Place::Classifier => "predictions".to_string(),
        Place::Unit(at, unit, part) => {
            let is_v2 = spec.baseline.family == Family::EfficientNetV2;
            format!("{}_{}", block(at), unit_name(at, *unit, *part, is_v2)?)
        }
        Place::Squeeze(at, gate) => format!("{}_{}", block(at), gate.pick("se_reduce", "se_expand")),
        Place::Shortcut(..) => return None,
    };
    Some(name)
}

/// `block1a`, `block1b`, ...; behind `z` Keras goes on with the next characters.
fn block(at: &BlockAt) -> String {
    let letter =
        u8::try_from(at.block).ok().and_then(|block| b'a'.checked_add(block)).map_or('?', char::from);
    format!("block{}{letter}", at.stage + 1)
}

fn unit_name(at: &BlockAt, unit: usize, part: Part, is_v2: bool) -> Option<&'static str> {
    match at.role(unit) {
        "expand" => Some(part.pick("expand_conv", "expand_bn")),
        "depthwise" => Some(part.pick(if is_v2 { "dwconv2" } else { "dwconv" }, "bn")),
        "project" => Some(part.pick("project_conv", "project_bn")),
        "fused" if at.has("project") => Some(part.pick("expand_conv", "expand_bn")),
        // Without expansion Keras calls the fused convolution the projection.
        "fused" => Some(part.pick("project_conv", "project_bn")),
        _ => None,
    }
}

fn mobilenet_v1(place: &Place) -> Option<String> {
    let name = match place {
        Place::Stem(part) => part.pick("conv1", "conv1_bn").to_string(),
        Place::Classifier => "conv_preds".to_string(),
        Place::Unit(at, unit, part) => {
            let kind = if at.role(*unit) == "depthwise" { "dw" } else { "pw" };
            format!("conv_{kind}_{}{}", at.flat + 1, part.pick("", "_bn"))
        }
        _ => return None,
    };
    Some(name)
}

fn mobilenet_v2(place: &Place) -> Option<String> {
    let name = match place {
        Place::Stem(part) => part.pick("Conv1", "bn_Conv1").to_string(),
        Place::Head(part) => part.pick("Conv_1", "Conv_1_bn").to_string(),
        Place::Classifier => "predictions".to_string(),
        Place::Unit(at, unit, part) => {
            let prefix = match at.flat {
                0 => "expanded_conv".to_string(),
                block => format!("block_{block}"),
            };
            format!("{prefix}_{}{}", at.role(*unit), part.pick("", "_BN"))
        }
        _ => return None,
    };
    Some(name)
}
