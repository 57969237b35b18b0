//! `efficientnet predict`: photographs get names, or an array gets logits.

use std::path::Path;

use efficientnet_data::Transform;
use efficientnet_data::npy::{self, Array};
use serde::Serialize;

use crate::args::PredictArgs;
use crate::classes::Classes;
use crate::engine::Engine;
use crate::error::CliError;
use crate::{Outcome, interrupt, loading, output};

#[derive(Serialize)]
struct Report {
    model: String,
    device: String,
    /// `compiled` or `burn`.
    engine: &'static str,
    transform: String,
    images: Vec<ImageReport>,
}

#[derive(Serialize)]
struct ImageReport {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    predictions: Vec<Prediction>,
}

#[derive(Serialize)]
struct Prediction {
    class: usize,
    name: String,
    probability: f32,
    logit: f32,
}

pub fn run(args: &PredictArgs) -> Outcome {
    interrupt::listen();
    let loaded = loading::weights(&args.network.weights, args.network.which, args.network.model.as_deref())?;
    let transform = loaded.transform()?;
    let offset = loaded.class_offset();
    let names = loaded.class_names();
    let engine = Engine::new(loaded.weights, &args.network)?;
    if let (Some(input), Some(out)) = (&args.npy, &args.out) {
        return arrays(&engine, input, out, args.network.batch);
    }

    let logits = engine.spec().num_classes;
    let classes = Classes::for_network(args.classes.as_deref(), names, logits, offset)?;
    let report = Report {
        model: engine.spec().name.clone(),
        device: args.network.device.clone(),
        engine: engine.name(),
        transform: transform.to_string(),
        images: images(args, &engine, &transform, &classes)?,
    };
    let broken: Vec<&str> = report.images.iter().filter_map(|image| image.error.as_deref()).collect();
    let sentence = broken.join("\nerror: ");
    let none_is_broken = broken.is_empty();
    if args.json {
        output::json(&report)?;
    } else {
        output::text(&report.text())?;
    }
    if none_is_broken { Ok(()) } else { Err(CliError::Usage(sentence)) }
}

/// Predictions for every image; one that cannot be read does not keep the others from theirs.
fn images(
    args: &PredictArgs,
    engine: &Engine,
    transform: &Transform,
    classes: &Classes,
) -> Result<Vec<ImageReport>, CliError> {
    let mut reports = Vec::with_capacity(args.images.len());
    for paths in args.images.chunks(args.network.batch) {
        if interrupt::asked() {
            return Err(CliError::Interrupted);
        }
        let (values, results) = loading::batch(paths, transform);
        let logits = logits(engine, transform, values)?;
        let rows = logits.values.chunks(logits.shape[1]);
        for ((path, result), row) in paths.iter().zip(results).zip(rows) {
            let predictions = if result.is_ok() { top(row, args.top, classes) } else { Vec::new() };
            let error = result.err().map(|error| error.to_string());
            reports.push(ImageReport { path: path.display().to_string(), error, predictions });
        }
    }
    Ok(reports)
}

fn logits(engine: &Engine, transform: &Transform, values: Vec<f32>) -> Result<Array, CliError> {
    let [channels, height, width] = loading::input_shape(engine.spec(), transform)?;
    let images = values.len() / transform.output_len();
    engine.logits(values, [images, channels, height, width])
}

/// The `count` classes with the highest logits.
fn top(logits: &[f32], count: usize, classes: &Classes) -> Vec<Prediction> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    let prediction = |class: usize| Prediction {
        class,
        name: classes.name(class),
        probability: (logits[class] - largest).exp() / sum,
        logit: logits[class],
    };
    loading::best(logits, count).into_iter().map(prediction).collect()
}

fn arrays(engine: &Engine, input: &Path, out: &Path, batch: usize) -> Outcome {
    let array = npy::read(input, 4)?;
    loading::check_input(&array, input, engine.spec())?;
    let [count, channels] = [array.shape[0], array.shape[1]];
    let image = array.values.len() / count;
    let mut logits = Array { shape: vec![count, engine.spec().num_classes], values: Vec::new() };
    for values in array.values.chunks(image * batch) {
        if interrupt::asked() {
            return Err(CliError::Interrupted);
        }
        let shape = [values.len() / image, channels, array.shape[2], array.shape[3]];
        logits.values.extend(engine.logits(values.to_vec(), shape)?.values);
    }
    Ok(npy::write(out, &logits)?)
}

impl Report {
    fn text(&self) -> String {
        let images = self.images.iter().filter(|image| image.error.is_none());
        images.map(ImageReport::text).collect::<Vec<_>>().join("\n\n")
    }
}

impl ImageReport {
    fn text(&self) -> String {
        let line = |p: &Prediction| format!("{:>7.2} %  {:>5}  {}", p.probability * 100.0, p.class, p.name);
        let lines = std::iter::once(self.path.clone()).chain(self.predictions.iter().map(line));
        lines.collect::<Vec<_>>().join("\n")
    }
}
