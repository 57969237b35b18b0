//! What can be wrong with a plan or with the input of a run.

/// Why a plan cannot be built or run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A tensor has another number of elements than its operation needs.
    #[error("{what} has {found} numbers where {expected} are needed; check the channels and the kernel")]
    Length {
        /// Which tensor.
        what: &'static str,
        /// What the shapes ask for.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A size of zero, or one that is too large to count its elements.
    #[error("{what} is {found}, which cannot be computed with; it has to be from 1 to {most}")]
    Size {
        /// Which size.
        what: &'static str,
        /// What was given.
        found: usize,
        /// The largest that is accepted.
        most: usize,
    },
    /// Groups other than 1 and depthwise.
    #[error(
        "a convolution from {in_channels} to {out_channels} channels in {groups} groups is neither dense (1 group) nor \
         depthwise (as many groups as channels on both sides); split it or run it elsewhere"
    )]
    Groups {
        /// Channels that go in.
        in_channels: usize,
        /// Channels that come out.
        out_channels: usize,
        /// As given.
        groups: usize,
    },
    /// A value of another builder.
    #[error("a value with number {0} was used that this builder has not made; use the values it returned")]
    UnknownValue(usize),
    /// A residual of another shape.
    #[error(
        "a residual of shape {residual:?} (channels, height, width) cannot be added to {result:?}; they must agree"
    )]
    Residual {
        /// The residual's channels, height and width.
        residual: [usize; 3],
        /// The result's.
        result: [usize; 3],
    },
    /// A range of activations that is none.
    #[error("activations from {} to {} cannot be put into bytes; give a finite least and a finite most", .0[0], .0[1])]
    Range([f32; 2]),
    /// The kernel is larger than the padded map.
    #[error("a map of {height} x {width} pixels is too small for the network; give larger images")]
    TooSmall {
        /// Rows of the map at that place.
        height: usize,
        /// Columns of the map at that place.
        width: usize,
    },
    /// The processor lacks an instruction set that was asked for.
    #[error("this processor cannot run {0}; take another instruction set or leave the choice to the library")]
    IsaMissing(crate::Isa),
    /// `EFFICIENTNET_ISA` has a value that names nothing.
    #[error("EFFICIENTNET_ISA is {0:?}, which names no instruction set; use portable, neon, avx2 or avx512")]
    IsaUnknown(String),
    /// The maps do not fit in memory.
    #[error("the maps of this image size need {bytes} bytes, which cannot be had; take smaller images")]
    Memory {
        /// Needed for one thread.
        bytes: usize,
    },
    /// A thread could not be started.
    #[error("a thread could not be started ({0}); use fewer threads")]
    Thread(String),
}
