//! A network that may be trained, and what it costs.

use std::fmt;

use efficientnet_arch::{ArchSpec, Totals};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A network that may be trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// At the resolution that it is trained at.
    pub spec: ArchSpec,
    /// What it costs by counting.
    pub totals: Totals,
    /// What it costs by the plan's own measure: a count, or a predicted latency in milliseconds.
    pub cost: f64,
}

/// What a network is, whatever it is called and however one came to it: two points of a search with one key are the same
/// network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkKey(u64);

impl NetworkKey {
    /// The key of everything in `spec` that a trained network depends on: layers, constants, resolution, classes; not its
    /// name, its baseline or its coefficients.
    pub fn of(spec: &ArchSpec) -> Self {
        let essence = (
            (spec.coefficients.resolution, spec.in_channels, spec.num_classes, spec.padding),
            (&spec.batch_norm, spec.activation, &spec.stem, &spec.stages, &spec.head, spec.dropout),
        );
        // Plain data without maps of other keys than strings: there is nothing that could fail.
        let text = serde_json::to_vec(&essence).unwrap_or_default();
        let digest = Sha256::digest(&text);
        Self(digest.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte)))
    }
}

impl fmt::Display for NetworkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<NetworkKey> for String {
    fn from(key: NetworkKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for NetworkKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match u64::from_str_radix(&text, 16) {
            Ok(key) if text.len() == 16 => Ok(Self(key)),
            _ => Err(format!("`{text}` is no network's key (16 hexadecimal digits)")),
        }
    }
}
