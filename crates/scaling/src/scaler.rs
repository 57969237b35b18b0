//! A network, a rule and phi give a network.
//!
//! Rounding, three times: filters to multiples of eight and repeats upwards (the baseline's own rules, in `efficientnet-arch`)
//! and the input's side, for which [`PixelRounding`] has the rule.

use efficientnet_arch::{ArchError, ArchSpec, Coefficients, Realised, Totals};
use serde::{Deserialize, Serialize};

use crate::{CompoundRule, Factors, ScalingError};

/// How the side of the input is rounded.
///
/// The published sides (240, 260, 300, 380, 456, 528, 600, 672, 800) follow no single rule: all are multiples of 4, some are
/// not of 8, and none is the pixel nearest to 224 * 1.15^phi at the phi of its own depth or width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelRounding {
    /// To the nearest whole pixel, halves up: as literal as pixels can be, and the default.
    #[default]
    Nearest,
    /// To the nearest multiple of this, halves up, and never to 0. 8 keeps three halvings even, 32 all five.
    Multiple(usize),
}

impl PixelRounding {
    /// The side in whole pixels.
    pub fn round(self, side: f64) -> usize {
        let step = match self {
            Self::Nearest => 1,
            Self::Multiple(step) => step.max(1),
        };
        let steps = (side / step as f64).round() as usize;
        steps.max(1).saturating_mul(step)
    }
}

/// A network that is scaled by a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaler {
    base: ArchSpec,
    base_totals: Totals,
    rule: CompoundRule,
    pixels: PixelRounding,
}

/// A network on the rule's line, with what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// How far along the line.
    pub phi: f64,
    /// Depth coefficient, the starting network's times alpha^phi.
    pub depth: f64,
    /// Width coefficient, the starting network's times beta^phi.
    pub width: f64,
    /// Side of the input in pixels, rounded.
    pub resolution: usize,
    /// See [`efficientnet_arch::Counts`].
    pub params: u64,
    /// See [`efficientnet_arch::Counts`].
    pub macs: u64,
    /// See [`efficientnet_arch::Counts`].
    pub activations: u64,
    /// See [`efficientnet_arch::Counts`].
    pub peak_activation_bytes: u64,
    /// (alpha * beta^2 * gamma^2)^phi: by how much the multiply-adds should have grown.
    pub nominal_ratio: f64,
    /// By how much they have grown: at phi = 1 B0's have 2.57 times where the constraint says 1.92, since repeats round up
    /// and so does the side of the maps at every halving.
    pub macs_ratio: f64,
}

impl Scaler {
    /// Starts from `base` as it is: its own coefficients are multiplied by the rule's factors.
    ///
    /// # Errors
    /// [`ScalingError::Arch`] where `base` cannot be counted.
    pub fn new(base: ArchSpec, rule: CompoundRule) -> Result<Self, ScalingError> {
        let base_totals = base.totals()?;
        Ok(Self { base, base_totals, rule, pixels: PixelRounding::default() })
    }

    /// Starts from a published network.
    ///
    /// # Errors
    /// [`ScalingError::Arch`] with the nearest names where there is no such network.
    pub fn named(name: &str, rule: CompoundRule) -> Result<Self, ScalingError> {
        Self::new(ArchSpec::named(name)?, rule)
    }

    /// The same with another rounding of the input's side.
    ///
    /// # Errors
    /// [`ScalingError::Number`] for multiples of 0.
    pub fn with_pixels(mut self, pixels: PixelRounding) -> Result<Self, ScalingError> {
        if pixels == PixelRounding::Multiple(0) {
            let expected = "a whole number of at least 1";
            return Err(ScalingError::Number { what: "the multiple of pixels", value: "0".into(), expected });
        }
        self.pixels = pixels;
        Ok(self)
    }

    /// The same along another rule.
    pub fn with_rule(mut self, rule: CompoundRule) -> Self {
        self.rule = rule;
        self
    }

    /// The network that scaling starts from.
    pub fn base(&self) -> &ArchSpec {
        &self.base
    }

    /// What it costs.
    pub fn base_totals(&self) -> Totals {
        self.base_totals
    }

    /// The rule.
    pub fn rule(&self) -> CompoundRule {
        self.rule
    }

    /// Width, depth and pixels at `phi`: any real number, below 0 the network shrinks.
    ///
    /// # Errors
    /// [`ScalingError::Number`] where phi is not finite. Whether such a network can be built is not asked.
    pub fn coefficients(&self, phi: f64) -> Result<Coefficients, ScalingError> {
        if !phi.is_finite() {
            let (value, expected) = (phi.to_string(), "a finite number");
            return Err(ScalingError::Number { what: "phi", value, expected });
        }
        Ok(self.apply(self.rule.factors(phi)))
    }

