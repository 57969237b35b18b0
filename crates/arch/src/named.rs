//! The published networks and their coefficients.

use serde::Serialize;

use crate::{ArchError, ArchSpec, Baseline, Coefficients, Family};

/// A published network: a baseline, its coefficients, its dropout.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct NamedModel {
    /// Published name, such as `efficientnet-b0`.
    pub name: &'static str,
    /// Width coefficient.
    pub width: f64,
    /// Depth coefficient.
    pub depth: f64,
    /// Side of the input in pixels, in training where `resolution` is `None`.
    pub train_resolution: usize,
    /// Side of the input in pixels at evaluation.
    pub resolution: usize,
    /// Dropout before the classifier.
    pub dropout: f64,
    #[serde(skip)]
    baseline: fn() -> Baseline,
}

const fn model(
    name: &'static str,
    baseline: fn() -> Baseline,
    (width, depth): (f64, f64),
    (train_resolution, resolution): (usize, usize),
    dropout: f64,
) -> NamedModel {
    NamedModel { name, width, depth, train_resolution, resolution, dropout, baseline }
}

/// Coefficients: `efficientnet_builder.py`, `lite/efficientnet_lite_builder.py`,
/// `edgetpu/efficientnet_edgetpu_builder.py`, automl's `effnetv2_configs.py`. Lite3 and Lite4 have the official 280 and
/// 300 px (timm's 300 and 380 do not give the published multiply-adds).
static MODELS: &[NamedModel] = &[
    model("efficientnet-b0", Baseline::efficientnet, (1.0, 1.0), (224, 224), 0.2),
    model("efficientnet-b1", Baseline::efficientnet, (1.0, 1.1), (240, 240), 0.2),
    model("efficientnet-b2", Baseline::efficientnet, (1.1, 1.2), (260, 260), 0.3),
    model("efficientnet-b3", Baseline::efficientnet, (1.2, 1.4), (300, 300), 0.3),
    model("efficientnet-b4", Baseline::efficientnet, (1.4, 1.8), (380, 380), 0.4),
    model("efficientnet-b5", Baseline::efficientnet, (1.6, 2.2), (456, 456), 0.4),
    model("efficientnet-b6", Baseline::efficientnet, (1.8, 2.6), (528, 528), 0.5),
    model("efficientnet-b7", Baseline::efficientnet, (2.0, 3.1), (600, 600), 0.5),
    model("efficientnet-b8", Baseline::efficientnet, (2.2, 3.6), (672, 672), 0.5),
    model("efficientnet-l2", Baseline::efficientnet, (4.3, 5.3), (800, 800), 0.5),
    model("efficientnet-lite0", Baseline::efficientnet_lite, (1.0, 1.0), (224, 224), 0.2),
    model("efficientnet-lite1", Baseline::efficientnet_lite, (1.0, 1.1), (240, 240), 0.2),
    model("efficientnet-lite2", Baseline::efficientnet_lite, (1.1, 1.2), (260, 260), 0.3),
    model("efficientnet-lite3", Baseline::efficientnet_lite, (1.2, 1.4), (280, 280), 0.3),
    model("efficientnet-lite4", Baseline::efficientnet_lite, (1.4, 1.8), (300, 300), 0.3),
    model("efficientnet-edgetpu-s", Baseline::efficientnet_edgetpu, (1.0, 1.0), (224, 224), 0.2),
    model("efficientnet-edgetpu-m", Baseline::efficientnet_edgetpu, (1.0, 1.1), (240, 240), 0.2),
    model("efficientnet-edgetpu-l", Baseline::efficientnet_edgetpu, (1.2, 1.4), (300, 300), 0.3),
    model("efficientnetv2-b0", Baseline::efficientnetv2_base, (1.0, 1.0), (192, 224), 0.2),
    model("efficientnetv2-b1", Baseline::efficientnetv2_base, (1.0, 1.1), (192, 240), 0.2),
    model("efficientnetv2-b2", Baseline::efficientnetv2_base, (1.1, 1.2), (208, 260), 0.3),
    model("efficientnetv2-b3", Baseline::efficientnetv2_base, (1.2, 1.4), (240, 300), 0.3),
    model("efficientnetv2-s", Baseline::efficientnetv2_s, (1.0, 1.0), (300, 384), 0.2),
    model("efficientnetv2-m", Baseline::efficientnetv2_m, (1.0, 1.0), (384, 480), 0.3),
    model("efficientnetv2-l", Baseline::efficientnetv2_l, (1.0, 1.0), (384, 480), 0.4),
    model("efficientnetv2-xl", Baseline::efficientnetv2_xl, (1.0, 1.0), (384, 512), 0.4),
    model("mobilenetv1", Baseline::mobilenetv1, (1.0, 1.0), (224, 224), 0.0),
    model("mobilenetv2", Baseline::mobilenetv2, (1.0, 1.0), (224, 224), 0.2),
    model("resnet18", || Baseline::resnet_basic("resnet18", [2, 2, 2, 2]), (1.0, 1.0), (224, 224), 0.0),
    model("resnet34", || Baseline::resnet_basic("resnet34", [3, 4, 6, 3]), (1.0, 1.0), (224, 224), 0.0),
    model("resnet50", || Baseline::resnet_bottleneck("resnet50", [3, 4, 6, 3]), (1.0, 1.0), (224, 224), 0.0),
    model(
        "resnet101",
        || Baseline::resnet_bottleneck("resnet101", [3, 4, 23, 3]),
        (1.0, 1.0),
        (224, 224),
        0.0,
    ),
    model(
        "resnet152",
        || Baseline::resnet_bottleneck("resnet152", [3, 8, 36, 3]),
        (1.0, 1.0),
        (224, 224),
        0.0,
    ),
];

