//! What the tests of the analysis are made of.

use efficientnet_scaling::CompoundRule;

use super::*;
use crate::{Arm, Compare, Factors, GridPoint, Member, NetworkKey, Outcome, RuleName, TrialId};

pub(crate) fn key(network: u64) -> NetworkKey {
    NetworkKey::try_from(format!("{network:016x}")).unwrap()
}

pub(crate) fn id(network: u64, epochs: u64, seed: u64) -> TrialId {
    TrialId { network: key(network), epochs, seed }
}

/// A trial that named so many of a thousand images rightly.
pub(crate) fn row(network: u64, epochs: u64, seed: u64, cost: f64, correct: u64) -> Row {
    Row {
        trial: id(network, epochs, seed),
        name: format!("network-{network}"),
        depth: 1.0,
        width: 1.0,
        resolution: 32,
        blocks: None,
        macs: cost as u64,
        params: 1000,
        activations: 1000,
        cost,
        outcome: Outcome::Measured { images: 1000, correct, loss: 1.0 },
    }
}

pub(crate) fn member(network: u64, cost_ratio: f64) -> Member {
    let depth = cost_ratio;
    let factors = Factors { depth, ..Factors::default() };
    Member { network: key(network), phi: Some(cost_ratio.log2()), factors, cost_ratio }
}

/// Lines that are called after their rule.
pub(crate) fn compare_plan(rules: &[&str]) -> Compare {
    let arm = rules
        .iter()
        .map(|rule| Arm {
            name: (*rule).to_string(),
            rule: RuleName::Named((*rule).to_string()),
            baseline: None,
            from: None,
            phi: vec![1.0],
            cost: Vec::new(),
            factors: Vec::new(),
        })
        .collect();
    Compare { arm, paper: None }
}

pub(crate) fn point(network: u64, (alpha, beta, gamma): (f64, f64, f64), cost_ratio: f64) -> GridPoint {
    let rule = CompoundRule::new(alpha, beta, gamma).unwrap();
    GridPoint { rule, phi: 1.0, network: key(network), cost_ratio }
}
