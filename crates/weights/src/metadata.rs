//! What this crate writes into the metadata of a file, so that whoever reads it needs no naming rules.

use std::collections::BTreeMap;

use efficientnet_arch::{ArchSpec, Baseline, Coefficients, Padding};
use serde::{Deserialize, Serialize};

use crate::implied::padding_word;
use crate::{Implied, Naming};

const MODEL: &str = "efficientnet.model";
const NAMING: &str = "efficientnet.naming";
const DESIGN: &str = "efficientnet.design";
const PADDING: &str = "efficientnet.padding";
const EPSILON: &str = "efficientnet.bn_epsilon";
const TRANSFORM: &str = "efficientnet.transform";
const CLASS_OFFSET: &str = "efficientnet.class_offset";

/// What a file of ours says about itself. What cannot be read counts as unsaid: metadata is a help, not a condition.
#[derive(Debug, Default)]
pub(crate) struct Ours {
    pub model: Option<String>,
    pub naming: Option<Naming>,
    pub spec: Option<ArchSpec>,
    pub padding: Option<Padding>,
    pub bn_epsilon: Option<f64>,
    pub transform: Option<String>,
    pub class_offset: Option<usize>,
}

/// A scaled baseline: what it takes to make the spec again.
#[derive(Serialize, Deserialize)]
struct Design {
    name: String,
    baseline: Baseline,
    coefficients: Coefficients,
    dropout: f64,
}

impl Ours {
    pub fn read(metadata: &BTreeMap<String, String>) -> Self {
        let get = |key| metadata.get(key).map(String::as_str);
        Self {
            model: get(MODEL).map(str::to_string),
            naming: get(NAMING).and_then(|word| word.parse().ok()),
            spec: get(DESIGN).and_then(spec),
            padding: match get(PADDING) {
                Some("same") => Some(Padding::Same),
                Some("symmetric") => Some(Padding::Symmetric),
                _ => None,
            },
            bn_epsilon: get(EPSILON)
                .and_then(|text| text.parse().ok())
                .filter(|value: &f64| is_epsilon(*value)),
            transform: get(TRANSFORM).map(str::to_string),
            class_offset: get(CLASS_OFFSET).and_then(|text| text.parse().ok()),
        }
    }
}

fn is_epsilon(value: f64) -> bool {
    (0.0..1.0).contains(&value)
}

/// The entries for a file with these weights.
pub(crate) fn write(spec: &ArchSpec, naming: Naming, implied: &Implied) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::from([
        (MODEL, spec.name.clone()),
        (NAMING, naming.to_string()),
        (PADDING, padding_word(spec.padding).to_string()),
        (EPSILON, spec.batch_norm.epsilon.to_string()),
        (TRANSFORM, implied.transform.clone()),
        (CLASS_OFFSET, implied.class_offset.to_string()),
    ]);
    if let Some(design) = design(spec) {
        entries.insert(DESIGN, design);
    }
    // PyTorch's tools ask for this one.
    entries.insert("format", "pt".to_string());
    entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
}

/// The design as JSON, where scaling it gives the spec: a spec that was edited by hand is no scaling of its baseline.
fn design(spec: &ArchSpec) -> Option<String> {
    let design = Design {
        name: spec.name.clone(),
        baseline: spec.baseline.clone(),
        coefficients: spec.coefficients,
        dropout: spec.dropout,
    };
    let rebuilt = rebuild(&design)?;
    (rebuilt.tensors().len() == spec.tensors().len() && rebuilt.stages == spec.stages).then_some(())?;
    serde_json::to_string(&design).ok()
}

fn spec(json: &str) -> Option<ArchSpec> {
    rebuild(&serde_json::from_str(json).ok()?)
}

/// Sizes that no network of these families comes near, so that a hostile file cannot ask for an endless one.
const MAX_BLOCKS: f64 = 1024.0;
const MAX_FILTERS: f64 = 65_536.0;
const MAX_WINDOW: usize = 64;

fn rebuild(design: &Design) -> Option<ArchSpec> {
    let spec =
        is_sane(design).then(|| design.baseline.scaled(design.coefficients, design.dropout).ok())??;
    Some(ArchSpec { name: design.name.clone(), ..spec })
}

fn is_sane(design: &Design) -> bool {
    let Design { baseline, coefficients, .. } = design;
    let few = |filters: usize| (1.0..=MAX_FILTERS).contains(&(filters as f64 * coefficients.width.max(1.0)));
    let small = |window: usize| (1..=MAX_WINDOW).contains(&window);
    let blocks: f64 = baseline.rows.iter().map(|row| row.repeats as f64 * coefficients.depth + 1.0).sum();
    let rows_are_sane = baseline.rows.iter().all(|row| {
        row.repeats >= 1
            && few(row.input_filters)
            && few(row.output_filters)
            && small(row.expand_ratio)
            && small(row.kernel)
            && small(row.stride)
            && row.se_ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio))
    });
    (1.0..=MAX_BLOCKS).contains(&blocks)
        && rows_are_sane
        && few(baseline.stem_filters)
        && small(baseline.stem_kernel)
        && baseline.stem_max_pool.is_none_or(|(kernel, stride)| small(kernel) && small(stride))
        && baseline.head.is_none_or(|(filters, _)| few(filters))
        && (1..=1024).contains(&baseline.rounding.divisor)
}
