//! `efficientnet measure`: one network on one device, timed in this process alone.
//!
//! `cargo xtask compare` starts a fresh process of this for every row of its report, so that no measurement pays for
//! another's caches, memory or tuned kernels; so does `cargo xtask bench --peers`, with `--compiled`, beside processes of other
//! libraries. A run ends with reading the logits back: that is what a user waits for, and lazy backends compute nothing
//! before.

mod layers;

use std::time::Instant;

use burn::tensor::{Tensor, TensorData};
use efficientnet_arch::{ArchSpec, Coefficients, TensorSpec};
use efficientnet_backend::{Backend, DeviceName};
use efficientnet_data::Transform;
use efficientnet_data::npy::{self, Array};
use efficientnet_model::{CompiledNetwork, Network, Roofline};
use efficientnet_weights::{Weights, synthetic};
use serde::Serialize;

use self::layers::Layers;
use crate::args::MeasureArgs;
use crate::error::CliError;
use crate::timing::{milliseconds, percentile, repeat};
use crate::{Outcome, engine, interrupt, loading, output};

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
    layers: Option<Layers>,
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
    let started = Instant::now();
    let subject = Subject::new(args)?;
    let load_ms = milliseconds(started.elapsed());

    let reference = args.reference.as_deref().map(|path| npy::read(path, 2)).transpose()?;
    let (logits, first) = subject.timed()?;
    let mut pass = || Ok(subject.timed()?.1);
    let warmup = repeat(args.warmup_seconds, 0, &mut pass)?;
    let mut times = repeat(args.seconds, 3, &mut pass)?;
    times.sort_by(f64::total_cmp);

    let spec = subject.spec();
    let [batch, _, _, resolution] = subject.input_shape();
    let counts = at_resolution(spec.clone(), Some(resolution))?.count()?;
    let median_ms = percentile(&times, 0.5);
    let peak_rss_bytes = peak_memory();
    // Measuring memory takes memory, so it comes last.
    let roofline = if args.layers { subject.roofline(args.seconds, median_ms)? } else { None };
    let measurement = Measurement {
        model: spec.name.clone(),
        device: args.device.clone(),
        device_description: subject.description(),
        batch,
        resolution,
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
        images_per_second: batch as f64 * 1e3 / median_ms,
        peak_rss_bytes,
        agreement: reference.map(|reference| agreement(args, &logits, &reference)).transpose()?,
        layers: roofline.as_ref().map(Layers::new),
    };
    if let Some(path) = &args.out {
        npy::write(path, &logits)?;
    }
    match (args.json, roofline) {
        (true, _) => output::json(&measurement),
        (false, None) => output::text(&measurement.text()),
        (false, Some(roofline)) => output::text(&format!("{}\n\n{roofline}", measurement.text())),
    }
}

/// What is timed, with its input where it reads it.
enum Subject {
    /// Burn's modules on a device.
    Burn(Box<(Network, Tensor<4>)>),
    /// The network that `predict` and `eval` run on the CPU.
    Compiled(Box<CompiledNetwork>, Array),
}

impl Subject {
    fn new(args: &MeasureArgs) -> Result<Self, CliError> {
        let name: DeviceName = args.device.parse()?;
        if args.compiled && name.backend != Backend::Flex {
            let sentence =
                format!("--compiled is a network on the CPU: write --device flex, not {}", args.device);
            return Err(CliError::Usage(sentence));
        }
        if args.layers && !args.compiled {
            let sentence = "--layers are the steps of the compiled network: write --compiled, too";
            return Err(CliError::Usage(sentence.to_string()));
        }
        let device = efficientnet_backend::open(name, &args.device)?;
        let (weights, transform) = weights(args)?;
        let input = input(args, weights.spec(), transform.as_ref())?;
        if args.compiled {
            let network = engine::compile(weights, args.int8.as_deref())?;
            return Ok(Self::Compiled(Box::new(network), input));
        }
        let network = Network::from_weights(weights, &device)?;
        let data = TensorData::new(input.values, input.shape);
        Ok(Self::Burn(Box::new((network, Tensor::from_data(data, &device)))))
    }