    /// The same for factors that need not lie on the rule's line, such as the paper's d = 4 alone.
    pub fn apply(&self, factors: Factors) -> Coefficients {
        let Coefficients { width, depth, resolution } = self.base.coefficients;
        Coefficients {
            width: width * factors.width,
            depth: depth * factors.depth,
            resolution: self.pixels.round(resolution as f64 * factors.resolution),
        }
    }

    /// The numbers that the network at `phi` has after rounding. Where two points have the same, they are one network.
    ///
    /// # Errors
    /// Those of [`Scaler::spec`].
    pub fn realised(&self, phi: f64) -> Result<Realised, ScalingError> {
        let coefficients = self.coefficients(phi)?;
        self.base.baseline.realised(coefficients).map_err(|source| self.unrealisable(phi, source))
    }

    /// The network at `phi`, named for it.
    ///
    /// # Errors
    /// [`ScalingError::Number`] where phi is not finite, [`ScalingError::Unrealisable`] where it leads out of what can be built.
    pub fn spec(&self, phi: f64) -> Result<ArchSpec, ScalingError> {
        let coefficients = self.coefficients(phi)?;
        let spec = self.base.rescaled(coefficients).map_err(|source| self.unrealisable(phi, source))?;
        Ok(ArchSpec { name: format!("{}(phi {phi})", self.base.name), ..spec })
    }

    /// The network at `phi` with its counts.
    ///
    /// # Errors
    /// Those of [`Scaler::spec`], and the same where a count does not fit 64 bits.
    pub fn point(&self, phi: f64) -> Result<Point, ScalingError> {
        let spec = self.spec(phi)?;
        let totals = self.totals_of(&spec, phi)?;
        let Coefficients { width, depth, resolution } = spec.coefficients;
        Ok(Point {
            phi,
            depth,
            width,
            resolution,
            params: totals.params,
            macs: totals.macs,
            activations: totals.activations,
            peak_activation_bytes: totals.peak_activation_bytes,
            nominal_ratio: self.rule.factors(phi).nominal_cost(),
            macs_ratio: totals.macs as f64 / self.base_totals.macs as f64,
        })
    }

    pub(crate) fn totals_of(&self, spec: &ArchSpec, phi: f64) -> Result<Totals, ScalingError> {
        spec.totals().map_err(|source| self.unrealisable(phi, source))
    }

    fn unrealisable(&self, phi: f64, source: ArchError) -> ScalingError {
        ScalingError::Unrealisable { base: self.base.name.clone(), phi, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_round_to_the_nearest() {
        assert_eq!(PixelRounding::Nearest.round(257.6), 258);
        assert_eq!(PixelRounding::Nearest.round(0.2), 1);
        assert_eq!(PixelRounding::Multiple(8).round(257.6), 256);
        assert_eq!(PixelRounding::Multiple(8).round(260.0), 264);
        assert_eq!(PixelRounding::Multiple(32).round(3.0), 32);
        assert_eq!(PixelRounding::Nearest.round(1e300), usize::MAX);
    }

    #[test]
    fn phi_zero_is_the_network_itself() {
        for model in efficientnet_arch::models() {
            let scaler = Scaler::new(model.spec(), CompoundRule::PAPER).unwrap();
            let spec = scaler.spec(0.0).unwrap();
            assert_eq!(spec.stages, model.spec().stages, "{}", model.name);
            assert_eq!(spec.resolution(), model.resolution, "{}", model.name);
        }
    }

    #[test]
    fn what_cannot_be_built_says_at_which_phi_and_why() {
        let scaler = Scaler::named("efficientnet-b0", CompoundRule::PAPER).unwrap();
        let text = scaler.point(26.0).unwrap_err().to_string();
        assert!(text.starts_with("efficientnet-b0 at phi = 26 cannot be had: depth is 114."), "{text}");
        assert_eq!(scaler.spec(f64::NAN).unwrap_err().to_string(), "phi is NaN; it must be a finite number");
        assert!(scaler.spec(f64::INFINITY).is_err());
        // So far that the powers themselves leave the floating-point numbers.
        assert!(scaler.spec(1e9).is_err());
        assert!(scaler.spec(-1e9).is_err());
        assert!(scaler.with_pixels(PixelRounding::Multiple(0)).is_err());
    }
}
