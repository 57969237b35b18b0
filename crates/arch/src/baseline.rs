//! The unscaled designs, as their authors wrote them down.

use serde::{Deserialize, Serialize};

use crate::{Activation, BatchNorm, BlockArgs, Padding};

/// A line of networks that share their building rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// Tan and Le, ICML 2019.
    #[serde(rename = "efficientnet")]
    EfficientNet,
    /// Without squeeze-and-excitation and with ReLU6, for phones (`efficientnet/lite`).
    #[serde(rename = "efficientnet-lite")]
    EfficientNetLite,
    /// With fused blocks and ReLU, for the Edge TPU (`efficientnet/edgetpu`).
    #[serde(rename = "efficientnet-edgetpu")]
    EfficientNetEdgeTpu,
    /// Tan and Le, ICML 2021.
    #[serde(rename = "efficientnetv2")]
    EfficientNetV2,
    /// Howard et al., 2017.
    #[serde(rename = "mobilenetv1")]
    MobileNetV1,
    /// Sandler et al., CVPR 2018.
    #[serde(rename = "mobilenetv2")]
    MobileNetV2,
    /// He et al., CVPR 2016.
    #[serde(rename = "resnet")]
    ResNet,
}

/// How the number of a filter bank follows the width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterRule {
    /// Scaled and rounded.
    Scaled,
    /// The same at every width (Lite's stem and head).
    Fixed,
    /// Scaled and rounded, but never below the baseline's number (MobileNetV2's head).
    AtLeast,
}

/// How scaled numbers are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rounding {
    /// Filters are multiples of this.
    pub divisor: usize,
    /// See [`crate::round_filters`]: 0.9, or 0 for V2.
    pub floor: f64,
    /// Whether the first and the last row keep their repeats at every depth (Lite).
    pub fixed_ends: bool,
}

/// A family's unscaled design.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Name of the design, such as `efficientnet` or `efficientnetv2-s`.
    pub name: String,
    /// The family whose building rules it follows.
    pub family: Family,
    /// Filters of the first convolution.
    pub stem_filters: usize,
    /// Kernel of the first convolution: 3, ResNet 7.
    pub stem_kernel: usize,
    /// How the stem follows the width.
    pub stem_rule: FilterRule,
    /// Max pooling behind the stem as (kernel, stride).
    pub stem_max_pool: Option<(usize, usize)>,
    /// One row for each stage.
    pub rows: Vec<BlockArgs>,
    /// Filters of the 1x1 convolution before the pooling, and how they follow the width.
    pub head: Option<(usize, FilterRule)>,
    /// Non-linearity.
    pub activation: Activation,
    /// Border rule that the original weights were trained with.
    pub padding: Padding,
    /// Constants of batch normalisation that the original weights were trained with.
    pub batch_norm: BatchNorm,
    /// Rounding rules.
    pub rounding: Rounding,
    /// Stochastic depth's probability for the (imagined) block after the last.
    pub drop_path: f64,
    /// Logits of the original weights: 1000, or 1001 where label 0 is the background (EdgeTPU).
    pub num_classes: usize,
}

const TF_BN: BatchNorm = BatchNorm { epsilon: 1e-3, momentum: 0.01 };
const TORCH_BN: BatchNorm = BatchNorm { epsilon: 1e-5, momentum: 0.1 };
const ROUND_V1: Rounding = Rounding { divisor: 8, floor: 0.9, fixed_ends: false };
const ROUND_V2: Rounding = Rounding { divisor: 8, floor: 0.0, fixed_ends: false };

/// `efficientnet_builder.py`; B0 is Table 1 of the paper.
const V1_ROWS: &str = "r1_k3_s11_e1_i32_o16_se0.25 r2_k3_s22_e6_i16_o24_se0.25 r2_k5_s22_e6_i24_o40_se0.25 \
    r3_k3_s22_e6_i40_o80_se0.25 r3_k5_s11_e6_i80_o112_se0.25 r4_k5_s22_e6_i112_o192_se0.25 r1_k3_s11_e6_i192_o320_se0.25";

/// `lite/efficientnet_lite_builder.py`; it has the V1 rows with their squeeze-and-excitation and switches that off.
const LITE_ROWS: &str = "r1_k3_s11_e1_i32_o16 r2_k3_s22_e6_i16_o24 r2_k5_s22_e6_i24_o40 r3_k3_s22_e6_i40_o80 \
    r3_k5_s11_e6_i80_o112 r4_k5_s22_e6_i112_o192 r1_k3_s11_e6_i192_o320";

