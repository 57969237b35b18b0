//! Whether products of bytes pay for 1x1 convolutions on a processor with AVX2 and without dot products of bytes (VNNI).
//!
//!     cargo run --release -p efficientnet-kernels --example int8 -- efficientnet-lite0 mobilenetv2
//!
//! Every 1x1 convolution of the networks, one image, one thread: the crate's own product in f32 beside three of bytes
//! (`product.rs`), in turn, medians; `rounds=40` sets how often. Those that a depthwise convolution follows go a few rows
//! at a time, which stay in the second cache, for a network never stores their maps. Then what the whole network would
//! take if these were in bytes; adding the shortcuts in bytes is not in it.

#[cfg(target_arch = "x86_64")]
mod network;
#[cfg(target_arch = "x86_64")]
mod product;

#[cfg(target_arch = "x86_64")]
mod timed {
    use std::error::Error;
    use std::time::Instant;

    use efficientnet_kernels::{Images, Plan, PlanError};

    use crate::network::{Layer, Network, Random};
    use crate::product::{Product, Scheme, convert};

    /// One layer's product of bytes, and its maps.
    struct Bytes {
        product: Product,
        /// What the step before would write; copied before each run, so that it lies where a fresh map would.
        fresh: Vec<u8>,
        input: Vec<u8>,
        output: Vec<u8>,
    }

    impl Bytes {
        /// Weights and activations over their whole range, held against the exact product once.
        fn new(scheme: Scheme, layer: &Layer) -> Self {
            let mut random = Random(layer.macs() as u64);
            let (weight, top) = scheme.largest();
            let mut weights: Vec<i8> = (0..layer.k * layer.n)
                .map(|_| ((random.bits() % (2 * weight as u64 + 1)) as i16 - i16::from(weight)) as i8)
                .collect();
            if scheme == Scheme::Pairs {
                for pair in weights.chunks_exact_mut(2) {
                    let first = i16::from(pair[0]);
                    pair[1] = i16::from(pair[1]).clamp(-128 - first.min(0), 128 - first.max(0)) as i8;
                }
            }
            let mut fresh: Vec<u8> = (0..layer.k * layer.side * layer.side)
                .map(|_| (random.bits() % (u64::from(top) + 1)) as u8)
                .collect();
            // The first pixel is where sums of 16 bits would overflow.
            fresh[..layer.k].fill(top);
            // The zero point of what comes in, and sums spread over the range of what comes out.
            let zero = f32::from(top / 2);
            let spread = f32::from(weight) * zero * (layer.k as f32).sqrt() / 3.0;
            let scale: Vec<f32> = random
                .floats(layer.n, 0.2)
                .iter()
                .map(|x| (1.0 + x) * f32::from(top) / (4.0 * spread))
                .collect();
            let offset = weights
                .chunks_exact(layer.k)
                .zip(&scale)
                .map(|(row, scale)| {
                    let sum: i32 = row.iter().map(|&w| i32::from(w)).sum();
                    let bias = if layer.act { 10.0 } else { zero };
                    bias - zero * scale * sum as f32
                })
                .collect();
            let mut product = Product::new(scheme, &weights, [layer.k, layer.n], scale, offset);
            let mut output = vec![0; layer.n * layer.side * layer.side];
            // SAFETY: `main` has asked for the instructions.
            unsafe { product.run(&fresh, &mut output) };
            assert!(output == product.naive(&weights, &fresh), "{scheme:?} differs for {}", layer.name);
            Self { product, input: fresh.clone(), fresh, output }
        }

        /// In us, for these many numbers in and out.
        fn time(&mut self, [before, after]: [usize; 2]) -> f64 {
            self.input[..before].copy_from_slice(&self.fresh[..before]);
            let start = Instant::now();
            // SAFETY: `main` has asked for the instructions.
            unsafe { self.product.run(&self.input[..before], &mut self.output[..after]) };
            start.elapsed().as_secs_f64() * 1e6
        }
    }

    fn median(times: &mut [f64]) -> f64 {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }

