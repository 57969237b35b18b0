//! What a search leaves behind, in one folder.
//!
//! ```text
//! runs/NAME/
//!   plan.toml                     the plan, with every default said; and the files that it names
//!   environment-1-of-2.json       the plan's hash, the program, the machine
//!   trials-1-of-2.jsonl           which plan, then one line a trial that ended; no clock in it, so that two searches can be
//!                                 compared byte for byte
//!   times-1-of-2.jsonl            what clocks say of each
//!   trials/ID/                    the run folder of a trial that has not ended
//!   report.html, trials.csv, *.svg
//! ```
//!
//! Each shard writes its own two files and reads everybody's, so shards on machines without a common disk are merged by
//! copying their files into one folder.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Outcome, TrialId};

/// A line of `trials-*.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Value")]
pub(crate) enum Entry {
    /// The first one: whose trials these are.
    Head {
        /// The plan's hash.
        plan: String,
    },
    /// Any other.
    Trial(Box<Row>),
}

/// By hand, so that an error says what is wrong with the line and not merely that it is neither.
impl TryFrom<Value> for Entry {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value.get("plan").and_then(Value::as_str) {
            Some(plan) => Ok(Self::Head { plan: plan.to_string() }),
            None => serde_json::from_value(value).map(Self::Trial).map_err(|error| error.to_string()),
        }
    }
}

/// A line of `trials-*.jsonl`: a trial that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Which trial.
    pub trial: TrialId,
    /// The network's name for people.
    pub name: String,
    /// Depth coefficient.
    pub depth: f64,
    /// Width coefficient.
    pub width: f64,
    /// Side of the input in pixels.
    pub resolution: usize,
    /// The baseline's rows, as block strings, where the search changes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<String>>,
    /// Multiply-adds of one image.
    pub macs: u64,
    /// Trainable values.
    pub params: u64,
    /// Values put out by convolutions, pooling and the classifier.
    pub activations: u64,
    /// The plan's own cost: a count, or milliseconds.
    pub cost: f64,
    /// How it ended.
    pub outcome: Outcome,
}

/// A line of `times-*.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// Which trial.
    pub trial: TrialId,
    /// From its start to the line in the journal, in seconds.
    pub seconds: f64,
    /// In training and measuring alone.
    pub training_seconds: f64,
}
