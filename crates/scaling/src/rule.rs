//! The rule of section 3.3: depth, width and resolution as powers of one number.
//!
//! d = alpha^phi, w = beta^phi, r = gamma^phi. A convolution's multiply-adds are proportional to d * w^2 * r^2, so one unit of
//! phi multiplies the nominal cost by alpha * beta^2 * gamma^2, which the paper holds close to 2. The rivals are the same three
//! powers with other bases ([`CompoundRule::depth_only`] and its like, [`CompoundRule::fast`]), each with a product of
//! exactly 2, so that phi means the same for all of them: how often the nominal cost doubles.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ScalingError;

/// alpha, beta and gamma.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Bases", into = "Bases")]
pub struct CompoundRule {
    bases: Bases,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bases {
    alpha: f64,
    beta: f64,
    gamma: f64,
}

/// By how much each dimension of a network is multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Factors {
    /// The paper's d: repeats of each row.
    pub depth: f64,
    /// The paper's w: filters of each convolution.
    pub width: f64,
    /// The paper's r: side of the input.
    pub resolution: f64,
}

impl Factors {
    /// d * w^2 * r^2: by how much the multiply-adds would grow if nothing were rounded and every layer were a dense
    /// convolution inside a repeated block.
    pub fn nominal_cost(&self) -> f64 {
        self.depth * self.width.powi(2) * self.resolution.powi(2)
    }

    /// d * w * r^2: the same for the values that convolutions put out.
    pub fn nominal_activations(&self) -> f64 {
        self.depth * self.width * self.resolution.powi(2)
    }
}

impl CompoundRule {
    /// What the paper's grid search found for B0, at phi = 1: a product of 1.9203.
    pub const PAPER: Self = Self { bases: Bases { alpha: 1.2, beta: 1.1, gamma: 1.15 } };

    /// A rule of one's own. The paper asks for bases of at least 1; a smaller one shrinks its dimension while others grow,
    /// which is allowed here.
    ///
    /// # Errors
    /// [`ScalingError::Number`] for a base that is no positive number up to 1000.
    pub fn new(alpha: f64, beta: f64, gamma: f64) -> Result<Self, ScalingError> {
        for (what, value) in [("alpha", alpha), ("beta", beta), ("gamma", gamma)] {
            if !(value > 0.0 && value <= 1000.0) {
                let expected = "above 0 and up to 1000";
                return Err(ScalingError::Number { what, value: value.to_string(), expected });
            }
        }
        Ok(Self { bases: Bases { alpha, beta, gamma } })
    }

    /// All of the cost into depth: d = 2^phi.
    pub fn depth_only() -> Self {
        Self { bases: Bases { alpha: 2.0, beta: 1.0, gamma: 1.0 } }
    }

    /// All of the cost into width: w = 2^(phi/2).
    pub fn width_only() -> Self {
        Self { bases: Bases { alpha: 1.0, beta: 2f64.sqrt(), gamma: 1.0 } }
    }

    /// All of the cost into resolution: r = 2^(phi/2).
    pub fn resolution_only() -> Self {
        Self { bases: Bases { alpha: 1.0, beta: 1.0, gamma: 2f64.sqrt() } }
    }

    /// Fast compound scaling (Dollar, Singh and Girshick, "Fast and Accurate Model Scaling", CVPR 2021): `share` of the cost
    /// goes into width and the rest in halves into depth and resolution. With their main variant's share of 0.8, s times the
    /// cost brings s^0.6 times the activations, where the compound rule brings about s^0.85.
    ///
    /// # Errors
    /// [`ScalingError::Number`] for a share outside 0 to 1.
    pub fn fast(share: f64) -> Result<Self, ScalingError> {
        if !(0.0..=1.0).contains(&share) {
            let (value, expected) = (share.to_string(), "from 0 to 1");
            return Err(ScalingError::Number { what: "the share of width", value, expected });
        }
        // s^e_d, s^(e_w / 2) and s^(e_r / 2) with e_d = e_r = (1 - share) / 2, e_w = share and s = 2^phi.
        let rest = (1.0 - share) / 2.0;
        let bases = Bases { alpha: rest.exp2(), beta: (share / 2.0).exp2(), gamma: (rest / 2.0).exp2() };
        Ok(Self { bases })
    }

