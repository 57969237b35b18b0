//! Products of bytes against f64, on numbers that bytes hold exactly: whole inputs from -100 to 155, weights of up to 127 times a power
//! of two. Whatever is rounded, loses nothing; what differs is a mistake.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

mod common;

use common::{Pair, Random, Tensor, Unit, compare, everywhere};
use efficientnet_kernels::{
    Activation, Conv, ImageLayout, Images, MaxPool, Options, Padding, PlanBuilder, PlanError, Residual,
    ResidualOrder, Value,
};
use proptest::prelude::*;

/// What all numbers that are read as bytes lie in.
const RANGE: [f32; 2] = [-100.0, 155.0];

/// A plan and its reference.
struct Exact {
    builder: PlanBuilder,
    image: Tensor,
    random: Random,
}

/// A value and what it should be.
type Both = (Value, Tensor);

impl Exact {
    fn new(options: Options, shape: [usize; 4]) -> (Self, Both) {
        let mut random = Random(11);
        let data = (0..shape.iter().product()).map(|_| random.below(256) as f64 - 100.0).collect();
        let image = Tensor { shape, data };
        let exact = Self { builder: PlanBuilder::new(shape[1], options).unwrap(), image, random };
        let input = (exact.builder.input(), exact.image.clone());
        (exact, input)
    }

    fn conv(&mut self, (value, tensor): &Both, conv: &Conv<'_>, residual: Option<&Both>) -> Both {
        let order = ResidualOrder::AfterActivation;
        let op = Conv { residual: residual.map(|(value, _)| Residual { value: *value, order }), ..*conv };
        let expected = common::conv(tensor, &op, residual.map(|(_, tensor)| (tensor, order)));
        (self.builder.conv(*value, &op).unwrap(), expected)
    }

    /// Each output channel is one of the inputs.
    fn select(&mut self, from: &Both, out: usize) -> Both {
        let channels = from.1.shape[1];
        let mut weight = vec![0.0; out * channels];
        for (i, filter) in weight.chunks_exact_mut(channels).enumerate() {
            filter[i % channels] = 1.0;
        }
        self.conv(from, &pointwise(out, &weight, &[]), None)
    }

    /// A 1x1 convolution with weights that bytes hold.
    fn product(
        &mut self,
        from: &Both,
        out: usize,
        stride: usize,
        activation: Activation,
        residual: Option<&Both>,
    ) -> Both {
        let channels = from.1.shape[1];
        let mut weight = Vec::new();
        for _ in 0..out {
            let step = 0.5_f32.powi(10 + self.random.below(3) as i32);
            let mut filter: Vec<i32> = (0..channels).map(|_| self.random.below(255) as i32 - 127).collect();
            // The largest there may be, so that steps are what they are meant to be.
            let most = self.random.below(channels);
            filter[most] = if self.random.below(2) == 0 { 127 } else { -127 };
            filter[most ^ 1..].first_mut().filter(|_| most ^ 1 < channels).into_iter().for_each(|x| *x %= 2);
            for pair in filter.chunks_exact_mut(2).enumerate().filter(|(i, _)| *i != most / 2).map(|(_, x)| x)
            {
                pair[1] = pair[1].clamp(-128 - pair[0].min(0), 128 - pair[0].max(0));
            }
            weight.extend(filter.into_iter().map(|x| x as f32 * step));
        }
        let bias = self.random.floats(out, 2.0);
        let conv = Conv {
            stride: [stride; 2],
            activation,
            padding: Padding::Same,
            ..pointwise(out, &weight, &bias)
        };
        self.conv(from, &conv, residual)
    }

    /// A depthwise convolution that moves and thins out.
    fn depthwise(&mut self, from: &Both, kernel: usize, stride: usize) -> Both {
        let channels = from.1.shape[1];
        let mut weight = vec![0.0; channels * kernel * kernel];
        for filter in weight.chunks_exact_mut(kernel * kernel) {
            filter[self.random.below(kernel * kernel)] = 1.0;
        }
        let conv = Conv {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: Padding::Same,
            groups: channels,
            ..pointwise(channels, &weight, &[])
        };
        self.conv(from, &conv, None)
    }

    fn in_bytes(&mut self, (value, tensor): &Both) {
        let [least, most] = RANGE.map(f64::from);
        assert!(tensor.data.iter().all(|x| x.fract() == 0.0 && (least..=most).contains(x)));
        self.builder.in_bytes(*value, RANGE).unwrap();
    }

    #[track_caller]
    fn check(self, outputs: &[Both], what: &str) {
        let values: Vec<Value> = outputs.iter().map(|(value, _)| *value).collect();
        let plan = self.builder.build(&values).unwrap();
        let [batch, _, height, width] = self.image.shape;
        let data: Vec<f32> = self.image.data.iter().map(|&x| x as f32).collect();
        let found = plan.run(Images { data: &data, batch, height, width }).unwrap();
        for (found, (_, expected)) in found.iter().zip(outputs) {
            compare(found, expected, &format!("{what} ({})", plan.isa()));
        }
    }
}

