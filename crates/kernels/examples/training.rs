//! What a training step of a network spends in the kernels, layer by layer.
//!
//!     cargo run --release -p efficientnet-kernels --example training -- batch=8 network=efficientnet-b0
//!
//! Further `key=value`: `rounds` (times are the shortest of so many), `isa`, `only` (a part of a line's name). The number of threads is
//! `RAYON_NUM_THREADS`. Layers of one shape are timed once and counted as often as they occur. Each is timed by itself, with
//! its inputs where the caches have left them: a step also allocates its tensors, which this does not show.

use std::collections::HashMap;
use std::error::Error;
use std::time::Instant;

use efficientnet_arch::{self as arch, ArchSpec, Layer, LayerOp};
use efficientnet_kernels::training::{self, Convolution, NormAct, RmspropTf};
use efficientnet_kernels::{Activation, Isa};

/// A line of the table: the same work, so often in a step.
struct Line {
    name: String,
    times: usize,
    /// Seconds, multiply-adds and bytes read and written of each pass.
    passes: Vec<(&'static str, f64, f64, f64)>,
}

struct Bench {
    batch: usize,
    rounds: usize,
    only: String,
    lines: Vec<Line>,
}

impl Bench {
    /// Times the passes of a layer unless it was timed already.
    fn layer(&mut self, name: String, passes: impl FnOnce(&Self) -> Vec<(&'static str, f64, f64, f64)>) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.name == name) {
            line.times += 1;
        } else if name.contains(&self.only) {
            let passes = passes(self);
            self.lines.push(Line { name, times: 1, passes });
        }
    }

    /// The shortest of some runs, in seconds.
    fn time(&self, mut work: impl FnMut()) -> f64 {
        work();
        let once = || {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        };
        std::iter::repeat_with(once).take(self.rounds).fold(f64::INFINITY, f64::min)
    }

    fn convolution(&mut self, layer: &Layer, same: bool) {
        let LayerOp::Conv { kernel, stride, groups, .. } = layer.op else { return };
        let ([in_channels, height, width], [out_channels, rows, _]) = (layer.input, layer.output);
        let padding = if same {
            let total = ((rows - 1) * stride + kernel).saturating_sub(height);
            [total / 2, total - total / 2, total / 2, total - total / 2]
        } else {
            [kernel / 2; 4]
        };
        let batch = self.batch;
        let conv = Convolution {
            batch,
            in_channels,
            out_channels,
            groups,
            height,
            width,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding,
        };
        let kind = if groups > 1 { "depthwise" } else { "conv" };
        let name = format!("{kind} {kernel}x{kernel}/{stride} {in_channels}-{out_channels}, {height} px");
        self.layer(name, |bench| {
            let [rows, cols] = conv.output_size();
            let x = numbers(batch * in_channels * height * width);
            let dy = numbers(batch * out_channels * rows * cols);
            let weight = numbers(conv.weight_len());
            let macs = (dy.len() * conv.weight_len() / out_channels) as f64;
            let bytes = 4.0 * (x.len() + dy.len() + weight.len()) as f64;
            let [mut y, mut dx, mut dw] = [&dy, &x, &weight].map(|like| vec![0.0; like.len()]);
            let mut passes = vec![("forward", bench.time(|| conv.forward(&x, &weight, &mut y)), macs, bytes)];
            if in_channels > 3 {
                // The image has no gradient.
                passes.push(("dx", bench.time(|| conv.input_gradient(&dy, &weight, &mut dx)), macs, bytes));
            }
            passes.push(("dw", bench.time(|| conv.weight_gradient(&x, &dy, &mut dw)), macs, bytes));
            passes
        });
    }

    fn norm(&mut self, [channels, height, width]: arch::Shape, activation: Activation) {
        let norm = NormAct { batch: self.batch, channels, pixels: height * width, epsilon: 1e-3, activation };
        self.layer(format!("norm + {activation:?}, {channels} x {height} px"), |bench| {
            let len = norm.count() * channels;
            let (x, dy) = (numbers(len), numbers(len));
            let (gamma, beta) = (numbers(channels), numbers(channels));
            let [mut mean, mut variance, mut dgamma, mut dbeta] = [0; 4].map(|_| vec![0.0; channels]);
            let [mut y, mut dx] = [0; 2].map(|_| vec![0.0; len]);
            let forward = bench.time(|| norm.forward(&x, &gamma, &beta, &mut y, &mut mean, &mut variance));
            let backward = bench.time(|| {
                norm.backward(&x, &dy, &gamma, &beta, &mean, &variance, &mut dx, &mut dgamma, &mut dbeta)
            });
            // What comes from memory where a channel stays in the second cache between its two passes.
            vec![("forward", forward, 0.0, 8.0 * len as f64), ("backward", backward, 0.0, 12.0 * len as f64)]
        });
    }

    fn gate(&mut self, [channels, height, width]: arch::Shape) {
        let (planes, pixels) = (self.batch * channels, height * width);
        self.layer(format!("gate, {channels} x {height} px"), |bench| {
            let (x, dy, gate) = (numbers(planes * pixels), numbers(planes * pixels), numbers(planes));
            let [mut y, mut dx] = [0; 2].map(|_| vec![0.0; x.len()]);
            let mut dgate = vec![0.0; planes];
            let forward = bench.time(|| training::scale_channels_forward(&x, &gate, &mut y));
            let backward =
                bench.time(|| training::scale_channels_backward(&x, &gate, &dy, &mut dx, &mut dgate));
            let bytes = 4.0 * x.len() as f64;
            vec![("forward", forward, 0.0, 2.0 * bytes), ("backward", backward, 0.0, 3.0 * bytes)]
        });
    }

