//! How long a spec takes to scale, to count and to build.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use efficientnet_benches::{devices, network, spec};

fn count(c: &mut Criterion) {
    let mut group = c.benchmark_group("count");
    for name in ["efficientnet-b0", "efficientnet-b7", "efficientnet-l2"] {
        group.bench_function(name, |b| b.iter(|| black_box(spec(name)).count()));
    }
}

fn build(c: &mut Criterion) {
    let mut group = c.benchmark_group("build");
    group.sample_size(10);
    for (backend, device) in devices() {
        let b0 = spec("efficientnet-b0");
        group.bench_function(format!("efficientnet-b0/{backend}"), |b| b.iter(|| network(&b0, &device)));
    }
}

criterion_group!(benches, count, build);
criterion_main!(benches);
