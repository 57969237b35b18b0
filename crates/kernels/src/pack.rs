//! Weights in the order in which the kernels read them; made once, when a plan is built.

use crate::kernel::bytes::Grid;
use crate::kernel::finish::Clamp;
use crate::kernel::winograd::{self, POINTS};
use crate::memory::{Store, Weights, bytes_mut};
use crate::op::{Activation, Padding};

/// What a dense convolution reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Channel blocks.
    Blocked,
    /// The user's image, `[channels, height, width]`.
    Planar,
    /// The user's image, `[height, width, channels]`.
    Interleaved,
}

/// Kernel, stride and padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: Padding,
}

impl Geometry {
    /// Rows and columns that come out of a map, or `None` where the kernel does not fit.
    pub fn out(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let side = |axis: usize| {
            let (before, after) =
                self.padding.around(axis == 0, size[axis], self.kernel[axis], self.stride[axis]);
            let room = (size[axis] + before + after).checked_sub(self.kernel[axis])?;
            Some(room / self.stride[axis] + 1)
        };
        Some([side(0)?, side(1)?])
    }

    /// Zeros above and at the left.
    pub fn before(&self, size: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| self.padding.around(axis == 0, size[axis], self.kernel[axis], self.stride[axis]).0)
    }

    /// A matrix product: every pixel by itself.
    pub fn is_pointwise(&self, size: [usize; 2]) -> bool {
        self.kernel == [1, 1]
            && self.stride == [1, 1]
            && self.out(size) == Some(size)
            && self.before(size) == [0, 0]
    }
}

/// An activation as what follows an operation and what the operation does itself.
pub(crate) fn split(activation: Activation) -> (Activation, Option<Clamp>) {
    match Clamp::new(activation) {
        Some(clamp) => (Activation::None, Some(clamp)),
        None => (activation, None),
    }
}

/// A dense convolution's packed weights.
pub(crate) struct Dense {
    pub geometry: Geometry,
    pub in_channels: usize,
    pub out_channels: usize,
    pub source: Source,
    /// What follows the product; never what `clamp` does already.
    pub activation: Activation,
    pub clamp: Option<Clamp>,
    /// For each block of output channels `[input block][row][column][input lane][lane]`; from an image
    /// `[channel][row][column][lane]` (planar) or `[row][column][channel][lane]` (interleaved).
    pub weights: Weights,
    /// Length of one block's.
    pub block: usize,
    /// `[blocks * lanes]`
    pub bias: Weights,
    pub form: Form,
}

/// How a dense convolution is computed, and what its weights are for that.
pub(crate) enum Form {
    /// As it is defined.
    Plain,
    /// By Winograd: for each block of output channels `[point][input block][input lane][lane]`.
    Winograd,
    /// As a product of bytes: bytes as well, for each block of output channels `[input channels / 4][lane][4]`.
    Bytes {
        /// By what sums are scaled, `[blocks * lanes]`.
        scale: Weights,
    },
}

/// Shape of the unpacked weights of a dense convolution.
#[derive(Clone, Copy)]
pub(crate) struct DenseShape {
    pub geometry: Geometry,
    pub in_channels: usize,
    pub out_channels: usize,
    pub source: Source,
    pub activation: Activation,
    pub clamp: Option<Clamp>,
}

impl DenseShape {
    /// Whether it is a product of pixels that may be one of bytes.
    pub fn fits_bytes(&self) -> bool {
        let Geometry { kernel, padding, .. } = self.geometry;
        // A kernel of one pixel has no padding of TensorFlow's.
        let padded = !matches!(padding, Padding::Same) && padding != Padding::NONE;
        kernel == [1, 1] && !padded && self.source == Source::Blocked
    }

