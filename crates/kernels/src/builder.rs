//! From operations to a graph: every operation is checked and its weights are packed as it is added.

use crate::error::PlanError;
use crate::isa::{Detected, Isa};
use crate::kernel::bytes::Grid;
use crate::kernel::depthwise::MAX_KERNEL;
use crate::memory::Store;
use crate::op::{
    Activation, Conv, ImageLayout, MaxPool, Padding, Residual, ResidualOrder, SqueezeExcite, Value,
};
use crate::pack::{Dense, DenseShape, Depthwise, Excite, Form, Geometry, Source, split};
use crate::plan::Plan;

/// Most channels, and most pixels in a side or a padding: products of these still fit `usize`.
pub(crate) const MOST: usize = 1 << 16;

/// How a plan runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The instruction set; `None` takes [`Isa::chosen`].
    pub isa: Option<Isa>,
    /// Threads of a run, the caller's included; 0 takes one for each processor.
    pub threads: usize,
    /// How the numbers of the input lie.
    pub layout: ImageLayout,
}

impl Options {
    /// How many threads are meant.
    pub(crate) fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// An operation of the graph and the values it reads.
pub(crate) enum Node {
    Input,
    Dense { from: Value, op: Dense, residual: Option<(Value, ResidualOrder)> },
    Depthwise { from: Value, op: Depthwise },
    Excite { from: Value, op: Excite },
    MaxPool { from: Value, geometry: Geometry },
    Mean { from: Value },
}

impl Node {
    /// What it reads.
    pub fn reads(&self) -> Vec<Value> {
        match self {
            Self::Input => Vec::new(),
            Self::Dense { from, residual, .. } => {
                std::iter::once(*from).chain(residual.map(|(value, _)| value)).collect()
            }
            Self::Depthwise { from, .. }
            | Self::Excite { from, .. }
            | Self::MaxPool { from, .. }
            | Self::Mean { from } => {
                vec![*from]
            }
        }
    }
}

/// Operations, and of the value of each its channels, its name and its grid.
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    pub channels: Vec<usize>,
    pub names: Vec<String>,
    pub grids: Vec<Option<Grid>>,
}

/// Takes a network's operations one after the other and makes a [`Plan`] of them.
///
/// ```
/// use efficientnet_kernels::{Activation, Conv, Images, Options, Padding, PlanBuilder};
///
/// let mut builder = PlanBuilder::new(3, Options::default())?;
/// let image = builder.input();
/// let stem = builder.conv(
///     image,
///     &Conv {
///         out_channels: 8,
///         kernel: [3, 3],
///         stride: [2, 2],
///         padding: Padding::Same,
///         groups: 1,
///         weight: &[0.1; 8 * 3 * 9],
///         bias: &[0.5; 8],
///         activation: Activation::Silu,
///         residual: None,
///     },
/// )?;
/// let pooled = builder.global_average_pool(stem)?;
/// let logits = builder.linear(pooled, 10, &[0.2; 80], &[])?;
/// let plan = builder.build(&[logits])?;
///
/// let images = Images { data: &[0.0; 3 * 32 * 32], batch: 1, height: 32, width: 32 };
/// assert_eq!(plan.run(images)?[0].shape, [1, 10, 1, 1]);
/// # Ok::<(), efficientnet_kernels::PlanError>(())
/// ```
pub struct PlanBuilder {
    isa: Isa,
    detected: Detected,
    options: Options,
    nodes: Vec<Node>,
    store: Store,
    channels: Vec<usize>,
    names: Vec<String>,
    /// The values that 1x1 convolutions read as bytes.
    grids: Vec<Option<Grid>>,
}

impl PlanBuilder {
    /// A network whose images have this many channels.
    ///
    /// # Errors
    /// Where the instruction set is not there.
    pub fn new(channels: usize, options: Options) -> Result<Self, PlanError> {
        size("the number of input channels", channels)?;
        let isa = options.isa.map_or_else(Isa::chosen, Ok)?;
        let detected = isa.detect().ok_or(PlanError::IsaMissing(isa))?;
        let (nodes, names) = (vec![Node::Input], vec!["input".to_owned()]);
        let store = Store::default();
        let (channels, grids) = (vec![channels], vec![None]);
        Ok(Self { isa, detected, options, nodes, store, channels, names, grids })
    }

    /// The images.
    pub fn input(&self) -> Value {
        Value(0)
    }

    /// Channels of a value.
    ///
    /// # Errors
    /// If the value is not this builder's.
    pub fn channels(&self, value: Value) -> Result<usize, PlanError> {
        self.channels.get(value.0).copied().ok_or(PlanError::UnknownValue(value.0))
    }

