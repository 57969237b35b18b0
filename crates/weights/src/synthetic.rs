//! Weights from names: the rule by which a tensor's name alone gives its values.
//!
//! `scripts/fixtures/synthetic.py` has the same rule, bit for bit in `f32`. So the parity fixtures hold neither
//! weights nor inputs, a renaming that goes wrong gives wrong logits, and every backend can be given the same network
//! without a file.
//!
//! 1. seed = FNV-1a, 64 bits, of the name's UTF-8 bytes. Fixtures use the names of the reference library's
//!    checkpoint.
//! 2. z_i = splitmix64's i-th output from that seed; its top 24 bits m give s_i = (m - 2^23) / 2^23 in `[-1, 1)`,
//!    exact in `f32`.
//! 3. value_i = s_i * spread + centre, one `f32` multiplication and one `f32` addition. Centre and spread follow from
//!    the tensor's kind and shape. i counts in PyTorch's order, whatever the order in which a library keeps the
//!    tensor.
//! 4. A network's input is s_i plus twice the first numbers of the name with `.shade` behind it, one for each image
//!    and channel: noise alone looks the same to a network, whatever the seed.
//!
//! The constants were found by trial: of every published network the logits of two inputs stay clearly apart, with a
//! standard deviation of 0.1 to 30, and `f32` loses less than 1e-5 of the largest logit (the script asserts all
//! three).

use efficientnet_arch::TensorKind;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The numbers of a name: `f32` in `[-1, 1)`, without end.
pub fn stream(name: &str) -> impl Iterator<Item = f32> {
    let seed = seed(name);
    (1..).map(move |i: u64| signed_unit(splitmix(seed.wrapping_add(i.wrapping_mul(GOLDEN)))))
}

/// The values of the tensor `name`, in PyTorch's order; `shape` is PyTorch's, too. A rule for
/// [`Weights::from_tensors`](crate::Weights::from_tensors) with our names, or for
/// [`Weights::from_named`](crate::Weights::from_named) with another library's.
pub fn tensor(name: &str, kind: TensorKind, shape: &[usize]) -> Vec<f32> {
    let (centre, spread) = affine(kind, shape);
    stream(name).take(shape.iter().product()).map(|s| s * spread + centre).collect()
}

/// The values of a network's input, `[batch, channels, height, width]`.
pub fn input(name: &str, shape: [usize; 4]) -> Vec<f32> {
    let [batch, channels, height, width] = shape;
    let mut noise = stream(name);
    let mut values = Vec::with_capacity(shape.iter().product());
    for shade in stream(&format!("{name}.shade")).take(batch * channels) {
        values.extend(noise.by_ref().take(height * width).map(|s| s + 2.0 * shade));
    }
    values
}

