//! Whether products of bytes pay for 1x1 convolutions on a processor with AVX2 and without dot products of bytes (VNNI).
//!
//!     cargo run --release -p efficientnet-kernels --example int8 -- efficientnet-lite0 mobilenetv2
//!
//! `rounds=40` sets how often each layer is timed. Every 1x1 convolution of the networks, one image, one thread: the crate's own product in f32
//! beside three of bytes (`product.rs`), in turn, medians. Then what the whole network would take at best.

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
            let weights: Vec<i8> = (0..layer.k * layer.n)
                .map(|_| (random.bits() % (2 * weight as u64 + 1)) as i8 - weight)
                .collect();
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

        fn time(&mut self) -> f64 {
            self.input.copy_from_slice(&self.fresh);
            let start = Instant::now();
            // SAFETY: `main` has asked for the instructions.
            unsafe { self.product.run(&self.input, &mut self.output) };
            start.elapsed().as_secs_f64() * 1e6
        }
    }

    fn median(times: &mut [f64]) -> f64 {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }

    /// Each step of a run, in us.
    fn steps(plan: &Plan, channels: usize, side: usize, image: &[f32]) -> Result<Vec<f64>, PlanError> {
        let data = &image[..channels * side * side];
        let times = plan.step_times(Images { data, batch: 1, height: side, width: side })?;
        Ok(times.iter().map(|time| time.as_secs_f64() * 1e6).collect())
    }

    pub fn network(name: &str, rounds: usize) -> Result<(), Box<dyn Error>> {
        let model = efficientnet_arch::models().iter().find(|model| model.name == name);
        let network = Network::new(&model.ok_or(format!("no network has the name {name}"))?.spec())?;
        let plans = network.layers.iter().map(Layer::plan).collect::<Result<Vec<_>, _>>()?;
        let mut bytes: Vec<_> =
            network.layers.iter().map(|layer| Scheme::ALL.map(|scheme| Bytes::new(scheme, layer))).collect();
        let image = Random(5).floats(3 * network.side * network.side, 2.0);
        let largest = network.depthwise.iter().flatten().max().copied().unwrap_or(0);
        let (from, mut to) = (vec![7_u8; largest], vec![0_u8; largest]);
        // f32 and the three schemes, of each layer; the whole network, its steps without depthwise or 1x1 layers, conversions.
        let mut layers = vec![[const { Vec::new() }; 4]; network.layers.len()];
        let (mut whole, mut ends, mut conversions) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            // All layers in a round, so that their weights come from where they would in a network.
            for ((layer, plan), (bytes, times)) in
                network.layers.iter().zip(&plans).zip(bytes.iter_mut().zip(&mut layers))
            {
                times[0].push(steps(plan, 1, layer.side, &image)?.last().copied().unwrap_or(0.0));
                for (bytes, times) in bytes.iter_mut().zip(&mut times[1..]) {
                    times.push(bytes.time());
                }
            }
            let times = steps(&network.plan, 3, network.side, &image)?;
            whole.push(times.iter().sum());
            // The last two: the classifier, and the mean where it is a step.
            ends.push(times.last().copied().unwrap_or(0.0));
            let start = Instant::now();
            for &[before, after] in &network.depthwise {
                // SAFETY: `main` has asked for the instructions.
                unsafe { convert(&from[..before], &mut to[..after], 0.02) };
            }
            conversions.push(start.elapsed().as_secs_f64() * 1e6);
        }
        println!("{name}, {} px, one image, one thread, medians of {rounds}\n", network.side);
        println!(
            "{:<24}{:>8}{:>9}{:>7}   {}",
            "1x1 convolution",
            "M mults",
            "f32, us",
            "GOP/s",
            "us, GOP/s and ratio to f32: 7-bit weights; exact; both of 7 bits"
        );
        let mut sums = [0.0; 4];
        let mut macs = 0;
        let row = |name: &str, macs: usize, times: [f64; 4]| {
            let speed = |time: f64| 2e-3 * macs as f64 / time;
            print!("{name:<24}{:>8.2}{:>9.0}{:>7.1}", macs as f64 / 1e6, times[0], speed(times[0]));
            for time in &times[1..] {
                print!("{time:>9.0}{:>7.1}{:>6.2}", speed(*time), time / times[0]);
            }
            println!();
        };
        for (layer, times) in network.layers.iter().zip(&mut layers) {
            let times: [f64; 4] = std::array::from_fn(|i| median(&mut times[i]));
            row(&layer.name, layer.macs(), times);
            sums.iter_mut().zip(times).for_each(|(sum, time)| *sum += time);
            macs += layer.macs();
        }
        row("all 1x1 convolutions", macs, sums);
        let (whole, ends, conversions) = (median(&mut whole), median(&mut ends), median(&mut conversions));
        println!(
            "\nthe whole network in f32: {whole:.0} us; conversions around its depthwise convolutions: {conversions:.0} us"
        );
        for (scheme, product) in Scheme::ALL.iter().zip(&sums[1..]) {
            let free = whole - sums[0] + product;
            println!(
                "{scheme:?}: the whole network with bytes in its 1x1 convolutions {:.0} us ({:.2}), were conversions free \
                 {free:.0} us ({:.2}), were all but products and classifier free {:.0} us ({:.2})",
                free + conversions,
                (free + conversions) / whole,
                free / whole,
                product + ends,
                (product + ends) / whole,
            );
        }
        println!();
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        let mut rounds = 40;
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
        return names.iter().try_for_each(|name| timed::network(name, rounds));
    }
    println!("This measures a product of bytes for x86-64 with AVX2, which this processor lacks.");
    Ok(())
}
