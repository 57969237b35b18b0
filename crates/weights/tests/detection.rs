//! Files say by their names and shapes what they are.
#![allow(clippy::unwrap_used)] // A test that meets something unexpected stops there.

mod common;

use std::fs;

use common::{listed, sparse, tiny};
use efficientnet_arch::{ArchSpec, Family, Padding, models};
use efficientnet_weights::{LoadOptions, Naming, WeightsError, inspect, load};

/// Each network under each naming is recognised as itself, and nothing else fits. ResNets are named alike by timm and
/// torchvision; resolution is no part of a file, so L2 at 475 px is L2.
#[test]
fn every_network_is_recognised_under_every_naming() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for naming in Naming::ALL {
        for model in models() {
            let spec = model.spec().with_classes(7).with_in_channels(2);
            let Some(tensors) = listed(&spec, naming) else { continue };
            sparse(&path, &tensors);
            let found = inspect(&path, &LoadOptions::default()).unwrap();
            assert_eq!(found.model, model.name, "{naming}");
            assert_eq!((found.num_classes, found.in_channels), (7, 2), "{naming} {}", model.name);
            let twins = match (model.family(), naming) {
                (Family::ResNet, Naming::Timm | Naming::Torchvision) => 1,
                _ => 0,
            };
            assert_eq!(found.others.len(), twins, "{naming} {}: {:?}", model.name, found.others);
            assert_eq!(found.others.iter().filter(|(other, _)| other != model.name).count(), 0);
            if twins == 0 {
                assert_eq!(found.naming, naming, "{}", model.name);
            }
        }
    }
}

fn inspected(file_name: &str, model: &str, naming: Naming) -> efficientnet_weights::Inspection {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file_name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    sparse(&path, &listed(&ArchSpec::named(model).unwrap().with_classes(1000), naming).unwrap());
    inspect(&path, &LoadOptions::default()).unwrap()
}

#[test]
fn timm_weights_from_tensorflow_are_known_by_their_name() {
    let tf = inspected("tf_efficientnet_b0_mine.safetensors", "efficientnet-b0", Naming::Timm).implied;
    assert_eq!((tf.padding, tf.bn_epsilon), (Padding::Same, 1e-3));
    assert!(!tf.facts[0].assumed && !tf.facts[1].assumed, "{:?}", tf.facts);

    let plain = inspected("efficientnet_b0_mine.safetensors", "efficientnet-b0", Naming::Timm).implied;
    assert_eq!((plain.padding, plain.bn_epsilon), (Padding::Symmetric, 1e-5));
    assert!(plain.facts[0].assumed && plain.facts[1].assumed);

    let nameless = inspected("weights.safetensors", "efficientnet-b0", Naming::Timm).implied;
    assert!(nameless.facts[0].assumed);
    assert!(nameless.facts[0].because.contains("nothing says"), "{}", nameless.facts[0]);

    // There are no plain weights of V2-B0.
    let only_tf = inspected("weights.safetensors", "efficientnetv2-b0", Naming::Timm).implied;
    assert_eq!((only_tf.padding, only_tf.bn_epsilon), (Padding::Same, 1e-3));
}

#[test]
fn a_published_name_brings_its_preprocessing() {
    // AdvProp's mean and deviation are not ImageNet's.
    let cache = "models--timm--tf_efficientnet_b0.ap_in1k/snapshots/0/model.safetensors";
    let hub = inspected(cache, "efficientnet-b0", Naming::Timm).implied;
    assert_eq!(hub.transform, "decode | resize(256, bicubic) | center_crop(224) | normalize(inception)");
    assert!(hub.facts.iter().all(|fact| !fact.assumed), "{:?}", hub.facts);
    assert!(hub.facts[2].because.contains("timm/tf_efficientnet_b0.ap_in1k"));

    let file = "efficientnet_b1-c27df63c.pth";
    let torchvision = inspected(file, "efficientnet-b1", Naming::Torchvision).implied;
    assert_eq!(
        torchvision.transform,
        "decode | resize(255, bilinear) | center_crop(240) | normalize(imagenet)"
    );
}

