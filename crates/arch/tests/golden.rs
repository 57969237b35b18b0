//! Every row of `golden-counts.json` holds exactly: counts that pycls, torchvision and timm publish, and an independent
//! counter's where they publish rounded ones.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;

use efficientnet_arch::{ArchSpec, Coefficients, models};
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    res: usize,
    params: u64,
    macs: u64,
    macs_fvcore_like: u64,
    acts: u64,
    blocks: usize,
    stem: usize,
    head: usize,
    // The rows of other families leave these out.
    #[serde(default)]
    widths: Vec<usize>,
    #[serde(default)]
    depths: Vec<usize>,
    #[serde(default)]
    se: Vec<usize>,
}

fn rows() -> BTreeMap<String, Row> {
    serde_json::from_str(include_str!("golden-counts.json")).unwrap()
}

/// `efficientnet-edgetpu-s-1001cls` is `efficientnet-edgetpu-s` with 1001 classes.
fn spec(row: &str) -> ArchSpec {
    for (suffix, classes) in [("-1000cls", 1000), ("-1001cls", 1001)] {
        if let Some(name) = row.strip_suffix(suffix) {
            return ArchSpec::named(name).unwrap().with_classes(classes);
        }
    }
    ArchSpec::named(row).unwrap()
}

#[test]
fn all_rows_hold() {
    let rows = rows();
    assert_eq!(rows.len(), 36);
    for (name, row) in rows {
        let spec = spec(&name);
        let counts = spec.count().unwrap();
        let found = (
            counts.resolution,
            counts.params,
            counts.macs,
            counts.macs_fvcore,
            counts.activations,
            spec.blocks().count(),
        );
        let wanted = (row.res, row.params, row.macs, row.macs_fvcore_like, row.acts, row.blocks);
        assert_eq!(found, wanted, "{name}");
        assert_eq!(spec.stem.conv.out_channels, row.stem, "{name}: stem");
        assert_eq!(spec.num_features(), row.head, "{name}: head");
        if !row.widths.is_empty() {
            let depths: Vec<usize> = spec.stages.iter().map(|stage| stage.blocks.len()).collect();
            assert_eq!(depths, row.depths, "{name}: depths");
            let widths: Vec<usize> = spec.stages.iter().map(|stage| stage.blocks[0].out_channels()).collect();
            assert_eq!(widths, row.widths, "{name}: widths");
        }
        if !row.se.is_empty() {
            let squeezed: Vec<usize> =
                spec.stages.iter().filter_map(|s| s.blocks[0].se.as_ref().map(|se| se.squeezed)).collect();
            assert_eq!(squeezed, row.se, "{name}: squeezed channels");
        }
    }
}

#[test]
fn every_named_model_has_a_row() {
    let rows = rows();
    for model in models() {
        let known = rows.keys().any(|row| row.strip_suffix("-1000cls").unwrap_or(row) == model.name);
        assert!(known, "{} has no golden row", model.name);
    }
}

#[test]
fn stages_add_up() {
    for model in models() {
        let counts = model.spec().count().unwrap();
        let total = |value: fn(&efficientnet_arch::StageCounts) -> u64| -> u64 {
            counts.stages.iter().map(value).sum()
        };
        assert_eq!(total(|s| s.params), counts.params, "{}", model.name);
        assert_eq!(total(|s| s.macs), counts.macs, "{}", model.name);
        assert_eq!(total(|s| s.activations), counts.activations, "{}", model.name);
    }
}

#[test]
fn totals_are_the_counts_without_their_parts() {
    for model in models() {
        let (counts, totals) = (model.spec().count().unwrap(), model.spec().totals().unwrap());
        let found = (totals.params, totals.macs, totals.macs_fvcore, totals.activations);
        let wanted = (counts.params, counts.macs, counts.macs_fvcore, counts.activations);
        assert_eq!(found, wanted, "{}", model.name);
        assert_eq!(totals.peak_activation_bytes, counts.peak_activation_bytes, "{}", model.name);
    }
}

/// Points of the reference's section 2.6 away from the published names, for three families.
#[test]
fn scaled_away_from_the_names() {
    let macs = |name: &str, width, depth, resolution| {
        let spec = ArchSpec::named(name).unwrap();
        spec.rescaled(Coefficients { width, depth, resolution }).unwrap().count().unwrap()
    };
    let giga = |counts: efficientnet_arch::Counts| (counts.macs as f64 / 1e6).round() / 1e3;
    // Figure 3: width, depth and resolution of B0, one at a time.
    assert_eq!(giga(macs("efficientnet-b0", 1.8, 1.0, 224)), 1.176);
    assert_eq!(giga(macs("efficientnet-b0", 1.0, 4.0, 224)), 1.575);
    assert_eq!(giga(macs("efficientnet-b0", 1.0, 1.0, 448)), 1.538);
    // Table 3: MobileNetV1, MobileNetV2, ResNet-50.
    assert_eq!(giga(macs("mobilenetv1", 2.0, 1.0, 224)), 2.216);
    assert_eq!(giga(macs("mobilenetv1", 1.0, 1.0, 448)), 2.272);
    assert_eq!(giga(macs("mobilenetv1", 1.2, 1.4, 288)), 2.243);
    assert_eq!(giga(macs("mobilenetv2", 1.0, 4.0, 224)), 1.220);
    assert_eq!(giga(macs("mobilenetv2", 2.0, 1.0, 224)), 1.137);
    assert_eq!(giga(macs("mobilenetv2", 1.2, 1.4, 288)), 1.284);
    assert_eq!((macs("resnet50", 1.0, 4.0, 224).params as f64 / 1e5).round(), 898.0);
    assert_eq!((macs("resnet50", 2.0, 1.0, 224).macs as f64 / 1e7).round(), 1612.0);
    // Other resolutions of published networks.
    assert_eq!(macs("efficientnet-l2", 4.3, 5.3, 475).macs, 170_893_117_700);
    assert_eq!(macs("efficientnetv2-b3", 1.2, 1.4, 240).macs, 1_908_062_382);
    assert_eq!(macs("efficientnet-lite4", 1.4, 1.8, 380).macs, 3_943_565_112);
}

/// B0 by hand at the layer where it peaks: 96 channels of 112x112 in, of 56x56 out, and no residual to keep.
#[test]
fn peak_memory_of_b0() {
    let counts = ArchSpec::named("efficientnet-b0").unwrap().count().unwrap();
    assert_eq!(counts.peak_activation_bytes, 96 * (112 * 112 + 56 * 56) * 4);
    let peak = counts.layers.iter().max_by_key(|layer| layer.live_bytes).unwrap();
    assert_eq!(peak.layer.name, "stages.1.blocks.0.depthwise.conv");
}
