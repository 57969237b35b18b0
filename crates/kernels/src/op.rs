//! The operations that a plan is made of, as their user states them.

/// Elementwise function after an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// x
    #[default]
    None,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// x / (1 + e^-x), also called swish.
    Silu,
    /// 1 / (1 + e^-x)
    Sigmoid,
}

/// Where a residual is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResidualOrder {
    /// activation(x + residual), as in ResNet.
    BeforeActivation,
    /// activation(x) + residual, as in EfficientNet.
    AfterActivation,
}

/// Zeros (for pooling: nothing) around a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// TensorFlow's SAME: as many as make the output `ceil(size / stride)`, the odd one below and at the right. Computed
    /// from the size of each run.
    Same,
    /// These many.
    Explicit {
        /// Rows above.
        top: usize,
        /// Rows below.
        bottom: usize,
        /// Columns at the left.
        left: usize,
        /// Columns at the right.
        right: usize,
    },
}

impl Padding {
    /// None at all.
    pub const NONE: Self = Self::all(0);

    /// The same on all four sides.
    pub const fn all(side: usize) -> Self {
        Self::Explicit { top: side, bottom: side, left: side, right: side }
    }

    /// What is added before and after `size` elements, by rows (`vertical`) or by columns.
    pub(crate) fn around(self, vertical: bool, size: usize, kernel: usize, stride: usize) -> (usize, usize) {
        match self {
            Self::Explicit { top, bottom, left, right } => {
                if vertical {
                    (top, bottom)
                } else {
                    (left, right)
                }
            }
            Self::Same => {
                let out = size.div_ceil(stride);
                let total = (out.saturating_sub(1) * stride + kernel).saturating_sub(size);
                (total / 2, total - total / 2)
            }
        }
    }
}

/// A value of a plan that is being built: its input, or what an operation gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value(pub(crate) usize);

/// A map added to an operation's result, of the same shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Residual {
    /// The map.
    pub value: Value,
    /// Before or after the activation.
    pub order: ResidualOrder,
}

/// A convolution, normalisation folded into weights and bias.
#[derive(Debug, Clone, Copy)]
pub struct Conv<'a> {
    /// Channels that come out.
    pub out_channels: usize,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Zeros around the input.
    pub padding: Padding,
    /// 1 (dense), or the number of input channels (depthwise; then as many channels come out).
    pub groups: usize,
    /// `[out_channels, in_channels / groups, kernel rows, kernel columns]`, as PyTorch keeps it.
    pub weight: &'a [f32],
    /// `[out_channels]`, or empty for zeros.
    pub bias: &'a [f32],
    /// Applied to the result.
    pub activation: Activation,
    /// Added to the result.
    pub residual: Option<Residual>,
}

/// Squeeze and excitation: `x * gate(expand(activation(reduce(mean(x)))))`, the mean over rows and columns.
#[derive(Debug, Clone, Copy)]
pub struct SqueezeExcite<'a> {
    /// Channels between the two layers.
    pub squeezed: usize,
    /// `[squeezed, channels]`
    pub reduce_weight: &'a [f32],
    /// `[squeezed]`, or empty for zeros.
    pub reduce_bias: &'a [f32],
    /// Between the layers.
    pub activation: Activation,
    /// `[channels, squeezed]`
    pub expand_weight: &'a [f32],
    /// `[channels]`, or empty for zeros.
    pub expand_bias: &'a [f32],
    /// After the second, usually [`Activation::Sigmoid`].
    pub gate: Activation,
}

/// The largest value under a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool {
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Around the input; what is padded is never the largest.
    pub padding: Padding,
}

/// How the numbers of an image lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageLayout {
    /// `[batch, channels, height, width]`
    #[default]
    Nchw,
    /// `[batch, height, width, channels]`
    Nhwc,
}

/// Input of a run.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    /// In the layout that the plan was built for.
    pub data: &'a [f32],
    /// Images.
    pub batch: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// One output of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// `[batch, channels, height, width]`; `[batch, channels, 1, 1]` after pooling and linear layers.
    pub shape: [usize; 4],
    /// In the order of `shape`.
    pub data: Vec<f32>,
}
