//! Where a run's time goes, step by step.

use std::fmt;
use std::time::Duration;

use crate::builder::{Options, PlanBuilder};
use crate::error::PlanError;
use crate::op::Images;
use crate::shape::{Shapes, work};
use crate::steps::Program;

/// One step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct StepProfile {
    /// What it does, with its channels.
    pub name: String,
    /// Rows and columns of what comes out.
    pub size: [usize; 2],
    /// The shortest of the repeats.
    pub time: Duration,
    /// Multiply-adds.
    pub macs: usize,
    /// Weights read, in bytes.
    pub weight_bytes: usize,
    /// Maps read and written, in bytes.
    pub map_bytes: usize,
}

impl StepProfile {
    /// 10^9 multiply-adds counted twice, in a second.
    pub fn gflops(&self) -> f64 {
        2e-9 * self.macs as f64 / self.time.as_secs_f64().max(1e-12)
    }

    /// 10^9 bytes moved in a second.
    pub fn gigabytes(&self) -> f64 {
        1e-9 * (self.weight_bytes + self.map_bytes) as f64 / self.time.as_secs_f64().max(1e-12)
    }
}

/// All steps of a run of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// In their order.
    pub steps: Vec<StepProfile>,
}

impl Profile {
    pub(crate) fn new(program: &Program, shapes: &Shapes, times: &[Duration]) -> Self {
        let steps = program.steps.iter().zip(&program.names).zip(times).map(|((step, name), &time)| {
            let work = work(program, shapes, step);
            let size = step.writes().first().map_or([0, 0], |&buffer| shapes.size(program, buffer));
            let name = name.clone();
            let (macs, weight_bytes, map_bytes) = (work.macs, work.weight_bytes, work.map_bytes);
            StepProfile { name, size, time, macs, weight_bytes, map_bytes }
        });
        Self { steps: steps.collect() }
    }

    /// The sum over the steps.
    pub fn time(&self) -> Duration {
        self.steps.iter().map(|step| step.time).sum()
    }
}

/// The most that this machine reaches: 10^9 multiply-adds counted twice, in a second, in a matrix product whose operands
/// stay in the caches. What to hold [`StepProfile::gflops`] against.
///
/// # Errors
/// As [`PlanBuilder::new`] and [`PlanBuilder::build`].
pub fn reachable_gflops(options: Options) -> Result<f64, PlanError> {
    const CHANNELS: usize = 256;
    const SIDE: usize = 28;
    let mut builder = PlanBuilder::new(CHANNELS, options)?;
    let weight = vec![1.0 / CHANNELS as f32; CHANNELS * CHANNELS];
    // The first product brings the image into channel blocks; the second is measured.
    let x = builder.linear(builder.input(), CHANNELS, &weight, &[])?;
    let y = builder.linear(x, CHANNELS, &weight, &[])?;
    let plan = builder.build(&[y])?;
    let image = vec![1.0; CHANNELS * SIDE * SIDE];
    let profile = plan.profile(Images { data: &image, batch: 1, height: SIDE, width: SIDE }, 100)?;
    Ok(profile.steps.last().map_or(0.0, StepProfile::gflops))
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>9} {:>6} {:>8} {:>7}  step", "us", "%", "GFLOP/s", "GB/s")?;
        let total = self.time().as_secs_f64();
        for step in &self.steps {
            let [height, width] = step.size;
            let seconds = step.time.as_secs_f64();
            writeln!(
                f,
                "{:>9.1} {:>6.2} {:>8.1} {:>7.1}  {} -> {height}x{width}",
                seconds * 1e6,
                100.0 * seconds / total,
                step.gflops(),
                step.gigabytes(),
                step.name
            )?;
        }
        let macs: usize = self.steps.iter().map(|step| step.macs).sum();
        write!(f, "{:>9.1} {:>6} {:>8.1}          all", total * 1e6, "", 2e-9 * macs as f64 / total)
    }
}
