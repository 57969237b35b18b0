//! A whole network in training on `tch`, where LibTorch records and differentiates it as one region, against the composed path.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Distribution, Gradients, Tensor};
use efficientnet_arch::{Activation, ArchSpec};
use efficientnet_model::{Freeze, Network};
use efficientnet_ops::{Path, set_path};

/// The path is the process's, and so are random numbers: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// `tch` with autodiff, if it is compiled in.
fn device() -> Option<(Device, MutexGuard<'static, ()>)> {
    let device = efficientnet_backend::device("tch").ok()?.autodiff();
    Some((device, ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())))
}

#[test]
fn random_layers_draw_the_same_numbers_on_both_paths() {
    let Some((device, _alone)) = device() else { return };
    device.seed(3);
    let spec = ArchSpec::named("efficientnet-b0").unwrap().with_classes(10);
    let network = Network::init(&spec, &device).unwrap().materialize();
    let images: Tensor<4> = Tensor::random([4, 3, 64, 64], Distribution::Normal(0.0, 1.0), &device);
    let logits = [Path::Fused, Path::Composed, Path::Fused].map(|path| {
        set_path(path);
        device.seed(7);
        let logits = network.forward(images.clone());
        logits.into_data().iter::<f64>().collect::<Vec<_>>()
    });
    println!("{:?}\n{:?}\n{:?}", logits[0], logits[1], logits[2]);
    set_path(Path::Fused);
    device.seed(7);
    let logits = network.forward_features(images.clone());
    let logits = network.classify(logits.head);
    println!("{:?}", logits.into_data().iter::<f64>().collect::<Vec<_>>());
    panic!();
}
