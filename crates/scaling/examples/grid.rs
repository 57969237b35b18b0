//! Enumerates, de-duplicates and counts a fine grid over EfficientNet-B0 and says how long that took on one core.
//!
//! `cargo run --release -p efficientnet-scaling --example grid [STEP [TOLERANCE]]`

use std::time::Instant;

use efficientnet_arch::ArchSpec;
use efficientnet_scaling::{Grid, PixelRounding};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<f64>());
    let step = arguments.next().transpose()?.unwrap_or(0.005);
    let tolerance = arguments.next().transpose()?.unwrap_or(0.3);
    let base = ArchSpec::named("efficientnet-b0")?;
    let start = Instant::now();
    let survey = Grid { step, tolerance, ..Grid::default() }.survey(&base, PixelRounding::Nearest)?;
    let took = start.elapsed();
    let (low, mean, high) = survey.macs_ratios();
    println!(
        "step {step}, tolerance {tolerance}: {} points, {} networks",
        survey.points,
        survey.networks.len()
    );
    println!("multiply-adds over B0's: {low:.3} to {high:.3}, mean {mean:.3}");
    println!("{:.3} s on one core", took.as_secs_f64());
    Ok(())
}
