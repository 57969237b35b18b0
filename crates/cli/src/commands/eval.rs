//! `efficientnet eval`: top-1 and top-5 over labelled images.

mod record;

use std::sync::Arc;
use std::time::Instant;

use efficientnet_data::{Batch, Loader, LoaderOptions, OnError, Position, Source, Subset, Transform};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use self::record::{Header, Record};
use crate::args::EvalArgs;
use crate::engine::Engine;
use crate::error::CliError;
use crate::{Outcome, classes, interrupt, loading, output};

#[derive(Serialize)]
struct Report {
    model: String,
    device: String,
    /// `compiled` or `burn`.
    engine: &'static str,
    transform: String,
    top1: f64,
    top5: f64,
    images: usize,
    images_per_second: f64,
    /// False where Ctrl-C ended the run early: the figures are of the images until then.
    complete: bool,
    /// Images that could not be read, with `--skip-broken`; they count nowhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predictions: Option<Vec<Prediction>>,
}

/// What the network says of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Prediction {
    path: String,
    label: usize,
    /// The five best classes, best first.
    top5: Vec<usize>,
}

pub fn run(args: &EvalArgs) -> Outcome {
    interrupt::listen();
    let loaded = loading::weights(&args.network.weights, args.network.model.as_deref())?;
    let transform = loaded.transform()?;
    let offset = loaded.class_offset();
    let classes = loaded.weights.spec().num_classes - offset;
    let source = spread(classes::source(&args.data, args.classes.as_deref(), classes)?, args.limit)?;
    let weights = loaded.path;
    let engine = Engine::new(loaded.weights, &args.network)?;
    loading::input_shape(engine.spec(), &transform)?;

    let record = match &args.out {
        Some(out) => {
            let header = Header::new(&engine.spec().name, &weights, &transform, &*source)?;
            Record::open(out, args.resume, &header)?
        }
        None => Record::default(),
    };
    let mut evaluation = Evaluation { engine, offset, record };
    let done = evaluation.record.done();
    let started = Instant::now();
    evaluation.run(loader(args, &transform, &source)?)?;
    let seconds = started.elapsed().as_secs_f64();

    let report = evaluation.report(args, &transform, source.len(), done, seconds)?;
    if args.json {
        return output::json(&report);
    }
    output::text(&report.text())
}

/// `limit` samples at even distances: the first ones of a folder would all be of its first classes.
fn spread(source: Arc<dyn Source>, limit: Option<usize>) -> Result<Arc<dyn Source>, CliError> {
    let count = source.len();
    let wanted = limit.unwrap_or(count).min(count);
    if wanted == count {
        return Ok(source);
    }
    let keep = |index: &usize| (index + 1) * wanted / count > index * wanted / count;
    let indices = (0..count).filter(keep).map(|index| index as u32).collect();
    let subset = Subset::new(source, indices);
    subset.map(|subset| Arc::new(subset) as Arc<dyn Source>).ok_or_else(|| {
        CliError::Usage(format!("--limit {wanted} leaves no image of {count}; give at least 1"))
    })
}

fn loader(args: &EvalArgs, transform: &Transform, source: &Arc<dyn Source>) -> Result<Loader, CliError> {
    let on_error = if args.skip_broken { OnError::Skip } else { OnError::Stop };
    let options = LoaderOptions {
        batch_size: args.network.batch,
        workers: efficientnet_backend::threads(),
        on_error,
        ..LoaderOptions::new(transform.clone())
    };
    Ok(Loader::new(Arc::clone(source), options)?)
}

/// A network with what it said so far.
struct Evaluation {
    engine: Engine,
    /// Logits in front of the first class.
    offset: usize,
    record: Record,
}

