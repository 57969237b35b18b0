//! A baseline of one's own, as a TOML file of the official block strings.
//!
//! ```toml
//! name = "tiny"                  # what the networks are called
//! like = "mobilenetv2"           # a published network; whatever is not said below is as it has it
//! resolution = 96                # side of the input at phi = 0
//! blocks = ["r1_k3_s11_e1_i16_o8", "r2_k3_s22_e4_i8_o16", "r3_k5_s22_e4_i16_o32_se0.25"]
//! ```
//!
//! | key | meaning |
//! |---|---|
//! | `like` | a published network, `efficientnet-b0` if absent: the rules and every value that the file leaves out |
//! | `stem_filters`, `stem_kernel` | the first convolution, whose stride is 2 |
//! | `stem_max_pool` | kernel and stride of the pooling behind it, as `[3, 2]` |
//! | `head_filters` | the 1x1 convolution before the pooling; 0 for none |
//! | `stem_rule`, `head_rule` | how these follow the width: `scaled`, `fixed` or `at_least` |
//! | `activation` | `silu`, `relu` or `relu6` |
//! | `padding` | `same` (TensorFlow) or `symmetric` (PyTorch) |
//! | `divisor`, `floor`, `fixed_ends` | how filters and repeats are rounded, see [`efficientnet_arch::Rounding`] |
//! | `drop_path`, `dropout` | probabilities of stochastic depth and of dropout before the classifier |
//! | `classes`, `resolution` | number of classes, side of the input in pixels |
//! | `blocks` | one string a stage, in the notation of [`efficientnet_arch::BlockArgs`] |

use std::path::Path;

use efficientnet_arch::{
    Activation, ArchSpec, Baseline, BlockArgs, Coefficients, FilterRule, NamedModel, Padding, Rounding,
    models,
};
use serde::{Deserialize, Serialize};

use crate::ScalingError;

/// Largest file that is read: a baseline is a page of text.
const MOST_BYTES: u64 = 1 << 20;

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineFile {
    name: String,
    #[serde(default = "b0")]
    like: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stem_filters: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stem_kernel: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stem_rule: Option<FilterRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stem_max_pool: Option<(usize, usize)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_filters: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_rule: Option<FilterRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activation: Option<Activation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    padding: Option<Padding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    divisor: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_ends: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drop_path: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<usize>,
    blocks: Vec<BlockArgs>,
}

fn b0() -> String {
    "efficientnet-b0".to_string()
}

/// What a file says of a value: nothing where the network that it is like has the same.
fn unlike<T: PartialEq>(ours: T, theirs: T) -> Option<T> {
    (ours != theirs).then_some(ours)
}