    fn least(times: &mut [f64]) -> f64 {
        times.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Each step of a run, in us.
    fn steps(plan: &Plan, data: &[f32], height: usize, width: usize) -> Result<Vec<f64>, PlanError> {
        let times = plan.step_times(Images { data, batch: 1, height, width })?;
        Ok(times.iter().map(|time| time.as_secs_f64() * 1e6).collect())
    }

    /// What was timed, each as often as there were rounds.
    struct Times {
        /// f32 and the three schemes, of each 1x1 convolution.
        layers: Vec<[Vec<f64>; 4]>,
        /// Each step of the whole network in f32.
        steps: Vec<Vec<f64>>,
        /// Bytes to f32 and back around all depthwise convolutions.
        conversions: Vec<f64>,
    }

    fn measure(network: &Network, rounds: usize) -> Result<Times, PlanError> {
        let plans = network.layers.iter().map(Layer::plan).collect::<Result<Vec<_>, _>>()?;
        let mut bytes: Vec<_> =
            network.layers.iter().map(|layer| Scheme::ALL.map(|scheme| Bytes::new(scheme, layer))).collect();
        let side = network.side;
        let image = Random(5).floats(3 * side * side, 2.0);
        let largest = network.depthwise.iter().flatten().max().copied().unwrap_or(0);
        let (from, mut to) = (vec![7; largest], vec![0; largest]);
        let mut times = Times {
            layers: vec![[const { Vec::new() }; 4]; network.layers.len()],
            steps: vec![Vec::new(); steps(&network.plan, &image, side, side)?.len()],
            conversions: Vec::new(),
        };
        for _ in 0..rounds {
            // All layers in a round, so that their weights come from where they would in a network.
            for (i, layer) in network.layers.iter().enumerate() {
                let (rows, side) = (layer.rows(), layer.side);
                let repeats = side.div_ceil(rows);
                let share = side as f64 / (rows * repeats) as f64;
                let mut sum = 0.0;
                for _ in 0..repeats {
                    let all = steps(&plans[i], &image[..rows * side], rows, side)?;
                    sum += share * all.last().copied().unwrap_or(0.0);
                }
                times.layers[i][0].push(sum);
                for (bytes, times) in bytes[i].iter_mut().zip(&mut times.layers[i][1..]) {
                    let lengths = [layer.k, layer.n].map(|channels| channels * rows * side);
                    times.push((0..repeats).map(|_| share * bytes.time(lengths)).sum());
                }
            }
            for (times, time) in times.steps.iter_mut().zip(steps(&network.plan, &image, side, side)?) {
                times.push(time);
            }
            let start = Instant::now();
            for &[before, after] in &network.depthwise {
                // SAFETY: `main` has asked for the instructions.
                unsafe { convert(&from[..before], &mut to[..after], 0.02) };
            }
            times.conversions.push(start.elapsed().as_secs_f64() * 1e6);
        }
        Ok(times)
    }

    fn row(name: &str, macs: usize, times: [f64; 4]) {
        let speed = |time: f64| 2e-3 * macs as f64 / time;
        print!("{name:<24}{:>8.2} |{:>7.0}{:>7.1}", macs as f64 / 1e6, times[0], speed(times[0]));
        for time in &times[1..] {
            print!(" |{time:>7.0}{:>7.1}{:>6.2}", speed(*time), time / times[0]);
        }
        println!();
    }

    pub fn network(name: &str, rounds: usize) -> Result<(), Box<dyn Error>> {
        let model = efficientnet_arch::models().iter().find(|model| model.name == name);
        let spec = model.ok_or(format!("no network has the name {name}"))?.spec();
        if spec.blocks().any(|block| block.se.is_some() || block.units.len() == 1) {
            return Err(format!("{name} has more than depthwise and 1x1 convolutions").into());
        }
        let network = Network::new(&spec)?;
        let mut times = measure(&network, rounds)?;
        println!("{name}, {} px, one image, one thread, medians of {rounds}\n", network.side);
        print!("{:<24}{:>8} |{:>14}", "1x1 convolution", "", "f32");
        println!("{}", Scheme::NAMES.map(|name| format!(" |{name:>20}")).concat());
        print!("{:<24}{:>8} |{:>7}{:>7}", "", "M mults", "us", "GOP/s");
        println!("{}", format!(" |{:>7}{:>7}{:>6}", "us", "GOP/s", "ratio").repeat(3));
        for (layer, times) in network.layers.iter().zip(&mut times.layers) {
            row(&layer.name, layer.macs(), std::array::from_fn(|i| median(&mut times[i])));
        }
        let macs = network.layers.iter().map(Layer::macs).sum();
        for (name, of) in [("medians", median as fn(&mut [f64]) -> f64), ("the least", least)] {
            let sums: [f64; 4] =
                std::array::from_fn(|i| times.layers.iter_mut().map(|times| of(&mut times[i])).sum());
            row(&format!("all, {name}"), macs, sums);
            // Step by step, for a whole run is seldom left alone by other work. The last one is the classifier.
            let steps: Vec<f64> = times.steps.iter_mut().map(|times| of(times)).collect();
            let (whole, classifier) = (steps.iter().sum::<f64>(), steps.last().copied().unwrap_or(0.0));
            let conversions = of(&mut times.conversions);
            println!(
                "  the network: {whole:.0} us in f32; {conversions:.0} us for conversions around depthwise convolutions"
            );
            println!(
                "  1x1 in bytes: all else as it is | were conversions free | were all but the classifier free"
            );
            for (name, product) in Scheme::NAMES.iter().zip(&sums[1..]) {
                let free = whole - sums[0] + product;
                print!("  {name:<22}");
                for time in [free + conversions, free, product + classifier] {
                    print!("{time:>8.0} us ({:.2})", time / whole);
                }
                println!();
            }
        }
        println!();
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        let mut rounds = 40_usize;
        let mut names = Vec::new();
        for argument in std::env::args().skip(1) {
            match argument.strip_prefix("rounds=") {
                Some(number) => rounds = number.parse()?,
                None => names.push(argument),
            }
        }
        if names.is_empty() {
            names = ["efficientnet-lite0", "mobilenetv2"].map(String::from).into();
        }
        return names.iter().try_for_each(|name| timed::network(name, rounds.max(1)));
    }
    println!("This measures a product of bytes for x86-64 with AVX2, which this processor lacks.");
    Ok(())
}
