//! The training kernels once more, naively and in f64.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

use efficientnet_kernels::training::{self, Convolution, NormAct, with_isa};
use efficientnet_kernels::{Activation, Isa};

/// Numbers by rule (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Numbers between `-spread` and `spread`.
    pub fn floats(&mut self, count: usize, spread: f32) -> Vec<f32> {
        (0..count).map(|_| ((self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0) * spread).collect()
    }
}

/// Calls the work once for each instruction set of this processor.
pub fn everywhere(mut work: impl FnMut(Isa)) {
    for isa in Isa::available() {
        with_isa(isa, || work(isa)).unwrap();
    }
}

/// Each number to within `most` of its size or, where terms cancel, of the root mean square.
#[track_caller]
pub fn compare(found: &[f32], expected: &[f64], most: f64, what: &str) {
    compare_sums(found, expected, 0.0, most, what);
}

/// As [`compare`], of numbers that are sums whose terms have a root of the sum of squares of about `size`: of a few numbers,
/// all may have cancelled.
#[track_caller]
pub fn compare_sums(found: &[f32], expected: &[f64], size: f64, most: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let typical = root_mean_square(expected).max(size).max(1e-3);
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs() / expected.abs().max(typical);
        assert!(error <= most, "{what}: number {i} is {found}, not {expected} ({error:.1e})");
    }
}

fn root_mean_square(numbers: &[f64]) -> f64 {
    (numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len().max(1) as f64).sqrt()
}

/// y, dx and dw of a convolution.
pub fn convolution(conv: &Convolution, x: &[f32], weight: &[f32], dy: &[f32]) -> [Vec<f64>; 3] {
    let Convolution { batch, in_channels, out_channels, groups, height, width, .. } = *conv;
    let ([kernel_rows, kernel_cols], [down, right], [top, _, left, _]) =
        (conv.kernel, conv.stride, conv.padding);
    let [rows, cols] = conv.output_size();
    let (ins, outs) = (in_channels / groups, out_channels / groups);
    let [mut y, mut dx, mut dw] = [dy.len(), x.len(), weight.len()].map(|len| vec![0.0; len]);
    for image in 0..batch {
        for out in 0..out_channels {
            for channel in 0..ins {
                let x_plane = (image * in_channels + out / outs * ins + channel) * height * width;
                let y_plane = (image * out_channels + out) * rows * cols;
                for tap in 0..kernel_rows * kernel_cols {
                    let w = (out * ins + channel) * kernel_rows * kernel_cols + tap;
                    for row in 0..rows {
                        let y_row = (row * down + tap / kernel_cols).checked_sub(top).filter(|&i| i < height);
                        let Some(x_row) = y_row else { continue };
                        for col in 0..cols {
                            let x_col =
                                (col * right + tap % kernel_cols).checked_sub(left).filter(|&i| i < width);
                            let Some(x_col) = x_col else { continue };
                            let (i, o) = (x_plane + x_row * width + x_col, y_plane + row * cols + col);
                            y[o] += f64::from(x[i]) * f64::from(weight[w]);
                            dx[i] += f64::from(dy[o]) * f64::from(weight[w]);
                            dw[w] += f64::from(x[i]) * f64::from(dy[o]);
                        }
                    }
                }
            }
        }
    }
    [y, dx, dw]
}

/// All three passes of a convolution with numbers by rule, on every instruction set.
#[track_caller]
pub fn check_convolution(conv: &Convolution) {
    let mut random = Random(5);
    let [rows, cols] = conv.output_size();
    let fan_in = conv.weight_len() / conv.out_channels;
    let x = random.floats(conv.batch * conv.in_channels * conv.height * conv.width, 2.0);
    let weight = random.floats(conv.weight_len(), (3.0 / fan_in as f32).sqrt());
    let dy = random.floats(conv.batch * conv.out_channels * rows * cols, 1.0);
    let [y, dx, dw] = convolution(conv, &x, &weight, &dy);
    everywhere(|isa| {
        let what = |what: &str| format!("{what} ({isa}) of {conv:?}");
        // What is in an output before does not matter.
        let mut found = vec![f32::NAN; y.len()];
        conv.forward(&x, &weight, &mut found);
        compare_sums(&found, &y, 1.0, 1e-5, &what("y"));
        let mut found = vec![f32::NAN; dx.len()];
        conv.input_gradient(&dy, &weight, &mut found);
        let size = 0.5 * (conv.out_channels as f64 / conv.in_channels as f64).sqrt();
        compare_sums(&found, &dx, size, 1e-4, &what("dx"));
        let mut found = vec![f32::NAN; dw.len()];
        conv.weight_gradient(&x, &dy, &mut found);
        let size = 0.5 * ((conv.batch * rows * cols) as f64).sqrt();
        compare_sums(&found, &dw, size, 1e-4, &what("dw"));
    });
}

