//! The official block strings, `r1_k3_s11_e1_i32_o16_se0.25`, parsed and printed.
//!
//! Grammar (`BlockDecoder` of `efficientnet_builder.py`, `efficientnet_edgetpu_builder.py` and automl's
//! `effnetv2_configs.py`), tokens joined by `_`:
//!
//! | token | meaning |
//! |---|---|
//! | `rN` | repeats of the block; the first one carries the stride |
//! | `kN` | side of the kernel |
//! | `sNN` or `sN` | stride, twice (V1) or once (V2) |
//! | `eN` | expand ratio |
//! | `iN`, `oN` | input and output filters |
//! | `c1` | fused: a dense convolution instead of the expansion and the depthwise one |
//! | `seX` | squeeze-and-excitation ratio, of the *input* filters |
//! | `noskip` | no residual |
//!
//! Three words of our own let the same line describe the other families: `separable` (MobileNetV1: depthwise and
//! pointwise, an activation after both, no residual), `basic` and `bottleneck` (ResNet; for the bottleneck `o` counts the
//! filters inside, and the block's output has `e` times as many).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::ArchError;

/// What a block is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// Inverted residual: 1x1 expansion, depthwise, squeeze-and-excitation, linear 1x1 projection (MobileNetV2).
    MbConv,
    /// The expansion and the depthwise convolution fused into one dense convolution (EdgeTPU, V2).
    FusedMbConv,
    /// Depthwise and pointwise, an activation after both (MobileNetV1).
    Separable,
    /// Two dense convolutions (ResNet-18 and -34).
    Basic,
    /// 1x1, dense, 1x1, the stride on the dense one as in torchvision (ResNet-50 and deeper).
    Bottleneck,
}

impl BlockKind {
    fn word(self) -> Option<&'static str> {
        match self {
            Self::MbConv | Self::FusedMbConv => None,
            Self::Separable => Some("separable"),
            Self::Basic => Some("basic"),
            Self::Bottleneck => Some("bottleneck"),
        }
    }
}

/// Whether a stride is written once or twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrideNotation {
    /// `s22`, as in V1.
    Pair,
    /// `s2`, as in V2.
    Single,
}

/// One row of a baseline's table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlockArgs {
    /// How often the block stands in a row.
    pub repeats: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Stride of the first repeat.
    pub stride: usize,
    /// How the stride is written.
    pub stride_notation: StrideNotation,
    /// Channels inside, as a multiple of `input_filters`.
    pub expand_ratio: usize,
    /// Declared channels in. EdgeTPU's first row declares 24 behind a stem of 32, and the expansion follows the
    /// declaration.
    pub input_filters: usize,
    /// Channels out (bottleneck: inside).
    pub output_filters: usize,
    /// What the block is made of.
    pub kind: BlockKind,
    /// Squeezed channels as a fraction of the input filters.
    pub se_ratio: Option<f64>,
    /// Whether there is a residual where the shapes allow it.
    pub skip: bool,
}

impl fmt::Display for BlockArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}_k{}_s{}", self.repeats, self.kernel, self.stride)?;
        if self.stride_notation == StrideNotation::Pair {
            write!(f, "{}", self.stride)?;
        }
        write!(f, "_e{}_i{}_o{}", self.expand_ratio, self.input_filters, self.output_filters)?;
        if self.kind == BlockKind::FusedMbConv {
            f.write_str("_c1")?;
        }
        if let Some(ratio) = self.se_ratio {
            write!(f, "_se{ratio}")?;
        }
        if !self.skip {
            f.write_str("_noskip")?;
        }
        self.kind.word().map_or(Ok(()), |word| write!(f, "_{word}"))
    }
}

impl From<BlockArgs> for String {
    fn from(args: BlockArgs) -> Self {
        args.to_string()
    }
}

impl TryFrom<String> for BlockArgs {
    type Error = ArchError;

    fn try_from(string: String) -> Result<Self, ArchError> {
        string.parse()
    }
}

impl FromStr for BlockArgs {
    type Err = ArchError;

    fn from_str(string: &str) -> Result<Self, ArchError> {
        Draft::read(string)
            .and_then(Draft::finish)
            .map_err(|reason| ArchError::BlockString { string: string.to_string(), reason })
    }
}

