//! `efficientnet quantize`: the ranges of activations that 8 bits need, and what 8 bits cost.
//!
//! No labels and no training: photographs go through the network in f32. Every second one is watched; on the others both
//! networks are compared, so that what is said is of images that the ranges have not seen.

use std::path::PathBuf;

use efficientnet_data::{Folder, Transform};
use efficientnet_model::{ActivationRanges, Calibration, CompileOptions, CompiledNetwork};
use efficientnet_weights::Weights;
use indicatif::ProgressBar;
use serde::Serialize;

use super::eval::progress;
use crate::args::QuantizeArgs;
use crate::error::CliError;
use crate::{Outcome, engine, interrupt, loading, output};

/// What 8 bits cost.
#[derive(Serialize)]
struct Cost {
    model: String,
    /// 1x1 convolutions that compute in bytes.
    convolutions: usize,
    /// Images that the ranges are of.
    watched: usize,
    /// Images that the rest is of.
    compared: usize,
    /// How far the logits are from those in f32, root mean square over root mean square.
    logits: f64,
    /// Images whose first class is the one in f32.
    first_class_same: usize,
}

pub fn run(args: &QuantizeArgs) -> Outcome {
    interrupt::listen();
    if !args.force && args.out.exists() {
        let sentence = format!("{} exists; replace it with --force", args.out.display());
        return Err(CliError::Usage(sentence));
    }
    let load = || loading::weights(&args.weights, args.which, args.model.as_deref());
    let loaded = load()?;
    let transform = loaded.transform()?;
    let shape = loading::input_shape(loaded.weights.spec(), &transform)?;
    let [watched, compared] = photographs(args)?;
    let images = Images { transform: &transform, shape };

    let bar = progress(watched.len() + compared.len(), 0);
    let ranges = images.watch(loaded.weights, &watched, &bar)?;
    let json = serde_json::to_string_pretty(&ranges)
        .map_err(|error| CliError::Failure(format!("the ranges have no JSON form: {error}")))?;
    let options = CompileOptions { threads: efficientnet_backend::threads() };
    let numbers = CompiledNetwork::from_weights(load()?.weights, options)?;
    let bytes = CompiledNetwork::in_bytes(load()?.weights, &ranges, options)?;
    let cost = images.compare([&numbers, &bytes], &ranges, &compared, &bar)?;
    bar.finish_and_clear();
    output::file(&args.out, (json + "\n").as_bytes())?;
    if args.json { output::json(&cost) } else { output::text(&cost.text(args)) }
}

/// Images at even distances, every second one apart.
fn photographs(args: &QuantizeArgs) -> Result<[Vec<PathBuf>; 2], CliError> {
    let folder = Folder::unlabelled(&args.images)?;
    let count = folder.len().min(args.limit);
    if count < 2 {
        let folder = args.images.display();
        let sentence = format!(
            "{folder}: one photograph for the ranges and one to compare are needed at least; give more"
        );
        return Err(CliError::Usage(sentence));
    }
    let mut both = [Vec::new(), Vec::new()];
    for place in 0..count {
        both[place % 2].push(folder.sample(place * folder.len() / count).path);
    }
    Ok(both)
}

/// How photographs become what the network reads.
struct Images<'a> {
    transform: &'a Transform,
    /// `[channels, height, width]`
    shape: [usize; 3],
}

impl Images<'_> {
    /// Calls `f` for each image, until Ctrl-C.
    fn each(
        &self,
        paths: &[PathBuf],
        bar: &ProgressBar,
        mut f: impl FnMut(Vec<f32>) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        for path in paths {
            if interrupt::asked() {
                return Err(CliError::Interrupted);
            }
            let (values, results) = loading::batch(std::slice::from_ref(path), self.transform);
            results.into_iter().collect::<Result<Vec<()>, _>>()?;
            f(values)?;
            bar.inc(1);
        }
        Ok(())
    }

    fn watch(
        &self,
        weights: Weights,
        paths: &[PathBuf],
        bar: &ProgressBar,
    ) -> Result<ActivationRanges, CliError> {
        let options = CompileOptions { threads: efficientnet_backend::threads() };
        let mut calibration = Calibration::new(weights, options)?;
        let [_, height, width] = self.shape;
        self.each(paths, bar, |values| Ok(calibration.observe(&values, [1, height, width])?))?;
        Ok(calibration.finish())
    }

    fn compare(
        &self,
        [numbers, bytes]: [&CompiledNetwork; 2],
        ranges: &ActivationRanges,
        paths: &[PathBuf],
        bar: &ProgressBar,
    ) -> Result<Cost, CliError> {
        let [channels, height, width] = self.shape;
        let (mut same, mut apart, mut size) = (0, 0.0, 0.0);
        self.each(paths, bar, |values| {
            let of = |network| engine::compiled(network, &values, [1, channels, height, width]);
            let (exact, found) = (of(numbers)?.values, of(bytes)?.values);
            same += usize::from(loading::best(&exact, 1) == loading::best(&found, 1));
            let square = |x: f32| f64::from(x) * f64::from(x);
            apart += found.iter().zip(&exact).map(|(a, b)| square(a - b)).sum::<f64>();
            size += exact.iter().map(|&x| square(x)).sum::<f64>();
            Ok(())
        })?;
        Ok(Cost {
            model: numbers.spec().name.clone(),
            convolutions: ranges.iter().count(),
            watched: ranges.images(),
            compared: paths.len(),
            logits: (apart / size.max(f64::MIN_POSITIVE)).sqrt(),
            first_class_same: same,
        })
    }
}

impl Cost {
    fn text(&self, args: &QuantizeArgs) -> String {
        let Self { model, convolutions, watched, compared, logits, first_class_same } = self;
        let (out, percent) = (args.out.display(), 100.0 * logits);
        format!(
            "{out}: ranges of {convolutions} convolutions of {model}, from {watched} images\n\
             on {compared} others, in 8 bits: logits {percent:.1} % off, the first class is the same for {first_class_same}\n\
             to use it: efficientnet predict --weights {} --int8 {out} IMAGE",
            args.weights
        )
    }
}
