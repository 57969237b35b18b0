//! From a photograph's pixels to a network's input, for the published pipelines.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use efficientnet_data::{RgbImage8, Transform};

/// A picture with detail at every scale, of the size that ImageNet's usually have.
fn picture() -> RgbImage8 {
    let (width, height) = (500, 375);
    let pixel = |index: usize| {
        let (x, y) = (index % width, index / width);
        [(x * y / 7) as u8, (x * x / 29 + y) as u8, (x ^ y) as u8]
    };
    let mut image = RgbImage8::filled(width, height, [0; 3]).into_pixels();
    for (index, values) in image.chunks_exact_mut(3).enumerate() {
        values.copy_from_slice(&pixel(index));
    }
    RgbImage8::new(width, height, image).unwrap_or_else(|| RgbImage8::filled(width, height, [0; 3]))
}

fn pipelines(c: &mut Criterion) {
    let mut group = c.benchmark_group("preprocess");
    group.throughput(Throughput::Elements(1));
    let image = picture();
    let lines = [
        ("timm 224", "decode | resize(256, bicubic) | center_crop(224) | normalize(imagenet)"),
        ("tpu 224", "decode | padded_center_crop(224, 32) | squash(224, bicubic) | normalize(imagenet)"),
        ("torchvision 480", "decode | resize(480, bilinear) | center_crop(480) | normalize(imagenet)"),
    ];
    for (name, line) in lines {
        let Ok(transform) = line.parse::<Transform>() else {
            panic!("the benchmark's transform does not parse: {line}");
        };
        let mut values = vec![0.0; transform.output_len()];
        group.bench_function(name, |b| b.iter(|| transform.apply_into(black_box(&image), &mut values)));
    }
}

criterion_group!(benches, pipelines);
criterion_main!(benches);
