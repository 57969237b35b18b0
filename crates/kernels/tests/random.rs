//! Random operations and shapes against f64: odd sizes, strides, padding that differs on all sides, channels that are no
//! multiple of a vector, no image at all, maps of one pixel.

mod common;

use common::{Pair, Unit, everywhere};
use efficientnet_kernels::{Activation, ImageLayout, MaxPool, Padding, Residual, ResidualOrder};
use proptest::prelude::*;

fn activation() -> impl Strategy<Value = Activation> {
    prop::sample::select(vec![
        Activation::None,
        Activation::Relu,
        Activation::Relu6,
        Activation::Silu,
        Activation::Sigmoid,
    ])
}

/// A padding smaller than the kernel, so that no window lies outside altogether.
fn padding(kernel: [usize; 2]) -> impl Strategy<Value = Padding> {
    let (rows, cols) = (0..kernel[0], 0..kernel[1]);
    prop_oneof![
        Just(Padding::Same),
        (rows.clone(), rows, cols.clone(), cols).prop_map(|(top, bottom, left, right)| Padding::Explicit {
            top,
            bottom,
            left,
            right
        }),
    ]
}

prop_compose! {
    fn unit()(
        kernel in [1_usize..=7, 1_usize..=7],
        square in any::<bool>(),
        stride in [1_usize..=3, 1_usize..=3],
        out in 1_usize..70,
        activation in activation(),
    )(
        padding in padding(if square { [kernel[0]; 2] } else { kernel }),
        kernel in Just(if square { [kernel[0]; 2] } else { kernel }),
        stride in Just(if square { [stride[0]; 2] } else { stride }),
        out in Just(out),
        activation in Just(activation),
    ) -> Unit {
        Unit { out, kernel, stride, padding, groups: 1, activation }
    }
}

fn layout() -> impl Strategy<Value = ImageLayout> {
    prop::sample::select(vec![ImageLayout::Nchw, ImageLayout::Nhwc])
}

/// `[batch, channels, height, width]`
fn image() -> impl Strategy<Value = [usize; 4]> {
    (prop::sample::select(vec![0, 1, 3]), 1_usize..40, 7_usize..24, 7_usize..24)
        .prop_map(|(batch, channels, height, width)| [batch, channels, height, width])
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }
}

