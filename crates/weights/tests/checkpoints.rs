//! PyTorch's own files: every container, number type and wrapper, and files that mean harm. The fixtures and the rule that
//! fills them are `scripts/fixtures/checkpoints.py`.
#![allow(clippy::unwrap_used)] // A test that meets something unexpected stops there.

mod common;

use std::path::{Path, PathBuf};

use common::listed;
use efficientnet_arch::{ArchSpec, Coefficients};
use efficientnet_weights::{Dtype, Format, LoadOptions, Naming, WeightsError, inspect, load, synthetic};
use half::{bf16, f16};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn options() -> LoadOptions {
    let b0 = ArchSpec::named("efficientnet-b0").unwrap();
    let small = Coefficients { width: 0.02, depth: 0.1, resolution: 32 };
    LoadOptions { spec: Some(b0.rescaled(small).unwrap()), ..LoadOptions::default() }
}

/// Loads a fixture and compares every value with the rule, rounded as the file has rounded it.
fn compare(name: &str, dtype: Dtype, wrapper: Option<&str>, rounded: impl Fn(f32) -> f32) {
    let path = fixture(name);
    let about = inspect(&path, &options()).unwrap();
    assert_eq!(about.format, Format::Pytorch);
    assert_eq!(about.dtypes, [dtype]);
    assert_eq!(about.wrapper, wrapper);
    assert_eq!((about.naming, about.num_classes), (Naming::Timm, 3));

    let mut weights = load(&path, &options()).unwrap();
    let table = Naming::Timm.table(weights.spec()).unwrap();
    assert_eq!(table.len(), about.tensors);
    for mapping in table {
        let (name, _) = mapping.external().unwrap();
        let ours = &mapping.tensor;
        let expected = synthetic::tensor(name, ours.kind, &ours.shape);
        let expected: Vec<f32> = expected.into_iter().map(&rounded).collect();
        let found = weights.take(&ours.name()).unwrap();
        assert_eq!(found.shape, ours.shape);
        assert!(found.values == expected, "{name}");
    }
}

#[test]
fn the_container_of_pytorch_before_1_6() {
    compare("legacy.pth", Dtype::F32, None, |value| value);
}

#[test]
fn the_zip_archive_with_bf16() {
    compare("bf16.pth", Dtype::Bf16, None, |value| bf16::from_f32(value).to_f32());
}

#[test]
fn a_training_checkpoint_gives_its_average() {
    compare("training.pth", Dtype::F16, Some("state_dict_ema"), |value| f16::from_f32(value).to_f32());
}

/// Every cut of a checkpoint is an error of one line.
#[test]
fn cut_off_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["legacy.pth", "bf16.pth"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let path = folder.path().join("cut.pth");
        for tenth in 0..20 {
            let length = bytes.len() * tenth / 20;
            std::fs::write(&path, &bytes[..length]).unwrap();
            let error = load(&path, &options()).err().unwrap_or_else(|| panic!("{name} cut at {length}"));
            let sentence = error.to_string();
            assert!(sentence.contains("cut.pth") && !sentence.contains('\n'), "{sentence}");
            if tenth > 1 {
                assert!(matches!(error, WeightsError::CutOff { .. }), "{name} cut at {length}: {sentence}");
            }
        }
    }
}

/// A flipped byte is found by the archive's checksum, or it is a value like any other: never a panic.
#[test]
fn flipped_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flipped.pth");
    for name in ["legacy.pth", "bf16.pth"] {
        let original = std::fs::read(fixture(name)).unwrap();
        for place in (0..original.len()).step_by(original.len() / 150) {
            let mut bytes = original.clone();
            bytes[place] ^= 0x55;
            std::fs::write(&path, &bytes).unwrap();
            if let Err(error) = load(&path, &options()) {
                assert!(error.to_string().contains("flipped.pth"), "{error}");
            }
        }
    }
}

#[test]
fn nothing_is_executed_and_nothing_explodes() {
    for name in ["calls.pth", "bomb.pth", "view.pth"] {
        let error = load(fixture(name), &LoadOptions::default()).unwrap_err();
        let sentence = error.to_string();
        assert!(sentence.contains(name) && !sentence.contains('\n'), "{sentence}");
    }
}

#[test]
fn namings_have_their_own_words() {
    for naming in Naming::ALL {
        assert_eq!(naming.to_string().parse::<Naming>().unwrap(), naming);
    }
    assert_eq!("EfficientNet_PyTorch".parse::<Naming>().unwrap(), Naming::EfficientnetPytorch);
    assert!("caffe".parse::<Naming>().unwrap_err().to_string().contains("torchvision"));
    let lite = ArchSpec::named("efficientnet-lite0").unwrap();
    assert!(listed(&lite, Naming::EfficientnetPytorch).is_none());
}
