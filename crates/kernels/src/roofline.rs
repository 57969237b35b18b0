//! The roofline of a run: what each step takes at least on this machine, and how far it is from that.
//!
//! After Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for multicore architectures"
//! (CACM 52/4, 2009), with two levels of memory, because a network's maps and its weights come from different places:
//!
//! - **Arithmetic**: all multiply-adds, as fast as a matrix product does them whose operands stay in the caches.
//! - **Memory, near**: all bytes that the step touches, as fast as a set of the size of the step's own is read over and
//!   over. The step before has just written the map, so it lies in the cache that it fits, and not in main memory.
//! - **Memory, far**: the weights, as fast as a set of the size of the whole network is read. Since they were read last,
//!   everything else has gone through the caches.
//!
//! The bound is the largest of the three. It is meant not to be beaten, so it leaves out what would make it higher: a
//! byte counts once, however often it is read; writing counts as reading, which is never slower; activations,
//! gates and sums count nothing. Between two sizes that were measured the smaller one's speed is taken.

use std::fmt;
use std::time::Duration;

use crate::builder::Options;
use crate::error::PlanError;
use crate::isa::Isa;
use crate::op::Images;
use crate::plan::Plan;
use crate::profile::{Profile, StepProfile, reachable_gflops};
use crate::stream;

/// How fast a set of this size is read, over and over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The size of the set.
    pub bytes: usize,
    /// 10^9 bytes in a second.
    pub gigabytes: f64,
}

/// The most that this machine does, measured on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ceilings {
    /// The instruction set.
    pub isa: Isa,
    /// The threads, all of them together.
    pub threads: usize,
    /// 10^9 multiply-adds counted twice, in a second, in a matrix product whose operands stay in the caches.
    pub gflops: f64,
    /// From small to large, each size twice the one before, from a part of the first cache to far beyond the last. No set
    /// is slower than a larger one.
    pub readings: Vec<Reading>,
}

impl Ceilings {
    /// Measures for these instructions and threads; takes about two seconds, and 256 MiB for that long.
    ///
    /// # Errors
    /// Where the instruction set or the memory is not there, or a thread cannot be started.
    pub fn measure(options: Options) -> Result<Self, PlanError> {
        let isa = options.isa.map_or_else(Isa::chosen, Ok)?;
        let detected = isa.detect().ok_or(PlanError::IsaMissing(isa))?;
        let threads = options.threads();
        let gflops = reachable_gflops(Options { isa: Some(isa), threads, ..options })?;
        let readings = falling(stream::readings(detected, threads)?);
        Ok(Self { isa, threads, gflops, readings })
    }

    /// 10^9 bytes in a second for a set of that size: the speed of the largest measured one that is no larger.
    pub fn gigabytes(&self, bytes: usize) -> f64 {
        let found = self.readings.iter().rev().find(|reading| reading.bytes <= bytes);
        found.or(self.readings.first()).map_or(f64::INFINITY, |reading| reading.gigabytes)
    }
}

/// Takes noise out: what a larger set reaches, a smaller one does, too.
fn falling(mut readings: Vec<Reading>) -> Vec<Reading> {
    let mut most = 0.0_f64;
    for reading in readings.iter_mut().rev() {
        most = most.max(reading.gigabytes);
        reading.gigabytes = most;
    }
    readings
}

/// What keeps a step from being faster than its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Multiply-adds.
    Arithmetic,
    /// Weights and maps.
    Memory,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Arithmetic => "arithmetic",
            Self::Memory => "memory",
        })
    }
}

/// A step beside its bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundedStep {
    /// What it does, and how long that takes.
    pub step: StepProfile,
    /// What its multiply-adds take at least.
    pub arithmetic: Duration,
    /// What its bytes take at least.
    pub memory: Duration,
}

impl BoundedStep {
    fn new(ceilings: &Ceilings, network_bytes: usize, step: StepProfile) -> Self {
        let time = |work: usize, rate: f64| Duration::from_secs_f64(work as f64 / (1e9 * rate.max(1e-9)));
        let touched = step.weight_bytes + step.map_bytes;
        let near = time(touched, ceilings.gigabytes(touched));
        let far = time(step.fetched_bytes, ceilings.gigabytes(network_bytes));
        Self { arithmetic: time(2 * step.products, ceilings.gflops), memory: near.max(far), step }
    }

    /// The larger of the two.
    pub fn bound(&self) -> Duration {
        self.arithmetic.max(self.memory)
    }

    /// Which of the two it is.
    pub fn limit(&self) -> Limit {
        if self.arithmetic >= self.memory { Limit::Arithmetic } else { Limit::Memory }
    }

    /// The bound over the time: 1 where nothing is left to gain.
    pub fn share(&self) -> f64 {
        self.bound().as_secs_f64() / self.step.time.as_secs_f64().max(1e-12)
    }

