//! From files to a network's input: what a training epoch asks of a core for every image.
//!
//! The files are ImageNet photographs where they are found, in `EFFICIENTNET_ASSETS` or beside the repository, and else
//! drawn pictures of their size. `scripts/benchmark_input.py` times the same work beside torchvision's.

use std::path::{Path, PathBuf};
use std::{env, fs};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use efficientnet_data::{Content, Draw, Transform};
use libjpeg_turbo_rs::{PixelFormat, Subsampling, compress};

const LINES: [(&str, &str); 4] = [
    ("train 224", "decode | random_resized_crop(224, 0.08..1, 3/4..4/3) | flip(0.5) | normalize(imagenet)"),
    ("train 224, scaled", "decode(scaled=true) | random_resized_crop(224) | flip(0.5) | normalize(imagenet)"),
    ("tpu 224", "decode | padded_center_crop(224, 32) | squash(224, bicubic) | normalize(imagenet)"),
    ("timm 224", "decode | resize(256, bicubic) | center_crop(224) | normalize(imagenet)"),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn photographs() -> Vec<Content> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/assets");
    let assets = env::var_os("EFFICIENTNET_ASSETS").map_or_else(beside, PathBuf::from);
    let mut paths = files(&assets.join("imagenet-samples/images"));
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).map(Content::File).collect()
}

/// Pictures with detail at every scale, of the size and quality that ImageNet's usually have.
fn pictures() -> Vec<Content> {
    let (width, height) = (500, 375);
    let pixel = |picture: usize, index: usize| {
        let (x, y) = (index % width + 37 * picture, index / width);
        [(x * y / 7) as u8, (x * x / 29 + y) as u8, (x ^ y) as u8]
    };
    let drawn = |picture: usize| -> Option<Content> {
        let pixels: Vec<u8> = (0..width * height).flat_map(|index| pixel(picture, index)).collect();
        let file = compress(&pixels, width, height, PixelFormat::Rgb, 90, Subsampling::S420).ok()?;
        Some(Content::File(file))
    };
    (0..20).filter_map(drawn).collect()
}

fn input(c: &mut Criterion) {
    let found = photographs();
    let (kind, contents) =
        if found.is_empty() { ("drawn pictures", pictures()) } else { ("photographs", found) };
    let mut group = c.benchmark_group(format!("input, {} {kind}", contents.len()));
    group.throughput(Throughput::Elements(contents.len() as u64)).sample_size(20);
    for (name, line) in LINES {
        let Ok(transform) = line.parse::<Transform>() else {
            panic!("the benchmark's transform does not parse: {line}");
        };
        let mut levels = vec![0; transform.output_len()];
        let mut values = vec![0.0; transform.output_len()];
        let mut epoch = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                for (index, content) in (0..).zip(&contents) {
                    let draw = Draw { seed: 0, epoch, index };
                    if let Err(error) =
                        transform.render(content, "a file of the benchmark", draw, &mut levels)
                    {
                        panic!("{error}");
                    }
                    transform.normalization().apply(&levels, &mut values);
                }
                epoch += 1;
            });
        });
    }
}

criterion_group!(benches, input);
criterion_main!(benches);
