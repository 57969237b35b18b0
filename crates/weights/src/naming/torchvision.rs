//! torchvision's names (`torchvision/models/{efficientnet,mobilenetv2,resnet}.py`): indices into nested sequences.

use efficientnet_arch::{ArchSpec, Family};

use super::place::{BlockAt, Part, Place};

/// The layer's name, such as `features.2.0.block.0.0`.
pub(super) fn layer(spec: &ArchSpec, place: &Place) -> Option<String> {
    match spec.baseline.family {
        Family::ResNet => resnet(place),
        Family::MobileNetV2 => mobilenet_v2(spec, place),
        Family::MobileNetV1 => None,
        _ => efficientnet(spec, place),
    }
}

fn efficientnet(spec: &ArchSpec, place: &Place) -> Option<String> {
    let name = match place {
        Place::Stem(part) => format!("features.0.{}", part.index()),
        Place::Head(part) => format!("features.{}.{}", spec.stages.len() + 1, part.index()),
        Place::Classifier => "classifier.1".to_string(),
        Place::Unit(at, unit, part) => format!("{}.{}.{}", block(at), position(at, *unit), part.index()),
        Place::Squeeze(at, gate) => {
            let after = at.spec.se.as_ref()?.after;
            format!("{}.{}.{}", block(at), after + 1, gate.pick("fc1", "fc2"))
        }
        Place::Shortcut(..) => return None,
    };
    Some(name)
}

fn block(at: &BlockAt) -> String {
    format!("features.{}.{}.block", at.stage + 1, at.block)
}

/// Squeeze-and-excitation has a place of its own in the sequence.
fn position(at: &BlockAt, unit: usize) -> usize {
    match &at.spec.se {
        Some(se) if unit > se.after => unit + 1,
        _ => unit,
    }
}

/// Blocks are not grouped, and the projection is not wrapped with its normalisation.
fn mobilenet_v2(spec: &ArchSpec, place: &Place) -> Option<String> {
    let blocks = spec.blocks().count();
    let name = match place {
        Place::Stem(part) => format!("features.0.{}", part.index()),
        Place::Head(part) => format!("features.{}.{}", blocks + 1, part.index()),
        Place::Classifier => "classifier.1".to_string(),
        Place::Unit(at, unit, part) => {
            let sequence = format!("features.{}.conv", at.flat + 1);
            match at.role(*unit) {
                "project" => format!("{sequence}.{}", unit + part.index()),
                _ => format!("{sequence}.{unit}.{}", part.index()),
            }
        }
        Place::Squeeze(..) | Place::Shortcut(..) => return None,
    };
    Some(name)
}

/// timm's ResNet has the same names.
pub(super) fn resnet(place: &Place) -> Option<String> {
    let name = match place {
        Place::Stem(part) => part.pick("conv1", "bn1").to_string(),
        Place::Classifier => "fc".to_string(),
        Place::Unit(at, unit, Part::Conv) => format!("layer{}.{}.conv{}", at.stage + 1, at.block, unit + 1),
        Place::Unit(at, unit, Part::Bn) => format!("layer{}.{}.bn{}", at.stage + 1, at.block, unit + 1),
        Place::Shortcut(at, part) => {
            format!("layer{}.{}.downsample.{}", at.stage + 1, at.block, part.index())
        }
        Place::Head(_) | Place::Squeeze(..) => return None,
    };
    Some(name)
}