    fn pool(&mut self, [channels, height, width]: arch::Shape) {
        let (planes, pixels) = (self.batch * channels, height * width);
        self.layer(format!("mean pool, {channels} x {height} px"), |bench| {
            let (x, dy) = (numbers(planes * pixels), numbers(planes));
            let (mut y, mut dx) = (vec![0.0; planes], vec![0.0; x.len()]);
            let forward = bench.time(|| training::mean_pool_forward(&x, &mut y));
            let backward = bench.time(|| training::mean_pool_backward(&dy, &mut dx));
            let bytes = 4.0 * x.len() as f64;
            vec![("forward", forward, 0.0, bytes), ("backward", backward, 0.0, bytes)]
        });
    }

    fn optimiser(&mut self, parameters: usize) {
        self.layer(format!("RMSProp, {parameters} weights"), |bench| {
            let step = RmspropTf {
                learning_rate: 0.01,
                decay: 0.9,
                momentum: 0.9,
                epsilon: 1e-3,
                weight_decay: 1e-5,
            };
            let [mut weight, mut square, mut momentum] = [0; 3].map(|_| vec![1.0; parameters]);
            let gradient = numbers(parameters);
            let time = bench.time(|| step.step(&mut weight, &gradient, &mut square, &mut momentum));
            vec![("step", time, 0.0, 28.0 * parameters as f64)]
        });
    }

    fn network(&mut self, spec: &ArchSpec) {
        let same = spec.padding == arch::Padding::Same;
        let layers = spec.layers();
        for (i, layer) in layers.iter().enumerate() {
            let next = layers.get(i + 1).map(|layer| layer.op);
            match layer.op {
                LayerOp::Conv { .. } => self.convolution(layer, same),
                LayerOp::BatchNorm if next == Some(LayerOp::Activation) => {
                    let activation = match spec.activation {
                        arch::Activation::Silu => Activation::Silu,
                        arch::Activation::Relu => Activation::Relu,
                        arch::Activation::Relu6 => Activation::Relu6,
                    };
                    self.norm(layer.output, activation);
                }
                LayerOp::BatchNorm => self.norm(layer.output, Activation::None),
                LayerOp::Gate => self.gate(layer.output),
                LayerOp::GlobalPool => self.pool(layer.input),
                _ => {}
            }
            // The pool in front of squeeze-and-excitation is not a layer of its own.
            if next == Some(LayerOp::Gate) {
                self.pool(layers[i + 1].output);
            }
        }
    }

    fn print(&self) {
        let mut sums: Vec<(String, f64)> = Vec::new();
        println!(
            "{:<44} {:>5}  {:<9} {:>9} {:>9} {:>7} {:>6}",
            "", "times", "", "ms each", "ms", "GFLOP/s", "GB/s"
        );
        for line in &self.lines {
            for &(pass, seconds, macs, bytes) in &line.passes {
                let all = seconds * 1e3 * line.times as f64;
                let (gflops, gigabytes) = (2e-9 * macs / seconds, 1e-9 * bytes / seconds);
                println!(
                    "{:<44} {:>5}  {pass:<9} {:>9.3} {all:>9.2} {gflops:>7.1} {gigabytes:>6.1}",
                    line.name,
                    line.times,
                    seconds * 1e3
                );
                let kind = line.name.split([',', '/']).next().unwrap_or_default();
                let kind = format!("{} {pass}", kind.trim_end_matches(" 3x3").trim_end_matches(" 5x5"));
                match sums.iter_mut().find(|sum| sum.0 == kind) {
                    Some(sum) => sum.1 += all,
                    None => sums.push((kind, all)),
                }
            }
        }
        println!();
        for (kind, all) in &sums {
            println!("{kind:<44} {all:>9.2} ms");
        }
        println!("{:<44} {:>9.2} ms", "sum", sums.iter().map(|sum| sum.1).sum::<f64>());
    }
}

/// Numbers by rule between -1 and 1.
fn numbers(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| (i.wrapping_mul(0x9E37_79B9) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: HashMap<String, String> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.split_once('=').map(|(key, value)| (key.into(), value.into())))
        .collect();
    let text = |key: &str, default: &str| arguments.get(key).map_or(default, |text| text).to_owned();
    let spec = ArchSpec::named(&text("network", "efficientnet-b0"))?;
    let isa: Isa = match arguments.get("isa") {
        Some(name) => name.parse()?,
        None => training::isa()?,
    };
    let (batch, rounds) = (text("batch", "8").parse()?, text("rounds", "7").parse()?);
    let mut bench = Bench { batch, rounds, only: text("only", ""), lines: Vec::new() };
    training::with_isa(isa, || {
        bench.network(&spec);
        bench.optimiser(spec.count().map_or(0, |counts| counts.params as usize));
    })?;
    println!("{}, {} px, batch {batch}, {isa}", spec.name, spec.resolution());
    bench.print();
    Ok(())
}
