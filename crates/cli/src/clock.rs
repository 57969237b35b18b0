//! The clock of a device: what networks take there, and what their steps take where they stand.
//!
//! On `flex` the compiled network is timed, since that is what `predict` and `eval` run; on other devices, and with
//! `--plain`, Burn's modules, whose steps cannot be told apart.

use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use efficientnet_arch::{ArchSpec, TensorSpec};
use efficientnet_backend::{Backend, DeviceName};
use efficientnet_model::{CompileOptions, CompiledNetwork, Network};
use efficientnet_runs::folder::Environment;
use efficientnet_search::latency::{Clock, Measured, Setup};
use efficientnet_weights::{Weights, synthetic};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::scale::ClockArgs;
use crate::error::CliError;
use crate::timing::{self, Pass, milliseconds};
use crate::{engine, interrupt};

/// Seconds for a network, where none are asked for.
const SECONDS: f64 = 1.0;
/// Seconds of measuring that are said where there is no terminal.
const LONG: f64 = 10.0;

/// What networks take on a device.
pub struct DeviceClock {
    device: Device,
    compiled: bool,
    batch: usize,
    seconds: f64,
    shown: Shown,
}

impl DeviceClock {
    /// Opens the device; with what is measured, and on what, goes with the clock.
    pub fn new(args: &ClockArgs) -> Result<(Self, Setup), CliError> {
        let asked = args.device.as_deref().unwrap_or("flex");
        let name: DeviceName = asked.parse()?;
        let device = efficientnet_backend::open(name, asked)?;
        let compiled = name.backend == Backend::Flex && !args.plain;
        let batch = args.batch.unwrap_or(1);
        let setup = Setup {
            device: asked.to_string(),
            engine: if compiled { "compiled" } else { "burn" }.to_string(),
            batch,
            device_description: efficientnet_backend::description(&device),
            processor: Environment::of_this_machine(env!("CARGO_PKG_VERSION")).processor,
            threads: efficientnet_backend::threads(),
            date: timing::today(),
        };
        let seconds = args.seconds.unwrap_or(SECONDS);
        Ok((Self { device, compiled, batch, seconds, shown: Shown::new() }, setup))
    }

    fn options() -> CompileOptions {
        CompileOptions { threads: efficientnet_backend::threads() }
    }

    fn input(&self, [channels, height, width]: [usize; 3]) -> (Vec<f32>, [usize; 4]) {
        let shape = [self.batch, channels, height, width];
        (synthetic::input("input.0", shape), shape)
    }

    fn network(&self, spec: &ArchSpec) -> Result<Pass<'static>, CliError> {
        let weights = weights(spec);
        let side = spec.resolution();
        let (values, shape) = self.input([spec.in_channels, side, side]);
        if self.compiled {
            let network = CompiledNetwork::from_weights(weights, Self::options())?;
            let batch = self.batch;
            return Ok(Box::new(move || {
                let started = Instant::now();
                let steps = network.step_times(&values, [batch, side, side])?;
                let whole = started.elapsed();
                Ok(std::iter::once(whole).chain(steps).map(milliseconds).collect())
            }));
        }
        let network = Network::from_weights(weights, &self.device)?;
        let input = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device);
        Ok(Box::new(move || Ok(vec![engine::timed(&network, &input)?.1])))
    }

    fn measured(&self, specs: &[ArchSpec]) -> Result<Vec<Measured>, CliError> {
        let passes = specs.iter().map(|spec| unless_asked(|| self.network(spec)));
        let mut passes = passes.collect::<Result<Vec<_>, _>>()?;
        let timings = timing::in_turns(&mut passes, self.seconds)?;
        let measured = timings.iter().filter_map(|timings| {
            let (whole, steps) = timings.split_first()?;
            let steps = steps.iter().map(|step| step.median_ms).collect();
            Some(Measured { whole: *whole, steps: self.compiled.then_some(steps) })
        });
        Ok(measured.collect())
    }
}

impl Clock for DeviceClock {
    fn networks(&mut self, specs: &[ArchSpec]) -> Result<Vec<Measured>, String> {
        self.shown.begin(specs.len(), self.seconds);
        let measured = self.measured(specs).map_err(|error| {
            error.failure().map_or_else(|| "interrupted".to_string(), |(sentence, _)| sentence.to_string())
        });
        self.shown.bar.disable_steady_tick();
        measured
    }
}

/// Building takes time as well.
fn unless_asked<T>(build: impl FnOnce() -> Result<T, CliError>) -> Result<T, CliError> {
    if interrupt::asked() { Err(CliError::Interrupted) } else { build() }
}

/// Values from a rule: how long a network takes depends on its shapes alone.
fn weights(spec: &ArchSpec) -> Weights {
    Weights::from_tensors(spec.clone(), |tensor: &TensorSpec| {
        synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape)
    })
}

/// Says that something is being measured; networks are measured all at once, so there is no saying how far that is.
struct Shown {
    bar: ProgressBar,
}

impl Shown {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        // The template is ours and right.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    fn begin(&self, networks: usize, seconds: f64) {
        let all = networks as f64 * seconds;
        let sentence = format!("measuring {networks} networks for about {all:.0} s");
        if self.bar.is_hidden() && all >= LONG {
            eprintln!("{sentence}");
        }
        self.bar.set_message(sentence);
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
