//! The numbers of an evolution's plan.

use super::EvolveError;
use crate::{Evolve, Proxy};

/// Everything that can be said of a plan without its baseline and its space.
pub(super) fn check(plan: &Evolve, proxy: &Proxy) -> Result<(), EvolveError> {
    let Evolve { population, sample, networks, children, target, exponent, .. } = *plan;
    let whole = [
        ("population", population, 2, 1_000_000),
        ("sample", sample, 1, population),
        ("networks", networks, population, 10_000_000),
        ("children", children, 1, population),
    ];
    for (key, value, low, high) in whole {
        if !(low..=high).contains(&value) {
            let (value, expected) = (value.to_string(), format!("a whole number from {low} to {high}"));
            return Err(EvolveError::Number { key, value, expected });
        }
    }
    for (key, value, low, high) in [("target", target, 1e-6, 1e6), ("exponent", exponent, -10.0, 10.0)] {
        if !(low..=high).contains(&value) {
            let (value, expected) = (value.to_string(), format!("a number from {low} to {high}"));
            return Err(EvolveError::Number { key, value, expected });
        }
    }
    match proxy.seeds.is_empty() {
        true => Err(EvolveError::NoSeeds),
        false => Ok(()),
    }
}