impl BaselineFile {
    /// Reads a file and gives its network at phi = 0.
    ///
    /// # Errors
    /// [`ScalingError::File`] where it cannot be read, [`ScalingError::BaselineFile`] where it does not describe a network.
    pub fn open(path: &Path) -> Result<ArchSpec, ScalingError> {
        let shown = path.display().to_string();
        let failed = |reason: String| ScalingError::File { path: shown.clone(), reason };
        let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
        if size > MOST_BYTES {
            return Err(failed(format!("it has {size} bytes, and a baseline has at most {MOST_BYTES}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let wrong = |reason| ScalingError::BaselineFile { path: shown.clone(), reason };
        Self::parse(&text).and_then(|file| file.spec()).map_err(wrong)
    }

    /// The file that gives this network at phi = 0, under another name: only what the family's first published network has
    /// otherwise. Constants of batch normalisation have no place in it.
    ///
    /// # Errors
    /// One sentence where no file gives this network.
    pub fn of(spec: &ArchSpec, name: &str) -> Result<Self, String> {
        let own = spec.flattened().map_err(|error| error.to_string())?;
        let of_family = |model: &&NamedModel| model.baseline().family == own.baseline.family;
        let model = models().iter().find(of_family).ok_or("no published network is of its family")?;
        let like = model.spec();
        let (ours, theirs) = (&own.baseline, &like.baseline);
        let (head_filters, head_rule) = ours.head.unzip();
        let (their_filters, their_rule) = theirs.head.unzip();
        let file = Self {
            name: name.to_string(),
            like: model.name.to_string(),
            stem_filters: unlike(ours.stem_filters, theirs.stem_filters),
            stem_kernel: unlike(ours.stem_kernel, theirs.stem_kernel),
            stem_rule: unlike(ours.stem_rule, theirs.stem_rule),
            stem_max_pool: ours.stem_max_pool.filter(|pool| theirs.stem_max_pool != Some(*pool)),
            head_filters: unlike(head_filters.unwrap_or(0), their_filters.unwrap_or(0)),
            head_rule: head_rule.filter(|rule| their_rule != Some(*rule)),
            activation: unlike(ours.activation, theirs.activation),
            padding: unlike(ours.padding, theirs.padding),
            divisor: unlike(ours.rounding.divisor, theirs.rounding.divisor),
            floor: unlike(ours.rounding.floor, theirs.rounding.floor),
            fixed_ends: unlike(ours.rounding.fixed_ends, theirs.rounding.fixed_ends),
            drop_path: unlike(ours.drop_path, theirs.drop_path),
            dropout: unlike(own.dropout, like.dropout),
            classes: unlike(own.num_classes, theirs.num_classes),
            resolution: unlike(own.resolution(), like.resolution()),
            blocks: ours.rows.clone(),
        };
        match file.spec()?.stages == own.stages {
            true => Ok(file),
            false => Err(format!("{name} has layers that rounding to its divisor would change")),
        }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// One sentence where a value has no form in TOML.
    pub fn to_toml(&self) -> Result<String, String> {
        toml::to_string_pretty(self).map_err(|error| error.to_string())
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// One sentence: which line, what is expected there.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let message = error.message().trim().replace('\n', "; ");
            line.map_or(message.clone(), |line| format!("line {line}: {message}"))
        })
    }

    /// The network at phi = 0.
    ///
    /// # Errors
    /// One sentence: which key, what is expected.
    pub fn spec(&self) -> Result<ArchSpec, String> {
        self.check()?;
        let like = ArchSpec::named(&self.like).map_err(|error| format!("like: {error}"))?;
        let resolution = self.resolution.unwrap_or(like.coefficients.resolution);
        let dropout = self.dropout.unwrap_or(like.dropout);
        let baseline = self.baseline(like.baseline);
        let spec = baseline.scaled(Coefficients::unscaled(resolution), dropout);
        let spec = spec.and_then(ArchSpec::checked).map_err(|error| error.to_string())?;
        spec.totals().map_err(|error| error.to_string())?;
        Ok(spec)
    }

    fn baseline(&self, like: Baseline) -> Baseline {
        let head_rule = self.head_rule.or(like.head.map(|(_, rule)| rule)).unwrap_or(FilterRule::Scaled);
        let head_filters = self.head_filters.or(like.head.map(|(filters, _)| filters));
        Baseline {
            name: self.name.clone(),
            stem_filters: self.stem_filters.unwrap_or(like.stem_filters),
            stem_kernel: self.stem_kernel.unwrap_or(like.stem_kernel),
            stem_rule: self.stem_rule.unwrap_or(like.stem_rule),
            stem_max_pool: self.stem_max_pool.or(like.stem_max_pool),
            rows: self.blocks.clone(),
            head: head_filters.filter(|filters| *filters > 0).map(|filters| (filters, head_rule)),
            activation: self.activation.unwrap_or(like.activation),
            padding: self.padding.unwrap_or(like.padding),
            rounding: Rounding {
                divisor: self.divisor.unwrap_or(like.rounding.divisor),
                floor: self.floor.unwrap_or(like.rounding.floor),
                fixed_ends: self.fixed_ends.unwrap_or(like.rounding.fixed_ends),
            },
            drop_path: self.drop_path.unwrap_or(like.drop_path),
            num_classes: self.classes.unwrap_or(like.num_classes),
            ..like
        }
    }

    /// What a type cannot say of a number.
    fn check(&self) -> Result<(), String> {
        let (pool_kernel, pool_stride) = self.stem_max_pool.unzip();
        let whole = [
            ("stem_filters", self.stem_filters, 1, 100_000),
            ("stem_kernel", self.stem_kernel, 1, 1000),
            ("stem_max_pool's kernel", pool_kernel, 1, 1000),
            ("stem_max_pool's stride", pool_stride, 1, 1000),
            ("head_filters", self.head_filters, 0, 100_000),
            ("divisor", self.divisor, 1, 100_000),
        ];
        for (key, value, low, high) in whole {
            if let Some(value) = value.filter(|value| !(low..=high).contains(value)) {
                return Err(format!("{key} is {value}; it must lie in {low} to {high}"));
            }
        }
        let ratios = [("floor", self.floor), ("drop_path", self.drop_path), ("dropout", self.dropout)];
        for (key, value) in ratios {
            if let Some(value) = value.filter(|value| !(0.0..=1.0).contains(value)) {
                return Err(format!("{key} is {value}; it must lie in 0 to 1"));
            }
        }
        let plain = |c: char| c.is_ascii_graphic() || c == ' ';
        if self.name.trim().is_empty() || !self.name.chars().all(plain) {
            return Err("name must be a few plain characters".to_string());
        }
        match self.blocks.is_empty() {
            true => Err("blocks must hold at least one block string".to_string()),
            false => Ok(()),
        }
    }
}
