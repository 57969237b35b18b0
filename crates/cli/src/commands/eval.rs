//! `efficientnet eval`: top-1 and top-5 over a folder of labelled images.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use efficientnet_data::Transform;
use efficientnet_model::Network;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::args::EvalArgs;
use crate::classes;
use crate::error::CliError;
use crate::{Outcome, interrupt, loading, output};

#[derive(Serialize)]
struct Report {
    model: String,
    device: String,
    transform: String,
    top1: f64,
    top5: f64,
    images: usize,
    images_per_second: f64,
    /// False where Ctrl-C ended the run early: the figures are of the images until then.
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    predictions: Option<Vec<Prediction>>,
}

#[derive(Serialize)]
struct Prediction {
    path: String,
    label: usize,
    /// The five best classes, best first.
    top5: Vec<usize>,
}

/// A labelled image.
struct Sample {
    path: PathBuf,
    label: usize,
}

pub fn run(args: &EvalArgs) -> Outcome {
    interrupt::listen();
    let device = efficientnet_backend::device(&args.network.device)?;
    let loaded = loading::weights(&args.network.weights, args.network.model.as_deref())?;
    let transform = loaded.transform()?;
    let offset = loaded.class_offset();
    let folder =
        classes::folder(&args.data, args.classes.as_deref(), loaded.weights.spec().num_classes - offset)?;
    let labelled = folder.samples().map(|sample| Sample { path: sample.path, label: sample.class });
    let samples = spread(labelled.collect(), args.limit);
    let network = Network::from_weights(loaded.weights, &device)?;

    let started = Instant::now();
    let predictions = predict(args, &network, &device, &transform, &samples, offset)?;
    let seconds = started.elapsed().as_secs_f64();
    if predictions.is_empty() {
        return Err(CliError::Interrupted);
    }
    let report = report(args, &network, &transform, predictions, samples.len(), seconds);
    if args.json {
        return output::json(&report);
    }
    output::text(&report.text())
}

/// `limit` samples at even distances: the first ones of a folder would all be of its first classes.
fn spread(samples: Vec<Sample>, limit: Option<usize>) -> Vec<Sample> {
    let count = samples.len();
    let wanted = limit.unwrap_or(count).min(count);
    let keep = |index: usize| (index + 1) * wanted / count > index * wanted / count;
    samples.into_iter().enumerate().filter(|(index, _)| keep(*index)).map(|(_, sample)| sample).collect()
}

fn predict(
    args: &EvalArgs,
    network: &Network,
    device: &Device,
    transform: &Transform,
    samples: &[Sample],
    offset: usize,
) -> Result<Vec<Prediction>, CliError> {
    let [channels, height, width] = loading::input_shape(network, transform)?;
    let bar = progress(samples.len());
    let batches: Vec<&[Sample]> = samples.chunks(args.network.batch).collect();
    let mut predictions = Vec::with_capacity(samples.len());
    thread::scope(|scope| {
        // One batch is decoded while another is computed.
        let (sender, receiver) = sync_channel(2);
        let ahead = &batches;
        scope.spawn(move || {
            for batch in ahead {
                let pixels = decode(batch, transform);
                let failed = pixels.is_err();
                if sender.send(pixels).is_err() || failed {
                    return;
                }
            }
        });
        let receiver: Receiver<Result<Vec<f32>, CliError>> = receiver;
        for (batch, pixels) in batches.iter().zip(receiver) {
            if interrupt::asked() {
                break;
            }
            let data = TensorData::new(pixels?, [batch.len(), channels, height, width]);
            let logits = loading::forward(network, Tensor::from_data(data, device))?;
            for (sample, row) in batch.iter().zip(logits.values.chunks(logits.shape[1])) {
                predictions.push(prediction(sample, &row[offset..]));
            }
            bar.inc(batch.len() as u64);
        }
        bar.finish_and_clear();
        Ok(predictions)
    })
}

fn decode(batch: &[Sample], transform: &Transform) -> Result<Vec<f32>, CliError> {
    let paths: Vec<&Path> = batch.iter().map(|sample| sample.path.as_path()).collect();
    let (values, results) = loading::batch(&paths, transform);
    results.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(values)
}

fn prediction(sample: &Sample, logits: &[f32]) -> Prediction {
    Prediction { path: shown(&sample.path), label: sample.label, top5: loading::best(logits, 5) }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn progress(images: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} images, {eta} left");
    let bar = ProgressBar::new(images as u64);
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

fn report(
    args: &EvalArgs,
    network: &Network,
    transform: &Transform,
    predictions: Vec<Prediction>,
    wanted: usize,
    seconds: f64,
) -> Report {
    let share = |right: fn(&Prediction) -> bool| {
        predictions.iter().filter(|prediction| right(prediction)).count() as f64 / predictions.len() as f64
    };
    Report {
        model: network.spec().name.clone(),
        device: args.network.device.clone(),
        transform: transform.to_string(),
        top1: share(|p| p.top5.first() == Some(&p.label)),
        top5: share(|p| p.top5.contains(&p.label)),
        images: predictions.len(),
        images_per_second: predictions.len() as f64 / seconds,
        complete: predictions.len() == wanted,
        predictions: args.predictions.then_some(predictions),
    }
}

impl Report {
    fn text(&self) -> String {
        let right = |share: f64| (share * self.images as f64).round();
        let lines = [
            format!("{} on {}: {}", self.model, self.device, self.transform),
            format!("top-1  {:>6.2} %  ({} of {})", self.top1 * 100.0, right(self.top1), self.images),
            format!("top-5  {:>6.2} %  ({} of {})", self.top5 * 100.0, right(self.top5), self.images),
            format!("{:.1} images a second, decoding included", self.images_per_second),
        ];
        let early = (!self.complete).then(|| "interrupted: these are the images until then".to_string());
        lines.into_iter().chain(early).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(count: usize) -> Vec<Sample> {
        (0..count).map(|label| Sample { path: PathBuf::new(), label }).collect()
    }

    fn labels(samples: Vec<Sample>) -> Vec<usize> {
        samples.into_iter().map(|sample| sample.label).collect()
    }

    #[test]
    fn a_limit_takes_samples_from_everywhere() {
        assert_eq!(labels(spread(samples(6), None)), [0, 1, 2, 3, 4, 5]);
        assert_eq!(labels(spread(samples(6), Some(3))), [1, 3, 5]);
        assert_eq!(labels(spread(samples(6), Some(1))), [5]);
        assert_eq!(labels(spread(samples(3), Some(10))), [0, 1, 2]);
    }
}
