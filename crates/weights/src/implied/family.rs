//! How the authors of each family prepare an image for evaluation.

use efficientnet_arch::{ArchSpec, Family};

/// The original evaluation of the family.
///
/// Sources: `preprocessing.py` and `main.py` of `tensorflow/tpu`'s `efficientnet` (padding of 32 px around the crop,
/// bicubic; Lite and EdgeTPU: mean 127, deviation 128, bilinear), automl's `efficientnetv2/preprocessing.py` and
/// `effnetv2_configs.py` (V2-B as V1; the others below 320 px a crop, else the whole image; mean and deviation 128),
/// TF-slim's `inception_preprocessing.py` for MobileNet, torchvision's first weights for ResNet.
pub(crate) fn usual_transform(spec: &ArchSpec) -> String {
    let size = spec.resolution();
    match spec.baseline.family {
        Family::EfficientNet => padded(size, "bicubic", "imagenet"),
        Family::EfficientNetLite | Family::EfficientNetEdgeTpu => padded(size, "bilinear", "tf_lite"),
        Family::EfficientNetV2 if is_base(spec) => padded(size, "bicubic", "imagenet"),
        Family::EfficientNetV2 if size < 320 => padded(size, "bilinear", "automl"),
        Family::EfficientNetV2 => format!("decode | squash({size}, bilinear) | normalize(automl)"),
        Family::MobileNetV1 | Family::MobileNetV2 => slim_transform(spec),
        Family::ResNet => cropped(size, "bilinear", "imagenet"),
    }
}

fn is_base(spec: &ArchSpec) -> bool {
    spec.baseline.name == "efficientnetv2-base"
}

/// Keras puts the normalisation into the network and leaves the crop to the user; this is the original crop, in the form
/// that the V2-B weights were checked with.
pub(super) fn keras_transform(spec: &ArchSpec) -> String {
    match is_base(spec) {
        true => cropped(spec.resolution(), "bicubic", "imagenet"),
        false => usual_transform(spec),
    }
}

/// TF-slim's evaluation: the middle 87.5 %, bilinear, -1 to 1.
pub(super) fn slim_transform(spec: &ArchSpec) -> String {
    cropped(spec.resolution(), "bilinear", "inception")
}

/// The middle square of `size / (size + 32)` of the short side.
fn padded(size: usize, filter: &str, normalize: &str) -> String {
    format!("decode | padded_center_crop({size}, 32) | squash({size}, {filter}) | normalize({normalize})")
}

/// The middle 87.5 % of the short side.
fn cropped(size: usize, filter: &str, normalize: &str) -> String {
    let short_side = size * 8 / 7;
    format!("decode | resize({short_side}, {filter}) | center_crop({size}) | normalize({normalize})")
}
