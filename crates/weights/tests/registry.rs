//! The list of published checkpoints is complete and consistent.
#![allow(clippy::unwrap_used)] // A test that meets something unexpected stops there.

use std::collections::BTreeSet;

use efficientnet_arch::{ArchSpec, models};
use efficientnet_data::Transform;
use efficientnet_weights::{Naming, Weights, WeightsError, registry};

#[test]
fn every_checkpoint_can_be_used() {
    let mut names = BTreeSet::new();
    for known in registry::all() {
        let name = &known.name;
        assert!(names.insert(name), "{name} twice");
        let spec = ArchSpec::named(&known.model).unwrap();
        assert_eq!(spec.name, known.model, "{name}");
        assert!(known.naming.table(&spec).is_some(), "{name}");
        assert!(known.url.starts_with("https://") && !known.file_name().is_empty(), "{name}");
        assert!(known.source.starts_with("https://"), "{name}");
        assert!([1e-5, 1e-3].contains(&known.bn_epsilon), "{name}");
        assert!(known.classes > 1, "{name}");
        assert!(known.top1.is_none_or(|top1| (50.0..100.0).contains(&top1)), "{name}");
        assert!(known.transform.starts_with("decode | ") && known.transform.contains("normalize("), "{name}");
        let digits = |hash: &String| {
            let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            (8..=64).contains(&hash.len()) && hash.bytes().all(digit)
        };
        assert!(known.sha256.as_ref().is_none_or(digits), "{name}");
    }
    assert!(names.len() > 150, "{}", names.len());
}

#[test]
fn names_are_found_and_near_ones_offered() {
    let known = registry::find("timm/tf_efficientnet_b0.aa_in1k").unwrap();
    assert_eq!((known.naming, known.sha256.as_deref()), (Naming::Timm, Some("827b6e33")));
    assert_eq!(registry::find("tf_efficientnet_b0.aa_in1k"), Some(known));
    assert_eq!(registry::find("Torchvision/EfficientNet_B0.IMAGENET1K_V1").unwrap().top1, Some(77.692));
    assert!(registry::find("efficientnet-b0.pth").is_none());
    let error = registry::get("timm/tf_efficientnet_b0.aa_in2k").unwrap_err();
    let WeightsError::UnknownCheckpoint { nearest, .. } = &error else { panic!("{error}") };
    assert!(nearest.contains(&known.name), "{error}");
}

/// The lines are in the grammar of `efficientnet-data`, in its own spelling, and make images of the network's size.
#[test]
fn every_transform_is_understood() {
    for known in registry::all() {
        let transform: Transform = known.transform.parse().unwrap();
        assert_eq!(transform.to_string(), known.transform, "{}", known.name);
        let [height, width] = transform.output_size();
        assert!(height == width && height >= 160, "{}", known.name);
    }
    for model in models() {
        let spec = model.spec();
        let weights = Weights::from_tensors(spec.clone(), |_| Vec::new());
        let transform: Transform = weights.implied().transform.parse().unwrap();
        assert_eq!(transform.to_string(), weights.implied().transform);
        assert_eq!(transform.output_size(), [spec.resolution(); 2], "{}", model.name);
    }
}
