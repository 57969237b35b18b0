//! Charts as SVG and pages as HTML that need nothing beside them: no script, no font, no address.
//!
//! A page is read from a disk, on a telephone, in the dark, on paper and by a screen reader, and by somebody who cannot tell
//! red from green; a chart in a file of its own is read by whatever program somebody has. This crate knows what a
//! chart is, and nothing of what is drawn.

pub mod chart;
pub mod number;
pub mod page;
pub mod plot;
pub mod scale;
pub mod sheet;
pub mod strip;
pub mod svg;
pub mod ternary;

#[cfg(test)]
mod tests;
