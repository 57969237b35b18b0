//! Random shapes against f64: odd sizes, strides, padding that differs on all sides, channels that are no multiple of a
//! vector, no image at all, maps of one pixel.

mod training_common;

use efficientnet_kernels::Activation;
use efficientnet_kernels::training::{Convolution, NormAct};
use proptest::prelude::*;
use training_common::{check_convolution, check_elementwise, check_norm};

prop_compose! {
    /// Kernel, stride and a padding smaller than the kernel, of a map of at least the kernel's size.
    fn window()(
        kernel in [1_usize..=6, 1_usize..=6],
        square in any::<bool>(),
        stride in [1_usize..=3, 1_usize..=3],
    )(
        before in [0..kernel[0], 0..kernel[1]],
        after in [0..kernel[0], 0..kernel[1]],
        more in [0_usize..14, 0_usize..20],
        kernel in Just(if square { [kernel[0], kernel[0]] } else { kernel }),
        stride in Just(if square { [stride[0], stride[0]] } else { stride }),
    ) -> Convolution {
        Convolution {
            batch: 0,
            in_channels: 1,
            out_channels: 1,
            groups: 1,
            height: kernel[0] + more[0],
            width: kernel[1] + more[1],
            kernel,
            stride,
            padding: [before[0], after[0], before[1], after[1]],
        }
    }
}

fn batch() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![0_usize, 1, 1, 2, 3])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn dense(window in window(), batch in batch(), ins in 1_usize..20, outs in 1_usize..40) {
        check_convolution(&Convolution { batch, in_channels: ins, out_channels: outs, ..window });
    }

    #[test]
    fn depthwise(window in window(), batch in batch(), channels in 1_usize..20) {
        let conv =
            Convolution { batch, in_channels: channels, out_channels: channels, groups: channels, ..window };
        check_convolution(&conv);
    }

    #[test]
    fn depthwise_of_many_channels(
        batch in batch(),
        channels in 8_usize..50,
        kernel in prop::sample::select(vec![3_usize, 5]),
        stride in 1_usize..=2,
        more in [0_usize..14, 0_usize..20],
        padding in [0_usize..3, 0_usize..3, 0_usize..3, 0_usize..3],
    ) {
        check_convolution(&Convolution {
            batch,
            in_channels: channels,
            out_channels: channels,
            groups: channels,
            height: kernel + more[0],
            width: kernel + more[1],
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding,
        });
    }

    #[test]
    fn groups(window in window(), batch in batch(), groups in 1_usize..4, ins in 1_usize..5, outs in 1_usize..5) {
        let conv =
            Convolution { batch, in_channels: groups * ins, out_channels: groups * outs, groups, ..window };
        check_convolution(&conv);
    }

    #[test]
    fn pointwise(
        batch in batch(),
        ins in 1_usize..90,
        outs in 1_usize..90,
        height in 1_usize..12,
        width in 1_usize..12,
        stride in 1_usize..=2,
    ) {
        check_convolution(&Convolution {
            batch,
            in_channels: ins,
            out_channels: outs,
            groups: 1,
            height,
            width,
            kernel: [1, 1],
            stride: [stride; 2],
            padding: [0; 4],
        });
    }
}

fn activation() -> impl Strategy<Value = Activation> {
    prop::sample::select(vec![
        Activation::None,
        Activation::Relu,
        Activation::Relu6,
        Activation::Silu,
        Activation::Sigmoid,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn norms(
        batch in batch(),
        channels in 1_usize..20,
        pixels in 1_usize..70,
        activation in activation(),
        far in prop::sample::select(vec![0.0_f32, 1.0, 100.0]),
    ) {
        // A mean far from zero is rounded to its own last bit; a deviation near zero would make that large.
        let epsilon = if far > 10.0 { 1.0 } else { 1e-3 };
        check_norm(&NormAct { batch, channels, pixels, epsilon, activation }, far);
    }

    #[test]
    fn elementwise(planes in 0_usize..30, pixels in 1_usize..70) {
        check_elementwise(planes, pixels);
    }
}
