//! Products of bytes against f64, on numbers that bytes hold exactly.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

mod common;

use common::exact::Exact;
use common::{Pair, Unit, everywhere};
use efficientnet_kernels::{
    Activation, ImageLayout, Images, MaxPool, Options, Padding, PlanBuilder, PlanError,
};
use proptest::prelude::*;

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
            let pooled = exact.max_pool(&input, &pool);
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
