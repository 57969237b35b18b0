//! The sides of the comparison: ours, and the peers.

use serde::Serialize;

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// `efficientnet measure --compiled`.
    Ours,
    /// ONNX Runtime, by the crate `ort`.
    Ort,
    /// PyTorch, eager, channels_last.
    Torch,
    /// tract.
    Tract,
    /// candle, by the crate `candle-onnx`.
    Candle,
}

impl Side {
    /// All but ours; the first is what ratios are to where nothing else is said.
    pub const PEERS: [Side; 4] = [Self::Ort, Self::Torch, Self::Tract, Self::Candle];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Ort => "ort",
            Self::Torch => "torch",
            Self::Tract => "tract",
            Self::Candle => "candle",
        }
    }

    /// As it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ours => "this workspace",
            Self::Ort => "ONNX Runtime",
            Self::Torch => "PyTorch",
            Self::Tract => "tract",
            Self::Candle => "candle",
        }
    }

    /// Whether it is a part of the program in `benches/peers`.
    pub fn is_rival(self) -> bool {
        matches!(self, Self::Ort | Self::Tract | Self::Candle)
    }
}

/// One of the peers, from the command line.
pub fn peer(text: &str) -> Result<Side, String> {
    let found = Side::PEERS.into_iter().find(|side| side.name() == text.trim());
    found.ok_or_else(|| "the peers are ort, torch, tract and candle".to_string())
}

/// The turns of a round: the first peer, ours right behind it, then the others; each once.
pub fn turns(peers: &[Side]) -> Vec<Side> {
    let mut sides: Vec<Side> = Vec::new();
    let first = peers.first().copied();
    for side in first.into_iter().chain([Side::Ours]).chain(peers.iter().copied()) {
        if !sides.contains(&side) {
            sides.push(side);
        }
    }
    sides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_follows_what_it_is_held_against() {
        assert_eq!(turns(&Side::PEERS), [Side::Ort, Side::Ours, Side::Torch, Side::Tract, Side::Candle]);
        assert_eq!(turns(&[Side::Torch, Side::Torch]), [Side::Torch, Side::Ours]);
        assert_eq!(turns(&[]), [Side::Ours]);
    }

    #[test]
    fn peers_are_read_by_name() {
        assert_eq!(Side::PEERS.map(|side| peer(side.name())), Side::PEERS.map(Ok));
        assert!(peer("ours").is_err() && peer("").is_err());
    }
}