    /// Has 1x1 convolutions that are added from here on read a value as bytes: its numbers are rounded to one of 256 steps over this
    /// range (and zero), numbers outside it to its ends, and the weights to 8 bits, with steps of their own for each output
    /// channel. Sums are exact. Everything else reads the value in f32, and so do all that read the images.
    ///
    /// The range is that of the value over images such as the plan will see: of an activation with two ends, those; else the least and
    /// the most that a plan in f32 with the value as an output gives.
    ///
    /// # Errors
    /// If the value is not this builder's, or an end of the range is not finite or is after the other.
    pub fn in_bytes(&mut self, value: Value, range: [f32; 2]) -> Result<(), PlanError> {
        self.channels(value)?;
        if !(range[0].is_finite() && range[1].is_finite() && range[0] <= range[1]) {
            return Err(PlanError::Range(range));
        }
        self.grids[value.0] = Some(Grid::over(range));
        Ok(())
    }

    /// A convolution, dense or depthwise.
    ///
    /// # Errors
    /// Where weights do not have the length that the shapes ask for, or the groups are neither kind.
    pub fn conv(&mut self, from: Value, conv: &Conv<'_>) -> Result<Value, PlanError> {
        let in_channels = self.channels(from)?;
        let out_channels = size("the number of output channels", conv.out_channels)?;
        let geometry = geometry(conv.kernel, conv.stride, conv.padding)?;
        let depthwise = conv.groups == in_channels && conv.groups == out_channels && conv.groups > 1;
        if conv.groups != 1 && !depthwise {
            return Err(PlanError::Groups { in_channels, out_channels, groups: conv.groups });
        }
        let taps = conv.kernel[0] * conv.kernel[1];
        let fan_in = if depthwise { taps } else { in_channels * taps };
        length("a convolution's weight", out_channels * fan_in, conv.weight)?;
        optional("a convolution's bias", out_channels, conv.bias)?;
        if let Some(Residual { value, .. }) = conv.residual {
            let found = self.channels(value)?;
            if found != out_channels {
                return Err(PlanError::Residual { residual: [found, 0, 0], result: [out_channels, 0, 0] });
            }
        }
        let lanes = self.detected.lanes();
        let [rows, cols] = conv.kernel;
        if depthwise && conv.residual.is_none() {
            let op = Depthwise::pack(
                &mut self.store,
                lanes,
                geometry,
                conv.activation,
                in_channels,
                conv.weight,
                conv.bias,
            );
            let name = format!("depthwise {rows}x{cols}/{} {in_channels}", conv.stride[0]);
            return Ok(self.push(Node::Depthwise { from, op }, in_channels, name));
        }
        // A depthwise convolution with a residual is in no network; it is a dense one with zeros.
        let spread = depthwise.then(|| spread(in_channels, taps, conv.weight));
        let (activation, clamp) = match conv.residual {
            Some(Residual { order: ResidualOrder::BeforeActivation, .. }) => (conv.activation, None),
            _ => split(conv.activation),
        };
        let source = self.source(from);
        let shape = DenseShape { geometry, in_channels, out_channels, source, activation, clamp };
        let weight = spread.as_deref().unwrap_or(conv.weight);
        let grid = self.grids[from.0].filter(|_| shape.fits_bytes());
        let op = match grid {
            Some(grid) => Dense::pack_bytes(&mut self.store, lanes, shape, grid, weight, conv.bias),
            None if shape.fits_winograd() => {
                Dense::pack_winograd(&mut self.store, lanes, shape, weight, conv.bias)
            }
            None => Dense::pack(&mut self.store, lanes, shape, weight, conv.bias),
        };
        let residual = conv.residual.map(|residual| (residual.value, residual.order));
        let form = match op.form {
            Form::Plain => "",
            Form::Winograd => " by Winograd",
            Form::Bytes { .. } => " in bytes",
        };
        let name = format!("conv {rows}x{cols}/{} {in_channels}-{out_channels}{form}", conv.stride[0]);
        Ok(self.push(Node::Dense { from, op, residual }, out_channels, name))
    }

    /// A fully connected layer on the channels of each pixel (of one pixel, after pooling); `weight` is
    /// `[out_channels, channels]`, `bias` is `[out_channels]` or empty.
    ///
    /// # Errors
    /// As [`Self::conv`].
    pub fn linear(
        &mut self,
        from: Value,
        out_channels: usize,
        weight: &[f32],
        bias: &[f32],
    ) -> Result<Value, PlanError> {
        let conv = Conv {
            out_channels,
            kernel: [1, 1],
            stride: [1, 1],
            padding: Padding::NONE,
            groups: 1,
            weight,
            bias,
            activation: Activation::None,
            residual: None,
        };
        self.conv(from, &conv)
    }