    fn spec(&self) -> &ArchSpec {
        match self {
            Self::Burn(burn) => burn.0.spec(),
            Self::Compiled(network, _) => network.spec(),
        }
    }

    /// `[batch, channels, height, width]`.
    fn input_shape(&self) -> [usize; 4] {
        match self {
            Self::Burn(burn) => burn.1.dims(),
            Self::Compiled(_, Array { shape, .. }) => [shape[0], shape[1], shape[2], shape[3]],
        }
    }

    /// Logits, and the milliseconds from the call to the logits in hand.
    fn timed(&self) -> Result<(Array, f64), CliError> {
        match self {
            Self::Burn(burn) => engine::timed(&burn.0, &burn.1),
            Self::Compiled(network, input) => {
                let started = Instant::now();
                let logits = engine::compiled(network, &input.values, self.input_shape())?;
                Ok((logits, milliseconds(started.elapsed())))
            }
        }
    }

    /// Each step of the first image beside its bounds, repeated for about `seconds`, but not without end; none where
    /// there are no steps.
    fn roofline(&self, seconds: f64, batch_ms: f64) -> Result<Option<Roofline>, CliError> {
        let Self::Compiled(network, input) = self else { return Ok(None) };
        let [batch, channels, height, width] = self.input_shape();
        let repeats = (seconds * 1e3 * batch as f64 / batch_ms).clamp(3.0, 100.0) as usize;
        let Some(image) = input.values.get(..channels * height * width) else { return Ok(None) };
        Ok(Some(network.roofline(image, [height, width], repeats)?))
    }

    /// What computes, for a reader.
    fn description(&self) -> String {
        match self {
            Self::Burn(burn) => efficientnet_backend::description(&burn.1.device()),
            Self::Compiled(network, _) => format!("{network:?}"),
        }
    }
}

/// The weights that were asked for, with the transform that they imply, or made-up ones.
fn weights(args: &MeasureArgs) -> Result<(Weights, Option<Transform>), CliError> {
    if let Some(source) = &args.weights {
        let loaded = loading::weights(source, None, Some(&args.model))?;
        let transform = loaded.transform()?;
        return Ok((loaded.weights, Some(transform)));
    }
    let rule = |tensor: &TensorSpec| synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape);
    Ok((Weights::from_tensors(named(args)?, rule), None))
}

/// The images: an array's, a folder's, or made-up ones.
fn input(args: &MeasureArgs, spec: &ArchSpec, transform: Option<&Transform>) -> Result<Array, CliError> {
    if let Some(path) = &args.input {
        let array = npy::read(path, 4)?;
        loading::check_input(&array, path, spec)?;
        return Ok(array);
    }
    let (values, [height, width]) = match (&args.images, transform) {
        (Some(folder), Some(transform)) => {
            loading::input_shape(spec, transform)?;
            (loading::images(folder, transform, args.batch)?, transform.output_size())
        }
        _ => {
            let side = named(args)?.resolution();
            (synthetic::input("input.0", [args.batch, spec.in_channels, side, side]), [side, side])
        }
    };
    Ok(Array { shape: vec![args.batch, spec.in_channels, height, width], values })
}

/// The network of that name, at the resolution that was asked for or its own.
fn named(args: &MeasureArgs) -> Result<ArchSpec, CliError> {
    at_resolution(ArchSpec::named(&args.model)?, args.resolution)
}

/// The same network for images of that side.
fn at_resolution(spec: ArchSpec, resolution: Option<usize>) -> Result<ArchSpec, CliError> {
    let own = spec.coefficients;
    match resolution {
        Some(resolution) if resolution != own.resolution => {
            Ok(spec.rescaled(Coefficients { resolution, ..own })?)
        }
        _ => Ok(spec),
    }
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
