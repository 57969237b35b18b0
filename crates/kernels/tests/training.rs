//! The training kernels on the shapes of all named networks, on several threads, and the optimisers.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

mod training_common;

use std::collections::BTreeSet;

use efficientnet_arch::{self as arch, LayerOp};
use efficientnet_kernels::training::{AdamW, Convolution, NormAct, RmspropTf, Sgd, lerp, with_isa};
use efficientnet_kernels::{Activation, Isa};
use training_common::{Random, check_convolution, check_norm, compare, everywhere};

/// Every convolution and normalised map that occurs, maps of at most so many pixels a side.
fn shapes(most: usize) -> (BTreeSet<[usize; 7]>, BTreeSet<usize>) {
    let (mut convs, mut norms) = (BTreeSet::new(), BTreeSet::new());
    for spec in arch::models().iter().map(|model| model.spec()) {
        let same = usize::from(spec.padding == arch::Padding::Same);
        for layer in spec.layers() {
            // Sizes keep their parity, on which asymmetric padding depends.
            let side = layer.input[1];
            let side = if side > most { most - (most + side) % 2 } else { side };
            match layer.op {
                LayerOp::Conv { kernel, stride, groups, .. } => {
                    let [ins, outs] = [layer.input[0], layer.output[0]];
                    convs.insert([ins, outs, groups, kernel, stride, same, side.max(kernel - 1)]);
                }
                LayerOp::BatchNorm => {
                    norms.insert(layer.output[0]);
                }
                _ => {}
            }
        }
    }
    (convs, norms)
}

fn convolution(batch: usize, [ins, outs, groups, kernel, stride, same, side]: [usize; 7]) -> Convolution {
    let padding = if same == 1 {
        let total = ((side.div_ceil(stride) - 1) * stride + kernel).saturating_sub(side);
        [total / 2, total - total / 2, total / 2, total - total / 2]
    } else {
        [kernel / 2; 4]
    };
    Convolution {
        batch,
        in_channels: ins,
        out_channels: outs,
        groups,
        height: side,
        width: side,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding,
    }
}

#[test]
fn every_convolution_of_every_network() {
    let (convs, _) = shapes(9);
    let mut checked = 0;
    for shape in convs {
        let conv = convolution(1, shape);
        // The reference takes a nanosecond for each of these.
        let [rows, cols] = conv.output_size();
        if conv.weight_len() * rows * cols > 30_000_000 {
            continue;
        }
        check_convolution(&conv);
        checked += 1;
    }
    assert!(checked > 400, "{checked} convolutions");
}

#[test]
fn every_normalised_map() {
    let (_, norms) = shapes(7);
    assert!(norms.len() > 50);
    for channels in norms {
        let norm = NormAct { batch: 2, channels, pixels: 5, epsilon: 1e-5, activation: Activation::Silu };
        check_norm(&norm, 0.5);
    }
}

/// Large enough for several threads and for every cut that is made.
fn large() -> Vec<Convolution> {
    vec![
        convolution(3, [16, 96, 1, 1, 1, 0, 56]),
        convolution(8, [112, 480, 1, 1, 1, 0, 7]),
        convolution(4, [144, 144, 144, 5, 2, 1, 28]),
        convolution(4, [48, 48, 48, 3, 1, 1, 28]),
        convolution(2, [3, 32, 1, 3, 2, 1, 65]),
        convolution(2, [24, 48, 1, 3, 1, 0, 30]),
    ]
}

#[test]
fn large_maps() {
    for conv in large() {
        check_convolution(&conv);
    }
    for pixels in [900, 12_544] {
        let norm = NormAct { batch: 3, channels: 5, pixels, epsilon: 1e-3, activation: Activation::Silu };
        check_norm(&norm, 1.0);
    }
}

#[test]
fn no_bit_depends_on_the_threads() {
    let with_threads = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = || {
            let mut all = Vec::new();
            for isa in Isa::available() {
                for conv in large() {
                    let mut random = Random(1);
                    let [rows, cols] = conv.output_size();
                    let x = random.floats(conv.batch * conv.in_channels * conv.height * conv.width, 1.0);
                    let weight = random.floats(conv.weight_len(), 1.0);
                    let dy = random.floats(conv.batch * conv.out_channels * rows * cols, 1.0);
                    let [mut y, mut dx, mut dw] = [dy.len(), x.len(), weight.len()].map(|len| vec![0.0; len]);
                    with_isa(isa, || {
                        conv.forward(&x, &weight, &mut y);
                        conv.input_gradient(&dy, &weight, &mut dx);
                        conv.weight_gradient(&x, &dy, &mut dw);
                    })
                    .unwrap();
                    all.push([y, dx, dw]);
                }
            }
            all
        };
        pool.install(run)
    };
    let one = with_threads(1);
    for threads in [2, 3] {
        assert!(with_threads(threads) == one, "{threads} threads");
    }
    assert!(with_threads(1) == one, "again");
}

