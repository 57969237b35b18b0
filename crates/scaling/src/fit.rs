//! Which phi a given network would have: the question behind "B1 to B7 are not phi = 1 to 7".

use efficientnet_arch::{Coefficients, Totals};
use serde::Serialize;

use crate::Scaler;

/// The phi that each dimension of a network asks for, and the one that serves all three best.
///
/// A dimension that the rule leaves alone (a base of 1) asks for none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fit {
    /// log(d) / log(alpha).
    pub phi_depth: Option<f64>,
    /// log(w) / log(beta).
    pub phi_width: Option<f64>,
    /// log(r) / log(gamma).
    pub phi_resolution: Option<f64>,
    /// log2 of the multiply-adds over the starting network's: how often the cost has really doubled.
    pub phi_macs: f64,
    /// Least squares over the three dimensions, each weighed as it enters the cost: phi * log(alpha, beta^2, gamma^2) against
    /// log(d, w^2, r^2).
    pub phi_fit: Option<f64>,
}

impl Scaler {
    /// Fits phi to a network of the same baseline.
    pub fn fit(&self, coefficients: Coefficients, totals: Totals) -> Fit {
        let base = self.base().coefficients;
        let rule = self.rule();
        let depth = (rule.alpha().ln(), (coefficients.depth / base.depth).ln());
        let width = (rule.beta().ln(), (coefficients.width / base.width).ln());
        let resolution = (rule.gamma().ln(), (coefficients.resolution as f64 / base.resolution as f64).ln());
        let single = |(unit, log): (f64, f64)| (unit != 0.0).then(|| log / unit + 0.0);
        let cost = |(unit, log): (f64, f64), power: f64| (unit * power, log * power);
        let terms = [depth, cost(width, 2.0), cost(resolution, 2.0)];
        let dot: f64 = terms.iter().map(|(unit, log)| unit * log).sum();
        let square: f64 = terms.iter().map(|(unit, _)| unit * unit).sum();
        Fit {
            phi_depth: single(depth),
            phi_width: single(width),
            phi_resolution: single(resolution),
            phi_macs: (totals.macs as f64 / self.base_totals().macs as f64).log2(),
            phi_fit: (square > 0.0).then(|| dot / square),
        }
    }
}
