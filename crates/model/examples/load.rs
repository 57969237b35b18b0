//! What loading a checkpoint costs: time, and memory against the file's length.
//!
//! ```text
//! cargo run --release -p efficientnet-model --example load -- WEIGHTS.safetensors [ROUNDS]
//! ```
//!
//! From the file to a network on `flex`, every value in its place. The first round's peak is the process's own, so its
//! growth is what loading took at most; memory is read from `/proc`, and left out where there is none.

use std::error::Error;
use std::time::Instant;
use std::{env, fs};

use efficientnet_model::Network;
use efficientnet_weights::{LoadOptions, load};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("which file? load WEIGHTS.safetensors [ROUNDS]")?;
    let rounds: usize = arguments.next().map_or(Ok(9), |rounds| rounds.parse())?;
    let file = fs::metadata(&path)?.len() as f64;
    let device = efficientnet_backend::device("flex")?;

    let before = peak_bytes();
    let mut milliseconds = Vec::new();
    for round in 0..rounds {
        let started = Instant::now();
        let network = Network::from_weights(load(&path, &LoadOptions::default())?, &device)?;
        milliseconds.push(started.elapsed().as_secs_f64() * 1e3);
        if let (0, Some(before), Some(after)) = (round, before, peak_bytes()) {
            let grown = after.saturating_sub(before) as f64;
            println!(
                "{}: {:.1} MB of file, {:.1} MB of memory, {:.2} times the file",
                network.spec().name,
                file / 1e6,
                grown / 1e6,
                grown / file
            );
        }
    }
    milliseconds.sort_by(f64::total_cmp);
    if let (Some(first), Some(last)) = (milliseconds.first(), milliseconds.last()) {
        println!("{:.0} ms (from {first:.0} to {last:.0}, {rounds} rounds)", milliseconds[rounds / 2]);
    }
    Ok(())
}

/// The most memory that this process has had at once.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