impl Evaluation {
    /// Predicts what the record does not have yet, until Ctrl-C.
    fn run(&mut self, loader: Loader) -> Result<(), CliError> {
        let done = self.record.done();
        let bar = progress(loader.source().len(), done);
        for batch in loader.resume(Position { epoch: 0, places: done as u64 })? {
            if interrupt::asked() {
                break;
            }
            let batch = batch?;
            let predictions = self.predict(&batch, &loader)?;
            let skipped = batch.skipped().iter().map(|skipped| skipped.reason.clone()).collect();
            self.record.add(predictions, skipped)?;
            bar.set_position(self.record.done() as u64);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn predict(&self, batch: &Batch, loader: &Loader) -> Result<Vec<Prediction>, CliError> {
        let normalization = loader.options().transform.normalization();
        let logits = self.engine.logits_of(batch, normalization)?;
        let rows = logits.values.chunks(logits.shape[1]).zip(batch.valid()).enumerate();
        let prediction = |place: usize, row: &[f32]| Prediction {
            path: loader.source().key(batch.samples()[place]).into_owned(),
            label: batch.labels()[place],
            top5: loading::best(&row[self.offset..], 5),
        };
        Ok(rows.filter(|(_, (_, valid))| **valid).map(|(place, (row, _))| prediction(place, row)).collect())
    }

    fn report(
        self,
        args: &EvalArgs,
        transform: &Transform,
        wanted: usize,
        had: usize,
        seconds: f64,
    ) -> Result<Report, CliError> {
        let done = self.record.done();
        let (predictions, skipped) = self.record.into_parts();
        if predictions.is_empty() {
            let nothing = || {
                CliError::Usage(
                    "no image could be read; look at them with `efficientnet data inspect`".into(),
                )
            };
            return Err(if skipped.is_empty() { CliError::Interrupted } else { nothing() });
        }
        let share = |right: fn(&Prediction) -> bool| {
            predictions.iter().filter(|prediction| right(prediction)).count() as f64
                / predictions.len() as f64
        };
        Ok(Report {
            model: self.engine.spec().name.clone(),
            device: args.network.device.clone(),
            engine: self.engine.name(),
            transform: transform.to_string(),
            top1: share(|p| p.top5.first() == Some(&p.label)),
            top5: share(|p| p.top5.contains(&p.label)),
            images: predictions.len(),
            images_per_second: (done - had) as f64 / seconds,
            complete: done == wanted,
            skipped,
            predictions: args.predictions.then_some(predictions),
        })
    }
}

fn progress(images: usize, done: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} images, {eta} left");
    let bar = ProgressBar::new(images as u64).with_position(done as u64);
    bar.reset_eta();
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

impl Report {
    fn text(&self) -> String {
        let right = |share: f64| (share * self.images as f64).round();
        let lines = [
            format!("{} on {} ({}): {}", self.model, self.device, self.engine, self.transform),
            format!("top-1  {:>6.2} %  ({} of {})", self.top1 * 100.0, right(self.top1), self.images),
            format!("top-5  {:>6.2} %  ({} of {})", self.top5 * 100.0, right(self.top5), self.images),
            format!("{:.1} images a second, decoding included", self.images_per_second),
        ];
        let skipped = self.skipped.iter().map(|reason| format!("left out: {reason}"));
        let early = (!self.complete).then(|| "interrupted: these are the images until then".to_string());
        lines.into_iter().chain(skipped).chain(early).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn kept(count: usize, limit: Option<usize>) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("class")).unwrap();
        for index in 0..count {
            fs::write(dir.path().join(format!("class/{index}.jpg")), "").unwrap();
        }
        let folder = efficientnet_data::Folder::open(dir.path(), None).unwrap();
        let source = spread(Arc::new(folder), limit).unwrap();
        (0..source.len()).map(|index| source.key(index).into_owned()).collect()
    }

    #[test]
    fn a_limit_takes_samples_from_everywhere() {
        assert_eq!(kept(3, None), ["class/0.jpg", "class/1.jpg", "class/2.jpg"]);
        assert_eq!(kept(6, Some(3)), ["class/1.jpg", "class/3.jpg", "class/5.jpg"]);
        assert_eq!(kept(6, Some(1)), ["class/5.jpg"]);
        assert_eq!(kept(3, Some(10)).len(), 3);
    }
}
