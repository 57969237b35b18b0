//! A plan: everything that makes a search what it is, in one TOML file.
//!
//! ```toml
//! name = "tiny"
//! about = "Is compound scaling better than scaling one dimension, at this size?"
//! baseline = "tiny-baseline.toml"      # beside the plan; or a published network's name
//! cost = "macs"                        # or params, activations, latency
//! multiple = 4                         # sides of the input are rounded to multiples of this
//!
//! [proxy]                              # how each network is trained
//! recipe = "proxy"
//! transform = "squash({size}, bilinear) | flip(0.5) | normalize(imagenet)"
//! eval_transform = "squash({size}, bilinear) | normalize(imagenet)"
//! epochs = 4
//! seeds = [0, 1, 2]
//!
//! [[compare.arm]]                      # exactly one task: compare, coefficients or evolve
//! name = "compound"
//! rule = "compound"
//! cost = [2.0, 4.0]
//! ```

mod baselines;
mod check;
mod error;
mod identity;
mod keys;
mod read;
mod recipes;

use std::fmt;

use efficientnet_scaling::{CompoundRule, Grid};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

pub use error::PlanError;
pub(crate) use error::Problem;
pub(crate) use identity::PLAN;

use baselines::Beside;

/// What a search is. [`Plan::open`] and [`Plan::parse`] give one whose numbers fit together and whose files were found.
///
/// Files that a plan names lie beside it; once it is read it has their content and needs them no more.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What it is called; its folder is `runs/NAME` unless one is given.
    pub name: String,
    /// What it is for, in a sentence or two, for the report.
    pub about: String,
    /// The network at phi = 0: a published one's name, or a baseline's `.toml` file beside the plan.
    pub baseline: String,
    /// By what networks are compared. Default: multiply-adds.
    pub cost: CostKind,
    /// The side of the input is rounded to a multiple of this. Default 1.
    pub multiple: usize,
    /// How each network is trained.
    pub proxy: Proxy,
    /// What is searched; exactly one of the tables `compare`, `coefficients` and `evolve`.
    pub task: Task,
    beside: Beside,
}

/// A plan as it stands in a file. Of the last three exactly one is there: serde's own way of saying so, a flattened enum,
/// lets unknown keys pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    about: String,
    baseline: String,
    #[serde(default)]
    cost: CostKind,
    #[serde(default = "one")]
    multiple: usize,
    proxy: Proxy,
    #[serde(skip_serializing_if = "Option::is_none")]
    compare: Option<Compare>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coefficients: Option<Coefficients>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evolve: Option<Evolve>,
}

/// By what networks are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostKind {
    /// Multiply-adds of one image.
    #[default]
    Macs,
    /// Trainable values.
    Params,
    /// Values put out by convolutions, pooling and the classifier.
    Activations,
    /// Milliseconds of one image on this machine, predicted from measured networks.
    Latency,
}

/// How each network is trained: a recipe with what the search changes in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// A recipe's name, or its `.toml` file beside the plan. Its `[model]` gives dropout, stochastic depth and the constants
    /// of normalisation; the network itself is the search's.
    pub recipe: String,
    /// Settings on top of it, as `efficientnet train --set` takes them.
    #[serde(default)]
    pub set: Vec<String>,
    /// From a training image to the input, with `{size}` for the side in pixels and `{size/8}` for an eighth of it, rounded
    /// up. Default: the recipe's own, which must then fit every network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// The same for images that are measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_transform: Option<String>,
    /// Passes over the training images of a whole trial.
    pub epochs: u64,
    /// Each network is trained once from each.
    pub seeds: Vec<u64>,
}

/// What is searched.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Scaling rules beside each other: the paper's Figures 3, 4 and 8, Tables 3 and 7.
    Compare(Compare),
    /// alpha, beta and gamma: step 1 of the paper's section 3.3.
    Coefficients(Coefficients),
    /// The baseline itself: section 4 of the paper.
    Evolve(Evolve),
}

/// Networks along several lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The lines. The baseline at phi = 0 belongs to each, unless its `from` says otherwise.
    pub arm: Vec<Arm>,
    /// Which of the paper's figures is drawn over the result: `figure-3-depth`, `figure-8`, `table-3-resnet50` ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
}

/// A line: networks of one rule. Exactly one of `phi`, `cost` and `factors` says which of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// For the legend.
    pub name: String,
    /// `compound`, `depth`, `width`, `resolution`, `fast`, or `{ alpha = 1.2, beta = 1.1, gamma = 1.15 }`.
    pub rule: RuleName,
    /// A baseline of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// What the line starts from, as factors on the baseline: Figure 4's other depths and resolutions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Factors>,
    /// Places on the line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phi: Vec<f64>,
    /// Multiples of the line's start's realised cost: of all networks of the line the one that comes nearest to each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cost: Vec<f64>,
    /// Factors that need lie on no line, such as the paper's d = 4.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<Factors>,
}