/// Spellings of other libraries, after `_` has become `-` and a leading `tf-` has gone.
const ALIASES: &[(&str, &str)] = &[
    ("efficientnet-es", "efficientnet-edgetpu-s"),
    ("efficientnet-em", "efficientnet-edgetpu-m"),
    ("efficientnet-el", "efficientnet-edgetpu-l"),
    ("mobilenet-v1", "mobilenetv1"),
    ("mobilenetv1-100", "mobilenetv1"),
    ("mobilenet-v2", "mobilenetv2"),
    ("mobilenetv2-100", "mobilenetv2"),
];

/// All published networks, family by family and small to large.
pub fn models() -> &'static [NamedModel] {
    MODELS
}

impl NamedModel {
    /// The design that this is a scaling of.
    pub fn baseline(&self) -> Baseline {
        (self.baseline)()
    }

    /// The family it belongs to.
    pub fn family(&self) -> Family {
        self.baseline().family
    }

    /// The network at its evaluation resolution.
    pub fn spec(&self) -> ArchSpec {
        let coefficients = Coefficients { width: self.width, depth: self.depth, resolution: self.resolution };
        #[allow(clippy::expect_used)]
        let spec = self
            .baseline()
            .scaled(coefficients, self.dropout)
            .expect("published coefficients are in range; a test builds each");
        ArchSpec { name: self.name.to_string(), ..spec }
    }
}

impl ArchSpec {
    /// A published network by its name. Case does not matter, `_` is as good as `-`, and timm's and torchvision's
    /// spellings (`tf_efficientnet_b0`, `efficientnet_v2_s`, `efficientnet_es`, `mobilenet_v2`) are understood.
    ///
    /// # Errors
    /// [`ArchError::UnknownModel`] with the nearest names.
    pub fn named(name: &str) -> Result<ArchSpec, ArchError> {
        let wanted = canonical(name);
        let found = MODELS.iter().find(|model| model.name == wanted);
        found
            .map(NamedModel::spec)
            .ok_or_else(|| ArchError::UnknownModel { name: name.to_string(), nearest: nearest(&wanted) })
    }
}

fn canonical(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase().replace('_', "-");
    let name = name.strip_prefix("tf-").unwrap_or(&name).replace("efficientnet-v2-", "efficientnetv2-");
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    match alias {
        Some((_, known)) => known.to_string(),
        None => name,
    }
}

fn nearest(wanted: &str) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = MODELS
        .iter()
        .map(|model| (strsim::normalized_damerau_levenshtein(wanted, model.name), model.name))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near = scored.into_iter().filter(|(likeness, _)| *likeness >= 0.5);
    near.take(3).map(|(_, name)| name.to_string()).collect()
}
