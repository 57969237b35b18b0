//! The networks that a plan is about, and what each stands for in it.

use std::sync::Arc;

use efficientnet_scaling::CompoundRule;
use serde::Serialize;

use crate::{Candidate, Factors, NetworkKey};

/// All networks of a plan that can be said before anything is trained, each once.
#[derive(Debug, Clone, Default)]
pub struct Lineup {
    /// In the order in which the plan comes to them.
    pub candidates: Vec<Arc<Candidate>>,
    /// For `compare`: what stands on each line.
    pub arms: Vec<Stretch>,
    /// For `coefficients`: what each point of the grid is.
    pub points: Vec<GridPoint>,
}

/// A line of networks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stretch {
    /// As the plan calls it.
    pub name: String,
    /// Its networks, cheapest first.
    pub members: Vec<Member>,
}

/// A network's place on a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Member {
    /// Which network.
    pub network: NetworkKey,
    /// How far along the line's rule; none where it was given by its factors.
    pub phi: Option<f64>,
    /// Depth, width and resolution over the baseline's.
    pub factors: Factors,
    /// By how much its cost exceeds that of the line's start.
    pub cost_ratio: f64,
}

/// A point of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GridPoint {
    /// alpha, beta and gamma.
    pub rule: CompoundRule,
    /// Where on its line the network stands: 1, unless the plan wants all at one cost.
    pub phi: f64,
    /// The network that it realises; several points may have the same.
    pub network: NetworkKey,
    /// By how much its cost exceeds the baseline's.
    pub cost_ratio: f64,
}
