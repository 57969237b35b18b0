//! Every operation once more, naively and in f64, and plans that are built beside it.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

pub mod exact;

use efficientnet_kernels::{
    Activation, Conv, ImageLayout, Images, Isa, Map, MaxPool, Options, Padding, PlanBuilder, PlanError,
    Residual, ResidualOrder, SqueezeExcite, Value,
};

/// `[batch, channels, height, width]`
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub shape: [usize; 4],
    pub data: Vec<f64>,
}

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

    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    pub fn from(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    /// Numbers between `-spread` and `spread`.
    pub fn floats(&mut self, count: usize, spread: f32) -> Vec<f32> {
        (0..count).map(|_| ((self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0) * spread).collect()
    }
}

pub fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    }
}

/// What is padded before an axis, and its output size.
fn axis(padding: Padding, vertical: bool, size: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let (before, after) = match padding {
        Padding::Explicit { top, bottom, left, right } => {
            if vertical {
                (top, bottom)
            } else {
                (left, right)
            }
        }
        Padding::Same => {
            let total = ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
            (total / 2, total - total / 2)
        }
    };
    (before, (size + before + after - kernel) / stride + 1)
}

/// Inputs under output pixel `(y, x)`: kernel row, kernel column, input row, input column.
fn under(
    [height, width]: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    before: [usize; 2],
    [y, x]: [usize; 2],
) -> Vec<[usize; 4]> {
    let mut found = Vec::new();
    for ky in 0..kernel[0] {
        for kx in 0..kernel[1] {
            let row = (y * stride[0] + ky).checked_sub(before[0]).filter(|&row| row < height);
            let col = (x * stride[1] + kx).checked_sub(before[1]).filter(|&col| col < width);
            if let (Some(row), Some(col)) = (row, col) {
                found.push([ky, kx, row, col]);
            }
        }
    }
    found
}

pub fn conv(input: &Tensor, op: &Conv<'_>, residual: Option<(&Tensor, ResidualOrder)>) -> Tensor {
    let [batch, channels, height, width] = input.shape;
    let (top, rows) = axis(op.padding, true, height, op.kernel[0], op.stride[0]);
    let (left, cols) = axis(op.padding, false, width, op.kernel[1], op.stride[1]);
    let [kh, kw] = op.kernel;
    let each = channels / op.groups;
    let outs = op.out_channels / op.groups;
    let mut data = vec![0.0; batch * op.out_channels * rows * cols];
    for y in 0..rows {
        for x in 0..cols {
            let taps = under([height, width], op.kernel, op.stride, [top, left], [y, x]);
            for n in 0..batch {
                for out in 0..op.out_channels {
                    let mut sum = op.bias.get(out).map_or(0.0, |&bias| f64::from(bias));
                    for c in 0..each {
                        let plane = (n * channels + out / outs * each + c) * height * width;
                        let weight = (out * each + c) * kh * kw;
                        for &[ky, kx, row, col] in &taps {
                            sum += input.data[plane + row * width + col]
                                * f64::from(op.weight[weight + ky * kw + kx]);
                        }
                    }
                    data[((n * op.out_channels + out) * rows + y) * cols + x] = sum;
                }
            }
        }
    }
    for (i, x) in data.iter_mut().enumerate() {
        *x = match residual {
            None => activate(op.activation, *x),
            Some((map, ResidualOrder::BeforeActivation)) => activate(op.activation, *x + map.data[i]),
            Some((map, ResidualOrder::AfterActivation)) => activate(op.activation, *x) + map.data[i],
        };
    }
    Tensor { shape: [batch, op.out_channels, rows, cols], data }
}

pub fn mean(input: &Tensor) -> Tensor {
    let [batch, channels, height, width] = input.shape;
    let planes = input.data.chunks(height * width);
    let data = planes.map(|plane| plane.iter().sum::<f64>() / plane.len() as f64).collect();
    Tensor { shape: [batch, channels, 1, 1], data }
}

pub fn squeeze_excite(input: &Tensor, op: &SqueezeExcite<'_>) -> Tensor {
    let channels = input.shape[1];
    let layer = |out_channels, weight, bias, activation| Conv {
        out_channels,
        kernel: [1, 1],
        stride: [1, 1],
        padding: Padding::NONE,
        groups: 1,
        weight,
        bias,
        activation,
        residual: None,
    };
    let reduce = layer(op.squeezed, op.reduce_weight, op.reduce_bias, op.activation);
    let expand = layer(channels, op.expand_weight, op.expand_bias, op.gate);
    let gate = conv(&conv(&mean(input), &reduce, None), &expand, None);
    let pixels = input.shape[2] * input.shape[3];
    let data = input.data.iter().enumerate().map(|(i, x)| x * gate.data[i / pixels]).collect();
    Tensor { shape: input.shape, data }
}

pub fn max_pool(input: &Tensor, op: &MaxPool) -> Tensor {
    let [batch, channels, height, width] = input.shape;
    let (top, rows) = axis(op.padding, true, height, op.kernel[0], op.stride[0]);
    let (left, cols) = axis(op.padding, false, width, op.kernel[1], op.stride[1]);
    let mut data = Vec::new();
    for plane in input.data.chunks(height * width) {
        for y in 0..rows {
            for x in 0..cols {
                let taps = under([height, width], op.kernel, op.stride, [top, left], [y, x]);
                data.push(
                    taps.iter().map(|tap| plane[tap[2] * width + tap[3]]).fold(f64::NEG_INFINITY, f64::max),
                );
            }
        }
    }
    Tensor { shape: [batch, channels, rows, cols], data }
}

