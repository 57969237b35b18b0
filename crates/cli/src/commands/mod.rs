//! One module for each command.

pub mod data;
pub mod eval;
pub mod measure;
pub mod models;
pub mod predict;
pub mod quantize;
pub mod scale;
pub mod summary;
pub mod train;
pub mod weights;
