//! What a network is made of, what it puts out, and what is left of it after surgery.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Distribution, Tensor, Tolerance};
use efficientnet_arch::{ArchSpec, Coefficients, models};
use efficientnet_model::Network;

fn device() -> Device {
    efficientnet_backend::device("flex").unwrap()
}

/// A tenth of the width, so that even the largest networks are built in no time.
fn narrow(name: &str) -> ArchSpec {
    let spec = ArchSpec::named(name).unwrap();
    spec.rescaled(Coefficients { width: 0.1, depth: 1.0, resolution: 64 }).unwrap().with_classes(10)
}

fn images(batch: usize, channels: usize, side: usize) -> Tensor<4> {
    Tensor::random([batch, channels, side, side], Distribution::Normal(0.0, 1.0), &device())
}

#[derive(Default)]
struct Values {
    parameters: usize,
    path: Vec<String>,
}

impl ModuleVisitor for Values {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Burn shows the running statistics of batch normalisation as if they were parameters.
        if !self.path.iter().any(|name| name.starts_with("running_")) {
            self.parameters += param.lazy_shape().num_elements();
        }
    }
}

#[test]
fn modules_hold_the_parameters_that_the_spec_counts() {
    for model in models() {
        let spec = narrow(model.name);
        let network = Network::init(&spec, &device()).unwrap();
        let mut values = Values::default();
        network.visit(&mut values);
        assert_eq!(values.parameters as u64, spec.count().unwrap().params, "{}", model.name);
    }
}

#[test]
fn feature_maps_have_the_shapes_of_the_spec() {
    for name in ["efficientnet-b0", "efficientnetv2-s", "efficientnet-edgetpu-s", "mobilenetv1", "resnet50"] {
        let spec = narrow(name);
        let network = Network::init(&spec, &device()).unwrap();
        let features = network.forward_features(images(2, 3, 64));
        assert_eq!(features.maps.len(), 5);
        for (map, info) in features.maps.iter().zip(spec.features()) {
            let side = 64 >> info.reduction;
            assert_eq!(map.dims(), [2, info.channels, side, side], "{name}, reduction {}", info.reduction);
        }
        assert_eq!(features.head.dims(), [2, spec.num_features(), 2, 2], "{name}");
        assert_eq!(network.classify(features.head).dims(), [2, 10]);
    }
}

#[test]
fn logits_follow_from_the_head_map() {
    let network = Network::init(&narrow("efficientnet-b0"), &device()).unwrap();
    let x = images(2, 3, 64);
    let whole = network.forward(x.clone()).into_data();
    let parts = network.classify(network.forward_features(x).head).into_data();
    whole.assert_approx_eq::<f32>(&parts, Tolerance::default());
}

#[test]
fn any_image_size_is_taken() {
    let network = Network::init(&narrow("efficientnet-lite0"), &device()).unwrap();
    for side in [1, 31, 33, 64] {
        assert_eq!(network.forward(images(1, 3, side)).dims(), [1, 10], "{side} px");
    }
}

#[test]
fn initial_values_have_the_official_spread() {
    let network = Network::init(&narrow("efficientnet-b0").with_classes(400), &device()).unwrap();
    let deviation = |values: Vec<f32>| {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt()
    };
    let values = |tensor: Tensor<4>| tensor.into_data().try_to_vec::<f32>().unwrap();
    // A dense convolution: sqrt(2 / (1 * 1 * filters out)).
    let head = network.head.as_ref().unwrap().conv.weight.val();
    let expected = (2.0 / head.dims()[0] as f32).sqrt();
    assert!((deviation(values(head)) / expected - 1.0).abs() < 0.1);
    // A depthwise one: sqrt(2 / (5 * 5)), whatever the number of channels.
    let depthwise = network.stages[5].blocks[1].units[1].conv.weight.val();
    assert_eq!(depthwise.dims()[2], 5);
    assert!((deviation(values(depthwise)) / (2.0f32 / 25.0).sqrt() - 1.0).abs() < 0.15);
    // The classifier: uniform in 1 / sqrt(classes), biases zero.
    let classifier = network.classifier.weight.val().into_data().try_to_vec::<f32>().unwrap();
    let largest = classifier.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
    assert!(largest <= 0.05 && largest > 0.045, "{largest}");
    let bias = network.classifier.bias.as_ref().unwrap().val().into_data().try_to_vec::<f32>().unwrap();
    assert!(bias.iter().all(|v| *v == 0.0));
}

#[test]
fn a_new_classifier_keeps_the_backbone() {
    let network = Network::init(&narrow("efficientnet-b0"), &device()).unwrap();
    let x = images(1, 3, 64);
    let before = network.forward_features(x.clone()).head.into_data();
    let network = network.with_new_classifier(7, &device()).unwrap();
    assert_eq!(network.spec().num_classes, 7);
    assert_eq!(network.forward(x.clone()).dims(), [1, 7]);
    network.forward_features(x).head.into_data().assert_eq(&before, true);
    assert!(network.with_new_classifier(0, &device()).is_err());
}

#[test]
fn other_input_channels_keep_the_stem() {
    let network = Network::init(&narrow("efficientnet-b0"), &device()).unwrap();
    let grey = images(1, 1, 64);
    let rgb = grey.clone().repeat(&[1, 3, 1, 1]);
    let expected = network.forward(rgb).into_data();

    // One channel: an image whose three channels are equal gives the same logits.
    let one = network.clone().with_in_channels(1).unwrap();
    assert_eq!(one.spec().count().unwrap().params + 2 * 9 * 8, network.spec().count().unwrap().params);
    one.forward(grey.clone()).into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());

    // Six channels: the image twice gives the same, too.
    let six = network.clone().with_in_channels(6).unwrap();
    let doubled = grey.repeat(&[1, 6, 1, 1]);
    six.forward(doubled).into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());

    // Four: the filters are those of red, green, blue and red again, times 3 / 4.
    let weight = network.stem.conv.weight.val();
    let four = network.with_in_channels(4).unwrap();
    let red = four.stem.conv.weight.val().narrow(1, 3, 1).into_data();
    let expected = (weight.narrow(1, 0, 1) * 0.75).into_data();
    red.assert_approx_eq::<f32>(&expected, Tolerance::default());
    assert!(four.with_in_channels(0).is_err());
}
