//! Says what a weights file is, and how long it takes to read it.
//!
//! ```text
//! cargo run --release -p efficientnet-weights --example inspect -- FILE
//! ```

use std::time::Instant;

use efficientnet_weights::{LoadOptions, inspect, load};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: inspect FILE")?;
    print!("{}", inspect(&path, &LoadOptions::default())?);
    let start = Instant::now();
    let mut weights = load(&path, &LoadOptions::default())?;
    let checked = start.elapsed();
    let mut sum = 0.0;
    for tensor in weights.spec().tensors() {
        sum += weights.take(&tensor.name())?.values.iter().map(|value| f64::from(*value)).sum::<f64>();
    }
    println!(
        "opened and checked in {checked:.1?}, every tensor taken after {:.1?}, sum {sum:.6}",
        start.elapsed()
    );
    Ok(())
}