fn pointwise<'a>(out_channels: usize, weight: &'a [f32], bias: &'a [f32]) -> Conv<'a> {
    Conv {
        out_channels,
        kernel: [1, 1],
        stride: [1, 1],
        padding: Padding::NONE,
        groups: 1,
        weight,
        bias,
        activation: Activation::None,
        residual: None,
    }
}

/// `[batch, channels, height, width]`
fn image() -> impl Strategy<Value = [usize; 4]> {
    (prop::sample::select(vec![0, 1, 3]), 1_usize..20, 1_usize..24, 1_usize..24)
        .prop_map(|(batch, channels, height, width)| [batch, channels, height, width])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// The map is wanted in f32 as well: as a residual, or as an output.
    #[test]
    fn a_product(image in image(), channels in 1_usize..70, out in 1_usize..70, stride in 1_usize..3,
                 added in any::<bool>(), threads in 1_usize..4) {
        for options in everywhere(threads, ImageLayout::Nchw) {
            let (mut exact, input) = Exact::new(options, image);
            let x = exact.select(&input, channels);
            exact.in_bytes(&x);
            let added = added && stride == 1;
            let out = if added { channels } else { out };
            let y = exact.product(&x, out, stride, Activation::Relu6, added.then_some(&x));
            exact.check(&[y, x][..if added { 1 } else { 2 }], "a product");
        }
    }

    /// An inverted residual: rows of the expanded map come out of a product of bytes, what the depthwise convolution gives is kept in
    /// bytes alone; of the last product only the mean is.
    #[test]
    fn an_inverted_residual(image in image(), channels in 1_usize..40, wide in 2_usize..70, kernel in 2_usize..6,
                            stride in 1_usize..3, threads in 1_usize..4) {
        for options in everywhere(threads, ImageLayout::Nchw) {
            let (mut exact, input) = Exact::new(options, image);
            let x = exact.select(&input, channels);
            exact.in_bytes(&x);
            let expanded = exact.product(&x, wide, 1, Activation::Silu, None);
            let expanded = exact.depthwise(&expanded, kernel, stride);
            let moved = exact.select(&x, wide);
            let moved = exact.depthwise(&moved, kernel, stride);
            exact.in_bytes(&moved);
            let y = exact.product(&moved, channels, 1, Activation::None, None);
            let z = exact.product(&moved, wide, 1, Activation::Relu, None);
            let mean = (exact.builder.global_average_pool(z.0).unwrap(), common::mean(&z.1));
            exact.check(&[expanded, y, mean], "an inverted residual");
        }
    }

    #[test]
    fn behind_a_pool(image in image(), out in 1_usize..40, threads in 1_usize..4) {
        for options in everywhere(threads, ImageLayout::Nchw) {
            let (mut exact, input) = Exact::new(options, image);
            let pool = MaxPool { kernel: [2; 2], stride: [1; 2], padding: Padding::Same };
            let pooled = (exact.builder.max_pool(input.0, &pool).unwrap(), common::max_pool(&input.1, &pool));
            exact.in_bytes(&pooled);
            let y = exact.product(&pooled, out, 1, Activation::None, None);
            exact.check(&[y], "behind a pool");
        }
    }
}

/// Any weights, activations that a gate scales: as near as steps of 8 bits are.
#[test]
fn a_gated_map_is_rounded_to_its_steps() {
    let unit = |out, activation| Unit {
        out,
        kernel: [1; 2],
        stride: [1; 2],
        padding: Padding::NONE,
        groups: 1,
        activation,
    };
    for options in everywhere(2, ImageLayout::Nchw) {
        let network = |bytes: bool| {
            let mut pair = Pair::new(options, [2, 3, 9, 10], 5);
            let x = pair.conv(pair.input(), unit(24, Activation::Relu6), None);
            let gated = pair.squeeze_excite(x, 4, Activation::Relu);
            if bytes {
                pair.builder.in_bytes(gated, [0.0, 6.0]).unwrap();
            }
            let y = pair.conv(gated, unit(40, Activation::None), None);
            (pair, y)
        };
        let (pair, y) = network(false);
        let exact = pair.check(&[y], "in f32");
        let (pair, y) = network(true);
        let data: Vec<f32> = pair.values[0].data.iter().map(|&x| x as f32).collect();
        let plan = pair.builder.build(&[y]).unwrap();
        let found = plan.run(Images { data: &data, batch: 2, height: 9, width: 10 }).unwrap();
        let square = |of: &dyn Fn(usize) -> f32| (0..exact[0].data.len()).map(|i| of(i).powi(2)).sum::<f32>();
        let error = (square(&|i| found[0].data[i] - exact[0].data[i]) / square(&|i| exact[0].data[i])).sqrt();
        // 255 steps over 6 for numbers of about 1, 127 steps to each side for weights.
        assert!((1e-4..2e-2).contains(&error), "{} differs by {error}", plan.isa());
    }
}

#[test]
fn a_range_that_is_none_is_refused() {
    let mut builder = PlanBuilder::new(3, Options::default()).unwrap();
    let input = builder.input();
    for range in [[1.0, 0.0], [f32::NAN, 1.0], [0.0, f32::INFINITY]] {
        let error = builder.in_bytes(input, range).unwrap_err();
        assert!(matches!(error, PlanError::Range(_)) && error.to_string().contains("finite"), "{error}");
    }
}