/// A 1x1 convolution, which brings an image into blocks.
fn pointwise(out: usize) -> Unit {
    let (kernel, stride) = ([1, 1], [1, 1]);
    Unit { out, kernel, stride, padding: Padding::NONE, groups: 1, activation: Activation::Silu }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn dense_from_an_image(unit in unit(), image in image(), layout in layout(), threads in 1_usize..4) {
        for options in everywhere(threads, layout) {
            let mut pair = Pair::new(options, image, 1);
            let out = pair.conv(pair.input(), unit, None);
            pair.check(&[out], "dense from an image");
        }
    }

    #[test]
    fn dense_from_blocks(first in 1_usize..50, unit in unit(), image in image(), threads in 1_usize..4) {
        for options in everywhere(threads, ImageLayout::Nchw) {
            let mut pair = Pair::new(options, image, 2);
            let x = pair.conv(pair.input(), pointwise(first), None);
            let y = pair.conv(x, unit, None);
            pair.check(&[y], "dense from blocks");
        }
    }

    /// 3x3 without a stride, over channels enough for Winograd's way; a depthwise convolution or a mean may follow.
    #[test]
    fn winograd(first in 16_usize..50, unit in unit(), image in image(), small in any::<bool>(),
                added in any::<bool>(), last in 0_usize..3, threads in 1_usize..4) {
        let image = if small { [image[0], image[1], image[2] % 7 + 1, image[3] % 6 + 1] } else { image };
        for options in everywhere(threads, ImageLayout::Nchw) {
            let mut pair = Pair::new(options, image, 9);
            let x = pair.conv(pair.input(), pointwise(first), None);
            let unit = Unit { kernel: [3; 2], stride: [1; 2], padding: Padding::Same, ..unit };
            let unit = Unit { out: if added { first } else { unit.out.max(16) }, ..unit };
            let order = ResidualOrder::BeforeActivation;
            let residual = added.then_some(Residual { value: x, order });
            let y = pair.conv(x, unit, residual);
            let depthwise = Unit { groups: unit.out, padding: Padding::Same, kernel: [3; 2], ..pointwise(unit.out) };
            let z = match last {
                0 => pair.mean(y),
                1 => pair.conv(y, depthwise, None),
                _ => y,
            };
            pair.check(&[z], "winograd");
        }
    }

    /// The same with padding of any kind.
    #[test]
    fn winograd_padded(unit in unit(), image in image(), top in 0_usize..4, left in 0_usize..4, bottom in 0_usize..4,
                       right in 0_usize..4) {
        for options in everywhere(2, ImageLayout::Nchw) {
            let mut pair = Pair::new(options, image, 10);
            let x = pair.conv(pair.input(), pointwise(17), None);
            let padding = Padding::Explicit { top, bottom, left, right };
            let out = unit.out.max(16);
            let y = pair.conv(x, Unit { out, kernel: [3; 2], stride: [1; 2], padding, ..unit }, None);
            pair.check(&[y], "winograd, padded");
        }
    }

    #[test]
    fn depthwise(unit in unit(), producer in unit(), small in any::<bool>(), alone in any::<bool>(),
                 image in image(), layout in layout(), threads in 1_usize..4) {
        for options in everywhere(threads, layout) {
            let mut pair = Pair::new(options, image, 3);
            let mut x = pair.input();
            if !alone {
                let producer = if small { pointwise(producer.out) } else { producer };
                x = pair.conv(x, producer, None);
            }
            let [_, channels, height, width] = pair.tensor(x).shape;
            prop_assume!(channels > 1);
            let (kernel, stride) = ([unit.kernel[0].min(height), unit.kernel[1].min(width)], unit.stride);
            let unit = Unit { out: channels, groups: channels, kernel, stride, padding: Padding::Same, ..unit };
            let y = pair.conv(x, unit, None);
            let pooled = pair.mean(y);
            pair.check(&[y, pooled], "depthwise");
        }
    }

    #[test]
    fn squeeze_excite(channels in 2_usize..60, squeezed in 1_usize..20, image in image(), kernel in 1_usize..6,
                      seen in any::<bool>(), wide in any::<bool>(), threads in 1_usize..4) {
        for options in everywhere(threads, ImageLayout::Nchw) {
            let mut pair = Pair::new(options, image, 4);
            let x = pair.conv(pair.input(), pointwise(channels), None);
            let padding = Padding::Same;
            let depthwise = Unit { kernel: [kernel; 2], padding, groups: channels, ..pointwise(channels) };
            let y = if wide { x } else { pair.conv(x, depthwise, None) };
            let gated = pair.squeeze_excite(y, squeezed, Activation::Silu);
            let residual = Residual { value: x, order: ResidualOrder::AfterActivation };
            let out = pair.conv(gated, pointwise(channels), Some(residual));
            let outputs = [out, gated];
            pair.check(&outputs[..if seen { 2 } else { 1 }], "squeeze-excite");
        }
    }

    #[test]
    fn pools_and_residuals(unit in unit(), image in image(), after in any::<bool>(), threads in 1_usize..4) {
        for options in everywhere(threads, ImageLayout::Nhwc) {
            let mut pair = Pair::new(options, image, 5);
            let (kernel, stride) = (unit.kernel, unit.stride);
            let x = pair.max_pool(pair.input(), MaxPool { kernel, stride, padding: unit.padding });
            let y = pair.conv(x, Unit { kernel: [3, 3], stride: [1, 1], padding: Padding::Same, ..unit }, None);
            let order = if after { ResidualOrder::AfterActivation } else { ResidualOrder::BeforeActivation };
            let residual = Residual { value: y, order };
            let z = pair.conv(y, Unit { activation: unit.activation, ..pointwise(unit.out) }, Some(residual));
            let pooled = pair.mean(z);
            let out = pair.conv(pooled, pointwise(5), None);
            pair.check(&[out, x], "pools and residuals");
        }
    }
}

/// Padding wider than the kernel: the outermost lines and columns see nothing of the map.
#[test]
fn windows_that_lie_in_padding_alone() {
    for options in everywhere(2, ImageLayout::Nchw) {
        for (stride, batch) in [([1, 1], 1), ([2, 3], 2)] {
            let mut pair = Pair::new(options, [batch, 3, 5, 6], 8);
            let x = pair.conv(pair.input(), pointwise(20), None);
            let padding = Padding::Explicit { top: 5, bottom: 4, left: 6, right: 3 };
            let wide = Unit { kernel: [3, 3], stride, padding, ..pointwise(20) };
            let dense = pair.conv(x, wide, None);
            let depthwise = pair.conv(x, Unit { groups: 20, ..wide }, None);
            let from_image = pair.conv(pair.input(), wide, None);
            pair.check(&[dense, depthwise, from_image], "windows in padding");
        }
    }
}

#[test]
fn a_map_of_one_pixel() {
    for options in everywhere(2, ImageLayout::Nchw) {
        let mut pair = Pair::new(options, [1, 3, 1, 1], 6);
        let same = |out, kernel, groups| Unit {
            kernel: [kernel; 2],
            padding: Padding::Same,
            groups,
            ..pointwise(out)
        };
        let x = pair.conv(pair.input(), same(20, 3, 1), None);
        let y = pair.conv(x, same(20, 5, 20), None);
        let z = pair.squeeze_excite(y, 3, Activation::Relu);
        let out = pair.conv(z, same(33, 3, 1), None);
        pair.check(&[out], "one pixel");
    }
}
