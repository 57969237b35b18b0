//! The networks that one of the two searches came to, in order.

use std::collections::HashSet;

use serde::Serialize;

use super::Genome;
use crate::NetworkKey;

/// All networks of one search, as far as the results go.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// `evolution` or `random`.
    pub name: &'static str,
    /// In the order in which the search came to them. The first is the baseline.
    pub entries: Vec<Entry>,
}

/// A network's place in a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Which network.
    pub key: NetworkKey,
    /// Its name for people.
    pub name: String,
    /// As a point of the space.
    pub genome: Genome,
    /// Its rows as block strings.
    pub blocks: Vec<String>,
    /// Whose mutation it is; none for what was drawn at random.
    pub parent: Option<NetworkKey>,
    /// 0 for the first population, which both searches share.
    pub round: u64,
    /// None as long as one of its trials has not ended.
    pub reward: Option<f64>,
    /// Mean over the seeds; a trial that failed counts 0. None where all failed or one has not ended.
    pub top1: Option<f64>,
    /// Of each seed; none for a trial that failed. Empty as long as one has not ended.
    pub seeds: Vec<Option<f64>>,
    /// In the plan's measure.
    pub cost: f64,
}

/// The same without what can be had from the genome.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub genome: Genome,
    pub key: NetworkKey,
    pub cost: f64,
    pub parent: Option<NetworkKey>,
    pub round: u64,
    pub score: Option<Score>,
}

/// What a network's trials came to.
#[derive(Debug, Clone)]
pub(super) struct Score {
    pub seeds: Vec<Option<f64>>,
    pub reward: f64,
}

impl Score {
    pub fn top1(&self) -> Option<f64> {
        self.seeds.iter().any(Option::is_some).then(|| mean_top1(&self.seeds))
    }
}

/// A trial that failed was right for no image.
pub(super) fn mean_top1(seeds: &[Option<f64>]) -> f64 {
    seeds.iter().map(|top1| top1.unwrap_or(0.0)).sum::<f64>() / seeds.len().max(1) as f64
}

/// One of the two searches on its way through the results.
#[derive(Debug, Clone, Default)]
pub(super) struct Arm {
    pub members: Vec<Member>,
    seen: HashSet<NetworkKey>,
    /// Where the round begins that was added last.
    pub round_start: usize,
}

impl Arm {
    /// Adds a network unless the search had it before.
    pub fn add(&mut self, member: Member) -> bool {
        let is_new = self.seen.insert(member.key);
        if is_new {
            self.members.push(member);
        }
        is_new
    }

    pub fn begin_round(&mut self) {
        self.round_start = self.members.len();
    }

    /// The networks of the round that was added last.
    pub fn latest(&self) -> &[Member] {
        &self.members[self.round_start..]
    }

    /// The networks that were alive at the beginning of that round: the youngest.
    pub fn population(&self, size: usize) -> &[Member] {
        &self.members[self.round_start.saturating_sub(size)..self.round_start]
    }
}
