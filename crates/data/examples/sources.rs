//! What a source costs: opens it, and says what is in it, how long that took and how much memory it left taken.
//!
//! ```text
//! cargo run --release -p efficientnet-data --example sources -- lines LIST.csv 1000000
//! cargo run --release -p efficientnet-data --example sources -- open LIST.csv
//! ```
//!
//! `lines` writes a CSV file of so many images that are not there.

use std::error::Error;
use std::io::{BufWriter, Write};
use std::time::Instant;
use std::{env, fs};

use efficientnet_data::{OpenOptions, open};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["lines", path, count] => lines(path, count.parse()?),
        ["open", spec] => time(spec),
        _ => Err("give `lines LIST.csv COUNT` or `open SOURCE`".into()),
    }
}

/// Paths as long as ImageNet's, in no order.
fn lines(path: &str, count: u64) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(fs::File::create(path)?);
    writeln!(file, "path,label")?;
    for line in 0..count {
        let number = line.wrapping_mul(617) % count;
        writeln!(file, "n{class:08}/n{class:08}_{number}.JPEG,n{class:08}", class = number % 1000)?;
    }
    Ok(file.flush()?)
}

fn time(spec: &str) -> Result<(), Box<dyn Error>> {
    let (before, start) = (resident(), Instant::now());
    let source = open(spec, &OpenOptions::default())?;
    let (seconds, kilobytes) = (start.elapsed().as_secs_f64(), resident().saturating_sub(before));
    println!("{} samples of {} classes, opened in {seconds:.2} s", source.len(), source.classes().len());
    println!("{} bytes a sample", kilobytes * 1024 / source.len());
    Ok(())
}

/// Memory in use, in kibibytes; 0 where the system has no `/proc`.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
