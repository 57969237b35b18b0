//! Names, bounds, building rules and tensor lists.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::HashSet;

use efficientnet_arch::{ArchError, ArchSpec, Baseline, Coefficients, Residual, Tap, models};

#[test]
fn names_of_other_libraries() {
    let same = [
        ("EfficientNet_B0", "efficientnet-b0"),
        ("tf_efficientnet_b3", "efficientnet-b3"),
        ("efficientnet_v2_s", "efficientnetv2-s"),
        ("tf_efficientnetv2_b0", "efficientnetv2-b0"),
        ("efficientnet_es", "efficientnet-edgetpu-s"),
        ("mobilenet_v2", "mobilenetv2"),
        ("mobilenetv2_100", "mobilenetv2"),
    ];
    for (other, ours) in same {
        assert_eq!(ArchSpec::named(other).unwrap().name, ours);
    }
}

#[test]
fn an_unknown_name_offers_the_nearest() {
    let Err(ArchError::UnknownModel { nearest, .. }) = ArchSpec::named("eficientnet-b0") else { panic!() };
    assert_eq!(nearest[0], "efficientnet-b0");
    let message = ArchSpec::named("zzz").unwrap_err().to_string();
    assert_eq!(message, "no network is called `zzz`; `efficientnet models` lists them all");
}

#[test]
fn coefficients_out_of_range_are_refused() {
    let b0 = ArchSpec::named("efficientnet-b0").unwrap();
    let good = Coefficients::unscaled(224);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 51.0] {
        assert!(b0.rescaled(Coefficients { width: bad, ..good }).is_err(), "width {bad}");
        assert!(b0.rescaled(Coefficients { depth: bad, ..good }).is_err(), "depth {bad}");
    }
    for bad in [0, 8193] {
        assert!(b0.rescaled(Coefficients { resolution: bad, ..good }).is_err(), "resolution {bad}");
    }
    assert!(b0.clone().with_classes(0).count().is_err());
    assert!(b0.with_in_channels(0).count().is_err());
}

#[test]
fn the_smallest_and_the_largest_network_can_be_counted() {
    for model in models() {
        let small = Coefficients { width: 0.01, depth: 0.01, resolution: 1 };
        assert!(model.spec().rescaled(small).unwrap().count().unwrap().params > 0);
        let large = Coefficients { width: 50.0, depth: 50.0, resolution: 8192 };
        assert!(model.spec().rescaled(large).unwrap().count().unwrap().macs > 1 << 40);
    }
}

#[test]
fn what_does_not_fit_64_bits_is_refused() {
    let row = "r1_k9_s11_e99999_i99999_o99999".parse().unwrap();
    let baseline = Baseline { name: "huge".into(), rows: vec![row], ..Baseline::efficientnet() };
    let spec = baseline.scaled(Coefficients { width: 50.0, depth: 1.0, resolution: 8192 }, 0.0).unwrap();
    let wanted = "huge is too large: its counts do not fit 64 bits; scale it less";
    assert_eq!(spec.count().unwrap_err().to_string(), wanted);
    assert_eq!(spec.totals().unwrap_err().to_string(), wanted);
}

#[test]
fn a_network_of_too_many_blocks_or_none_is_refused() {
    let rows = vec!["r99999_k3_s11_e1_i32_o16".parse().unwrap()];
    for rows in [rows, Vec::new()] {
        let error = Baseline { rows, ..Baseline::efficientnet() }.scaled(Coefficients::unscaled(224), 0.0);
        let text = error.unwrap_err().to_string();
        assert!(text.contains("number of blocks is") && text.contains("1 to 10000"), "{text}");
    }
}

#[test]
fn realised_numbers_are_those_of_the_spec() {
    for model in models() {
        let spec = model.spec();
        let realised = spec.baseline.realised(spec.coefficients).unwrap();
        assert_eq!(realised.stem, spec.stem.conv.out_channels, "{}", model.name);
        assert_eq!(realised.head, spec.head.as_ref().map(|head| head.out_channels), "{}", model.name);
        let repeats: Vec<usize> = realised.rows.iter().map(|row| row.repeats).collect();
        let built: Vec<usize> = spec.stages.iter().map(|stage| stage.blocks.len()).collect();
        assert_eq!(repeats, built, "{}", model.name);
    }
}

/// B1 to B7 are rows of a table, not phi = 1 to 7; B2 is what phi = 1 comes to.
#[test]
fn b2_is_the_baseline_scaled() {
    let b0 = ArchSpec::named("efficientnet-b0").unwrap();
    let scaled = b0.rescaled(Coefficients { width: 1.1, depth: 1.2, resolution: 260 }).unwrap();
    let b2 = ArchSpec::named("efficientnet-b2").unwrap();
    assert_eq!(scaled.stages, b2.stages);
    assert_eq!(scaled.name, "efficientnet(width 1.1, depth 1.2)");
    // Coefficients replace each other, they do not multiply.
    assert_eq!(b2.rescaled(Coefficients::unscaled(224)).unwrap().stages, b0.stages);
}

#[test]
fn edgetpu_expands_from_the_declared_filters() {
    let spec = ArchSpec::named("efficientnet-edgetpu-s").unwrap();
    let first = &spec.stages[0].blocks[0];
    assert_eq!((first.in_channels(), first.units[0].out_channels), (32, 96));
    assert_eq!(first.residual, Residual::None);
}

#[test]
fn stochastic_depth_is_linear_and_spares_the_first_block() {
    let spec = ArchSpec::named("efficientnet-b0").unwrap();
    let rates: Vec<f64> = spec.blocks().map(|block| block.drop_path).collect();
    assert_eq!(rates.len(), 16);
    for (index, rate) in rates.iter().enumerate() {
        assert!((rate - 0.2 * index as f64 / 16.0).abs() < 1e-12);
    }
}

#[test]
fn feature_maps_are_the_last_before_each_halving() {
    let b0 = ArchSpec::named("efficientnet-b0").unwrap();
    let found: Vec<(usize, usize, Tap)> =
        b0.features().iter().map(|f| (f.reduction, f.channels, f.tap)).collect();
    let block = |stage, block| Tap::Block { stage, block };
    let wanted = [
        (1, 16, block(0, 0)),
        (2, 24, block(1, 1)),
        (3, 40, block(2, 1)),
        (4, 112, block(4, 2)),
        (5, 320, block(6, 0)),
    ];
    assert_eq!(found, wanted);

    let r50 = ArchSpec::named("resnet50").unwrap();
    let channels: Vec<usize> = r50.features().iter().map(|f| f.channels).collect();
    assert_eq!(channels, [64, 256, 512, 1024, 2048]);
    for model in models() {
        assert_eq!(model.spec().features().len(), 5, "{}", model.name);
    }
}

#[test]
fn tensors_have_unique_names_and_hold_all_parameters() {
    for model in models() {
        let spec = model.spec();
        let tensors = spec.tensors();
        let names: HashSet<String> = tensors.iter().map(|tensor| tensor.name()).collect();
        assert_eq!(names.len(), tensors.len(), "{}", model.name);
        let params: usize = tensors.iter().filter(|t| t.kind.is_parameter()).map(|t| t.len()).sum();
        assert_eq!(params as u64, spec.count().unwrap().params, "{}", model.name);
    }
}

#[test]
fn a_spec_survives_json() {
    for model in models() {
        let spec = model.spec();
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<ArchSpec>(&json).unwrap(), spec, "{}", model.name);
    }
}
