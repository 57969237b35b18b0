//! Convolutions against Burn's own, forward and backward: all that occur in five networks, and odd ones.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::collections::BTreeSet;

use burn::tensor::module::conv2d as reference;
use burn::tensor::{Device, Tensor, ops::ConvOptions};
use common::{BACKWARD, FORWARD, Numbers, assert_close, devices, flex, tensor};
use efficientnet_arch::{ArchSpec, ConvUnit, Residual};
use efficientnet_ops::conv2d;

/// In channels, out channels, groups, kernel, stride.
type Unit = (usize, usize, usize, usize, usize);

fn units(name: &str) -> BTreeSet<Unit> {
    let spec = ArchSpec::named(name).unwrap();
    let key = |unit: &ConvUnit| (unit.in_channels, unit.out_channels, unit.groups, unit.kernel, unit.stride);
    let mut units = BTreeSet::from([key(&spec.stem.conv)]);
    units.extend(spec.head.iter().map(key));
    for block in spec.blocks() {
        units.extend(block.units.iter().map(key));
        if let Residual::Projection(unit) = &block.residual {
            units.insert(key(unit));
        }
        if let Some(se) = &block.se {
            units.insert((se.channels, se.squeezed, 1, 1, 1));
            units.insert((se.squeezed, se.channels, 1, 1, 1));
        }
    }
    units
}

/// Compares value and gradients.
fn compare(x: [usize; 4], weight: [usize; 4], bias: bool, options: &ConvOptions<2>, device: &Device) {
    let what = format!("{x:?} with {weight:?}, {options:?}");
    let x = tensor(x, 1, device).require_grad();
    let weight = tensor(weight, 2, device).require_grad();
    let bias = bias.then(|| tensor([weight.dims()[0]], 3, device).require_grad());
    let found = conv2d(x.clone(), weight.clone(), bias.clone(), options.clone());
    let expected = reference(x.clone(), weight.clone(), bias.clone(), options.clone());
    assert_close(&what, found.clone(), expected.clone(), FORWARD);
    let upstream: Tensor<4> = tensor(found.dims(), 4, device);
    let found = (found * upstream.clone()).sum().backward();
    let expected = (expected * upstream).sum().backward();
    let both =
        |name: &str, found, expected| assert_close(&format!("{name} of {what}"), found, expected, BACKWARD);
    both("dx", x.grad(&found).unwrap(), x.grad(&expected).unwrap());
    both("dw", weight.grad(&found).unwrap(), weight.grad(&expected).unwrap());
    if let Some(bias) = bias {
        let (found, expected) = (bias.grad(&found).unwrap(), bias.grad(&expected).unwrap());
        assert_close(&format!("db of {what}"), found, expected, BACKWARD);
    }
}

#[test]
fn the_convolutions_of_networks() {
    let names = ["efficientnet-b0", "efficientnetv2-s", "mobilenetv2", "resnet50"];
    let all: BTreeSet<Unit> = names.iter().flat_map(|name| units(name)).collect();
    assert!(all.len() > 80, "{} are too few", all.len());
    for (channels, out, groups, kernel, stride) in all {
        let size = kernel.max(4) + stride;
        let half = kernel / 2;
        // TensorFlow's SAME at stride 2 and an even size pads one side more than the other.
        let padding = if stride == 2 && kernel > 1 { (half - 1, half) } else { (half, half) };
        let options = ConvOptions::new_with_padding([stride; 2], [padding; 2], [1, 1], groups);
        compare(
            [2, channels, size, size],
            [out, channels / groups, kernel, kernel],
            false,
            &options,
            &flex().autodiff(),
        );
    }
}

#[test]
fn odd_convolutions() {
    let mut numbers = Numbers(5);
    for case in 0..60 {
        let mut pick = |from, to| numbers.between(from, to);
        let (batch, kernel) = (pick(1, 3), [pick(1, 5), pick(1, 5)]);
        let groups = pick(1, 4);
        let depthwise = case % 3 == 0;
        let per_group = if depthwise { 1 } else { pick(1, 19) };
        let channels = groups * per_group;
        let out = if depthwise { channels } else { groups * pick(1, 19) };
        let stride = [pick(1, 3), pick(1, 2)];
        let padding = [(pick(0, 2), pick(0, 2)), (pick(0, 2), pick(0, 2))];
        let (height, width) = (pick(kernel[0], 13), pick(kernel[1], 13));
        let options = ConvOptions::new_with_padding(stride, padding, [1, 1], groups);
        let shapes = ([batch, channels, height, width], [out, per_group, kernel[0], kernel[1]]);
        for device in devices() {
            compare(shapes.0, shapes.1, case % 2 == 0, &options, &device);
        }
    }
}

#[test]
fn a_map_of_one_pixel() {
    for device in devices() {
        compare([1, 20, 1, 1], [7, 20, 1, 1], true, &ConvOptions::new([1, 1], [0, 0], [1, 1], 1), &device);
        compare([1, 20, 1, 1], [20, 1, 5, 5], true, &ConvOptions::new([1, 1], [2, 2], [1, 1], 20), &device);
    }
}

#[test]
fn only_what_is_asked_for_gets_a_gradient() {
    let device = flex().autodiff();
    let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
    let x: Tensor<4> = tensor([1, 2, 4, 4], 1, &device);
    let weight = tensor([3, 2, 3, 3], 2, &device).require_grad();
    let gradients = conv2d(x.clone(), weight.clone(), None, options).sum().backward();
    assert!(x.grad(&gradients).is_none());
    assert!(weight.grad(&gradients).is_some());
}

#[test]
fn the_first_gradient_is_taken_with_checkpointing_too() {
    let device = flex().autodiff().gradient_checkpointing();
    let options = ConvOptions::new([2, 2], [0, 1], [1, 1], 1);
    compare([2, 3, 8, 8], [4, 3, 3, 3], false, &options, &device);
}
