//! The official block strings parse and print back, and what is not one says why.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use efficientnet_arch::{BlockArgs, BlockKind, StrideNotation, models};
use proptest::prelude::*;

#[test]
fn every_row_of_every_baseline_prints_as_it_was_written() {
    let official = [
        "r1_k3_s11_e1_i32_o16_se0.25",
        "r4_k5_s22_e6_i112_o192_se0.25",
        "r1_k3_s11_e4_i24_o24_c1_noskip",
        "r5_k5_s22_e8_i48_o96",
        "r8_k3_s2_e6_i112_o192_se0.25",
        "r2_k3_s2_e4_i16_o32_c1",
    ];
    for string in official {
        assert_eq!(string.parse::<BlockArgs>().unwrap().to_string(), string);
    }
    for model in models() {
        for row in model.baseline().rows {
            assert_eq!(row.to_string().parse::<BlockArgs>().unwrap(), row);
        }
    }
}

#[test]
fn fields_mean_what_the_official_code_means() {
    let args: BlockArgs = "r2_k5_s22_e6_i24_o40_se0.25".parse().unwrap();
    let wanted = BlockArgs {
        repeats: 2,
        kernel: 5,
        stride: 2,
        stride_notation: StrideNotation::Pair,
        expand_ratio: 6,
        input_filters: 24,
        output_filters: 40,
        kind: BlockKind::MbConv,
        se_ratio: Some(0.25),
        skip: true,
    };
    assert_eq!(args, wanted);
}

#[test]
fn mistakes_are_named() {
    let reason = |string: &str| string.parse::<BlockArgs>().unwrap_err().to_string();
    assert!(reason("r1_k3_s11_e1_i32").contains("output filters"));
    assert!(reason("r1_k3_s12_e1_i32_o16").contains("`s12` needs one digit"));
    assert!(reason("r0_k3_s11_e1_i32_o16").contains("`r0` needs a whole number"));
    assert!(reason("r1_k3_k5_s11_e1_i32_o16").contains("says again"));
    assert!(reason("r1_k3_s11_e1_i32_o16_se1.5").contains("`se1.5` needs a ratio"));
    assert!(reason("").contains("is no token"));
    assert!(reason("r1_k3_s11_e1_i32_o16_swish").contains("`swish` is no token"));
    assert!(reason("r99999999999999999999_k3_s11_e1_i32_o16").contains("whole number"));
}

proptest! {
    #[test]
    fn whatever_prints_parses(
        numbers in (1usize..200, 1usize..12, 1usize..10, 1usize..20, 1usize..4000, 1usize..4000),
        pair: bool, skip: bool, kind in 0usize..5, se in proptest::option::of(1u32..=1000),
    ) {
        let (repeats, kernel, stride, expand_ratio, input_filters, output_filters) = numbers;
        let kinds = [BlockKind::MbConv, BlockKind::FusedMbConv, BlockKind::Separable, BlockKind::Basic, BlockKind::Bottleneck];
        let args = BlockArgs {
            repeats, kernel, stride, expand_ratio, input_filters, output_filters, skip,
            stride_notation: if pair { StrideNotation::Pair } else { StrideNotation::Single },
            kind: kinds[kind],
            se_ratio: se.map(|thousandths| f64::from(thousandths) / 1000.0),
        };
        prop_assert_eq!(args.to_string().parse::<BlockArgs>().unwrap(), args);
    }

    #[test]
    fn no_string_panics(string in "[rkseioc0-9_.]{0,40}") {
        let _ = string.parse::<BlockArgs>();
    }
}
