//! Inference of other libraries on a CPU, one of them in a process of its own: what `cargo xtask bench --peers` starts.
//!
//! A process reads the network and the images, runs them again and again, writes the logits, and prints one JSON object
//! with the names that `efficientnet measure --json` has, so that all sides are read by the same code. A peer is a function
//! that loads the network and gives back a [`Pass`].

#[cfg(feature = "candle")]
mod candle;
mod images;
#[cfg(feature = "ort")]
mod ort;
mod timing;
#[cfg(feature = "tract")]
mod tract;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::images::Images;

/// Runs the network on the images once and gives the logits, image by image.
type Pass = Box<dyn FnMut() -> Result<Vec<f32>>>;

/// A loaded network.
struct Loaded {
    /// The library and its version.
    description: String,
    pass: Pass,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Peer {
    /// ONNX Runtime, by the crate `ort`
    Ort,
    /// tract
    Tract,
    /// candle, by the crate `candle-onnx`
    Candle,
}

/// Times one library on one network
#[derive(Debug, Parser)]
struct Args {
    /// The library
    peer: Peer,
    /// The network
    #[arg(long, value_name = "FILE.onnx")]
    onnx: PathBuf,
    /// The images, f32 [N, C, H, W], already normalised
    #[arg(long, value_name = "IN.npy")]
    input: PathBuf,
    /// Threads, the caller's included
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// How long to measure
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How long to warm up after the first call
    #[arg(long, default_value_t = 1.0)]
    warmup_seconds: f64,
    /// Where to write the logits, f32 [N, classes]
    #[arg(long, value_name = "LOGITS.npy")]
    out: PathBuf,
    /// ONNX Runtime's shared library, which its Python wheel has in `onnxruntime/capi`
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
}

fn main() {
    if let Err(error) = run(&Args::parse()) {
        eprintln!("error: {error:#}");
        std::process::exit(1);
    }
}

fn run(args: &Args) -> Result<()> {
    let images = Images::read(&args.input)?;
    let count = images.shape[0];
    let (loaded, load_ms) = timing::timed(|| load(args, images))?;
    let mut pass = loaded.pass;
    let (logits, first_ms) = timing::timed(&mut pass)?;
    images::write_logits(&args.out, &logits, count)?;
    drop(logits);
    let warmup = timing::repeat(args.warmup_seconds, 0, &mut pass)?;
    let times = timing::repeat(args.seconds, 3, &mut pass)?;
    let median_ms = timing::percentile(&times, 0.5);
    let measurement = serde_json::json!({
        "device_description": loaded.description,
        "threads": args.threads,
        "load_ms": load_ms,
        "first_call_ms": first_ms,
        "warmup_runs": warmup.len(),
        "runs": times.len(),
        "median_ms": median_ms,
        "min_ms": timing::percentile(&times, 0.0),
        "p10_ms": timing::percentile(&times, 0.1),
        "p90_ms": timing::percentile(&times, 0.9),
        "images_per_second": 1e3 * count as f64 / median_ms,
        "peak_rss_bytes": timing::peak_memory(),
    });
    println!("{measurement}");
    Ok(())
}

fn load(args: &Args, images: Images) -> Result<Loaded> {
    match args.peer {
        #[cfg(feature = "ort")]
        Peer::Ort => ort::load(args, images),
        #[cfg(feature = "tract")]
        Peer::Tract => tract::load(args, images),
        #[cfg(feature = "candle")]
        Peer::Candle => candle::load(args, images),
        #[allow(unreachable_patterns, reason = "with all features there is no other")]
        peer => {
            drop(images);
            anyhow::bail!("{peer:?} is not compiled in: build with `--features ort,tract,candle`")
        }
    }
}
