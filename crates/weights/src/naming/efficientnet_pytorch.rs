//! The names of lukemelas/EfficientNet-PyTorch (`efficientnet_pytorch/model.py`): V1 only.

use efficientnet_arch::{ArchSpec, BlockKind, Family};

use super::place::{BlockAt, Part, Place};

/// The layer's name, such as `_blocks.1._expand_conv`.
pub(super) fn layer(spec: &ArchSpec, place: &Place) -> Option<String> {
    if spec.baseline.family != Family::EfficientNet {
        return None;
    }
    let name = match place {
        Place::Stem(part) => part.pick("_conv_stem", "_bn0").to_string(),
        Place::Head(part) => part.pick("_conv_head", "_bn1").to_string(),
        Place::Classifier => "_fc".to_string(),
        Place::Unit(at, unit, part) => format!("_blocks.{}.{}", at.flat, unit_name(at, *unit, *part)?),
        Place::Squeeze(at, gate) => {
            format!("_blocks.{}.{}", at.flat, gate.pick("_se_reduce", "_se_expand"))
        }
        Place::Shortcut(..) => return None,
    };
    Some(name)
}

/// The normalisations keep their numbers where the expansion is left out.
fn unit_name(at: &BlockAt, unit: usize, part: Part) -> Option<&'static str> {
    if at.row.args.kind != BlockKind::MbConv {
        return None;
    }
    match at.role(unit) {
        "expand" => Some(part.pick("_expand_conv", "_bn0")),
        "depthwise" => Some(part.pick("_depthwise_conv", "_bn1")),
        "project" => Some(part.pick("_project_conv", "_bn2")),
        _ => None,
    }
}
