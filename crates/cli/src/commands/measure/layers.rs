//! The steps of a compiled network beside what the machine takes for them at least, as JSON.

use std::time::Duration;

use efficientnet_model::{BoundedStep, Roofline};
use serde::Serialize;

/// All steps of one image.
#[derive(Debug, Serialize)]
pub struct Layers {
    isa: String,
    threads: usize,
    /// What a matrix product in the caches reaches: 10^9 multiply-adds counted twice, in a second.
    gflops: f64,
    /// How fast sets of several sizes are read.
    readings: Vec<Reading>,
    /// All weights, and the memory of the maps.
    network_bytes: usize,
    us: f64,
    bound_us: f64,
    /// Places in `steps` of those with the most time to gain, the most first.
    furthest: Vec<usize>,
    steps: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Reading {
    bytes: usize,
    gigabytes_per_second: f64,
}

#[derive(Debug, Serialize)]
struct Step {
    name: String,
    height: usize,
    width: usize,
    macs: usize,
    weight_bytes: usize,
    map_bytes: usize,
    us: f64,
    gflops: f64,
    gigabytes_per_second: f64,
    arithmetic_us: f64,
    memory_us: f64,
    bound_us: f64,
    bound: String,
    share_of_bound: f64,
}

impl Layers {
    pub fn new(roofline: &Roofline) -> Self {
        let ceilings = &roofline.ceilings;
        let readings = ceilings.readings.iter();
        let readings =
            readings.map(|read| Reading { bytes: read.bytes, gigabytes_per_second: read.gigabytes });
        Self {
            isa: ceilings.isa.to_string(),
            threads: ceilings.threads,
            gflops: ceilings.gflops,
            readings: readings.collect(),
            network_bytes: roofline.network_bytes,
            us: microseconds(roofline.time()),
            bound_us: microseconds(roofline.bound()),
            furthest: roofline.furthest(Roofline::NAMED),
            steps: roofline.steps.iter().map(Step::new).collect(),
        }
    }
}

impl Step {
    fn new(bounded: &BoundedStep) -> Self {
        let step = &bounded.step;
        Self {
            name: step.name.clone(),
            height: step.size[0],
            width: step.size[1],
            macs: step.macs,
            weight_bytes: step.weight_bytes,
            map_bytes: step.map_bytes,
            us: microseconds(step.time),
            gflops: step.gflops(),
            gigabytes_per_second: step.gigabytes(),
            arithmetic_us: microseconds(bounded.arithmetic),
            memory_us: microseconds(bounded.memory),
            bound_us: microseconds(bounded.bound()),
            bound: bounded.limit().to_string(),
            share_of_bound: bounded.share(),
        }
    }
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