    /// Whether Winograd's way is the shorter one: with few channels additions take the time that it saves, with very many it is
    /// the weights, of which there are nearly twice as many to read.
    pub fn fits_winograd(&self) -> bool {
        let Geometry { kernel, stride, .. } = self.geometry;
        let (least, most) = (self.in_channels.min(self.out_channels), self.in_channels * self.out_channels);
        kernel == [3, 3]
            && stride == [1, 1]
            && self.source == Source::Blocked
            && least >= 16
            && most <= 1 << 16
    }
}

impl Dense {
    /// Packs `[out_channels, in_channels, rows, columns]`; the lengths have been checked.
    pub fn pack(store: &mut Store, lanes: usize, shape: DenseShape, weight: &[f32], bias: &[f32]) -> Self {
        let DenseShape { geometry, in_channels, out_channels, source, activation, clamp } = shape;
        let [rows, cols] = geometry.kernel;
        let planes = match source {
            Source::Blocked => in_channels.next_multiple_of(lanes),
            Source::Planar | Source::Interleaved => in_channels,
        };
        let block = planes * rows * cols * lanes;
        let weights = store.keep(out_channels.div_ceil(lanes) * block, |packed| {
            for (out, weight) in weight.chunks_exact(in_channels * rows * cols).enumerate() {
                let lane_of = &mut packed[out / lanes * block + out % lanes..];
                for (channel, weight) in weight.chunks_exact(rows * cols).enumerate() {
                    for (tap, &value) in weight.iter().enumerate() {
                        let vector = match source {
                            Source::Blocked => {
                                (channel / lanes * rows * cols + tap) * lanes + channel % lanes
                            }
                            Source::Planar => channel * rows * cols + tap,
                            Source::Interleaved => tap * in_channels + channel,
                        };
                        lane_of[vector * lanes] = value;
                    }
                }
            }
        });
        let bias = padded(store, lanes, out_channels, bias);
        Self {
            geometry,
            in_channels,
            out_channels,
            source,
            activation,
            clamp,
            weights,
            block,
            bias,
            form: Form::Plain,
        }
    }

    /// Packs `[out_channels, in_channels, 3, 3]` in Winograd's form.
    pub fn pack_winograd(
        store: &mut Store,
        lanes: usize,
        shape: DenseShape,
        weight: &[f32],
        bias: &[f32],
    ) -> Self {
        let DenseShape { geometry, in_channels, out_channels, source, activation, clamp } = shape;
        let point = in_channels.next_multiple_of(lanes) * lanes;
        let block = POINTS * point;
        let weights = store.keep(out_channels.div_ceil(lanes) * block, |packed| {
            for (out, weight) in weight.chunks_exact(in_channels * 9).enumerate() {
                let lane_of = &mut packed[out / lanes * block + out % lanes..];
                for (channel, taps) in weight.chunks_exact(9).enumerate() {
                    for (i, value) in winograd::filter(taps).into_iter().enumerate() {
                        lane_of[i * point + channel * lanes] = value as f32;
                    }
                }
            }
        });
        let (bias, form) = (padded(store, lanes, out_channels, bias), Form::Winograd);
        Self { geometry, in_channels, out_channels, source, activation, clamp, weights, block, bias, form }
    }

