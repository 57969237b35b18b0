//! The journal: one line of JSON for every step and every epoch.
//!
//! It holds nothing that a clock says, so that two runs of one recipe have equal journals; times stand in a file of
//! their own.

use serde::{Deserialize, Serialize};

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// An update of the weights.
    Step(Step),
    /// The end of an epoch, after its evaluation.
    Epoch(Epoch),
}

/// An update of the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Updates so far, this one included: the first is 1.
    pub step: u64,
    /// The epoch that it belongs to, from 0.
    pub epoch: u64,
    /// The learning rate of this update.
    pub rate: f64,
    /// Mean training loss of the step's images.
    pub loss: f32,
    /// Share of the step's images whose class had the highest logit, 0 to 1.
    pub top1: f32,
    /// Global norm of the gradients before clipping, where it was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f32>,
}

/// The end of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Updates so far.
    pub step: u64,
    /// Means over the epoch's steps.
    pub train: Scores,
    /// On the validation data, with the weights as they are; `None` where this epoch was not evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Scores>,
    /// On the validation data, with the averaged weights; `None` where the run keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub averaged: Option<Scores>,
}

/// How well a set of images was classified.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Images that counted.
    pub images: u64,
    /// Mean loss.
    pub loss: f32,
    /// Share whose class had the highest logit, 0 to 1.
    pub top1: f32,
    /// Share whose class was among the five highest logits, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top5: Option<f32>,
}
