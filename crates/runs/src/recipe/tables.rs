//! The tables of a recipe whose file form is their own; units, defaults and sources stand with each key.

use std::fmt;

use efficientnet_arch::BlockArgs;
use efficientnet_data::{OnError, Transform};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The table `[model]`: which network, and from where it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// A published network, `efficientnet-b0`; see [`efficientnet_arch::models`]. Required.
    pub name: String,
    /// Width coefficient in place of the network's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
    /// Depth coefficient in place of the network's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<f64>,
    /// Stages in place of the network's own, in the notation of [`BlockArgs`], before width and depth scale them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<BlockArgs>>,
    /// Probability of dropout before the classifier. Default: the network's own, official 0.2 (B0) to 0.5 (B7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// Stochastic depth: block `i` of `n`, from 0, is dropped for a sample with probability `drop_path * i / n`. Default:
    /// the network's own, official 0.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_path: Option<f64>,
    /// Weight of the new batch in batch normalisation's running statistics. Default: the network's own, official 0.01
    /// (TensorFlow calls it 0.99).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bn_momentum: Option<f64>,
    /// What batch normalisation adds to the variance. Default: the network's own, or that of the weights in `init`;
    /// official 1e-3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bn_epsilon: Option<f64>,
    /// Weights to start from: a file, or the name of published ones. Default: none, a random start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// What does not learn: `"none"`, `"backbone"`, or a number of stages. Default `"none"`.
    #[serde(default)]
    pub freeze: Freeze,
    /// Whether batch normalisation uses its running statistics in training, too, and leaves them as they are. Default
    /// false.
    #[serde(default)]
    pub freeze_norm: bool,
}

/// What of a network does not learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Freeze {
    /// `"none"`: all of it learns.
    #[default]
    None,
    /// `"backbone"`: only the classifier learns, a linear probe.
    Backbone,
    /// `3`: the stem and as many stages do not, with their statistics.
    Stages(usize),
}

/// The table `[data]`: which images, and what is done to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Training images, as [`efficientnet_data::open`] takes them. Required.
    pub train: String,
    /// Images that are measured on, likewise; not together with `holdout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<String>,
    /// Share of the training images that is held out and measured on, stratified by class and drawn by `seed`
    /// ([`efficientnet_data::Split::holdout`]); above 0 and below 1. Official 0.02 (minival).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<f64>,
    /// From a training image to the network's input. Required.
    pub transform: Transform,
    /// From an image that is measured on to the network's input; nothing in it is random. Required.
    pub eval_transform: Transform,
    /// Images of one update, on all ranks and in all steps of an accumulation together. Required; official 2048 to 4096.
    pub batch_size: usize,
    /// How often each image stands in a row, each time transformed anew (Hoffer et al. 2019); an epoch keeps its
    /// length. Default 1.
    #[serde(default = "one")]
    pub repeats: usize,
    /// Whether classes are drawn equally often, however many images they have. Default false.
    #[serde(default)]
    pub balanced: bool,
    /// Threads that read and transform images, for each rank. Default: as many as there are processors. They change no
    /// result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// What happens when an image cannot be read: `"stop"` or `"skip"`. Default `"stop"`.
    #[serde(default)]
    pub on_error: OnError,
}

/// The table `[training]`: how long, and how a step is computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Passes over the training images. Required; official 350.
    pub epochs: u64,
    /// Parts that an update's images are computed in, one after the other, to save memory. Batch normalisation sees one
    /// part at a time. Default 1.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Share of every target that is spread over all classes (Szegedy et al. 2015). Default 0; official 0.1.
    #[serde(default)]
    pub label_smoothing: f64,
    /// Largest global norm of an update's gradients; larger ones are scaled down to it. Default: none, as official.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Whether activations are computed again in the backward pass instead of being kept. Default false.
    #[serde(default)]
    pub gradient_checkpointing: bool,
    /// Number format of activations and gradients. Default `"f32"`; official `"bf16"`.
    #[serde(default)]
    pub precision: Precision,
    /// Whether batch normalisation takes its statistics over all ranks. Default false; the official code does so in
    /// groups of at least 8 replicas where there are more than 8.
    #[serde(default)]
    pub sync_norm: bool,
}

/// A number format of activations and gradients. Statistics, loss and the weights that are updated are `f32` in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits with the exponent of `F32`.
    Bf16,
    /// 16 bits, IEEE 754's half precision.
    F16,
}

/// The table `[average]`: a moving average of the weights and of batch normalisation's statistics, which is what is
/// evaluated. Without the table there is none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Average {
    /// What is kept of the average at an update. Default and official 0.9999, which looks back over 10,000 updates.
    #[serde(default = "slow")]
    pub decay: f64,
    /// Whether less is kept in the beginning: at most `(1 + t) / (10 + t)` at update `t`, as TensorFlow does it. Default and
    /// official true; without it, a short run's average is mostly its random start.
    #[serde(default = "yes")]
    pub ramp: bool,
}

/// The table `[progressive]`: images and regularisation grow from stage to stage (EfficientNetV2, Section 4). Each pair is
/// from where to where; what is not given stays as it is. See [`Recipe::in_epoch`](super::Recipe::in_epoch).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progressive {
    /// Stages of equal length. Required; official 4.
    pub stages: u64,
    /// Side of the image in pixels. Official `[128, 300]` for V2-S, where the first number is of no stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// Magnitude of the transform's `randaugment`. Official `[5, 10]` for V2-S, to 20 for V2-L.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub randaugment: Option<[f64; 2]>,
    /// Alpha of the transform's `mixup`. Official `[0, 0]` for V2-S, `[0, 0.5]` for V2-L.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixup: Option<[f64; 2]>,
    /// Alpha of the transform's `cutmix`. Official as `mixup`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutmix: Option<[f64; 2]>,
    /// Probability of dropout before the classifier. The paper raises it from 0.1; the official code has that line switched
    /// off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<[f64; 2]>,
}

/// The table `[evaluate]`: when the run is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluate {
    /// Epochs between two evaluations; the last epoch has one in any case. Default 1.
    pub every_epochs: u64,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self { every_epochs: 1 }
    }
}

/// The table `[keep]`: which checkpoints are written and which of them stay. It changes no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// Updates between two checkpoints, besides those at the end of epochs. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_steps: Option<u64>,
    /// Epochs between two checkpoints; the last epoch has one in any case. Default 1.
    pub every_epochs: u64,
    /// Newest checkpoints that stay. Default 3, so that a damaged one has others behind it.
    pub last: usize,
    /// Checkpoints with the highest top-1 that stay besides. Default 1.
    pub best: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self { every_steps: None, every_epochs: 1, last: 3, best: 1 }
    }
}

impl Serialize for Freeze {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Backbone => serializer.serialize_str("backbone"),
            Self::Stages(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Freeze {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FreezeVisitor)
    }
}

struct FreezeVisitor;

impl Visitor<'_> for FreezeVisitor {
    type Value = Freeze;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"none\", \"backbone\" or a number of stages")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Freeze, E> {
        match word {
            "none" => Ok(Freeze::None),
            "backbone" => Ok(Freeze::Backbone),
            _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Freeze, E> {
        let count = usize::try_from(count).ok().map(Freeze::Stages);
        count.ok_or_else(|| E::custom("there are not so many stages"))
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Freeze, E> {
        let unsigned = u64::try_from(count);
        let count = unsigned.map_err(|_| E::invalid_value(de::Unexpected::Signed(count), &self))?;
        self.visit_u64(count)
    }
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn slow() -> f64 {
    0.9999
}