    /// Packs `[out_channels, in_channels]` for an input on a grid of bytes.
    ///
    /// Weights are on a grid of their own for each output channel, without a zero point. What the zero point of the input adds to every
    /// sum is taken from the bias.
    pub fn pack_bytes(
        store: &mut Store,
        lanes: usize,
        shape: DenseShape,
        grid: Grid,
        weight: &[f32],
        bias: &[f32],
    ) -> Self {
        let DenseShape { geometry, in_channels, out_channels, source, activation, clamp } = shape;
        // In f32, four bytes each.
        let block = in_channels.next_multiple_of(lanes) * lanes / 4;
        let filters = || weight.chunks_exact(in_channels).enumerate();
        let scales: Vec<f64> = filters().map(|(_, filter)| scale_of(filter)).collect();
        let mut sums = vec![0.0; out_channels];
        let weights = store.keep(out_channels.div_ceil(lanes) * block, |packed| {
            let packed = bytes_mut(packed);
            for (out, filter) in filters() {
                let lane_of = &mut packed[out / lanes * block * 4 + out % lanes * 4..];
                for (pair, weights) in filter.chunks(2).enumerate() {
                    let rounded = rounded(weights, scales[out]);
                    sums[out] += f64::from(rounded[0] + rounded[1]);
                    for (i, weight) in rounded.into_iter().enumerate() {
                        let channel = 2 * pair + i;
                        lane_of[channel / 4 * lanes * 4 + channel % 4] = (weight as i8).cast_unsigned();
                    }
                }
            }
        });
        let by = |out: usize| f64::from(grid.scale) * scales[out];
        let zeros = |out: usize| by(out) * f64::from(grid.zero) * sums[out];
        let bias_of = |out: usize| bias.get(out).copied().map_or(0.0, f64::from) - zeros(out);
        let keep = |store: &mut Store, of: &dyn Fn(usize) -> f64| {
            let values: Vec<f32> = (0..out_channels).map(|out| of(out) as f32).collect();
            padded(store, lanes, out_channels, &values)
        };
        let (bias, form) = (keep(store, &bias_of), Form::Bytes { scale: keep(store, &by) });
        Self { geometry, in_channels, out_channels, source, activation, clamp, weights, block, bias, form }
    }
}

/// Most of a weight in bytes, and of two neighbours of one sign together: 255 times that fits 16 bits.
const MOST: [i16; 2] = [127, 128];

/// The width of a filter's steps.
fn scale_of(filter: &[f32]) -> f64 {
    let largest = filter.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
    let pair = |pair: &[f32]| match *pair {
        [a, b] if (a > 0.0) == (b > 0.0) => f64::from(a + b).abs(),
        _ => 0.0,
    };
    let largest_pair = filter.chunks(2).map(pair).fold(0.0, f64::max);
    let steps = (f64::from(largest) / f64::from(MOST[0])).max(largest_pair / f64::from(MOST[1]));
    steps.max(f64::from(f32::MIN_POSITIVE))
}

/// One or two neighbours of a filter in its steps.
fn rounded(weights: &[f32], scale: f64) -> [i16; 2] {
    let mut out = [0; 2];
    for (out, &weight) in out.iter_mut().zip(weights) {
        *out = ((f64::from(weight) / scale).round() as i16).clamp(-MOST[0], MOST[0]);
    }
    // Both may have been rounded up.
    while (out[0] + out[1]).abs() > MOST[1] {
        let larger = usize::from(out[1].abs() > out[0].abs());
        out[larger] -= out[larger].signum();
    }
    out
}

/// A depthwise convolution's packed weights.
pub(crate) struct Depthwise {
    pub geometry: Geometry,
    pub channels: usize,
    /// What follows the sums; never what `clamp` does already.
    pub activation: Activation,
    pub clamp: Option<Clamp>,
    /// `[block][row][column][lane]`
    pub weights: Weights,
    /// `[blocks * lanes]`
    pub bias: Weights,
}

impl Depthwise {
    /// Packs `[channels, 1, rows, columns]`; the lengths have been checked.
    pub fn pack(
        store: &mut Store,
        lanes: usize,
        geometry: Geometry,
        activation: Activation,
        channels: usize,
        weight: &[f32],
        bias: &[f32],
    ) -> Self {
        let taps = geometry.kernel[0] * geometry.kernel[1];
        let weights = store.keep(channels.next_multiple_of(lanes) * taps, |packed| {
            for (channel, weight) in weight.chunks_exact(taps).enumerate() {
                for (tap, &value) in weight.iter().enumerate() {
                    packed[(channel / lanes * taps + tap) * lanes + channel % lanes] = value;
                }
            }
        });
        let bias = padded(store, lanes, channels, bias);
        let (activation, clamp) = split(activation);
        Self { geometry, channels, activation, clamp, weights, bias }
    }
}

