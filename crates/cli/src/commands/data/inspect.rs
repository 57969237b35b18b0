//! `efficientnet data inspect`: what is in a data set, and what is wrong with it.

mod text;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use efficientnet_data::inspect::{Duplicates, NamedSource, Report, inspect};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::InspectArgs;
use crate::error::CliError;
use crate::{Outcome, interrupt, output};

pub fn run(args: &InspectArgs) -> Outcome {
    interrupt::listen();
    let parts = super::open(&args.path, args.classes.as_ref())?;
    let available = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = args.threads.and_then(NonZeroUsize::new).unwrap_or_else(available);
    let report = look(&parts, threads);
    if report.images == 0 {
        return Err(CliError::Interrupted);
    }
    match args.json {
        true => output::json(&report)?,
        false => output::text(&text::render(&args.path, &report))?,
    }
    match report.complete {
        false => Err(CliError::Interrupted),
        true if args.strict => verdict(&report),
        true => Ok(()),
    }
}

fn look(parts: &[NamedSource], threads: NonZeroUsize) -> Report {
    let images: u64 = parts.iter().map(|part| part.source.len() as u64).sum();
    let shown = Shown::new(images);
    let report = inspect(parts, threads, &|done| {
        shown.at(done);
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    shown.bar.finish_and_clear();
    report
}

/// A bar on a terminal, a line now and then where there is none.
struct Shown {
    bar: ProgressBar,
    images: u64,
    /// When the last line was written.
    last: Mutex<Instant>,
}

impl Shown {
    /// Time between two lines.
    const EVERY: Duration = Duration::from_secs(5);

    fn new(images: u64) -> Self {
        let bar = ProgressBar::new(images);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} images, {eta} left") {
            bar.set_style(style);
        }
        Self { bar, images, last: Mutex::new(Instant::now()) }
    }

    fn at(&self, done: u64) {
        self.bar.inc(1);
        // A thread that finds another one writing has nothing to add.
        if let (true, Ok(mut last)) = (self.bar.is_hidden(), self.last.try_lock())
            && last.elapsed() >= Self::EVERY
        {
            *last = Instant::now();
            eprintln!("looked at {done} of {} images", self.images);
        }
    }
}

/// What `--strict` does not let pass.
fn verdict(report: &Report) -> Outcome {
    let count =
        |chosen: fn(&Duplicates) -> bool| report.duplicates.iter().filter(|group| chosen(group)).count();
    let (splits, classes) = (count(|group| group.across_splits), count(|group| group.across_classes));
    if report.broken.is_empty() && splits == 0 && classes == 0 {
        return Ok(());
    }
    Err(CliError::Failure(format!(
        "images that are broken: {}, in more than one split: {splits}, in more than one class: {classes}",
        report.broken.len()
    )))
}
