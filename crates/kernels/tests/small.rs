//! Every step and every training kernel on maps of a few numbers and by several threads: what an interpreter that watches each
//! access to memory (Miri) gets through in minutes, and what a thread sanitiser should see as well.

mod common;
mod training_common;

use common::exact::Exact;
use common::{Pair, Unit, everywhere};
use efficientnet_kernels::training::{AdamW, Convolution, NormAct, RmspropTf, Sgd, lerp};
use efficientnet_kernels::{Activation, ImageLayout, MaxPool, Padding, Residual, ResidualOrder};
use training_common::{check_convolution, check_elementwise, check_norm};

fn unit(out: usize, kernel: usize, stride: usize, groups: usize) -> Unit {
    let (padding, activation) = (Padding::Same, Activation::Silu);
    Unit { out, kernel: [kernel; 2], stride: [stride; 2], padding, groups, activation }
}

/// Stem, inverted residuals with and without squeeze-and-excitation, head.
#[test]
fn an_inverted_residual_network() {
    for (threads, batch) in [(1, 1), (2, 1), (2, 2)] {
        for options in everywhere(threads, ImageLayout::Nchw) {
            let mut pair = Pair::new(options, [batch, 3, 5, 6], 7);
            let stem = pair.conv(pair.input(), unit(9, 3, 2, 1), None);
            let wide = pair.conv(stem, unit(18, 1, 1, 1), None);
            let deep = pair.conv(wide, unit(18, 3, 1, 18), None);
            let gated = pair.squeeze_excite(deep, 2, Activation::Silu);
            let residual = Residual { value: stem, order: ResidualOrder::AfterActivation };
            let narrow = Unit { activation: Activation::None, ..unit(9, 1, 1, 1) };
            let block = pair.conv(gated, narrow, Some(residual));
            let wide = pair.conv(block, unit(20, 1, 1, 1), None);
            let deep = pair.conv(wide, unit(20, 5, 2, 20), None);
            let block = pair.conv(deep, narrow, None);
            let head = pair.conv(block, unit(17, 1, 1, 1), None);
            let pooled = pair.mean(head);
            let logits = pair.conv(pooled, narrow, None);
            pair.check(&[logits, block], "an inverted residual network");
        }
    }
}

/// Dense convolutions of more than one pixel (one as it is, two by Winograd), pooling, the gate that is seen, residuals before the activation.
#[test]
fn a_residual_network() {
    for (threads, batch) in [(1, 1), (2, 2)] {
        for options in everywhere(threads, ImageLayout::Nhwc) {
            let mut pair = Pair::new(options, [batch, 3, 6, 5], 8);
            let stem =
                pair.conv(pair.input(), Unit { activation: Activation::Relu, ..unit(17, 5, 2, 1) }, None);
            let pooled =
                pair.max_pool(stem, MaxPool { kernel: [3; 2], stride: [2; 2], padding: Padding::all(1) });
            let once = pair.conv(pooled, unit(17, 3, 1, 1), None);
            let residual = Residual { value: pooled, order: ResidualOrder::BeforeActivation };
            let twice = pair.conv(once, unit(17, 3, 1, 1), Some(residual));
            let gated = pair.squeeze_excite(twice, 3, Activation::Relu);
            let mean = pair.mean(gated);
            pair.check(&[gated, mean], "a residual network");
        }
    }
}

/// Every way into bytes and out of them: written by a product, by a depthwise convolution and by themselves, beside f32 and alone.
#[test]
fn a_network_in_bytes() {
    for (threads, batch) in [(1, 1), (2, 2)] {
        for options in everywhere(threads, ImageLayout::Nchw) {
            let (mut exact, input) = Exact::new(options, [batch, 3, 5, 6]);
            let x = exact.select(&input, 9);
            exact.in_bytes(&x);
            let wide = exact.product(&x, 18, 1, Activation::Relu6, None);
            let expanded = exact.depthwise(&wide, 3, 2);
            let moved = exact.depthwise(&x, 3, 1);
            exact.in_bytes(&moved);
            let block = exact.product(&moved, 9, 1, Activation::None, Some(&x));
            let pool = MaxPool { kernel: [2; 2], stride: [1; 2], padding: Padding::Same };
            let pooled = exact.max_pool(&x, &pool);
            exact.in_bytes(&pooled);
            let thin = exact.product(&pooled, 17, 2, Activation::Silu, None);
            exact.check(&[expanded, block, thin], "a network in bytes");
        }
    }
}

/// Dense and depthwise convolutions, all three ways, behind a stride and without.
#[test]
fn convolutions_of_a_training_step() {
    let window = |channels: [usize; 2], groups, kernel, stride, padding| Convolution {
        batch: 2,
        in_channels: channels[0],
        out_channels: channels[1],
        groups,
        height: 5,
        width: 4,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding,
    };
    for conv in [
        window([9, 10], 1, 1, 1, [0; 4]),
        window([5, 9], 1, 1, 2, [0; 4]),
        window([3, 9], 1, 3, 2, [0, 1, 0, 1]),
        window([4, 6], 2, 3, 1, [1; 4]),
        window([9, 9], 9, 3, 1, [1; 4]),
        window([9, 9], 9, 5, 2, [2, 1, 2, 1]),
        Convolution { batch: 0, ..window([9, 9], 9, 3, 1, [1; 4]) },
    ] {
        check_convolution(&conv);
    }
}

#[test]
fn the_rest_of_a_training_step() {
    for activation in [Activation::None, Activation::Relu6, Activation::Silu] {
        check_norm(&NormAct { batch: 2, channels: 3, pixels: 19, epsilon: 1e-3, activation }, 1.0);
    }
    check_elementwise(3, 19);
    // That no number is missed, and none beyond the end touched: what they compute is `training.rs`'s.
    let gradient = [0.5; 37];
    let (mut weight, mut first, mut second) = ([1.0; 37], [0.0; 37], [0.0; 37]);
    let same = |numbers: &[f32; 37]| numbers.iter().all(|number| *number == numbers[0]);
    AdamW { learning_rate: 0.1, betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.01 }.step(
        &mut weight,
        &gradient,
        &mut first,
        &mut second,
        1,
    );
    assert!(weight[0] < 1.0 && same(&weight) && same(&first) && same(&second));
    let before = weight[0];
    Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.0 }.step(
        &mut weight,
        &gradient,
        &mut first,
    );
    assert!(weight[0] < before && same(&weight) && same(&first));
    let before = weight[0];
    let rmsprop =
        RmspropTf { learning_rate: 0.1, decay: 0.9, momentum: 0.9, epsilon: 1e-3, weight_decay: 0.0 };
    rmsprop.step(&mut weight, &gradient, &mut second, &mut first);
    assert!(weight[0] < before && same(&weight) && same(&first) && same(&second));
    lerp(&mut second, &weight, 0.25);
    assert!(same(&second));
}