/// `edgetpu/efficientnet_edgetpu_builder.py`.
const EDGETPU_ROWS: &str = "r1_k3_s11_e4_i24_o24_c1_noskip r2_k3_s22_e8_i24_o32_c1 r4_k3_s22_e8_i32_o48_c1 \
    r5_k5_s22_e8_i48_o96 r4_k5_s11_e8_i96_o144 r2_k5_s22_e8_i144_o192";

/// automl's `effnetv2_configs.py`, `v2_base_block`.
const V2_BASE_ROWS: &str = "r1_k3_s1_e1_i32_o16_c1 r2_k3_s2_e4_i16_o32_c1 r2_k3_s2_e4_i32_o48_c1 \
    r3_k3_s2_e4_i48_o96_se0.25 r5_k3_s1_e6_i96_o112_se0.25 r8_k3_s2_e6_i112_o192_se0.25";
/// `v2_s_block`.
const V2_S_ROWS: &str = "r2_k3_s1_e1_i24_o24_c1 r4_k3_s2_e4_i24_o48_c1 r4_k3_s2_e4_i48_o64_c1 \
    r6_k3_s2_e4_i64_o128_se0.25 r9_k3_s1_e6_i128_o160_se0.25 r15_k3_s2_e6_i160_o256_se0.25";
/// `v2_m_block`.
const V2_M_ROWS: &str = "r3_k3_s1_e1_i24_o24_c1 r5_k3_s2_e4_i24_o48_c1 r5_k3_s2_e4_i48_o80_c1 \
    r7_k3_s2_e4_i80_o160_se0.25 r14_k3_s1_e6_i160_o176_se0.25 r18_k3_s2_e6_i176_o304_se0.25 r5_k3_s1_e6_i304_o512_se0.25";
/// `v2_l_block`.
const V2_L_ROWS: &str = "r4_k3_s1_e1_i32_o32_c1 r7_k3_s2_e4_i32_o64_c1 r7_k3_s2_e4_i64_o96_c1 \
    r10_k3_s2_e4_i96_o192_se0.25 r19_k3_s1_e6_i192_o224_se0.25 r25_k3_s2_e6_i224_o384_se0.25 r7_k3_s1_e6_i384_o640_se0.25";
/// `v2_xl_block`.
const V2_XL_ROWS: &str = "r4_k3_s1_e1_i32_o32_c1 r8_k3_s2_e4_i32_o64_c1 r8_k3_s2_e4_i64_o96_c1 \
    r16_k3_s2_e4_i96_o192_se0.25 r24_k3_s1_e6_i192_o256_se0.25 r32_k3_s2_e6_i256_o512_se0.25 r8_k3_s1_e6_i512_o640_se0.25";

/// Howard et al. 2017, Table 1.
const MOBILENETV1_ROWS: &str = "r1_k3_s11_e1_i32_o64_noskip_separable r2_k3_s22_e1_i64_o128_noskip_separable \
    r2_k3_s22_e1_i128_o256_noskip_separable r6_k3_s22_e1_i256_o512_noskip_separable r2_k3_s22_e1_i512_o1024_noskip_separable";

/// Sandler et al. 2018, Table 2.
const MOBILENETV2_ROWS: &str = "r1_k3_s11_e1_i32_o16 r2_k3_s22_e6_i16_o24 r3_k3_s22_e6_i24_o32 \
    r4_k3_s22_e6_i32_o64 r3_k3_s11_e6_i64_o96 r3_k3_s22_e6_i96_o160 r1_k3_s11_e6_i160_o320";

impl Baseline {
    /// EfficientNet V1, whose own width and depth are B0's.
    pub fn efficientnet() -> Self {
        Self {
            name: "efficientnet".into(),
            family: Family::EfficientNet,
            stem_filters: 32,
            stem_kernel: 3,
            stem_rule: FilterRule::Scaled,
            stem_max_pool: None,
            rows: rows(V1_ROWS),
            head: Some((1280, FilterRule::Scaled)),
            activation: Activation::Silu,
            padding: Padding::Same,
            batch_norm: TF_BN,
            rounding: ROUND_V1,
            drop_path: 0.2,
            num_classes: 1000,
        }
    }

    /// EfficientNet-Lite, whose own width and depth are Lite0's.
    pub fn efficientnet_lite() -> Self {
        Self {
            name: "efficientnet-lite".into(),
            family: Family::EfficientNetLite,
            stem_rule: FilterRule::Fixed,
            rows: rows(LITE_ROWS),
            head: Some((1280, FilterRule::Fixed)),
            activation: Activation::Relu6,
            rounding: Rounding { fixed_ends: true, ..ROUND_V1 },
            ..Self::efficientnet()
        }
    }

