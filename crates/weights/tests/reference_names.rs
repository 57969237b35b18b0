//! The names and shapes of our table are those of the reference libraries, for every network that they have.
#![allow(clippy::unwrap_used)] // A test that meets something unexpected stops there.

mod common;

use std::collections::BTreeSet;

use efficientnet_arch::{ArchSpec, models};
use efficientnet_weights::{Layout, Naming, Origin};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Fixture {
    networks: Vec<Network>,
}

#[derive(Deserialize)]
struct Network {
    naming: Naming,
    model: String,
    reference: String,
    tensors: usize,
    sha256: String,
}

fn fixture() -> Vec<Network> {
    let fixture: Fixture = serde_json::from_str(include_str!("fixtures/reference-names.json")).unwrap();
    fixture.networks
}

/// What `scripts/fixtures/reference_names.py --show` prints.
fn lines(spec: &ArchSpec, naming: Naming) -> Vec<String> {
    let mut rows: Vec<(String, Vec<usize>)> = Vec::new();
    for mapping in naming.table(spec).unwrap() {
        let (name, shape) = mapping.external().unwrap();
        // The libraries' own memory is the reference, and there Keras 3 has the other spelling.
        let also = match &mapping.origin {
            Origin::File { also: Some(also), .. } => also.clone(),
            _ => name.to_string(),
        };
        rows.push((also, shape));
    }
    rows.sort();
    let side = |shape: &[usize]| shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
    rows.iter().map(|(name, shape)| format!("{name} {}\n", side(shape))).collect()
}

/// timm makes EdgeTPU's networks for 1000 classes, the original has 1001.
fn spec(model: &str) -> ArchSpec {
    ArchSpec::named(model).unwrap().with_classes(1000)
}

#[test]
fn every_name_and_shape_is_the_librarys_own() {
    let mut wrong = Vec::new();
    for network in fixture() {
        let lines = lines(&spec(&network.model), network.naming);
        let digest = Sha256::digest(lines.concat());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if (lines.len(), &digest) != (network.tensors, &network.sha256) {
            let Network { naming, reference, tensors, .. } = network;
            wrong.push(format!("{naming} {reference}: {} tensors, expected {tensors}", lines.len()));
        }
    }
    assert!(wrong.is_empty(), "compare with `reference_names.py --show NAMING NAME`:\n{}", wrong.join("\n"));
}

#[test]
fn the_fixture_covers_every_network_of_timm() {
    let covered: BTreeSet<String> = fixture().into_iter().map(|network| network.model).collect();
    let missing: Vec<&str> =
        models().iter().map(|model| model.name).filter(|name| !covered.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn names_that_people_know() {
    let name = |model: &str, naming: Naming, ours: &str| {
        let table = naming.table(&spec(model)).unwrap();
        let mapping = table.iter().find(|mapping| mapping.tensor.name() == ours).unwrap();
        mapping.external().unwrap().0.to_string()
    };
    let expand = "stages.1.blocks.0.expand.conv.weight";
    assert_eq!(name("efficientnet-b0", Naming::Native, expand), expand);
    assert_eq!(name("efficientnet-b0", Naming::Timm, expand), "blocks.1.0.conv_pw.weight");
    assert_eq!(name("efficientnet-b0", Naming::Torchvision, expand), "features.2.0.block.0.0.weight");
    assert_eq!(name("efficientnet-b0", Naming::EfficientnetPytorch, expand), "_blocks.1._expand_conv.weight");
    assert_eq!(name("efficientnet-b0", Naming::Keras, expand), "block2a_expand_conv/kernel");
    let depthwise = "stages.1.blocks.1.depthwise.conv.weight";
    assert_eq!(name("mobilenetv2", Naming::Keras, depthwise), "block_2_depthwise/depthwise_kernel");
    assert_eq!(name("mobilenetv2", Naming::TfSlim, depthwise), "block2.depthwise.weight");
    assert_eq!(
        name("resnet50", Naming::Timm, "stages.1.blocks.0.shortcut.bn.weight"),
        "layer2.0.downsample.1.weight"
    );
}

/// Every layout's way there is known by where one value goes, and its way back undoes it.
#[test]
fn layouts_move_values_and_move_them_back() {
    let shape = [35, 7, 3, 2];
    let values: Vec<f32> = (0..35 * 7 * 3 * 2).map(|value| value as f32).collect();
    let moved = Layout::Hwio.from_pytorch(values.clone(), &shape);
    // (o, i, h, w) = (33, 5, 2, 1) lies at (h, w, i, o) in TensorFlow's order.
    let (o, i, h, w) = (33, 5, 2, 1);
    assert_eq!(moved[((h * 2 + w) * 7 + i) * 35 + o], values[((o * 7 + i) * 3 + h) * 2 + w]);
    assert_eq!(Layout::Hwio.external_shape(&shape), [3, 2, 7, 35]);
    assert_eq!(Layout::Hwio.to_pytorch(moved, &shape), values);

    let depthwise = [35, 1, 3, 2];
    let values = values[..35 * 6].to_vec();
    let moved = Layout::HwioDepthwise.from_pytorch(values.clone(), &depthwise);
    assert_eq!(moved[(h * 2 + w) * 35 + o], values[(o * 3 + h) * 2 + w]);
    assert_eq!(Layout::HwioDepthwise.to_pytorch(moved, &depthwise), values);

    for layout in [Layout::Transposed, Layout::PointwiseHwio] {
        let moved = layout.from_pytorch(values.clone(), &[35, 6]);
        assert_eq!(moved[4 * 35 + o], values[o * 6 + 4]);
        assert_eq!(layout.to_pytorch(moved, &[35, 6]), values);
    }
    assert_eq!(Layout::Pointwise.to_pytorch(values.clone(), &[35, 6]), values);
}
