//! A convolution and its two gradients.

use super::{check, dense, depthwise};

/// A convolution without bias, as its shapes.
///
/// `x` is `[batch, in_channels, height, width]`, `weight` is `[out_channels, in_channels / groups, kernel rows, kernel
/// columns]`, `y` is `[batch, out_channels, output rows, output columns]`; gradients have the shape of what they are the
/// gradient of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Images; may be 0.
    pub batch: usize,
    /// Channels of `x`, a multiple of the groups.
    pub in_channels: usize,
    /// Channels of `y`, a multiple of the groups.
    pub out_channels: usize,
    /// Groups; as many as channels for a depthwise convolution.
    pub groups: usize,
    /// Rows of `x`.
    pub height: usize,
    /// Columns of `x`.
    pub width: usize,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Down and to the right, at least 1.
    pub stride: [usize; 2],
    /// Zeros above, below, at the left and at the right. They may differ, as in TensorFlow's SAME.
    pub padding: [usize; 4],
}

impl Convolution {
    /// Rows and columns of `y`.
    ///
    /// # Panics
    /// If the kernel is larger than the padded map, or a stride is 0.
    pub fn output_size(&self) -> [usize; 2] {
        let [top, bottom, left, right] = self.padding;
        let axis = |size: usize, kernel: usize, stride: usize| {
            assert!(stride > 0, "a stride is at least 1");
            assert!(0 < kernel && kernel <= size, "the kernel ({kernel}) fits into the padded map ({size})");
            (size - kernel) / stride + 1
        };
        [
            axis(self.height + top + bottom, self.kernel[0], self.stride[0]),
            axis(self.width + left + right, self.kernel[1], self.stride[1]),
        ]
    }

    /// Writes `y`.
    pub fn forward(&self, x: &[f32], weight: &[f32], y: &mut [f32]) {
        self.check(x.len(), weight.len(), y.len());
        if depthwise::is_depthwise(self) {
            depthwise::forward(self, x, weight, y);
        } else {
            dense::forward(self, x, weight, y);
        }
    }

    /// Writes the gradient for `x`, from the gradient for `y`.
    pub fn input_gradient(&self, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
        self.check(dx.len(), weight.len(), dy.len());
        if depthwise::is_depthwise(self) {
            depthwise::input_gradient(self, dy, weight, dx);
        } else {
            dense::input_gradient(self, dy, weight, dx);
        }
    }

    /// Writes the gradient for `weight`, from `x` and the gradient for `y`.
    pub fn weight_gradient(&self, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        self.check(x.len(), dw.len(), dy.len());
        if depthwise::is_depthwise(self) {
            depthwise::weight_gradient(self, x, dy, dw);
        } else {
            dense::weight_gradient(self, x, dy, dw);
        }
    }

    /// Numbers in `weight`.
    pub fn weight_len(&self) -> usize {
        self.out_channels * (self.in_channels / self.groups) * self.kernel[0] * self.kernel[1]
    }

    #[track_caller]
    fn check(&self, x: usize, weight: usize, y: usize) {
        let groups = self.groups;
        assert!(
            groups > 0 && self.in_channels.is_multiple_of(groups) && self.out_channels.is_multiple_of(groups),
            "{groups} groups divide {} and {} channels",
            self.in_channels,
            self.out_channels
        );
        let [rows, cols] = self.output_size();
        check("x or its gradient", x, self.batch * self.in_channels * self.height * self.width);
        check("the weight or its gradient", weight, self.weight_len());
        check("y or its gradient", y, self.batch * self.out_channels * rows * cols);
    }
}