    /// A rule by the name that the command line has for it: `compound` (the paper's), `depth`, `width`, `resolution`,
    /// `fast` (a share of 0.8).
    ///
    /// # Errors
    /// [`ScalingError::UnknownRule`] with the names that there are.
    pub fn named(name: &str) -> Result<Self, ScalingError> {
        match name {
            "compound" => Ok(Self::PAPER),
            "depth" => Ok(Self::depth_only()),
            "width" => Ok(Self::width_only()),
            "resolution" => Ok(Self::resolution_only()),
            "fast" => Self::fast(0.8),
            other => Err(ScalingError::UnknownRule(other.to_string())),
        }
    }

    /// The depth's base.
    pub fn alpha(&self) -> f64 {
        self.bases.alpha
    }

    /// The width's base.
    pub fn beta(&self) -> f64 {
        self.bases.beta
    }

    /// The resolution's base.
    pub fn gamma(&self) -> f64 {
        self.bases.gamma
    }

    /// alpha * beta^2 * gamma^2, which the paper holds close to 2: the *nominal* cost of one unit of phi. What a network
    /// really costs differs, since repeats and filters are rounded ([`crate::Point::macs_ratio`]).
    pub fn constraint(&self) -> f64 {
        self.factors(1.0).nominal_cost()
    }

    /// d, w and r at `phi`: any real number; below 0 the network shrinks.
    pub fn factors(&self, phi: f64) -> Factors {
        let Bases { alpha, beta, gamma } = self.bases;
        Factors { depth: alpha.powf(phi), width: beta.powf(phi), resolution: gamma.powf(phi) }
    }
}

impl fmt::Display for CompoundRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |base: f64| (base * 1e6).round() / 1e6;
        let Bases { alpha, beta, gamma } = self.bases;
        write!(f, "alpha = {}, beta = {}, gamma = {}", short(alpha), short(beta), short(gamma))
    }
}

impl From<CompoundRule> for Bases {
    fn from(rule: CompoundRule) -> Self {
        rule.bases
    }
}

impl TryFrom<Bases> for CompoundRule {
    type Error = ScalingError;

    fn try_from(Bases { alpha, beta, gamma }: Bases) -> Result<Self, ScalingError> {
        Self::new(alpha, beta, gamma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_rule_costs_a_little_less_than_two() {
        assert!((CompoundRule::PAPER.constraint() - 1.920_27).abs() < 1e-9);
    }

    #[test]
    fn every_rival_doubles_the_nominal_cost() {
        for name in ["depth", "width", "resolution", "fast"] {
            let rule = CompoundRule::named(name).unwrap();
            assert!((rule.constraint() - 2.0).abs() < 1e-12, "{name}: {}", rule.constraint());
        }
    }

    /// The exponents of pycls's `d1_w8_g8_r1`, where d * w^2 * r^2 = s: 0.1, 0.4, 0.05; activations grow by s^0.6.
    #[test]
    fn fast_scaling_has_the_published_exponents() {
        let factors = CompoundRule::fast(0.8).unwrap().factors(3.0);
        let s: f64 = 8.0;
        for (found, exponent) in [(factors.depth, 0.1), (factors.width, 0.4), (factors.resolution, 0.05)] {
            assert!((found - s.powf(exponent)).abs() < 1e-12, "s^{exponent}");
        }
        assert!((factors.nominal_activations() - s.powf(0.6)).abs() < 1e-12);
    }

    #[test]
    fn bases_that_are_no_numbers_are_refused() {
        for bad in [0.0, -1.2, f64::NAN, f64::INFINITY, 1001.0] {
            assert!(CompoundRule::new(bad, 1.1, 1.15).is_err(), "{bad}");
            assert!(CompoundRule::new(1.2, bad, 1.15).is_err(), "{bad}");
            assert!(CompoundRule::new(1.2, 1.1, bad).is_err(), "{bad}");
        }
        assert!(CompoundRule::fast(f64::NAN).is_err());
        let text = CompoundRule::new(f64::NAN, 1.1, 1.15).unwrap_err().to_string();
        assert_eq!(text, "alpha is NaN; it must be above 0 and up to 1000");
    }

    #[test]
    fn a_rule_survives_json_and_is_checked_there() {
        let text = serde_json::to_string(&CompoundRule::PAPER).unwrap();
        assert_eq!(text, r#"{"alpha":1.2,"beta":1.1,"gamma":1.15}"#);
        assert_eq!(serde_json::from_str::<CompoundRule>(&text).unwrap(), CompoundRule::PAPER);
        assert!(serde_json::from_str::<CompoundRule>(r#"{"alpha":-1,"beta":1.1,"gamma":1.15}"#).is_err());
    }
}
