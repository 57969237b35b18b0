//! The steps of our networks beside what the machine takes for them at least: what `efficientnet measure --layers` says.

use serde::{Deserialize, Serialize};

use super::row::Workload;

/// One network with one number of threads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Roof {
    /// What was run; always one image, whatever the batch.
    #[serde(flatten)]
    pub workload: Workload,
    /// Its steps.
    pub layers: Option<Layers>,
    /// Why there are none.
    pub reason: Option<String>,
}

/// The steps, and what the machine does at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layers {
    /// The instruction set.
    pub isa: String,
    /// 10^9 multiply-adds counted twice, in a second, in a matrix product in the caches.
    pub gflops: f64,
    /// How fast sets of several sizes are read, from small to large.
    pub readings: Vec<Reading>,
    /// All weights, and the memory of the maps.
    pub network_bytes: u64,
    /// Microseconds of all steps.
    pub us: f64,
    /// The sum of their bounds.
    pub bound_us: f64,
    /// Places of the steps with the most time to gain, the most first.
    pub furthest: Vec<usize>,
    /// In their order.
    pub steps: Vec<Step>,
}

/// How fast a set is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Its size.
    pub bytes: u64,
    /// 10^9 bytes in a second.
    pub gigabytes_per_second: f64,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What it does.
    pub name: String,
    /// Rows of what comes out.
    pub height: usize,
    /// Columns of what comes out.
    pub width: usize,
    /// Multiply-adds.
    pub macs: u64,
    /// Weights read, in bytes.
    pub weight_bytes: u64,
    /// Maps read and written, in bytes.
    pub map_bytes: u64,
    /// Microseconds, the shortest of the repeats.
    pub us: f64,
    /// 10^9 multiply-adds counted twice, in a second.
    pub gflops: f64,
    /// 10^9 bytes in a second.
    pub gigabytes_per_second: f64,
    /// What its multiply-adds take at least.
    pub arithmetic_us: f64,
    /// What its bytes take at least.
    pub memory_us: f64,
    /// The larger of the two.
    pub bound_us: f64,
    /// Which of the two: `arithmetic` or `memory`.
    pub bound: String,
    /// The bound over the time.
    pub share_of_bound: f64,
}

impl Layers {
    /// Reads what `efficientnet measure --layers --json` prints.
    pub fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Said {
            layers: Layers,
        }
        let said: Said = serde_json::from_str(text.trim())
            .map_err(|error| format!("its output has no layers as expected: {error}"))?;
        Ok(said.layers)
    }

    /// The speed at which a set of that size is read: that of the largest one that was measured and is no larger.
    pub fn gigabytes(&self, bytes: u64) -> Option<f64> {
        let found = self.readings.iter().rev().find(|reading| reading.bytes <= bytes);
        found.or(self.readings.first()).map(|reading| reading.gigabytes_per_second)
    }

    /// The steps with the most time to gain, the most first.
    pub fn named(&self) -> impl Iterator<Item = &Step> {
        self.furthest.iter().filter_map(|&index| self.steps.get(index))
    }
}

impl Step {
    /// What it does and the size of what comes out.
    pub fn title(&self) -> String {
        format!("{} → {}×{}", self.name, self.height, self.width)
    }

    /// Microseconds that are left to gain.
    pub fn lost_us(&self) -> f64 {
        (self.us - self.bound_us).max(0.0)
    }

    /// Multiply-adds counted twice for each byte; none where there is no arithmetic.
    pub fn intensity(&self) -> Option<f64> {
        let bytes = self.weight_bytes + self.map_bytes;
        (self.macs > 0 && bytes > 0).then(|| 2.0 * self.macs as f64 / bytes as f64)
    }
}
