//! The loops that do the arithmetic, generic over the instruction set.
//!
//! Every entry here is safe: it takes slices, checks once that all it will touch lies inside, and only then works on
//! pointers. What is checked is the extent of the whole call, so a tile of a few hundred multiply-adds checks nothing.

pub(crate) mod bytes;
pub(crate) mod dense;
pub(crate) mod depthwise;
pub(crate) mod finish;
pub(crate) mod simple;
pub(crate) mod winograd;