    /// Squeeze and excitation.
    ///
    /// # Errors
    /// Where weights do not have the length that the shapes ask for.
    pub fn squeeze_excite(&mut self, from: Value, op: &SqueezeExcite<'_>) -> Result<Value, PlanError> {
        let channels = self.channels(from)?;
        let squeezed = size("the number of squeezed channels", op.squeezed)?;
        length("squeeze-excite's first weight", squeezed * channels, op.reduce_weight)?;
        optional("squeeze-excite's first bias", squeezed, op.reduce_bias)?;
        length("squeeze-excite's second weight", squeezed * channels, op.expand_weight)?;
        optional("squeeze-excite's second bias", channels, op.expand_bias)?;
        let geometry = Geometry { kernel: [1, 1], stride: [1, 1], padding: Padding::NONE };
        let (store, lanes) = (&mut self.store, self.detected.lanes());
        let mut layer = |in_channels, out_channels, activation, weight, bias| {
            let (source, (activation, clamp)) = (Source::Blocked, split(activation));
            let shape = DenseShape { geometry, in_channels, out_channels, source, activation, clamp };
            Dense::pack(store, lanes, shape, weight, bias)
        };
        let op = Excite {
            reduce: layer(channels, squeezed, op.activation, op.reduce_weight, op.reduce_bias),
            expand: layer(squeezed, channels, op.gate, op.expand_weight, op.expand_bias),
        };
        let name = format!("squeeze-excite {channels}-{squeezed}");
        Ok(self.push(Node::Excite { from, op }, channels, name))
    }

    /// The largest value under a window.
    ///
    /// # Errors
    /// If a size is 0.
    pub fn max_pool(&mut self, from: Value, pool: &MaxPool) -> Result<Value, PlanError> {
        let channels = self.channels(from)?;
        let geometry = geometry(pool.kernel, pool.stride, pool.padding)?;
        let name = format!("max pool {}x{}/{} {channels}", pool.kernel[0], pool.kernel[1], pool.stride[0]);
        Ok(self.push(Node::MaxPool { from, geometry }, channels, name))
    }

    /// The mean over rows and columns, a map of 1x1.
    ///
    /// # Errors
    /// If the value is not this builder's.
    pub fn global_average_pool(&mut self, from: Value) -> Result<Value, PlanError> {
        let channels = self.channels(from)?;
        Ok(self.push(Node::Mean { from }, channels, format!("mean {channels}")))
    }

    /// The plan that computes these values, in this order.
    ///
    /// # Errors
    /// If a value is not this builder's, or a thread cannot be started.
    pub fn build(self, outputs: &[Value]) -> Result<Plan, PlanError> {
        for &output in outputs {
            self.channels(output)?;
        }
        let Self { isa, detected, options, nodes, channels, names, grids, .. } = self;
        let graph = Graph { nodes, channels, names, grids };
        Plan::new(isa, detected, options, crate::steps::compile(graph, outputs, options.layout))
    }

    fn push(&mut self, node: Node, channels: usize, name: String) -> Value {
        self.nodes.push(node);
        self.channels.push(channels);
        self.names.push(name);
        self.grids.push(None);
        Value(self.nodes.len() - 1)
    }

    /// How a dense convolution finds this value.
    fn source(&self, value: Value) -> Source {
        match (value.0, self.options.layout) {
            (0, ImageLayout::Nchw) => Source::Planar,
            (0, ImageLayout::Nhwc) => Source::Interleaved,
            _ => Source::Blocked,
        }
    }
}

/// `[channels, 1, taps]` as `[channels, channels, taps]`.
fn spread(channels: usize, taps: usize, weight: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; channels * channels * taps];
    for (channel, weight) in weight.chunks_exact(taps).enumerate() {
        out[(channel * channels + channel) * taps..][..taps].copy_from_slice(weight);
    }
    out
}

fn geometry(kernel: [usize; 2], stride: [usize; 2], padding: Padding) -> Result<Geometry, PlanError> {
    for side in kernel {
        within("a side of the kernel", side, MAX_KERNEL)?;
    }
    for stride in stride {
        size("a stride", stride)?;
    }
    if let Padding::Explicit { top, bottom, left, right } = padding {
        for side in [top, bottom, left, right] {
            within("a padding", side + 1, MOST)?;
        }
    }
    Ok(Geometry { kernel, stride, padding })
}

fn size(what: &'static str, found: usize) -> Result<usize, PlanError> {
    within(what, found, MOST)
}

/// From 1 to `most`.
pub(crate) fn within(what: &'static str, found: usize, most: usize) -> Result<usize, PlanError> {
    if (1..=most).contains(&found) { Ok(found) } else { Err(PlanError::Size { what, found, most }) }
}

fn length(what: &'static str, expected: usize, found: &[f32]) -> Result<(), PlanError> {
    let found = found.len();
    if found == expected { Ok(()) } else { Err(PlanError::Length { what, expected, found }) }
}

/// Right length, or absent.
fn optional(what: &'static str, expected: usize, found: &[f32]) -> Result<(), PlanError> {
    if found.is_empty() { Ok(()) } else { length(what, expected, found) }
}
