//! What is repeated, how often, and what is said of the times: as `efficientnet measure` does it.

use std::time::{Duration, Instant};

use anyhow::Result;

/// What `work` gives, with the milliseconds that it took.
pub fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let started = Instant::now();
    let result = work()?;
    Ok((result, started.elapsed().as_secs_f64() * 1e3))
}

/// Passes for `seconds`, but `least` times however long that takes: the milliseconds of each, shortest first.
pub fn repeat(seconds: f64, least: usize, pass: &mut crate::Pass) -> Result<Vec<f64>> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let mut times = Vec::new();
    while times.len() < least || Instant::now() < until {
        times.push(timed(&mut *pass)?.1);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Nearest rank; `sorted` is not empty.
pub fn percentile(sorted: &[f64], fraction: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * fraction).round() as usize]
}

/// The most bytes that this process ever held, where the system tells.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}