/// The two layers of squeeze and excitation, packed as 1x1 convolutions.
pub(crate) struct Excite {
    pub reduce: Dense,
    pub expand: Dense,
}

/// Zeros up to whole vectors; all zeros where there is no bias.
fn padded(store: &mut Store, lanes: usize, channels: usize, bias: &[f32]) -> Weights {
    store.keep(channels.next_multiple_of(lanes), |out| out[..bias.len()].copy_from_slice(bias))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(kernel: usize, stride: usize, padding: Padding) -> Geometry {
        Geometry { kernel: [kernel; 2], stride: [stride; 2], padding }
    }

    #[test]
    fn same_puts_the_odd_zero_behind() {
        let stem = geometry(3, 2, Padding::Same);
        assert_eq!((stem.out([224, 225]), stem.before([224, 225])), (Some([112, 113]), [0, 1]));
        let five = geometry(5, 2, Padding::Same);
        assert_eq!((five.out([7, 8]), five.before([7, 8])), (Some([4, 4]), [2, 1]));
    }

    #[test]
    fn a_kernel_that_does_not_fit_is_noticed() {
        assert_eq!(geometry(7, 2, Padding::all(3)).out([1, 1]), Some([1, 1]));
        assert_eq!(geometry(7, 2, Padding::all(1)).out([4, 9]), None);
    }

    #[test]
    fn two_neighbours_in_bytes_never_overflow() {
        let mut bits = 1_u32;
        for _ in 0..20_000 {
            let mut weight = || {
                bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (bits >> 8) as f32 / (1 << 23) as f32 - 1.0
            };
            let filter = [(); 6].map(|()| weight());
            let scale = scale_of(&filter);
            for pair in filter.chunks(2) {
                let [a, b] = rounded(pair, scale);
                assert!((a + b).abs() <= 128 && a.abs() <= 127 && b.abs() <= 127);
                // Half a step, or one and a half where both would have been rounded up.
                for (rounded, &weight) in [a, b].into_iter().zip(pair) {
                    assert!((f64::from(rounded) * scale - f64::from(weight)).abs() <= 1.5 * scale);
                }
            }
        }
        assert_eq!(rounded(&[1.0], scale_of(&[1.0])), [127, 0]);
        assert_eq!(rounded(&[0.0, 0.0], scale_of(&[0.0, 0.0])), [0, 0]);
    }

    #[test]
    fn dense_weights_go_where_the_loops_read_them() {
        // Two output channels, nine input channels, one by two.
        let weight: Vec<f32> = (0..36).map(|i| i as f32).collect();
        let shape = DenseShape {
            geometry: Geometry { kernel: [1, 2], stride: [1, 1], padding: Padding::NONE },
            in_channels: 9,
            out_channels: 2,
            source: Source::Blocked,
            activation: Activation::None,
            clamp: None,
        };
        let dense = Dense::pack(&mut Store::default(), 8, shape, &weight, &[5.0, 6.0]);
        // Output 1, input 8 (block 1, lane 0), column 1.
        assert_eq!(dense.weights[((2 + 1) * 8) * 8 + 1], 35.0);
        assert_eq!(dense.bias[..3], [5.0, 6.0, 0.0]);
        let planar = Dense::pack(
            &mut Store::default(),
            8,
            DenseShape { source: Source::Planar, ..shape },
            &weight,
            &[],
        );
        assert_eq!(planar.weights[17 * 8 + 1], 35.0);
        let interleaved = Dense::pack(
            &mut Store::default(),
            8,
            DenseShape { source: Source::Interleaved, ..shape },
            &weight,
            &[],
        );
        assert_eq!(interleaved.weights[17 * 8 + 1], 35.0);
        assert_eq!(interleaved.weights[8 * 8], 16.0);
    }
}
