//! timm's names (`timm/models/_efficientnet_blocks.py`, `efficientnet.py`, `resnet.py`).

use efficientnet_arch::{ArchSpec, Family};

use super::place::{BlockAt, Part, Place};
use super::torchvision;

/// The layer's name, such as `blocks.1.0.conv_pw`.
pub(super) fn layer(spec: &ArchSpec, place: &Place) -> Option<String> {
    if spec.baseline.family == Family::ResNet {
        return torchvision::resnet(place); // the two libraries agree
    }
    let name = match place {
        Place::Stem(part) => part.pick("conv_stem", "bn1").to_string(),
        Place::Head(part) => part.pick("conv_head", "bn2").to_string(),
        Place::Classifier => "classifier".to_string(),
        Place::Unit(at, unit, Part::Conv) => format!("{}.{}", prefix(at), conv(at, *unit)?),
        Place::Unit(at, unit, Part::Bn) => format!("{}.bn{}", prefix(at), unit + 1),
        Place::Squeeze(at, gate) => format!("{}.se.{}", prefix(at), gate.pick("conv_reduce", "conv_expand")),
        Place::Shortcut(..) => return None,
    };
    Some(name)
}

fn prefix(at: &BlockAt) -> String {
    format!("blocks.{}.{}", at.stage, at.block)
}

/// timm calls the pointwise convolution `conv_pw` wherever it stands, and the second one `conv_pwl` (linear).
fn conv(at: &BlockAt, unit: usize) -> Option<&'static str> {
    match at.role(unit) {
        "expand" => Some("conv_pw"),
        "depthwise" => Some("conv_dw"),
        "project" if at.has("expand") || at.has("fused") => Some("conv_pwl"),
        "project" => Some("conv_pw"),
        "fused" if at.has("project") => Some("conv_exp"),
        "fused" => Some("conv"),
        _ => None,
    }
}
