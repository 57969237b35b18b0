//! `efficientnet measure`: one network on one device, timed in this process alone.
//!
//! `cargo xtask compare` starts a fresh process of this for every row of its report, so that no measurement pays for
//! another's caches, memory or tuned kernels. A run ends with reading the logits back: that is what a user waits for, and
//! lazy backends compute nothing before.

use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use efficientnet_arch::{ArchSpec, Coefficients};
use efficientnet_data::npy::{self, Array};
use efficientnet_model::Network;
use efficientnet_weights::{Weights, synthetic};
use serde::Serialize;

use crate::args::MeasureArgs;
use crate::engine::timed;
use crate::error::CliError;
use crate::timing::{milliseconds, percentile, repeat};
use crate::{Outcome, interrupt, loading, output};

#[derive(Serialize)]
struct Measurement {
    model: String,
    device: String,
    device_description: String,
    batch: usize,
    resolution: usize,
    params: u64,
    macs: u64,
    threads: usize,
    load_ms: f64,
    first_call_ms: f64,
    warmup_runs: usize,
    runs: usize,
    median_ms: f64,
    min_ms: f64,
    p10_ms: f64,
    p90_ms: f64,
    images_per_second: f64,
    peak_rss_bytes: Option<u64>,
    agreement: Option<Agreement>,
}

/// How near the logits are to another device's.
#[derive(Serialize)]
struct Agreement {
    reference: String,
    /// Largest absolute difference of two logits.
    max_abs: f64,
    /// The same over the largest absolute logit of the reference.
    max_rel: f64,
    /// Images whose first class is the same.
    top1_same: usize,
    images: usize,
}

pub fn run(args: &MeasureArgs) -> Outcome {
    interrupt::listen();
    let device = efficientnet_backend::device(&args.device)?;
    let started = Instant::now();
    let (network, input) = prepare(args, &device)?;
    let load_ms = milliseconds(started.elapsed());

    let reference = args.reference.as_deref().map(|path| npy::read(path, 2)).transpose()?;
    let (logits, first) = timed(&network, &input)?;
    let mut pass = || Ok(timed(&network, &input)?.1);
    let warmup = repeat(args.warmup_seconds, 0, &mut pass)?;
    let mut times = repeat(args.seconds, 3, &mut pass)?;
    times.sort_by(f64::total_cmp);

    let spec = network.spec();
    let counts = spec.count()?;
    let median_ms = percentile(&times, 0.5);
    let measurement = Measurement {
        model: spec.name.clone(),
        device: args.device.clone(),
        device_description: efficientnet_backend::description(&device),
        batch: args.batch,
        resolution: input.dims()[3],
        params: counts.params,
        macs: counts.macs,
        threads: efficientnet_backend::threads(),
        load_ms,
        first_call_ms: first,
        warmup_runs: warmup.len(),
        runs: times.len(),
        median_ms,
        min_ms: percentile(&times, 0.0),
        p10_ms: percentile(&times, 0.1),
        p90_ms: percentile(&times, 0.9),
        images_per_second: args.batch as f64 * 1e3 / median_ms,
        peak_rss_bytes: peak_memory(),
        agreement: reference.map(|reference| agreement(args, &logits, &reference)).transpose()?,
    };
    if let Some(path) = &args.out {
        npy::write(path, &logits)?;
    }
    if args.json { output::json(&measurement) } else { output::text(&measurement.text()) }
}

/// The network and its input, on the device.
fn prepare(args: &MeasureArgs, device: &Device) -> Result<(Network, Tensor<4>), CliError> {
    let spec = at_resolution(ArchSpec::named(&args.model)?, args.resolution)?;
    let (weights, transform) = match &args.weights {
        Some(source) => {
            let loaded = loading::weights(source, None, Some(&args.model))?;
            let transform = loaded.transform()?;
            (loaded.weights, Some(transform))
        }
        None => {
            let rule = |tensor: &efficientnet_arch::TensorSpec| {
                synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape)
            };
            (Weights::from_tensors(spec.clone(), rule), None)
        }
    };
    let network = Network::from_weights(weights, device)?;
    let channels = network.spec().in_channels;
    let (values, [height, width]) = match (&args.images, transform) {
        (Some(folder), Some(transform)) => {
            loading::input_shape(network.spec(), &transform)?;
            (loading::images(folder, &transform, args.batch)?, transform.output_size())
        }
        _ => {
            let side = spec.resolution();
            (synthetic::input("input.0", [args.batch, channels, side, side]), [side, side])
        }
    };
    let data = TensorData::new(values, [args.batch, channels, height, width]);
    Ok((network, Tensor::from_data(data, device)))
}

fn at_resolution(spec: ArchSpec, resolution: Option<usize>) -> Result<ArchSpec, CliError> {
    let own = spec.coefficients;
    let resolution = resolution.unwrap_or(own.resolution);
    Ok(spec.rescaled(Coefficients { resolution, ..own })?)
}

fn agreement(args: &MeasureArgs, found: &Array, reference: &Array) -> Result<Agreement, CliError> {
    let path = args.reference.as_deref().map_or(String::new(), |path| path.display().to_string());
    if found.shape != reference.shape {
        let sentence = format!("{path} has logits of {:?}, this run has {:?}", reference.shape, found.shape);
        return Err(CliError::Usage(sentence));
    }
    let pairs = || found.values.iter().zip(&reference.values).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let max_abs = pairs().map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let scale = pairs().map(|(_, b)| b.abs()).fold(f64::MIN_POSITIVE, f64::max);
    let classes = found.shape[1];
    let first = |array: &Array| -> Vec<usize> {
        array.values.chunks(classes).map(|row| loading::best(row, 1)[0]).collect()
    };
    let top1_same = first(found).iter().zip(first(reference)).filter(|(a, b)| **a == *b).count();
    Ok(Agreement { reference: path, max_abs, max_rel: max_abs / scale, top1_same, images: found.shape[0] })
}

/// Most memory that this process ever held, where the system tells without a foreign call.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

impl Measurement {
    fn text(&self) -> String {
        let mut lines = vec![
            format!("{} on {} ({}), batch {}", self.model, self.device, self.device_description, self.batch),
            format!(
                "median      {:>10.2} ms   (10 % {:.2}, 90 % {:.2}, {} runs)",
                self.median_ms, self.p10_ms, self.p90_ms, self.runs
            ),
            format!("throughput  {:>10.2} images a second", self.images_per_second),
            format!("first call  {:>10.2} ms   (loading {:.2})", self.first_call_ms, self.load_ms),
        ];
        lines.extend(
            self.peak_rss_bytes
                .map(|bytes| format!("peak memory {:>10.1} MiB", bytes as f64 / (1 << 20) as f64)),
        );
        lines.extend(self.agreement.as_ref().map(|a| {
            format!(
                "agreement   {:>10.1e} relative, {} of {} first classes the same",
                a.max_rel, a.top1_same, a.images
            )
        }));
        lines.join("\n")
    }
}
