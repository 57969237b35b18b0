//! Forward passes: whole networks, and one block of each kind, on every backend that can run here.

use burn::tensor::{Device, Tensor};
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use efficientnet_arch::{ArchSpec, Baseline, Coefficients};
use efficientnet_benches::{devices, input, network, spec};
use efficientnet_model::Block;

/// Runs until the result can be read: lazy backends compute nothing before.
fn read<const D: usize>(x: Tensor<D>) {
    let _ = x.sum().into_data();
}

fn networks(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward");
    group.sample_size(10);
    for (backend, device) in devices() {
        for (name, batch) in
            [("efficientnet-b0", 1), ("efficientnet-b0", 8), ("mobilenetv2", 1), ("resnet18", 1)]
        {
            let spec = spec(name);
            let network = network(&spec, &device);
            let x = input(batch, 3, spec.resolution(), &device);
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(format!("{name}/batch {batch}/{backend}"), |b| {
                b.iter(|| read(network.forward(x.clone())));
            });
        }
    }
}

/// A block in the middle of each family's network, at the size that it has there.
fn blocks(c: &mut Criterion) {
    let mut group = c.benchmark_group("block");
    group.sample_size(10);
    let kinds = [
        ("mbconv", spec("efficientnet-b0"), 3, 1, 14),
        ("mbconv stride 2", spec("efficientnet-b0"), 3, 0, 28),
        ("fused mbconv", spec("efficientnetv2-b0"), 1, 1, 56),
        ("separable", spec("mobilenetv1"), 3, 1, 14),
        ("basic", spec("resnet18"), 1, 1, 28),
        ("bottleneck", resnet50(), 1, 1, 28),
    ];
    for (backend, device) in devices() {
        for (kind, spec, stage, index, side) in &kinds {
            block(&mut group, &format!("{kind}/{backend}"), spec, (*stage, *index), *side, &device);
        }
    }
}

/// Scaled from its baseline rather than by name, as a search would.
#[allow(clippy::expect_used)]
fn resnet50() -> ArchSpec {
    let baseline = Baseline::resnet_bottleneck("resnet50", [3, 4, 6, 3]);
    baseline.scaled(Coefficients::unscaled(224), 0.0).expect("the unscaled baseline is in range")
}

fn block(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    spec: &ArchSpec,
    (stage, index): (usize, usize),
    side: usize,
    device: &Device,
) {
    let block_spec = &spec.stages[stage].blocks[index];
    let block = Block::new(block_spec, spec, device);
    let x = input(1, block_spec.in_channels(), side, device);
    group.bench_function(name, |b| b.iter(|| read(block.forward(x.clone()))));
}

criterion_group!(benches, networks, blocks);
criterion_main!(benches);
