//! The table `[optimizer]`: the kind, its own parameters, and what all kinds have.

use serde::{Deserialize, Serialize};

use super::error::Problem;

/// The table `[optimizer]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimizer {
    /// `kind` and the parameters that only this kind has.
    pub kind: OptimizerKind,
    /// `weight_decay`: factor of the weights in the update, per step. Coupled (added to the gradient, the official
    /// code's L2) for `rmsprop_tf` and `sgd`; decoupled for `adamw` and `lamb`. Default 0; official 1e-5.
    pub weight_decay: f64,
    /// `decay_norm`: whether batch normalisation's scale and shift decay, too. Default false, as in the official code.
    pub decay_norm: bool,
    /// `decay_bias`: whether biases decay, too: the classifier's and those of squeeze-and-excitation. Default true, as in
    /// the official code; EfficientNetV2's excludes them.
    pub decay_bias: bool,
    /// `layer_decay`: the rate of each stage is the rate of the next one times this, and the classifier's is the full
    /// one (Clark et al. 2020). Default 1, which is off.
    pub layer_decay: f64,
    /// `head_rate`: factor of the rate of a classifier that is new, beside weights that are not. Default 1.
    pub head_rate: f64,
}

/// How gradients become an update.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum OptimizerKind {
    /// `rmsprop_tf`: RMSProp as TensorFlow computes it, with epsilon inside the root, an accumulator that begins at 1 and
    /// the rate inside the momentum (`tf.train.RMSPropOptimizer`).
    RmsPropTf {
        /// `decay` of the mean square. Default and official 0.9.
        decay: f64,
        /// `momentum`. Default and official 0.9.
        momentum: f64,
        /// `epsilon` under the root. Default and official 1e-3.
        epsilon: f64,
    },
    /// `sgd`: gradient descent.
    Sgd {
        /// `momentum`. Default 0.9.
        momentum: f64,
        /// `nesterov`: Nesterov's momentum. Default true, as in pycls's recipes.
        nesterov: bool,
    },
    /// `adamw`: Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    AdamW {
        /// `beta1`, decay of the mean. Default 0.9, the paper's.
        beta1: f64,
        /// `beta2`, decay of the mean square. Default 0.999, the paper's.
        beta2: f64,
        /// `epsilon` beside the root. Default 1e-8, the paper's.
        epsilon: f64,
    },
    /// `lamb`: Adam with a rate for every layer, for large batches (You et al. 2020).
    Lamb {
        /// `beta1`, decay of the mean. Default 0.9, the paper's.
        beta1: f64,
        /// `beta2`, decay of the mean square. Default 0.999, the paper's.
        beta2: f64,
        /// `epsilon` beside the root. Default 1e-6, the paper's.
        epsilon: f64,
    },
}

/// The parameters that not every kind has.
pub(super) const PARAMETERS: [&str; 6] = ["decay", "momentum", "epsilon", "nesterov", "beta1", "beta2"];

/// The table as it stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    decay: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    momentum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epsilon: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nesterov: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beta1: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beta2: Option<f64>,
    #[serde(default)]
    weight_decay: f64,
    #[serde(default)]
    decay_norm: bool,
    #[serde(default = "yes")]
    decay_bias: bool,
    #[serde(default = "one")]
    layer_decay: f64,
    #[serde(default = "one")]
    head_rate: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[serde(rename = "rmsprop_tf")]
    RmsPropTf,
    Sgd,
    AdamW,
    Lamb,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::RmsPropTf => "rmsprop_tf",
            Self::Sgd => "sgd",
            Self::AdamW => "adamw",
            Self::Lamb => "lamb",
        }
    }

    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::RmsPropTf => &["decay", "momentum", "epsilon"],
            Self::Sgd => &["momentum", "nesterov"],
            Self::AdamW | Self::Lamb => &["beta1", "beta2", "epsilon"],
        }
    }
}

impl Table {
    fn given(&self) -> [bool; PARAMETERS.len()] {
        [
            self.decay.is_some(),
            self.momentum.is_some(),
            self.epsilon.is_some(),
            self.nesterov.is_some(),
            self.beta1.is_some(),
            self.beta2.is_some(),
        ]
    }

    fn foreign(&self) -> Option<Problem> {
        let given = PARAMETERS.iter().zip(self.given()).filter(|(_, given)| *given).map(|(name, _)| *name);
        let own = self.kind.parameters();
        let (name, kind) = (given.clone().find(|name| !own.contains(name))?, self.kind.name());
        let what = format!("is no parameter of {kind}, which has {}", own.join(", "));
        Some(Problem::new(&format!("optimizer.{name}"), what))
    }
}

impl TryFrom<Table> for Optimizer {
    type Error = Problem;

    fn try_from(table: Table) -> Result<Self, Problem> {
        if let Some(problem) = table.foreign() {
            return Err(problem);
        }
        let (beta1, beta2) = (table.beta1.unwrap_or(0.9), table.beta2.unwrap_or(0.999));
        let momentum = table.momentum.unwrap_or(0.9);
        let epsilon = |default: f64| table.epsilon.unwrap_or(default);
        let kind = match table.kind {
            Kind::RmsPropTf => {
                let decay = table.decay.unwrap_or(0.9);
                OptimizerKind::RmsPropTf { decay, momentum, epsilon: epsilon(1e-3) }
            }
            Kind::Sgd => OptimizerKind::Sgd { momentum, nesterov: table.nesterov.unwrap_or(momentum > 0.0) },
            Kind::AdamW => OptimizerKind::AdamW { beta1, beta2, epsilon: epsilon(1e-8) },
            Kind::Lamb => OptimizerKind::Lamb { beta1, beta2, epsilon: epsilon(1e-6) },
        };
        let Table { weight_decay, decay_norm, decay_bias, layer_decay, head_rate, .. } = table;
        Ok(Self { kind, weight_decay, decay_norm, decay_bias, layer_decay, head_rate })
    }
}

impl From<Optimizer> for Table {
    fn from(optimizer: Optimizer) -> Self {
        let Optimizer { kind, weight_decay, decay_norm, decay_bias, layer_decay, head_rate } = optimizer;
        let bare = Self {
            kind: Kind::Sgd,
            decay: None,
            momentum: None,
            epsilon: None,
            nesterov: None,
            beta1: None,
            beta2: None,
            weight_decay,
            decay_norm,
            decay_bias,
            layer_decay,
            head_rate,
        };
        let adam = |kind, beta1, beta2, epsilon| Self {
            kind,
            beta1: Some(beta1),
            beta2: Some(beta2),
            epsilon: Some(epsilon),
            ..bare
        };
        match kind {
            OptimizerKind::RmsPropTf { decay, momentum, epsilon } => Self {
                kind: Kind::RmsPropTf,
                decay: Some(decay),
                momentum: Some(momentum),
                epsilon: Some(epsilon),
                ..bare
            },
            OptimizerKind::Sgd { momentum, nesterov } => {
                Self { momentum: Some(momentum), nesterov: Some(nesterov), ..bare }
            }
            OptimizerKind::AdamW { beta1, beta2, epsilon } => adam(Kind::AdamW, beta1, beta2, epsilon),
            OptimizerKind::Lamb { beta1, beta2, epsilon } => adam(Kind::Lamb, beta1, beta2, epsilon),
        }
    }
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}