/// Value and derivative.
pub fn activate(activation: Activation, z: f64) -> (f64, f64) {
    let sigmoid = 1.0 / (1.0 + (-z).exp());
    let step = |inside: bool| if inside { 1.0 } else { 0.0 };
    match activation {
        Activation::None => (z, 1.0),
        Activation::Relu => (z.max(0.0), step(z > 0.0)),
        Activation::Relu6 => (z.clamp(0.0, 6.0), step(z > 0.0 && z < 6.0)),
        Activation::Silu => (z * sigmoid, sigmoid * (1.0 + z * (1.0 - sigmoid))),
        Activation::Sigmoid => (sigmoid, sigmoid * (1.0 - sigmoid)),
    }
}

/// What a normalisation gives in both directions.
#[derive(Default)]
pub struct Normed {
    pub mean: Vec<f64>,
    pub variance: Vec<f64>,
    pub y: Vec<f64>,
    pub dx: Vec<f64>,
    pub dgamma: Vec<f64>,
    pub dbeta: Vec<f64>,
    /// What each of dx has before the shares of the others are subtracted, and each dz.
    pub terms: Vec<f64>,
    pub dz: Vec<f64>,
}

pub fn norm(norm: &NormAct, x: &[f32], gamma: &[f32], beta: &[f32], dy: &[f32]) -> Normed {
    let mut out = Normed { y: vec![0.0; x.len()], dx: vec![0.0; x.len()], ..Normed::default() };
    let count = norm.count().max(1) as f64;
    for channel in 0..norm.channels {
        let places: Vec<usize> = (0..norm.batch)
            .flat_map(|image| {
                let start = (image * norm.channels + channel) * norm.pixels;
                start..start + norm.pixels
            })
            .collect();
        let mean = places.iter().map(|&i| f64::from(x[i])).sum::<f64>() / count;
        let variance = places.iter().map(|&i| (f64::from(x[i]) - mean).powi(2)).sum::<f64>() / count;
        let deviation = (variance + f64::from(norm.epsilon)).sqrt();
        let (gamma, beta) = (f64::from(gamma[channel]), f64::from(beta[channel]));
        let normal: Vec<f64> = places.iter().map(|&i| (f64::from(x[i]) - mean) / deviation).collect();
        let (mut dgamma, mut dbeta, mut dz) = (0.0, 0.0, Vec::new());
        for (&i, normal) in places.iter().zip(&normal) {
            let (value, slope) = activate(norm.activation, gamma * normal + beta);
            out.y[i] = value;
            dz.push(f64::from(dy[i]) * slope);
            dgamma += dz[dz.len() - 1] * normal;
            dbeta += dz[dz.len() - 1];
        }
        for ((&i, normal), dz) in places.iter().zip(&normal).zip(dz) {
            out.dx[i] = gamma / deviation * (dz - (dbeta + normal * dgamma) / count);
            out.terms.push(gamma / deviation * dz);
            out.dz.push(dz);
        }
        out.mean.push(mean);
        out.variance.push(variance);
        out.dgamma.push(dgamma);
        out.dbeta.push(dbeta);
    }
    out
}

