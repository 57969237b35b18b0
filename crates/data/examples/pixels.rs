//! Writes the 8-bit pixels of images after a pipeline, for comparison with another implementation's.
//!
//! `cargo run --release -p efficientnet-data --example pixels -- LINE IMAGE... > pixels.rgb` writes `[height, width, 3]`
//! bytes for each image, one after the other, and the time that decoding and the rest took to the error output.

use std::io::Write;
use std::time::{Duration, Instant};

use efficientnet_data::Transform;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let transform: Transform = arguments.next().ok_or("give a pipeline and images")?.parse()?;
    let mut out = std::io::stdout().lock();
    let (mut decoding, mut applying, mut count) = (Duration::ZERO, Duration::ZERO, 0);
    for path in arguments {
        let start = Instant::now();
        let image = transform.decode(&path)?;
        decoding += start.elapsed();
        let start = Instant::now();
        let values = transform.apply(&image);
        applying += start.elapsed();
        assert!(values.iter().all(|value| value.is_finite()));
        out.write_all(transform.pixels(&image).pixels())?;
        count += 1;
    }
    let each = |total: Duration| total.as_secs_f64() * 1000.0 / f64::from(count.max(1));
    eprintln!(
        "{count} images, {:.2} ms to decode and {:.2} ms to transform one",
        each(decoding),
        each(applying)
    );
    Ok(())
}
