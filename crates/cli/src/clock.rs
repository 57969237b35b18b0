//! The clock of a device: what pieces of networks, and networks, take there.
//!
//! On `flex` the compiled network is timed, since that is what `predict` and `eval` run; on other devices, and with
//! `--plain`, Burn's modules.

use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use efficientnet_arch::{ArchSpec, Piece, TensorSpec};
use efficientnet_backend::{Backend, DeviceName};
use efficientnet_model::{CompileOptions, CompiledNetwork, CompiledPiece, Network};
use efficientnet_runs::folder::Environment;
use efficientnet_search::latency::{Clock, Setup, Timing};
use efficientnet_weights::{Weights, synthetic};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::scale::ClockArgs;
use crate::error::CliError;
use crate::timing::{self, Pass, milliseconds};
use crate::{engine, interrupt};

/// Seconds for a piece, where none are asked for.
const SECONDS: f64 = 0.1;
/// A network is measured for so many times as long as a piece.
const LONGER: f64 = 10.0;
/// Passes of a piece between two waits for the device take about so many milliseconds: a device that works through a queue
/// does not wait for the host inside a network, either.
const BURST_MS: f64 = 5.0;
/// Between two lines where there is no terminal.
const LINES: Duration = Duration::from_secs(20);

/// What pieces and networks take on a device.
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

    fn piece(&self, piece: &Piece) -> Result<Pass<'static>, CliError> {
        let weights = weights(piece.spec());
        if self.compiled {
            let compiled = CompiledPiece::new(piece, weights, Self::options())?;
            let batch = self.batch;
            let side = piece.spec().resolution();
            let (images, _) = self.input([piece.spec().in_channels, side, side]);
            return Ok(Box::new(move || Ok(milliseconds(compiled.time(&images, batch)?))));
        }
        let network = Network::from_weights(weights, &self.device)?;
        let (values, shape) = self.input(piece.input());
        let input = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device);
        let (kind, device, mut passes) = (piece.kind(), self.device.clone(), 1usize);
        Ok(Box::new(move || {
            let started = Instant::now();
            for _ in 0..passes {
                drop(network.forward_piece(kind, input.clone()));
            }
            device.sync().map_err(|error| CliError::Failure(format!("the device failed: {error:?}")))?;
            let each = milliseconds(started.elapsed()) / passes as f64;
            passes = (BURST_MS / each.max(1e-3)).clamp(1.0, 100.0) as usize;
            Ok(each)
        }))
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
                network.forward(&values, [batch, side, side])?;
                Ok(milliseconds(started.elapsed()))
            }));
        }
        let network = Network::from_weights(weights, &self.device)?;
        let input = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device);
        Ok(Box::new(move || Ok(engine::timed(&network, &input)?.1)))
    }

    fn measure(
        &mut self,
        passes: Result<Vec<Pass<'static>>, CliError>,
        seconds: f64,
    ) -> Result<Vec<Timing>, String> {
        let timings = passes.and_then(|mut passes| timing::in_turns(&mut passes, seconds));
        let timings = timings.map_err(|error| {
            error.failure().map_or_else(|| "interrupted".to_string(), |(sentence, _)| sentence.to_string())
        })?;
        self.shown.add(timings.len());
        Ok(timings)
    }
}

impl Clock for DeviceClock {
    fn pieces(&mut self, pieces: &[Piece]) -> Result<Vec<Timing>, String> {
        let passes = pieces.iter().map(|piece| unless_asked(|| self.piece(piece))).collect();
        self.measure(passes, self.seconds)
    }

    fn networks(&mut self, specs: &[ArchSpec]) -> Result<Vec<Timing>, String> {
        let passes = specs.iter().map(|spec| unless_asked(|| self.network(spec))).collect();
        self.measure(passes, LONGER * self.seconds)
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

/// How far measuring is: what there is to come is not known, since it depends on what comes out.
struct Shown {
    bar: ProgressBar,
    next: Instant,
}

impl Shown {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        // The template is ours and right.
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {pos} pieces and networks measured, {elapsed}")
        {
            bar.set_style(style);
        }
        Self { bar, next: Instant::now() + LINES }
    }

    fn add(&mut self, count: usize) {
        self.bar.inc(count as u64);
        if self.bar.is_hidden() && Instant::now() >= self.next {
            eprintln!("{} pieces and networks measured", self.bar.position());
            self.next = Instant::now() + LINES;
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