#[test]
fn each_library_implies_its_constants() {
    let constants = |model, naming| {
        let implied = inspected("weights.safetensors", model, naming).implied;
        (implied.padding, implied.bn_epsilon)
    };
    let (same, symmetric) = (Padding::Same, Padding::Symmetric);
    assert_eq!(constants("efficientnet-b0", Naming::Torchvision), (symmetric, 1e-5));
    assert_eq!(constants("efficientnet-b4", Naming::Torchvision), (symmetric, 1e-5));
    assert_eq!(constants("efficientnet-b5", Naming::Torchvision), (symmetric, 1e-3));
    assert_eq!(constants("efficientnet-b7", Naming::Torchvision), (symmetric, 1e-3));
    assert_eq!(constants("efficientnetv2-s", Naming::Torchvision), (symmetric, 1e-3));
    assert_eq!(constants("mobilenetv2", Naming::Torchvision), (symmetric, 1e-5));
    assert_eq!(constants("resnet50", Naming::Torchvision), (symmetric, 1e-5));
    assert_eq!(constants("efficientnet-b0", Naming::EfficientnetPytorch), (same, 1e-3));
    assert_eq!(constants("efficientnet-b0", Naming::Keras), (same, 1e-3));
    assert_eq!(constants("mobilenetv2", Naming::Keras), (same, 1e-3));
}

#[test]
fn the_caller_knows_better() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tf_efficientnet_b0.safetensors");
    sparse(&path, &listed(&ArchSpec::named("efficientnet-b0").unwrap(), Naming::Timm).unwrap());
    let options = LoadOptions {
        padding: Some(Padding::Symmetric),
        bn_epsilon: Some(2e-5),
        transform: Some("decode | resize(64, bilinear)".into()),
        class_offset: Some(3),
        ..LoadOptions::default()
    };
    let found = inspect(&path, &options).unwrap();
    assert_eq!(found.spec.padding, Padding::Symmetric);
    assert_eq!(found.spec.batch_norm.epsilon, 2e-5);
    assert_eq!(found.implied.transform, "decode | resize(64, bilinear)");
    assert_eq!(found.implied.class_offset, 3);
}

#[test]
fn a_scaled_network_is_loaded_by_its_spec() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.safetensors");
    let spec = tiny("efficientnet-b0");
    sparse(&path, &listed(&spec, Naming::Timm).unwrap());
    let error = inspect(&path, &LoadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("holds no known network"), "{error}");
    let options = LoadOptions { spec: Some(spec.clone()), ..LoadOptions::default() };
    let mut weights = load(&path, &options).unwrap();
    assert_eq!(weights.naming(), Naming::Timm);
    for tensor in spec.tensors() {
        assert_eq!(weights.take(&tensor.name()).unwrap().shape, tensor.shape);
    }
    assert!(weights.is_empty());
}

#[test]
fn what_does_not_fit_is_listed_with_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.safetensors");
    let mut tensors = listed(&ArchSpec::named("efficientnet-b0").unwrap(), Naming::Timm).unwrap();
    tensors.retain(|(name, _)| name != "blocks.1.0.bn1.bias");
    tensors.push(("surplus.weight".into(), vec![4, 2]));
    let reduce = tensors.iter_mut().find(|(name, _)| name == "blocks.3.0.se.conv_reduce.weight").unwrap();
    reduce.1 = vec![11, 240, 1, 1];
    sparse(&path, &tensors);

    let error = load(&path, &LoadOptions::default()).unwrap_err();
    let WeightsError::Mismatch(difference) = &error else { panic!("{error}") };
    assert_eq!(difference.missing, [("blocks.1.0.bn1.bias".to_string(), vec![96])]);
    assert_eq!(difference.unused, [("surplus.weight".to_string(), vec![4, 2])]);
    assert_eq!(difference.mis_shaped.len(), 1);
    let sentence = error.to_string();
    for part in [
        "broken.safetensors holds no known network; efficientnet-b0 in timm naming comes nearest",
        "1 missing: blocks.1.0.bn1.bias [96]",
        "1 unused: surplus.weight [4, 2]",
        "blocks.3.0.se.conv_reduce.weight (expected [10, 240, 1, 1], found [11, 240, 1, 1])",
    ] {
        assert!(sentence.contains(part), "{part}\n{sentence}");
    }

    // Another network was asked for: the first names, and how many more.
    let options = LoadOptions { model: Some("resnet18".into()), ..LoadOptions::default() };
    let sentence = load(&path, &options).unwrap_err().to_string();
    assert!(sentence.contains("does not hold resnet18") && sentence.contains(" more"), "{sentence}");
    let options = LoadOptions { model: Some("efficientnet-b77".into()), ..LoadOptions::default() };
    assert!(load(&path, &options).unwrap_err().to_string().contains("did you mean efficientnet-b7"));
}
