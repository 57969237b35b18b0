//! From a graph to steps over buffers; here operations are fused.
//!
//! - A dense convolution that only feeds a depthwise one becomes its *producer*: its rows go into a ring of a few rows in
//!   the first cache and never to memory.
//! - Sums for a pooling are taken while the map is computed.
//! - The gate of squeeze-excite goes into the weights of the 1x1 convolution behind it, which costs a pass over one panel
//!   of weights and saves one over the map.
//! - A map of which only the mean is wanted is never stored.

mod compile;

pub(crate) use compile::compile;

use crate::kernel::bytes::Grid;
use crate::op::{ImageLayout, ResidualOrder, Value};
use crate::pack::{Dense, Depthwise, Excite, Geometry};

/// Number of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buffer(pub usize);

/// What a buffer holds of a value, for each image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `[blocks][pixels][lanes]`
    Map,
    /// Sums over bands of rows, `[bands][blocks][lanes]`.
    Sums,
    /// A factor for each channel, `[blocks][lanes]`.
    Gate,
    /// A map rounded to bytes, `[pixels][blocks][lanes]`.
    Bytes,
}

/// A buffer: of which value, and what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BufferOf {
    pub value: Value,
    pub kind: Kind,
}

/// Where a dense convolution's input is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From {
    Image,
    /// Or bytes, for a product of bytes.
    Map(Buffer),
}

/// Where the rows of a depthwise convolution's input come from.
pub(crate) enum Producer {
    Map(Buffer),
    Dense { op: Dense, from: From },
}

/// Where a convolution's result goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct To {
    /// The map in f32, or of a dense convolution its sums; `None` where only bytes are wanted.
    pub numbers: Option<Buffer>,
    /// The map in bytes, where those are wanted.
    pub bytes: Option<Buffer>,
}

impl To {
    /// What is written.
    fn buffers(self) -> impl Iterator<Item = Buffer> {
        self.numbers.into_iter().chain(self.bytes)
    }

    /// One of them.
    pub fn any(self) -> Option<Buffer> {
        self.numbers.or(self.bytes)
    }
}

/// One step.
pub(crate) enum Step {
    /// The image into channel blocks.
    Load {
        to: Buffer,
    },
    Dense {
        op: Dense,
        from: From,
        gate: Option<Buffer>,
        residual: Option<(Buffer, ResidualOrder)>,
        to: To,
    },
    Depthwise {
        producer: Producer,
        op: Depthwise,
        to: To,
        sums: Option<Buffer>,
    },
    Sum {
        from: Buffer,
        to: Buffer,
    },
    /// A map as bytes.
    Round {
        from: Buffer,
        to: Buffer,
    },
    Excite {
        op: Excite,
        sums: Buffer,
        to: Buffer,
    },
    Scale {
        from: Buffer,
        gate: Buffer,
        to: Buffer,
    },
    MaxPool {
        from: Buffer,
        geometry: Geometry,
        to: Buffer,
    },
    Mean {
        sums: Buffer,
        to: Buffer,
    },
}

impl Step {
    /// Buffers it reads.
    pub fn reads(&self) -> Vec<Buffer> {
        let of = |from: &From| match from {
            From::Image => None,
            From::Map(buffer) => Some(*buffer),
        };
        match self {
            Self::Load { .. } => Vec::new(),
            Self::Dense { from, gate, residual, .. } => {
                [of(from), *gate, residual.map(|(buffer, _)| buffer)].into_iter().flatten().collect()
            }
            Self::Depthwise { producer: Producer::Map(from), .. } => vec![*from],
            Self::Depthwise { producer: Producer::Dense { from, .. }, .. } => of(from).into_iter().collect(),
            Self::Sum { from, .. } | Self::Round { from, .. } | Self::MaxPool { from, .. } => vec![*from],
            Self::Excite { sums, .. } | Self::Mean { sums, .. } => vec![*sums],
            Self::Scale { from, gate, .. } => vec![*from, *gate],
        }
    }

    /// Whether it reads the image where its user has it.
    pub fn reads_image(&self) -> bool {
        matches!(
            self,
            Self::Load { .. }
                | Self::Dense { from: From::Image, .. }
                | Self::Depthwise { producer: Producer::Dense { from: From::Image, .. }, .. }
        )
    }

    /// Buffers it writes.
    pub fn writes(&self) -> Vec<Buffer> {
        match self {
            Self::Depthwise { to, sums, .. } => to.buffers().chain(*sums).collect(),
            Self::Dense { to, .. } => to.buffers().collect(),
            Self::Load { to }
            | Self::Sum { to, .. }
            | Self::Round { to, .. }
            | Self::Excite { to, .. }
            | Self::Scale { to, .. }
            | Self::MaxPool { to, .. }
            | Self::Mean { to, .. } => vec![*to],
        }
    }
}

/// How a value's size follows from that of others.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SizeRule {
    Input,
    Same(Value),
    Window(Value, Geometry),
    Point,
}

/// A compiled graph.
pub(crate) struct Program {
    pub steps: Vec<Step>,
    /// A name for each step.
    pub names: Vec<String>,
    pub buffers: Vec<BufferOf>,
    /// Channels of each value.
    pub channels: Vec<usize>,
    /// The grid of each value that is wanted in bytes.
    pub grids: Vec<Option<Grid>>,
    /// Size of each value.
    pub sizes: Vec<SizeRule>,
    /// Value and residual that have to be equal in size.
    pub residuals: Vec<(Value, Value)>,
    /// How the numbers of the input lie.
    pub layout: ImageLayout,
    /// The maps that come out.
    pub outputs: Vec<Buffer>,
}
