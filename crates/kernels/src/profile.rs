//! Where a run's time goes, step by step.

use std::time::Duration;

use crate::builder::{Options, PlanBuilder};
use crate::error::PlanError;
use crate::op::Images;
use crate::shape::{Shapes, work};
use crate::steps::{Program, Step};

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
    /// Those that are done: fewer, where a 3x3 convolution goes by Winograd.
    pub products: usize,
    /// Weights read, in bytes.
    pub weight_bytes: usize,
    /// Maps read and written, in bytes; the image is one.
    pub map_bytes: usize,
    /// Weights that are on their way from far away meanwhile, in bytes: those that it reads, but for those of
    /// squeeze-excite, which the depthwise convolution before fetches beside its own (not so on the portable path).
    pub fetched_bytes: usize,
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
    /// The memory in which all maps have their places, and the image's.
    pub arena_bytes: usize,
}

impl Profile {
    /// `prefetches`: whether the instruction set fetches ahead.
    pub(crate) fn new(program: &Program, shapes: &Shapes, times: &[Duration], prefetches: bool) -> Self {
        let mut steps: Vec<StepProfile> = Vec::with_capacity(program.steps.len());
        for ((step, name), &time) in program.steps.iter().zip(&program.names).zip(times) {
            let work = work(program, shapes, step);
            let mut fetched_bytes = work.weight_bytes;
            let behind_depthwise = matches!(
                (steps.len().checked_sub(1).map(|before| &program.steps[before]), step),
                (Some(Step::Depthwise { .. }), Step::Excite { .. })
            );
            if let Some(before) = steps.last_mut().filter(|_| behind_depthwise && prefetches) {
                before.fetched_bytes += std::mem::take(&mut fetched_bytes);
            }
            let size = step.writes().first().map_or([0, 0], |&buffer| shapes.size(program, buffer));
            let name = name.clone();
            let (macs, products) = (work.macs, work.products);
            let (weight_bytes, map_bytes) = (work.weight_bytes, work.map_bytes);
            steps.push(StepProfile {
                name,
                size,
                time,
                macs,
                products,
                weight_bytes,
                map_bytes,
                fetched_bytes,
            });
        }
        Self { steps, arena_bytes: 4 * (shapes.arena + shapes.image_len(program)) }
    }

    /// What goes through the caches from one run to the next, in bytes: all weights, and the maps' memory.
    pub fn network_bytes(&self) -> usize {
        self.steps.iter().map(|step| step.weight_bytes).sum::<usize>() + self.arena_bytes
    }
}

/// The most that this machine reaches with these instructions and threads: 10^9 multiply-adds counted twice, in a second,
/// in matrix products whose operands stay in the caches, the best of several. What to hold [`StepProfile::gflops`] against.
///
/// # Errors
/// As [`PlanBuilder::new`] and [`PlanBuilder::build`].
pub fn reachable_gflops(options: Options) -> Result<f64, PlanError> {
    // Channels and width of a map; tiles fit one row better than another.
    const PRODUCTS: [[usize; 2]; 3] = [[256, 28], [256, 14], [384, 14]];
    let mut most = 0.0_f64;
    for [channels, width] in PRODUCTS {
        // Rows enough for every thread.
        let height = 14 * options.threads().max(2);
        let mut builder = PlanBuilder::new(channels, options)?;
        let weight = vec![1.0 / channels as f32; channels * channels];
        // The first product brings the image into channel blocks; the second is measured.
        let x = builder.linear(builder.input(), channels, &weight, &[])?;
        let y = builder.linear(x, channels, &weight, &[])?;
        let plan = builder.build(&[y])?;
        let image = vec![1.0; channels * height * width];
        let profile = plan.profile(Images { data: &image, batch: 1, height, width }, 100)?;
        most = most.max(profile.steps.last().map_or(0.0, StepProfile::gflops));
    }
    Ok(most)
}