/// A scaling rule by name or by its bases.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RuleName {
    /// One of [`CompoundRule::named`].
    Named(String),
    /// Bases.
    Bases(CompoundRule),
}

/// Factors on depth, width and resolution; what is not said is 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Factors {
    /// The paper's d.
    pub depth: f64,
    /// The paper's w.
    pub width: f64,
    /// The paper's r.
    pub resolution: f64,
}

impl Default for Factors {
    fn default() -> Self {
        Self { depth: 1.0, width: 1.0, resolution: 1.0 }
    }
}

/// The search for alpha, beta and gamma.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coefficients {
    /// The points.
    #[serde(default)]
    pub grid: Grid,
    /// Where each point's network stands on its line. Absent: at phi = 1, as in the paper, at whatever cost it realises.
    /// A number: at the phi whose network comes nearest to so many times the baseline's realised cost, so that all cost the
    /// same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_cost: Option<f64>,
    /// Which of them are trained, and how long.
    #[serde(default)]
    pub strategy: Strategies,
}

/// Which networks are trained, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Strategies {
    /// All, for `proxy.epochs`.
    #[default]
    Full,
    /// So many, drawn without replacement, for `proxy.epochs`.
    Random {
        /// How many networks.
        networks: usize,
        /// What is drawn follows from it.
        #[serde(default)]
        seed: u64,
    },
    /// All for few epochs and the best of them for more (Jamieson and Talwalkar 2016): each rung keeps the best 1/eta of the
    /// one before it and trains `eta` times as long, up to `proxy.epochs`.
    Halving {
        /// At least 2.
        eta: u64,
        /// Epochs of the first rung.
        min_epochs: u64,
    },
}

/// The search for a baseline: regularised evolution (Real et al. 2019) over a space like MnasNet's, with random search
/// beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evolve {
    /// Networks alive at a time.
    pub population: usize,
    /// Of how many drawn from these the best becomes a parent.
    pub sample: usize,
    /// Networks that are trained in all, the first population included; random search gets as many.
    pub networks: usize,
    /// Children that are born of one population at a time: as many can be trained side by side.
    #[serde(default = "one")]
    pub children: usize,
    /// T of ACC(m) x (COST(m) / T)^w, as a multiple of the baseline's own cost.
    #[serde(default = "unit")]
    pub target: f64,
    /// w of ACC(m) x (COST(m) / T)^w. Official -0.07.
    #[serde(default = "official_exponent")]
    pub exponent: f64,
    /// What is drawn follows from it.
    #[serde(default)]
    pub seed: u64,
    /// What a stage may be.
    #[serde(default)]
    pub space: Space,
}

/// What a stage of the baseline may become. Stages keep their number, their order and their stride.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Space {
    /// Sides of the kernel.
    pub kernel: Vec<usize>,
    /// Expansion ratios; a stage whose ratio is 1 keeps it.
    pub expand_ratio: Vec<usize>,
    /// Squeeze-and-excitation ratios, 0 for none.
    pub se_ratio: Vec<f64>,
    /// Multiples of the baseline's filters.
    pub width: Vec<f64>,
    /// Blocks more than the baseline has, or fewer; at least one stays.
    pub depth: Vec<i64>,
    /// With a residual or without.
    pub skip: Vec<bool>,
}

impl Default for Space {
    /// MnasNet's (Tan et al. 2019, section 4.1) for inverted residuals.
    fn default() -> Self {
        Self {
            kernel: vec![3, 5],
            expand_ratio: vec![3, 6],
            se_ratio: vec![0.0, 0.25],
            width: vec![0.75, 1.0, 1.25],
            depth: vec![-1, 0, 1],
            skip: vec![true, false],
        }
    }
}

/// By hand, since an untagged enum's errors say nothing of what is wrong inside.
impl<'de> Deserialize<'de> for RuleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RuleVisitor)
    }
}

struct RuleVisitor;

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = RuleName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rule's name or { alpha = 1.2, beta = 1.1, gamma = 1.15 }")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<RuleName, E> {
        Ok(RuleName::Named(name.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RuleName, A::Error> {
        CompoundRule::deserialize(MapAccessDeserializer::new(map)).map(RuleName::Bases)
    }
}

fn one() -> usize {
    1
}

fn unit() -> f64 {
    1.0
}

fn official_exponent() -> f64 {
    -0.07
}
