//! Runs with and without `mpirun`, side by side.

mod bitmaps;
mod equal;
mod failing;
mod job;
