//! `efficientnet eval`: how well a network does on labelled images.
//!
//! Every image counts once, whatever the batch: the loader pads the last one and says which images are real, and the
//! measures come from sums of whole numbers. Several ranks have each their share of every batch.

mod record;
mod report;
mod together;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use efficientnet_data::{Batch, Loader, LoaderOptions, OnError, Position, Shard, Source, Subset, Transform};
use efficientnet_runs::scores::{Outcome as Scored, Tally};
use efficientnet_train::Ranks;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use self::record::{Header, Record};
use self::report::{About, Report};
use self::together::{anybody, together};
use crate::args::EvalArgs;
use crate::engine::Engine;
use crate::error::CliError;
use crate::{Outcome, classes, interrupt, loading, output, ranks, run_folder};

/// What the network says of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Prediction {
    path: String,
    #[serde(flatten)]
    outcome: Scored,
}

pub fn run(args: &EvalArgs) -> Outcome {
    let (ranks, _session) = ranks::join()?;
    work(args, &*ranks).inspect_err(|error| ranks::end_all(error, &*ranks))
}

fn work(args: &EvalArgs, ranks: &dyn Ranks) -> Outcome {
    interrupt::listen();
    if ranks.world() > 1 && args.out.is_some() {
        let sentence =
            "a record is kept by one process, and several were started; leave --out out, or start one";
        return Err(CliError::Usage(sentence.to_string()));
    }
    let loaded = loading::weights(&args.network.weights, args.network.which, args.network.model.as_deref())?;
    let transform = loaded.transform()?;
    let offset = loaded.class_offset();
    let names = loaded.class_names();
    let classes = loaded.weights.spec().num_classes - offset;
    let source = match &args.data {
        Some(data) => classes::source(data, args.classes.as_deref(), names, classes)?,
        None => run_folder::validation(Path::new(&args.network.weights))?,
    };
    let source = spread(source, args.limit)?;
    let weights = loaded.path;
    let engine = Engine::new(loaded.weights, &args.network)?;
    loading::input_shape(engine.spec(), &transform)?;

    let record = match &args.out {
        Some(out) => {
            let files = (weights.as_path(), args.network.int8.as_deref());
            let header = Header::new(&engine.spec().name, files, &transform, args.flip, &*source)?;
            Record::open(out, args.resume, &header)?
        }
        None => Record::default(),
    };
    let loader = loader(args, &transform, &source, ranks)?;
    let had = record.done();
    let mut evaluation = Evaluation { engine, weights, offset, flip: args.flip, record, had, loader };
    let started = Instant::now();
    let samples = evaluation.run(ranks)?;
    let report = evaluation.report(args, samples, started, ranks)?;
    if !ranks.leads() {
        return Ok(());
    }
    // The figures are said even where the matrix cannot be written.
    let written = match &args.confusion {
        Some(path) => report.confusion_csv().and_then(|csv| output::file(path, &csv)),
        None => Ok(()),
    };
    match args.json {
        true => output::json(&report)?,
        false => output::text(&report.text(args.per_class))?,
    }
    written
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

fn loader(
    args: &EvalArgs,
    transform: &Transform,
    source: &Arc<dyn Source>,
    ranks: &dyn Ranks,
) -> Result<Loader, CliError> {
    let on_error = if args.skip_broken { OnError::Skip } else { OnError::Stop };
    let options = LoaderOptions {
        batch_size: args.network.batch,
        workers: efficientnet_backend::threads(),
        shard: Shard { rank: ranks.rank(), world: ranks.world() },
        on_error,
        ..LoaderOptions::new(transform.clone())
    };
    Ok(Loader::new(Arc::clone(source), options)?)
}

/// A network with what it said so far.
struct Evaluation {
    engine: Engine,
    /// Its file.
    weights: PathBuf,
    /// Logits in front of the first class.
    offset: usize,
    /// Whether mirror images are looked at, too.
    flip: bool,
    record: Record,
    /// Images that the record brought.
    had: usize,
    loader: Loader,
}

impl Evaluation {
    /// Predicts this rank's share of what the record does not have yet, until Ctrl-C. Gives the predictions' places among
    /// the images.
    fn run(&mut self, ranks: &dyn Ranks) -> Result<Vec<usize>, CliError> {
        let mut samples = Vec::new();
        let bar = if ranks.leads() {
            progress(self.loader.source().len(), self.had)
        } else {
            ProgressBar::hidden()
        };
        for batch in self.loader.resume(Position { epoch: 0, places: self.had as u64 })? {
            if anybody(interrupt::asked(), ranks)? {
                break;
            }
            let batch = batch?;
            let predictions = self.predict(&batch)?;
            let counted = batch.samples().iter().zip(batch.valid()).filter(|(_, valid)| **valid);
            samples.extend(counted.map(|(sample, _)| *sample));
            let skipped = batch.skipped().iter().map(|skipped| skipped.reason.clone()).collect();
            self.record.add(predictions, skipped)?;
            bar.set_position((self.record.done() * ranks.world()) as u64);
        }
        bar.finish_and_clear();
        Ok(samples)
    }

    fn predict(&self, batch: &Batch) -> Result<Vec<Prediction>, CliError> {
        let normalization = self.loader.options().transform.normalization();
        let logits = self.engine.logits_of(batch, normalization, self.flip)?;
        let rows = logits.values.chunks(logits.shape[1]).zip(batch.valid()).enumerate();
        // A background class in front of the others is nobody's label, and has no share in the softmax.
        let prediction = |place: usize, row: &[f32]| Prediction {
            path: self.loader.source().key(batch.samples()[place]).into_owned(),
            outcome: Scored::from_logits(&row[self.offset..], batch.labels()[place], 0.0),
        };
        Ok(rows.filter(|(_, (_, valid))| **valid).map(|(place, (row, _))| prediction(place, row)).collect())
    }

    /// Of all ranks' predictions; `samples` are the places of this one's since it `started`.
    fn report(
        self,
        args: &EvalArgs,
        samples: Vec<usize>,
        started: Instant,
        ranks: &dyn Ranks,
    ) -> Result<Report, CliError> {
        let source = self.loader.source();
        let (predictions, skipped) = self.record.into_parts();
        // A record's own come first, and its images are the first ones.
        let kept = predictions.len() - samples.len();
        let places = (0..kept).chain(samples);
        let own = places.zip(predictions).collect();
        let (predictions, skipped) = together((own, skipped), ranks)?;
        let done = predictions.len() + skipped.len();
        let (complete, seconds) = (done == source.len(), started.elapsed().as_secs_f64());
        let predictions: Vec<Prediction> =
            predictions.into_iter().map(|(_, prediction)| prediction).collect();
        if predictions.is_empty() {
            let nothing = || {
                CliError::Usage(
                    "no image could be read; look at them with `efficientnet data inspect`".into(),
                )
            };
            return Err(if skipped.is_empty() { CliError::Interrupted } else { nothing() });
        }
        let mut tally = Tally::new(source.classes().len());
        for prediction in &predictions {
            tally.add(&prediction.outcome)?;
        }
        let about = About {
            model: self.engine.spec().name.clone(),
            weights: self.weights,
            device: args.network.device.clone(),
            engine: self.engine.name(),
            transform: self.loader.options().transform.to_string(),
            flip: self.flip,
            images_per_second: (done - self.had) as f64 / seconds,
            complete,
            skipped,
        };
        let predictions = args.predictions.then_some(predictions);
        Ok(Report::new(about, &tally, source.classes(), predictions))
    }
}

/// A bar over images.
pub(super) fn progress(images: usize, done: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} images, {eta} left");
    let bar = ProgressBar::new(images as u64).with_position(done as u64);
    bar.reset_eta();
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
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