/// A convolution without its numbers.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    pub out: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: Padding,
    pub groups: usize,
    pub activation: Activation,
}

/// A plan and its reference, built step by step.
pub struct Pair {
    pub builder: PlanBuilder,
    pub values: Vec<Tensor>,
    pub random: Random,
    image: Vec<f32>,
}

impl Pair {
    /// For images `[batch, channels, height, width]` by rule.
    pub fn new(options: Options, shape: [usize; 4], seed: u64) -> Self {
        let mut random = Random(seed);
        let image = random.floats(shape.iter().product(), 2.0);
        let values = vec![Tensor { shape, data: image.iter().map(|&x| f64::from(x)).collect() }];
        let builder = PlanBuilder::new(shape[1], options).unwrap();
        if options.layout == ImageLayout::Nchw {
            return Self { builder, values, random, image };
        }
        let [batch, channels, height, width] = shape;
        let mut interleaved = vec![0.0; image.len()];
        for n in 0..batch {
            for c in 0..channels {
                for pixel in 0..height * width {
                    interleaved[(n * height * width + pixel) * channels + c] =
                        image[(n * channels + c) * height * width + pixel];
                }
            }
        }
        Self { builder, values, random, image: interleaved }
    }

    pub fn input(&self) -> Value {
        self.builder.input()
    }

    fn push(&mut self, value: Result<Value, PlanError>, tensor: Tensor) -> Value {
        self.values.push(tensor);
        value.unwrap()
    }

    /// The reference of a value: values are made in the order in which the builder numbers them.
    pub fn tensor(&self, value: Value) -> &Tensor {
        let number = format!("{value:?}");
        let number: usize = number.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        &self.values[number]
    }

    pub fn conv(&mut self, from: Value, unit: Unit, residual: Option<Residual>) -> Value {
        let taps = unit.kernel[0] * unit.kernel[1];
        let fan_in = self.builder.channels(from).unwrap() / unit.groups * taps;
        let weight = self.random.floats(unit.out * fan_in, (3.0 / fan_in as f32).sqrt());
        let bias = self.random.floats(unit.out, 0.5);
        let op = Conv {
            out_channels: unit.out,
            kernel: unit.kernel,
            stride: unit.stride,
            padding: unit.padding,
            groups: unit.groups,
            weight: &weight,
            bias: &bias,
            activation: unit.activation,
            residual,
        };
        let tensor = conv(
            self.tensor(from),
            &op,
            residual.map(|residual| (self.tensor(residual.value), residual.order)),
        );
        let value = self.builder.conv(from, &op);
        self.push(value, tensor)
    }

    pub fn squeeze_excite(&mut self, from: Value, squeezed: usize, activation: Activation) -> Value {
        let channels = self.builder.channels(from).unwrap();
        let (a, b) = (self.random.floats(squeezed * channels, 1.0), self.random.floats(squeezed, 1.0));
        let (c, d) = (self.random.floats(squeezed * channels, 1.0), self.random.floats(channels, 1.0));
        let op = SqueezeExcite {
            squeezed,
            reduce_weight: &a,
            reduce_bias: &b,
            activation,
            expand_weight: &c,
            expand_bias: &d,
            gate: Activation::Sigmoid,
        };
        let tensor = squeeze_excite(self.tensor(from), &op);
        let value = self.builder.squeeze_excite(from, &op);
        self.push(value, tensor)
    }

    pub fn max_pool(&mut self, from: Value, op: MaxPool) -> Value {
        let tensor = max_pool(self.tensor(from), &op);
        let value = self.builder.max_pool(from, &op);
        self.push(value, tensor)
    }

    pub fn mean(&mut self, from: Value) -> Value {
        let tensor = mean(self.tensor(from));
        let value = self.builder.global_average_pool(from);
        self.push(value, tensor)
    }

    /// Builds the plan, runs it and compares these values.
    #[track_caller]
    pub fn check(self, outputs: &[Value], what: &str) -> Vec<Map> {
        let expected: Vec<Tensor> = outputs.iter().map(|&output| self.tensor(output).clone()).collect();
        let [batch, _, height, width] = self.values[0].shape;
        let plan = self.builder.build(outputs).unwrap();
        let isa = plan.isa();
        let found = plan.run(Images { data: &self.image, batch, height, width }).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            compare(found, expected, &format!("{what} ({isa})"));
        }
        found
    }
}

/// Each number to within 1e-5 of its size or, where products cancel, of the map's root mean square.
#[track_caller]
pub fn compare(found: &Map, expected: &Tensor, what: &str) {
    assert_eq!(found.shape, expected.shape, "{what}");
    assert_eq!(found.data.len(), expected.data.len(), "{what}");
    let squares: f64 = expected.data.iter().map(|x| x * x).sum();
    // A map that a ReLU made all zero has no size of its own; inputs are of size 1.
    let typical = (squares / expected.data.len().max(1) as f64).sqrt().max(1e-3);
    for (i, (&found, &expected)) in found.data.iter().zip(&expected.data).enumerate() {
        let error = (f64::from(found) - expected).abs() / expected.abs().max(typical);
        assert!(error <= 1e-5, "{what}: number {i} is {found}, not {expected} ({error:.1e})");
    }
}

/// Options for each instruction set of this processor.
pub fn everywhere(threads: usize, layout: ImageLayout) -> impl Iterator<Item = Options> {
    Isa::available().into_iter().map(move |isa| Options { isa: Some(isa), threads, layout })
}