fn seed(name: &str) -> u64 {
    name.bytes().fold(FNV_OFFSET, |value, byte| (value ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
}

/// The output function of Steele, Lea and Flood's splitmix64 (OOPSLA 2014).
fn splitmix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn signed_unit(bits: u64) -> f32 {
    let top = (bits >> 40) as i32 - (1 << 23);
    top as f32 / (1 << 23) as f32
}

/// Centre and spread of a tensor.
fn affine(kind: TensorKind, shape: &[usize]) -> (f32, f32) {
    match kind {
        TensorKind::BnWeight | TensorKind::BnVariance => (1.0, 0.25),
        TensorKind::BnMean => (0.0, 0.03),
        TensorKind::BnBias | TensorKind::ConvBias | TensorKind::LinearBias => (0.1, 0.1),
        TensorKind::ConvWeight | TensorKind::DepthwiseWeight | TensorKind::LinearWeight => {
            // Uniform with a standard deviation of gain / sqrt(fan in).
            let fan_in: usize = shape[1..].iter().product();
            (0.0, (gain(kind, shape) * (3.0 / fan_in as f64).sqrt()) as f32)
        }
    }
}

/// The gain of a weight.
///
/// A network of random weights is a product of its layers' gains, so one gain for all layers lets the signal of one
/// network die and that of another explode. What tells the layers apart is the ratio of channels out to channels in:
/// the narrowing that ends a residual branch (1/4 in V2's fused blocks, 1/6, 1/8) adds to a stream that a hundred
/// blocks share, and is weak; that of a block which changes the width narrows less, carries the whole signal, and is
/// strong.
fn gain(kind: TensorKind, shape: &[usize]) -> f64 {
    match kind {
        TensorKind::LinearWeight => return 1.25,
        TensorKind::DepthwiseWeight => return 2.4,
        _ => {}
    }
    let ratio = shape[0] as f64 / shape[1] as f64;
    let pointwise = shape[2] == 1;
    let base = if pointwise { 1.4 } else { 1.0 };
    if ratio > 2.0 {
        return base * widening(ratio, pointwise);
    }
    if ratio < 0.1 {
        return base * 0.1; // squeeze: gates near one half keep the network tame
    }
    if ratio == 1.0 {
        return base * if pointwise { 0.45 } else { 0.7 }; // blocks without expansion
    }
    let narrowing = 2.9 * ratio;
    base * (narrowing * narrowing * narrowing).clamp(0.1, 1.0)
}

/// The factor of a convolution with more than twice as many channels out as in.
fn widening(ratio: f64, pointwise: bool) -> f64 {
    if pointwise && ratio > 12.0 {
        return 1.0; // excitation
    }
    let x = ratio / if pointwise { 5.5 } else { 4.8 };
    let (least, most) = if pointwise { (0.6, 1.8) } else { (0.8, 4.5) };
    (x * x * x).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First, second and last value of `values` as bits.
    fn ends(values: &[f32]) -> [u32; 3] {
        [values[0], values[1], values[values.len() - 1]].map(f32::to_bits)
    }

    /// The constants are the output of `python scripts/fixtures/synthetic.py`.
    #[test]
    fn tensors_are_those_of_the_script() {
        use TensorKind::*;
        type Case = (&'static str, TensorKind, &'static [usize], [u32; 3]);
        let cases: [Case; 11] = [
            ("conv_stem.weight", ConvWeight, &[32, 3, 3, 3], [0xbdbb_55a0, 0xbe53_5924, 0xbf16_1425]),
            (
                "blocks.1.0.conv_dw.weight",
                DepthwiseWeight,
                &[96, 1, 3, 3],
                [0xbfa8_6897, 0x3f97_9e18, 0xbf81_63bf],
            ),
            (
                "blocks.1.0.conv_pwl.weight",
                ConvWeight,
                &[24, 96, 1, 1],
                [0x3d3e_d3c4, 0x3c18_700e, 0x3cc4_87be],
            ),
            (
                "blocks.1.0.se.conv_reduce.weight",
                ConvWeight,
                &[4, 96, 1, 1],
                [0x3c5e_170a, 0x3c84_7d5c, 0x3c8b_b948],
            ),
            (
                "blocks.1.0.conv_pw.weight",
                ConvWeight,
                &[96, 16, 1, 1],
                [0xbf3b_93e8, 0x3ee0_afb9, 0xbe85_b94e],
            ),
            ("layer1.0.conv1.weight", ConvWeight, &[64, 64, 1, 1], [0x3dbe_c2d1, 0x3ca3_9bc5, 0xbd8f_e1bb]),
            ("classifier.weight", LinearWeight, &[1000, 1280], [0x3cd6_fb43, 0xbd65_1b0a, 0xbb8d_3032]),
            ("classifier.bias", LinearBias, &[1000], [0x3bda_c450, 0x3df0_82bf, 0x3def_cde4]),
            ("bn1.weight", BnWeight, &[32], [0x3f6e_1b2a, 0x3f94_c31e, 0x3f70_3268]),
            ("bn1.running_mean", BnMean, &[32], [0x3c66_7941, 0x3bc5_d307, 0x3b8a_60a1]),
            ("bn1.running_var", BnVariance, &[32], [0x3f89_1b91, 0x3f92_5a2b, 0x3f53_518e]),
        ];
        for (name, kind, shape, expected) in cases {
            assert_eq!(ends(&tensor(name, kind, shape)), expected, "{name}");
        }
    }

    #[test]
    fn inputs_are_those_of_the_script() {
        assert_eq!(ends(&input("input.0", [2, 3, 8, 8])), [0xbf96_c936, 0xbfdb_aa4c, 0x3f05_3e16]);
    }

    #[test]
    fn variances_are_positive_and_names_tell_tensors_apart() {
        let variance = tensor("stem.bn.running_var", TensorKind::BnVariance, &[4096]);
        assert!(variance.iter().all(|value| (0.75..=1.25).contains(value)));
        assert_ne!(variance, tensor("head.bn.running_var", TensorKind::BnVariance, &[4096]));
    }
}