    /// EfficientNet-EdgeTPU, whose own width and depth are S's.
    pub fn efficientnet_edgetpu() -> Self {
        Self {
            name: "efficientnet-edgetpu".into(),
            family: Family::EfficientNetEdgeTpu,
            rows: rows(EDGETPU_ROWS),
            activation: Activation::Relu,
            num_classes: 1001,
            ..Self::efficientnet()
        }
    }

    /// EfficientNet V2's small line, whose own width and depth are V2-B0's.
    pub fn efficientnetv2_base() -> Self {
        Self::efficientnetv2("efficientnetv2-base", 32, V2_BASE_ROWS)
    }

    /// EfficientNet V2-S.
    pub fn efficientnetv2_s() -> Self {
        Self::efficientnetv2("efficientnetv2-s", 24, V2_S_ROWS)
    }

    /// EfficientNet V2-M.
    pub fn efficientnetv2_m() -> Self {
        Self::efficientnetv2("efficientnetv2-m", 24, V2_M_ROWS)
    }

    /// EfficientNet V2-L.
    pub fn efficientnetv2_l() -> Self {
        Self::efficientnetv2("efficientnetv2-l", 32, V2_L_ROWS)
    }

    /// EfficientNet V2-XL.
    pub fn efficientnetv2_xl() -> Self {
        Self::efficientnetv2("efficientnetv2-xl", 32, V2_XL_ROWS)
    }

    fn efficientnetv2(name: &str, stem_filters: usize, lines: &str) -> Self {
        Self {
            name: name.into(),
            family: Family::EfficientNetV2,
            stem_filters,
            rows: rows(lines),
            // automl's default is a momentum of 0.9, which is 0.1 here.
            batch_norm: BatchNorm { momentum: 0.1, ..TF_BN },
            rounding: ROUND_V2,
            ..Self::efficientnet()
        }
    }

    /// MobileNetV1.
    pub fn mobilenetv1() -> Self {
        Self {
            name: "mobilenetv1".into(),
            family: Family::MobileNetV1,
            rows: rows(MOBILENETV1_ROWS),
            head: None,
            activation: Activation::Relu6,
            drop_path: 0.0,
            ..Self::efficientnet()
        }
    }

    /// MobileNetV2.
    pub fn mobilenetv2() -> Self {
        Self {
            name: "mobilenetv2".into(),
            family: Family::MobileNetV2,
            rows: rows(MOBILENETV2_ROWS),
            head: Some((1280, FilterRule::AtLeast)),
            activation: Activation::Relu6,
            drop_path: 0.0,
            ..Self::efficientnet()
        }
    }

    /// ResNet of basic blocks (18: `[2, 2, 2, 2]`, 34: `[3, 4, 6, 3]`).
    pub fn resnet_basic(name: &str, repeats: [usize; 4]) -> Self {
        Self::resnet(name, repeats, "e1", "basic", 1)
    }

    /// ResNet of bottleneck blocks (50: `[3, 4, 6, 3]`, 101: `[3, 4, 23, 3]`, 152: `[3, 8, 36, 3]`).
    pub fn resnet_bottleneck(name: &str, repeats: [usize; 4]) -> Self {
        Self::resnet(name, repeats, "e4", "bottleneck", 4)
    }

    fn resnet(name: &str, repeats: [usize; 4], expand: &str, word: &str, expansion: usize) -> Self {
        let mut input = 64;
        let mut lines = Vec::new();
        for (repeat, planes) in repeats.into_iter().zip([64, 128, 256, 512]) {
            let stride = if planes == 64 { "s11" } else { "s22" };
            lines.push(format!("r{repeat}_k3_{stride}_{expand}_i{input}_o{planes}_{word}"));
            input = planes * expansion;
        }
        Self {
            name: name.into(),
            family: Family::ResNet,
            stem_filters: 64,
            stem_kernel: 7,
            stem_max_pool: Some((3, 2)),
            rows: rows(&lines.join(" ")),
            head: None,
            activation: Activation::Relu,
            padding: Padding::Symmetric,
            batch_norm: TORCH_BN,
            drop_path: 0.0,
            ..Self::efficientnet()
        }
    }
}

/// Parses a table that stands in this file.
fn rows(table: &str) -> Vec<BlockArgs> {
    let parsed: Result<Vec<BlockArgs>, _> = table.split_whitespace().map(str::parse).collect();
    #[allow(clippy::expect_used)]
    parsed.expect("the tables of this file follow the grammar; a test parses each of them")
}
