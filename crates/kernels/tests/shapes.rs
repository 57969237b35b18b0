//! Every block of every named network, on maps of a few pixels, against f64.

mod common;

use std::collections::BTreeSet;

use common::{Pair, Unit, everywhere};
use efficientnet_arch::{self as arch, ArchSpec, Block, ConvUnit};
use efficientnet_kernels::{Activation, ImageLayout, MaxPool, Padding, Residual, ResidualOrder, Value};

/// What a network has beside its blocks.
struct Style {
    activation: Activation,
    same: bool,
}

impl Style {
    fn of(spec: &ArchSpec) -> Self {
        let activation = match spec.activation {
            arch::Activation::Silu => Activation::Silu,
            arch::Activation::Relu => Activation::Relu,
            arch::Activation::Relu6 => Activation::Relu6,
        };
        Self { activation, same: spec.padding == arch::Padding::Same }
    }

    fn unit(&self, unit: &ConvUnit) -> Unit {
        Unit {
            out: unit.out_channels,
            kernel: [unit.kernel; 2],
            stride: [unit.stride; 2],
            padding: if self.same { Padding::Same } else { Padding::all(unit.kernel / 2) },
            groups: unit.groups,
            activation: if unit.act { self.activation } else { Activation::None },
        }
    }

    fn block(&self, pair: &mut Pair, x: Value, block: &Block) -> Value {
        let shortcut = match &block.residual {
            arch::Residual::None => None,
            arch::Residual::Identity => Some(x),
            arch::Residual::Projection(unit) => Some(pair.conv(x, self.unit(unit), None)),
        };
        let mut y = x;
        for (i, unit) in block.units.iter().enumerate() {
            let last = i + 1 == block.units.len();
            let mut own = self.unit(unit);
            let order = if block.act_after_add {
                ResidualOrder::BeforeActivation
            } else {
                ResidualOrder::AfterActivation
            };
            if last && block.act_after_add {
                own.activation = self.activation;
            }
            let residual = shortcut.filter(|_| last).map(|value| Residual { value, order });
            y = pair.conv(y, own, residual);
            if let Some(se) = block.se.as_ref().filter(|se| se.after == i) {
                y = pair.squeeze_excite(y, se.squeezed, self.activation);
            }
        }
        y
    }
}

/// Networks whose channels are small enough for a test in f64.
fn specs() -> impl Iterator<Item = ArchSpec> {
    let large = ["efficientnet-l2", "efficientnet-b8", "efficientnetv2-xl", "resnet152"];
    arch::models().iter().filter(move |model| !large.contains(&model.name)).map(|model| model.spec())
}

#[test]
fn every_block_of_every_network() {
    let mut seen = BTreeSet::new();
    for spec in specs() {
        let style = Style::of(&spec);
        for block in spec.blocks() {
            // Blocks that differ in stochastic depth only are the same here.
            let block = Block { drop_path: 0.0, ..block.clone() };
            if !seen.insert(format!("{:?} {} {block:?}", style.activation, style.same)) {
                continue;
            }
            let wide = block.units.iter().map(|unit| unit.out_channels).max().unwrap_or(0);
            let size = if wide > 700 { [3, 4] } else { [7, 9] };
            for options in everywhere(1, ImageLayout::Nchw) {
                // The image comes in blocks through a stem of one pixel, so the block reads what it would read in a network.
                let mut pair = Pair::new(options, [1, 2, size[0], size[1]], 7);
                let stem = Unit {
                    out: block.in_channels(),
                    kernel: [1, 1],
                    stride: [1, 1],
                    padding: Padding::NONE,
                    groups: 1,
                    activation: Activation::None,
                };
                let x = pair.conv(pair.input(), stem, None);
                let y = style.block(&mut pair, x, &block);
                pair.check(&[y], &format!("{}: {block:?}", spec.name));
            }
        }
    }
    assert!(seen.len() > 200, "{} different blocks", seen.len());
}

#[test]
fn every_stem_and_head() {
    let mut seen = BTreeSet::new();
    for spec in specs() {
        let style = Style::of(&spec);
        if !seen.insert(format!("{:?} {:?} {:?} {}", spec.stem, spec.head, style.activation, style.same)) {
            continue;
        }
        for layout in [ImageLayout::Nchw, ImageLayout::Nhwc] {
            for options in everywhere(2, layout) {
                let mut pair = Pair::new(options, [1, spec.in_channels, 33, 30], 3);
                let mut x = pair.conv(pair.input(), style.unit(&spec.stem.conv), None);
                if let Some((kernel, stride)) = spec.stem.max_pool {
                    let padding = if style.same { Padding::Same } else { Padding::all(kernel / 2) };
                    x = pair.max_pool(x, MaxPool { kernel: [kernel; 2], stride: [stride; 2], padding });
                }
                let stem = x;
                if let Some(head) = &spec.head {
                    x = pair.conv(x, Unit { out: head.out_channels, ..style.unit(head) }, None);
                }
                let pooled = pair.mean(x);
                let classes = Unit {
                    out: 10,
                    kernel: [1, 1],
                    stride: [1, 1],
                    padding: Padding::NONE,
                    groups: 1,
                    activation: Activation::None,
                };
                let logits = pair.conv(pooled, classes, None);
                pair.check(&[logits, stem], &spec.name);
            }
        }
    }
}

#[test]
fn whole_networks() {
    for name in [
        "efficientnet-b0",
        "efficientnet-lite0",
        "efficientnetv2-b0",
        "mobilenetv1",
        "mobilenetv2",
        "resnet18",
    ] {
        let spec = ArchSpec::named(name).unwrap();
        let style = Style::of(&spec);
        let mut logits = Vec::new();
        // Batches that go image by image, in groups, and with a rest that all threads share.
        for (threads, batch) in [(1, 1), (2, 1), (2, 5)] {
            for options in everywhere(threads, ImageLayout::Nchw) {
                let mut pair = Pair::new(options, [batch, 3, 50, 47], 11);
                let mut x = pair.conv(pair.input(), style.unit(&spec.stem.conv), None);
                if let Some((kernel, stride)) = spec.stem.max_pool {
                    let padding = Padding::all(kernel / 2);
                    x = pair.max_pool(x, MaxPool { kernel: [kernel; 2], stride: [stride; 2], padding });
                }
                let mut taps = Vec::new();
                for block in spec.blocks() {
                    x = style.block(&mut pair, x, block);
                    taps.push(x);
                }
                if let Some(head) = &spec.head {
                    x = pair.conv(x, style.unit(head), None);
                }
                x = pair.mean(x);
                let found = pair.check(&[x, taps[taps.len() / 2]], name);
                logits.push((options.isa, batch, found[0].data.clone()));
            }
        }
        // Bit for bit the same whatever the threads.
        for (isa, batch, data) in &logits {
            let same = logits.iter().filter(|other| (other.0, other.1) == (*isa, *batch));
            assert!(same.into_iter().all(|other| other.2 == *data), "{name} {isa:?}");
        }
    }
}
