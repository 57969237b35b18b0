//! A network that may be trained, and what it costs.

use std::fmt;

use efficientnet_arch::{ArchSpec, SqueezeExcite, Stage, Totals};
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
            (
                &spec.batch_norm,
                spec.activation,
                &spec.stem,
                essential(&spec.stages),
                &spec.head,
                spec.dropout,
            ),
        );
        // Plain data without maps of other keys than strings: there is nothing that could fail.
        let text = serde_json::to_vec(&essence).unwrap_or_default();
        let digest = Sha256::digest(&text);
        Self(digest.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte)))
    }
}

/// The stages without what does not make another network: of the ratios that squeeze to the same channels, which the blocks
/// have, the published 0.25 counts, or else the first hundredth.
fn essential(stages: &[Stage]) -> Vec<Stage> {
    let mut stages = stages.to_vec();
    for Stage { args, blocks } in &mut stages {
        let (first, rest) = (args.input_filters, args.output_filters);
        let alike = |ratio: &f64| {
            blocks.iter().enumerate().all(|(index, block)| {
                let filters = if index == 0 { first } else { rest };
                let squeezed = SqueezeExcite::squeezed(filters, *ratio);
                block.se.as_ref().is_none_or(|se| se.squeezed == squeezed)
            })
        };
        let hundredths = (1..=100).map(|hundredth| f64::from(hundredth) / 100.0);
        args.se_ratio =
            args.se_ratio.map(|own| std::iter::once(0.25).chain(hundredths).find(alike).unwrap_or(own));
    }
    stages
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

#[cfg(test)]
mod tests {
    use efficientnet_arch::{Baseline, Coefficients};

    use super::*;

    fn key(se: &str) -> NetworkKey {
        let base = ArchSpec::named("efficientnet-b0").unwrap().baseline;
        let row = format!("r2_k3_s22_e6_i16_o24{se}").parse().unwrap();
        let baseline = Baseline { rows: vec![row], ..base };
        NetworkKey::of(&baseline.scaled(Coefficients::unscaled(224), 0.2).unwrap())
    }

    /// 16 and 24 input filters: a quarter leaves 4 and 6.
    #[test]
    fn ratios_that_squeeze_alike_are_one_network() {
        assert_eq!(key("_se0.25"), key("_se0.27"));
        assert_eq!(key("_se0.1"), key("_se0.11"));
        // 16 * 0.3125 = 5 and 24 * 0.3125 = 7.5; with 0.29 it is 4 and 6.
        assert_ne!(key("_se0.25"), key("_se0.3125"));
        assert_ne!(key("_se0.25"), key(""));
    }
}
