//! How many images a second a transform makes of the files in a folder: read, decode, crop, flip, normalise.
//!
//! ```text
//! cargo run --release -p efficientnet-data --example throughput -- FOLDER [--line LINE] [--threads 1] [--rounds 5] [--loader]
//! ```
//!
//! The folder has class folders or images. Each round is another epoch, with other crops, and its rate is printed on a
//! line. With `--loader` the threads are the workers of a `Loader` of class folders that makes batches of 20. Instead, `--windows` prints each file and what was drawn for it in the first epoch, and `--pixels FILE` writes
//! the levels that came out, so that another program can do the same: `scripts/benchmark_input.py` compares with
//! torchvision.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::{env, fs, thread};

use efficientnet_data::{Content, Draw, Folder, Loader, LoaderOptions, Transform};

const LINE: &str = "decode | random_resized_crop(224, 0.08..1, 3/4..4/3) | flip(0.5) | normalize(imagenet)";

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let option = |name: &str, default: &str| {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|place| arguments.get(place + 1)).map_or(default.to_string(), Clone::clone)
    };
    let folder = arguments.first().ok_or("which folder? throughput FOLDER [--line LINE] [--threads N]")?;
    let transform: Transform = option("--line", LINE).parse()?;
    let mut files = Vec::new();
    collect(Path::new(folder), &mut files)?;
    files.sort();
    if arguments.iter().any(|argument| argument == "--windows") {
        return first_epoch(&transform, &files, |name, notes, _| println!("{name}\t{}", notes.join("; ")));
    }
    let pixels = option("--pixels", "");
    if !pixels.is_empty() {
        let mut all = Vec::new();
        first_epoch(&transform, &files, |_, _, levels| all.extend_from_slice(levels))?;
        return Ok(fs::write(pixels, all)?);
    }
    let (threads, rounds): (usize, u64) =
        (option("--threads", "1").parse()?, option("--rounds", "5").parse()?);
    let by_loader = arguments.iter().any(|argument| argument == "--loader");
    for epoch in 0..rounds {
        let start = Instant::now();
        match by_loader {
            true => loaded_epoch(&transform, folder, epoch, threads)?,
            false => epoch_of(&transform, &files, epoch, threads)?,
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("{:.1} images/s", files.len() as f64 / seconds);
    }
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// Every file once, in batches of a loader, to normalised values that are thrown away.
fn loaded_epoch(transform: &Transform, folder: &str, epoch: u64, workers: usize) -> Result<(), Failure> {
    let options = LoaderOptions { batch_size: 20, workers, ..LoaderOptions::new(transform.clone()) };
    let loader = Loader::new(Arc::new(Folder::open(folder, None)?), options)?;
    for batch in loader.epoch(epoch) {
        std::hint::black_box(batch?.values(transform.normalization()));
    }
    Ok(())
}

/// Every file once, on some threads, to normalised values that are thrown away.
fn epoch_of(transform: &Transform, files: &[PathBuf], epoch: u64, threads: usize) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), Failure> {
        let mut levels = vec![0; transform.output_len()];
        let mut values = vec![0.0; transform.output_len()];
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = files.get(index) else { return Ok(()) };
            let content = Content::File(fs::read(path)?);
            let draw = Draw { seed: 0, epoch, index: index as u64 };
            transform.render(&content, &path.display().to_string(), draw, &mut levels)?;
            transform.normalization().apply(&levels, &mut values);
        }
    };
    thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        work()?;
        helpers.into_iter().try_for_each(|helper| helper.join().unwrap_or(Err("a thread panicked".into())))
    })
}

/// Calls `each` with a file, what was drawn for it, and its levels.
fn first_epoch(
    transform: &Transform,
    files: &[PathBuf],
    mut each: impl FnMut(&str, &[String], &[u8]),
) -> Result<(), Failure> {
    let mut levels = vec![0; transform.output_len()];
    for (index, path) in files.iter().enumerate() {
        let content = Content::File(fs::read(path)?);
        let name = path.display().to_string();
        let draw = Draw { index: index as u64, ..Draw::default() };
        let notes = transform.render_described(&content, &name, draw, &mut levels)?;
        each(&name, &notes, &levels);
    }
    Ok(())
}