#[test]
fn an_instruction_set_is_forced_for_a_while() {
    for isa in Isa::available() {
        let before = efficientnet_kernels::training::isa();
        assert_eq!(with_isa(isa, efficientnet_kernels::training::isa), Ok(Ok(isa)));
        assert_eq!(efficientnet_kernels::training::isa(), before);
    }
}

#[test]
#[should_panic(expected = "the weight or its gradient has 7 numbers, not 8")]
fn a_slice_of_a_wrong_length_is_named() {
    convolution(1, [2, 4, 1, 1, 1, 0, 1]).forward(&[0.0; 2], &[0.0; 7], &mut [0.0; 4]);
}

/// A weight, its gradients of three steps, and what the rule makes of them in f64.
fn three_steps(
    len: usize,
    states: usize,
    step: impl Fn(&mut [Vec<f32>], &[f32], u64),
    exact: impl Fn(&mut [f64], f64, u64),
) {
    let mut first = Vec::new();
    everywhere(|isa| {
        let mut random = Random(2);
        let mut state = vec![vec![0.0_f32; len]; states];
        state[0] = random.floats(len, 1.0);
        let mut wide: Vec<Vec<f64>> =
            (0..len).map(|i| state.iter().map(|state| f64::from(state[i])).collect()).collect();
        for t in 1..=3 {
            let gradient = random.floats(len, 1.0);
            step(&mut state, &gradient, t);
            for (wide, &gradient) in wide.iter_mut().zip(&gradient) {
                exact(wide, f64::from(gradient), t);
            }
        }
        for (which, found) in state.iter().enumerate() {
            let expected: Vec<f64> = wide.iter().map(|wide| wide[which]).collect();
            compare(found, &expected, 1e-5, &format!("state {which} ({isa})"));
        }
        if first.is_empty() {
            first = state;
        } else {
            assert!(first == state, "{isa} gives the same bits as the others");
        }
    });
}

#[test]
fn optimisers_are_those_of_their_frameworks() {
    // One that a single task takes, one for several, both with a rest.
    for len in [37, 40_001] {
        let rule =
            RmspropTf { learning_rate: 0.1, decay: 0.9, momentum: 0.8, epsilon: 1e-3, weight_decay: 0.01 };
        three_steps(
            len,
            3,
            |state, gradient, _| {
                let [weight, square, momentum] = state else { unreachable!() };
                rule.step(weight, gradient, square, momentum);
            },
            |state, gradient, _| {
                let g = gradient + 0.01 * state[0];
                state[1] = 0.9 * state[1] + 0.1 * g * g;
                state[2] = 0.8 * state[2] + 0.1 * g / (state[1] + 1e-3).sqrt();
                state[0] -= state[2];
            },
        );
        for nesterov in [false, true] {
            let rule = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov, weight_decay: 0.01 };
            three_steps(
                len,
                2,
                |state, gradient, _| {
                    let [weight, buffer] = state else { unreachable!() };
                    rule.step(weight, gradient, buffer);
                },
                |state, gradient, _| {
                    let g = gradient + 0.01 * state[0];
                    state[1] = 0.9 * state[1] + g;
                    state[0] -= 0.1 * if nesterov { g + 0.9 * state[1] } else { state[1] };
                },
            );
        }
        let rule = AdamW { learning_rate: 0.01, betas: [0.9, 0.99], epsilon: 1e-8, weight_decay: 0.1 };
        three_steps(
            len,
            3,
            |state, gradient, t| {
                let [weight, first, second] = state else { unreachable!() };
                rule.step(weight, gradient, first, second, t);
            },
            |state, g, t| {
                let t = t as i32;
                state[0] *= 1.0 - 0.01 * 0.1;
                state[1] = 0.9 * state[1] + 0.1 * g;
                state[2] = 0.99 * state[2] + 0.01 * g * g;
                let (first, second) = (1.0 - 0.9_f64.powi(t), 1.0 - 0.99_f64.powi(t));
                state[0] -= 0.01 / first * state[1] / ((state[2] / second).sqrt() + 1e-8);
            },
        );
        three_steps(
            len,
            1,
            |state, value, _| lerp(&mut state[0], value, 0.25),
            |state, value, _| state[0] += 0.25 * (value - state[0]),
        );
    }
}
