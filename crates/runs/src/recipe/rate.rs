//! The table `[schedule]`: the learning rate and what becomes of it.

use serde::{Deserialize, Serialize};

use super::error::Problem;

/// The table `[schedule]`; [`crate::schedule::Schedule`] computes with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRate {
    /// `rate`: the peak, per update. Required. Official 0.016 per 256 images.
    pub rate: f64,
    /// `rate_per_images`: the batch that `rate` is meant for; the peak is `rate * data.batch_size / rate_per_images`. Without
    /// it `rate` is the peak. Official 256.
    pub rate_per_images: Option<usize>,
    /// `warmup_epochs`: how long the rate rises linearly; may be fractional. Default 0; official 5.
    pub warmup_epochs: f64,
    /// `warmup_from`: where it begins, as a share of the peak. Default and official 0.
    pub warmup_from: f64,
    /// `decay` and the parameters that only this kind has.
    pub decay: Decay,
}

/// How the rate falls. All kinds count from the first step of the run and not from the end of the warm-up, as the
/// official code does.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Decay {
    /// `constant`, the default: it does not.
    Constant,
    /// `staircase`: by a factor every so many epochs.
    Staircase {
        /// `factor`. Default and official 0.97.
        factor: f64,
        /// `every_epochs`, which may be fractional. Default and official 2.4.
        every_epochs: f64,
    },
    /// `cosine`: by half a period to the last step (Loshchilov and Hutter 2017).
    Cosine {
        /// `final_share`: what is left at the end, as a share of the peak. Default 0.
        final_share: f64,
    },
    /// `linear`: by a straight line to the last step.
    Linear {
        /// `final_share`: what is left at the end, as a share of the peak. Default 0.
        final_share: f64,
    },
}

impl LearningRate {
    /// The rate at the end of the warm-up, before any decay, for updates of `batch_size` images.
    pub fn peak(&self, batch_size: usize) -> f64 {
        self.rate_per_images.map_or(self.rate, |per| self.rate * batch_size as f64 / per as f64)
    }
}

impl Decay {
    /// Whether the rate of a step depends on how long the run is.
    pub fn depends_on_epochs(&self) -> bool {
        matches!(self, Self::Cosine { .. } | Self::Linear { .. })
    }
}

/// The parameters that not every decay has.
pub(super) const PARAMETERS: [&str; 3] = ["factor", "every_epochs", "final_share"];

/// The table as it stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    rate: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_per_images: Option<usize>,
    #[serde(default)]
    warmup_epochs: f64,
    #[serde(default)]
    warmup_from: f64,
    #[serde(default)]
    decay: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    every_epochs: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    final_share: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Constant,
    Staircase,
    Cosine,
    Linear,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Staircase => "staircase",
            Self::Cosine => "cosine",
            Self::Linear => "linear",
        }
    }

    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Constant => &[],
            Self::Staircase => &["factor", "every_epochs"],
            Self::Cosine | Self::Linear => &["final_share"],
        }
    }
}

impl Table {
    fn foreign(&self) -> Option<Problem> {
        let given = [self.factor.is_some(), self.every_epochs.is_some(), self.final_share.is_some()];
        let own = self.decay.parameters();
        let mut names = PARAMETERS.iter().zip(given).filter(|(_, given)| *given).map(|(name, _)| *name);
        let name = names.find(|name| !own.contains(name))?;
        let has = if own.is_empty() { "none".to_string() } else { own.join(", ") };
        let what = format!("is no parameter of the decay {}, which has {has}", self.decay.name());
        Some(Problem::new(&format!("schedule.{name}"), what))
    }
}

impl TryFrom<Table> for LearningRate {
    type Error = Problem;

    fn try_from(table: Table) -> Result<Self, Problem> {
        if let Some(problem) = table.foreign() {
            return Err(problem);
        }
        let final_share = table.final_share.unwrap_or(0.0);
        let decay = match table.decay {
            Kind::Constant => Decay::Constant,
            Kind::Staircase => Decay::Staircase {
                factor: table.factor.unwrap_or(0.97),
                every_epochs: table.every_epochs.unwrap_or(2.4),
            },
            Kind::Cosine => Decay::Cosine { final_share },
            Kind::Linear => Decay::Linear { final_share },
        };
        let Table { rate, rate_per_images, warmup_epochs, warmup_from, .. } = table;
        Ok(Self { rate, rate_per_images, warmup_epochs, warmup_from, decay })
    }
}

impl From<LearningRate> for Table {
    fn from(schedule: LearningRate) -> Self {
        let LearningRate { rate, rate_per_images, warmup_epochs, warmup_from, decay } = schedule;
        let (decay, factor, every_epochs, final_share) = match decay {
            Decay::Constant => (Kind::Constant, None, None, None),
            Decay::Staircase { factor, every_epochs } => {
                (Kind::Staircase, Some(factor), Some(every_epochs), None)
            }
            Decay::Cosine { final_share } => (Kind::Cosine, None, None, Some(final_share)),
            Decay::Linear { final_share } => (Kind::Linear, None, None, Some(final_share)),
        };
        Self { rate, rate_per_images, warmup_epochs, warmup_from, decay, factor, every_epochs, final_share }
    }
}
