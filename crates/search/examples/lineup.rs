//! Builds the lineup of a fine grid over EfficientNet-B0 and says how long that took on one core.
//!
//! `cargo run --release -p efficientnet-search --example lineup [STEP [TOLERANCE [AT_COST]]]`

use std::path::Path;
use std::time::Instant;

use efficientnet_search::{Plan, count_cost};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<f64>());
    let step = arguments.next().transpose()?.unwrap_or(0.005);
    let tolerance = arguments.next().transpose()?.unwrap_or(0.3);
    let at_cost =
        arguments.next().transpose()?.map_or(String::new(), |ratio| format!("at_cost = {ratio:?}\n"));
    let text = format!(
        "name = \"grid\"\nbaseline = \"efficientnet-b0\"\n[proxy]\nrecipe = \"proxy\"\nepochs = 8\nseeds = [0]\n\
         transform = \"squash({{size}}, bilinear) | normalize(imagenet)\"\n\
         eval_transform = \"squash({{size}}, bilinear) | normalize(imagenet)\"\n\
         [coefficients]\n{at_cost}[coefficients.grid]\nstep = {step:?}\ntolerance = {tolerance:?}\n"
    );
    let plan = Plan::parse(&text, "grid", Path::new(""))?;
    let start = Instant::now();
    let lineup = plan.lineup(&mut count_cost(plan.cost))?;
    let took = start.elapsed();
    println!(
        "step {step}, tolerance {tolerance}: {} points, {} networks, {:.3} s on one core",
        lineup.points.len(),
        lineup.candidates.len(),
        took.as_secs_f64()
    );
    Ok(())
}
