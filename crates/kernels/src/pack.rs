//! Weights in the order in which the kernels read them; made once, when a plan is built.

use crate::memory::{Store, Weights};
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

/// A dense convolution's packed weights.
pub(crate) struct Dense {
    pub geometry: Geometry,
    pub in_channels: usize,
    pub out_channels: usize,
    pub source: Source,
    pub activation: Activation,
    /// For each block of output channels `[input block][row][column][input lane][lane]`; from an image
    /// `[channel][row][column][lane]` (planar) or `[row][column][channel][lane]` (interleaved).
    pub weights: Weights,
    /// Length of one block's.
    pub block: usize,
    /// `[blocks * lanes]`
    pub bias: Weights,
}

/// Shape of the unpacked weights of a dense convolution.
#[derive(Clone, Copy)]
pub(crate) struct DenseShape {
    pub geometry: Geometry,
    pub in_channels: usize,
    pub out_channels: usize,
    pub source: Source,
    pub activation: Activation,
}

impl Dense {
    /// Packs `[out_channels, in_channels, rows, columns]`; the lengths have been checked.
    pub fn pack(store: &mut Store, lanes: usize, shape: DenseShape, weight: &[f32], bias: &[f32]) -> Self {
        let DenseShape { geometry, in_channels, out_channels, source, activation } = shape;
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
        Self { geometry, in_channels, out_channels, source, activation, weights, block, bias }
    }
}

/// A depthwise convolution's packed weights.
pub(crate) struct Depthwise {
    pub geometry: Geometry,
    pub channels: usize,
    pub activation: Activation,
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
        Self { geometry, channels, activation, weights, bias }
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
    fn dense_weights_go_where_the_loops_read_them() {
        // Two output channels, nine input channels, one by two.
        let weight: Vec<f32> = (0..36).map(|i| i as f32).collect();
        let shape = DenseShape {
            geometry: Geometry { kernel: [1, 2], stride: [1, 1], padding: Padding::NONE },
            in_channels: 9,
            out_channels: 2,
            source: Source::Blocked,
            activation: Activation::None,
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