    /// What is left to gain.
    pub fn lost(&self) -> Duration {
        self.step.time.saturating_sub(self.bound())
    }

    /// What it does and the rows and columns of what comes out.
    pub fn name(&self) -> String {
        let [height, width] = self.step.size;
        format!("{} -> {height}x{width}", self.step.name)
    }
}

/// All steps of a run of one image beside their bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Roofline {
    /// What this machine does at most.
    pub ceilings: Ceilings,
    /// All weights, and the memory of the maps: what goes through the caches from one run to the next.
    pub network_bytes: usize,
    /// In their order.
    pub steps: Vec<BoundedStep>,
}

impl Roofline {
    /// How many of the steps that are furthest from their bound are named.
    pub const NAMED: usize = 3;

    /// Holds a profile against what the machine does at most.
    pub fn new(ceilings: Ceilings, profile: Profile) -> Self {
        let network_bytes = profile.network_bytes();
        let steps = profile.steps.into_iter().map(|step| BoundedStep::new(&ceilings, network_bytes, step));
        let steps = steps.collect();
        Self { ceilings, network_bytes, steps }
    }

    /// The sum over the steps.
    pub fn time(&self) -> Duration {
        self.steps.iter().map(|step| step.step.time).sum()
    }

    /// The sum of the steps' bounds.
    pub fn bound(&self) -> Duration {
        self.steps.iter().map(BoundedStep::bound).sum()
    }

    /// Numbers of the steps with the most left to gain, the most first.
    pub fn furthest(&self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.steps.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(self.steps[index].lost()));
        order.truncate(count);
        order
    }
}

impl Plan {
    /// As [`Self::profile`], beside what this machine does at most with the plan's instructions and threads.
    ///
    /// # Errors
    /// As [`Self::run`] and [`Ceilings::measure`].
    pub fn roofline(&self, images: Images<'_>, repeats: usize) -> Result<Roofline, PlanError> {
        let options = Options { isa: Some(self.isa()), threads: self.threads(), ..Options::default() };
        let ceilings = Ceilings::measure(options)?;
        Ok(Roofline::new(ceilings, self.profile(images, repeats)?))
    }
}

/// A table of the steps, and below it what the machine does and which steps are furthest from their bound.
impl fmt::Display for Roofline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        let heading = ["us", "%", "GFLOP/s", "GB/s", "bound us", "bound by", "% of bound"];
        let [time, share, gflops, gigabytes, bound, limit, reached] = heading;
        writeln!(
            f,
            "{time:>9} {share:>6} {gflops:>8} {gigabytes:>7} {bound:>9}  {limit:<10} {reached:>10}  step"
        )?;
        let total = self.time();
        for step in &self.steps {
            writeln!(
                f,
                "{:>9.1} {:>6.2} {:>8.1} {:>7.1} {:>9.1}  {:<10} {:>10.1}  {}",
                us(step.step.time),
                100.0 * step.step.time.as_secs_f64() / total.as_secs_f64().max(1e-12),
                step.step.gflops(),
                step.step.gigabytes(),
                us(step.bound()),
                step.limit(),
                100.0 * step.share(),
                step.name()
            )?;
        }
        let macs: usize = self.steps.iter().map(|step| step.step.macs).sum();
        let seconds = total.as_secs_f64().max(1e-12);
        writeln!(
            f,
            "{:>9.1} {:>6} {:>8.1} {:>7} {:>9.1}  {:<10} {:>10.1}  all",
            us(total),
            "",
            2e-9 * macs as f64 / seconds,
            "",
            us(self.bound()),
            "",
            100.0 * self.bound().as_secs_f64() / seconds
        )?;
        writeln!(f, "\n{}", self.ceilings)?;
        let named = self.furthest(Self::NAMED).into_iter().map(|index| {
            let step = &self.steps[index];
            format!("{} ({:.0} of {:.0} us)", step.name(), us(step.lost()), us(step.step.time))
        });
        write!(f, "furthest from their bound: {}", named.collect::<Vec<_>>().join("; "))
    }
}

impl fmt::Display for Ceilings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.threads == 1 { "" } else { "s" };
        write!(
            f,
            "{}, {} thread{plural}: a matrix product in the caches reaches {:.1} GFLOP/s\nreading over and over:",
            self.isa, self.threads, self.gflops
        )?;
        for (index, reading) in self.readings.iter().step_by(2).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let (size, unit) = match reading.bytes >> 10 {
                kib if kib < 1 << 10 => (kib, "KiB"),
                kib => (kib >> 10, "MiB"),
            };
            write!(f, "{comma} {size} {unit} at {:.1}", reading.gigabytes)?;
        }
        f.write_str(" GB/s")
    }
}

#[cfg(test)]
mod tests;