/// The tokens seen so far.
#[derive(Default)]
struct Draft {
    repeats: Option<usize>,
    kernel: Option<usize>,
    stride: Option<(usize, StrideNotation)>,
    expand_ratio: Option<usize>,
    input_filters: Option<usize>,
    output_filters: Option<usize>,
    kind: Option<BlockKind>,
    se_ratio: Option<f64>,
    no_skip: Option<()>,
}

impl Draft {
    fn read(string: &str) -> Result<Self, String> {
        let mut draft = Self::default();
        for token in string.split('_') {
            draft.token(token)?;
        }
        Ok(draft)
    }

    fn token(&mut self, token: &str) -> Result<(), String> {
        let digits = token.find(|c: char| c.is_ascii_digit()).unwrap_or(token.len());
        let (key, value) = token.split_at(digits);
        match (key, value) {
            ("r", _) => once(&mut self.repeats, token, positive(token, value)?),
            ("k", _) => once(&mut self.kernel, token, positive(token, value)?),
            ("s", _) => once(&mut self.stride, token, stride(token, value)?),
            ("e", _) => once(&mut self.expand_ratio, token, positive(token, value)?),
            ("i", _) => once(&mut self.input_filters, token, positive(token, value)?),
            ("o", _) => once(&mut self.output_filters, token, positive(token, value)?),
            ("se", _) => once(&mut self.se_ratio, token, ratio(token, value)?),
            ("c", "0") => once(&mut self.kind, token, BlockKind::MbConv),
            ("c", "1") => once(&mut self.kind, token, BlockKind::FusedMbConv),
            ("noskip", "") => once(&mut self.no_skip, token, ()),
            ("separable", "") => once(&mut self.kind, token, BlockKind::Separable),
            ("basic", "") => once(&mut self.kind, token, BlockKind::Basic),
            ("bottleneck", "") => once(&mut self.kind, token, BlockKind::Bottleneck),
            _ => Err(format!(
                "`{token}` is no token; expected r, k, s, e, i, o, c or se with a number, or noskip, separable, basic, bottleneck"
            )),
        }
    }

    fn finish(self) -> Result<BlockArgs, String> {
        let (stride, stride_notation) = self.stride.ok_or("the stride (`s11`, `s2`) is missing")?;
        Ok(BlockArgs {
            repeats: self.repeats.ok_or("the repeats (`r1`) are missing")?,
            kernel: self.kernel.ok_or("the kernel (`k3`) is missing")?,
            stride,
            stride_notation,
            expand_ratio: self.expand_ratio.ok_or("the expand ratio (`e6`) is missing")?,
            input_filters: self.input_filters.ok_or("the input filters (`i32`) are missing")?,
            output_filters: self.output_filters.ok_or("the output filters (`o16`) are missing")?,
            kind: self.kind.unwrap_or(BlockKind::MbConv),
            se_ratio: self.se_ratio,
            skip: self.no_skip.is_none(),
        })
    }
}

fn once<T>(slot: &mut Option<T>, token: &str, value: T) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("`{token}` says again what an earlier token said")),
    }
}

fn positive(token: &str, value: &str) -> Result<usize, String> {
    // The bound keeps every later product of two such numbers and a channel count inside 64 bits.
    match value.parse() {
        Ok(number) if (1..=100_000).contains(&number) => Ok(number),
        _ => Err(format!("`{token}` needs a whole number from 1 to 100000")),
    }
}

fn stride(token: &str, value: &str) -> Result<(usize, StrideNotation), String> {
    let digit = |c: char| c.to_digit(10).filter(|d| *d > 0).map(|d| d as usize);
    let digits: Option<Vec<usize>> = value.chars().map(digit).collect();
    match digits.as_deref() {
        Some([s]) => Ok((*s, StrideNotation::Single)),
        Some([h, w]) if h == w => Ok((*h, StrideNotation::Pair)),
        _ => Err(format!("`{token}` needs one digit (`s2`) or the same digit twice (`s22`)")),
    }
}

fn ratio(token: &str, value: &str) -> Result<f64, String> {
    match value.parse::<f64>() {
        Ok(ratio) if ratio > 0.0 && ratio <= 1.0 => Ok(ratio),
        _ => Err(format!("`{token}` needs a ratio above 0 and up to 1")),
    }
}
