//! EfficientNet-B0 as a plan, timed.
//!
//!     cargo run --release -p efficientnet-kernels --example b0 -- threads=2 batch=1 size=224
//!
//! Further `key=value`: `seconds` to measure for, `isa`, `profile=1` for a table of the steps beside their bounds,
//! `weights` (a file of f32, the folded tensors in the order in which they are asked for here), `input` (a file of f32),
//! `logits` (a file to write).
//! Beside other libraries it is timed by `cargo xtask bench --peers`.

use std::collections::HashMap;
use std::error::Error;
use std::time::Instant;

use efficientnet_kernels::{
    Activation, Conv, Images, Options, Padding, Plan, PlanBuilder, PlanError, Residual, ResidualOrder,
    SqueezeExcite, Value,
};

/// Kernel, stride, expansion, channels, repeats: table 1 of the EfficientNet paper.
const STAGES: [[usize; 5]; 7] = [
    [3, 1, 1, 16, 1],
    [3, 2, 6, 24, 2],
    [5, 2, 6, 40, 2],
    [3, 2, 6, 80, 3],
    [5, 1, 6, 112, 3],
    [5, 2, 6, 192, 4],
    [3, 1, 6, 320, 1],
];

/// Numbers from a file, one tensor after the other, or drawn by rule.
struct Tensors {
    file: Option<Vec<f32>>,
    at: usize,
    state: u64,
}

impl Tensors {
    fn open(path: Option<&String>) -> Result<Self, std::io::Error> {
        Ok(Self { file: path.map(|path| read(path)).transpose()?, at: 0, state: 1 })
    }

    /// A tensor of `len` numbers; drawn ones lie between `-spread` and `spread`.
    fn take(&mut self, len: usize, spread: f32) -> Vec<f32> {
        self.at += len;
        match &self.file {
            Some(numbers) => numbers[self.at - len..self.at].to_vec(),
            None => (0..len).map(|_| self.draw() * spread).collect(),
        }
    }

    /// Between -1 and 1 (splitmix64).
    fn draw(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Builds the network layer by layer.
struct Network {
    builder: PlanBuilder,
    tensors: Tensors,
}

impl Network {
    fn conv(
        &mut self,
        from: Value,
        [out_channels, kernel, stride, groups]: [usize; 4],
        activation: Activation,
        residual: Option<Value>,
    ) -> Result<Value, PlanError> {
        let fan_in = self.builder.channels(from)? / groups * kernel * kernel;
        let weight = self.tensors.take(out_channels * fan_in, 1.7 / (fan_in as f32).sqrt());
        let bias = self.tensors.take(out_channels, 0.1);
        let conv = Conv {
            out_channels,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: Padding::all(kernel / 2),
            groups,
            weight: &weight,
            bias: &bias,
            activation,
            residual: residual.map(|value| Residual { value, order: ResidualOrder::AfterActivation }),
        };
        self.builder.conv(from, &conv)
    }

    fn squeeze_excite(&mut self, from: Value, squeezed: usize) -> Result<Value, PlanError> {
        let channels = self.builder.channels(from)?;
        let (reduce_weight, reduce_bias) =
            (self.tensors.take(squeezed * channels, 0.1), self.tensors.take(squeezed, 0.1));
        let (expand_weight, expand_bias) =
            (self.tensors.take(squeezed * channels, 0.1), self.tensors.take(channels, 0.1));
        let op = SqueezeExcite {
            squeezed,
            reduce_weight: &reduce_weight,
            reduce_bias: &reduce_bias,
            activation: Activation::Silu,
            expand_weight: &expand_weight,
            expand_bias: &expand_bias,
            gate: Activation::Sigmoid,
        };
        self.builder.squeeze_excite(from, &op)
    }

    fn block(&mut self, x: Value, [kernel, stride, expand, out, _]: [usize; 5]) -> Result<Value, PlanError> {
        let channels = self.builder.channels(x)?;
        let wide = channels * expand;
        let mut y = x;
        if expand > 1 {
            y = self.conv(y, [wide, 1, 1, 1], Activation::Silu, None)?;
        }
        y = self.conv(y, [wide, kernel, stride, wide], Activation::Silu, None)?;
        y = self.squeeze_excite(y, channels / 4)?;
        let residual = (stride == 1 && channels == out).then_some(x);
        self.conv(y, [out, 1, 1, 1], Activation::None, residual)
    }
}

fn b0(options: Options, tensors: Tensors) -> Result<Plan, PlanError> {
    let mut network = Network { builder: PlanBuilder::new(3, options)?, tensors };
    let image = network.builder.input();
    let mut x = network.conv(image, [32, 3, 2, 1], Activation::Silu, None)?;
    for stage in STAGES {
        for repeat in 0..stage[4] {
            let stride = if repeat == 0 { stage[1] } else { 1 };
            x = network.block(x, [stage[0], stride, stage[2], stage[3], 1])?;
        }
    }
    x = network.conv(x, [1280, 1, 1, 1], Activation::Silu, None)?;
    x = network.builder.global_average_pool(x)?;
    x = network.conv(x, [1000, 1, 1, 1], Activation::None, None)?;
    network.builder.build(&[x])
}

fn read(path: &str) -> Result<Vec<f32>, std::io::Error> {
    let bytes = std::fs::read(path)?;
    let (numbers, _) = bytes.as_chunks::<4>();
    Ok(numbers.iter().map(|&number| f32::from_le_bytes(number)).collect())
}

/// Peak memory of this process in MiB, where the system says.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: HashMap<String, String> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.split_once('=').map(|(key, value)| (key.into(), value.into())))
        .collect();
    let number = |key: &str, default: f64| arguments.get(key).map_or(Ok(default), |value| value.parse());
    let (batch, size) = (number("batch", 1.0)? as usize, number("size", 224.0)? as usize);
    let options = Options {
        threads: number("threads", 1.0)? as usize,
        isa: arguments.get("isa").map(|isa| isa.parse()).transpose()?,
        ..Options::default()
    };
    let plan = b0(options, Tensors::open(arguments.get("weights"))?)?;
    let mut data = match arguments.get("input") {
        Some(path) => read(path)?,
        None => Tensors::open(None)?.take(batch * 3 * size * size, 2.0),
    };
    data.truncate(batch * 3 * size * size);
    let images = Images { data: &data, batch, height: size, width: size };
    let logits = plan.run(images)?;
    if let Some(path) = arguments.get("logits") {
        std::fs::write(path, logits[0].data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())?;
    }
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < number("seconds", 2.0)? || times.len() < 5 {
        let start = Instant::now();
        plan.run(images)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let quantile = |q: f64| times[((times.len() - 1) as f64 * q) as usize];
    println!(
        "isa={} threads={} batch={batch} size={size} runs={} median_ms={:.3} min_ms={:.3} p90_ms={:.3} peak_mib={:.1}",
        plan.isa(),
        plan.threads(),
        times.len(),
        quantile(0.5),
        times[0],
        quantile(0.9),
        peak_memory().unwrap_or(f64::NAN),
    );
    if arguments.contains_key("profile") {
        println!("{}", plan.roofline(images, 50)?);
    }
    Ok(())
}