/// A normalisation in both directions, whole and in halves, with inputs around `far`, on every instruction set.
#[track_caller]
pub fn check_norm(shape: &NormAct, far: f32) {
    let mut random = Random(9);
    let (len, channels) = (shape.count() * shape.channels, shape.channels);
    let mut x = random.floats(len, 1.0);
    x.iter_mut().for_each(|x| *x += far);
    let dy = random.floats(len, 1.0);
    let (gamma, beta) = (random.floats(channels, 2.0), random.floats(channels, 1.0));
    let exact = norm(shape, &x, &gamma, &beta, &dy);
    // What is subtracted are f32 of the size of `far`: their last bit is what can be asked for.
    let forward = 1e-5 + f64::from(far) * 6e-7;
    let backward = 1e-4 + f64::from(far) * 6e-7;
    everywhere(|isa| {
        let what = |what: &str| format!("{what} ({isa}) of {shape:?}");
        let nothing = |len| vec![f32::NAN; len];
        let [mut mean, mut variance, mut dgamma, mut dbeta] = [0; 4].map(|_| nothing(channels));
        let (mut y, mut dx) = (nothing(len), nothing(len));
        shape.forward(&x, &gamma, &beta, &mut y, &mut mean, &mut variance);
        compare_sums(&mean, &exact.mean, 0.1, 1e-5, &what("the mean"));
        compare(&variance, &exact.variance, 1e-5, &what("the variance"));
        // A kink is on this side or that of rounding.
        let smooth = !matches!(shape.activation, Activation::Relu | Activation::Relu6);
        compare_sums(&y, &exact.y, 1.0, forward, &what("y"));
        shape.backward(&x, &dy, &gamma, &beta, &mean, &variance, &mut dx, &mut dgamma, &mut dbeta);
        if smooth {
            let sum = root_mean_square(&exact.dz) * (shape.count() as f64).sqrt();
            compare_sums(&dx, &exact.dx, root_mean_square(&exact.terms), backward, &what("dx"));
            compare_sums(&dgamma, &exact.dgamma, sum, backward, &what("dgamma"));
            compare_sums(&dbeta, &exact.dbeta, sum, backward, &what("dbeta"));
        } else {
            let near = |found: &[f32], exact: &[f64]| {
                let off = |(&found, &exact): (&f32, &f64)| (f64::from(found) - exact).abs() > 1e-3;
                found.iter().zip(exact).filter(|&pair| off(pair)).count()
            };
            if far < 10.0 {
                assert!(near(&dx, &exact.dx) <= 1 + len / 50, "{}", what("dx"));
            }
        }
        let halves = |parts: &mut [Vec<f32>; 6]| {
            let [mean, variance, y, dgamma, dbeta, dx] = parts;
            shape.statistics(&x, mean, variance);
            shape.normalise(&x, &gamma, &beta, mean, variance, y);
            shape.reduce(&x, &dy, &gamma, &beta, mean, variance, dgamma, dbeta);
            shape.apply(&x, &dy, &gamma, &beta, mean, variance, dgamma, dbeta, shape.count(), dx);
        };
        let mut parts = [channels, channels, len, channels, channels, len].map(nothing);
        halves(&mut parts);
        assert!(parts == [mean, variance, y, dgamma, dbeta, dx], "{}", what("halves"));
    });
}

/// SiLU, gate and pooling on every instruction set.
#[track_caller]
pub fn check_elementwise(planes: usize, pixels: usize) {
    let mut random = Random(3);
    let (x, dy) = (random.floats(planes * pixels, 4.0), random.floats(planes * pixels, 1.0));
    let (gate, pooled) = (random.floats(planes, 1.0), random.floats(planes, 1.0));
    let exact = |f: &dyn Fn(usize) -> f64| (0..x.len()).map(f).collect::<Vec<f64>>();
    let by_plane = |f: &dyn Fn(usize) -> f64| {
        (0..planes).map(|p| (p * pixels..(p + 1) * pixels).map(f).sum()).collect::<Vec<f64>>()
    };
    let wide = |x: &[f32], i: usize| f64::from(x[i]);
    everywhere(|isa| {
        let what = |what: &str| format!("{what} ({isa}) of {planes} planes of {pixels}");
        let (mut map, mut numbers) = (vec![f32::NAN; x.len()], vec![f32::NAN; planes]);
        training::silu_forward(&x, &mut map);
        let silu = |i| activate(Activation::Silu, wide(&x, i));
        compare(&map, &exact(&|i| silu(i).0), 1e-5, &what("SiLU"));
        training::silu_backward(&x, &dy, &mut map);
        compare(&map, &exact(&|i| silu(i).1 * wide(&dy, i)), 1e-5, &what("SiLU's gradient"));
        training::scale_channels_forward(&x, &gate, &mut map);
        compare(&map, &exact(&|i| wide(&x, i) * wide(&gate, i / pixels)), 1e-6, &what("the gated map"));
        training::scale_channels_backward(&x, &gate, &dy, &mut map, &mut numbers);
        compare(&map, &exact(&|i| wide(&dy, i) * wide(&gate, i / pixels)), 1e-6, &what("the map's gradient"));
        let products = exact(&|i| wide(&x, i) * wide(&dy, i));
        let size = root_mean_square(&products) * (pixels as f64).sqrt();
        compare_sums(&numbers, &by_plane(&|i| products[i]), size, 1e-5, &what("the gate's gradient"));
        training::mean_pool_forward(&x, &mut numbers);
        let size = 2.0 / (pixels as f64).sqrt();
        compare_sums(&numbers, &by_plane(&|i| wide(&x, i) / pixels as f64), size, 1e-5, &what("the mean"));
        training::mean_pool_backward(&pooled, &mut map);
        compare(&map, &exact(&|i| wide(&pooled, i / pixels) / pixels as f64), 1e-6, &what("its gradient"));
    });
}
