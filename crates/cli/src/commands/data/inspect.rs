//! `efficientnet data inspect`: what is in a data set, and what is wrong with it.

mod text;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::thread;

use efficientnet_data::inspect::{NamedSource, Report, inspect, open_splits};
use efficientnet_data::read_class_list;
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::InspectArgs;
use crate::error::CliError;
use crate::{Outcome, interrupt, output};

pub fn run(args: &InspectArgs) -> Outcome {
    interrupt::listen();
    let order = args.classes.as_ref().map(read_class_list).transpose()?;
    let parts = open_splits(&args.path, order)?;
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
    if args.strict { verdict(&report) } else { Ok(()) }
}

fn look(parts: &[NamedSource], threads: NonZeroUsize) -> Report {
    let images: u64 = parts.iter().map(|part| part.source.len() as u64).sum();
    let bar = ProgressBar::new(images);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} images, {eta} left") {
        bar.set_style(style);
    }
    let report = inspect(parts, threads, &|_| {
        bar.inc(1);
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    report
}

/// What `--strict` does not let pass.
fn verdict(report: &Report) -> Outcome {
    let count = |chosen: fn(&efficientnet_data::inspect::Duplicates) -> bool| {
        report.duplicates.iter().filter(|group| chosen(group)).count()
    };
    let (splits, classes) = (count(|group| group.across_splits), count(|group| group.across_classes));
    if !report.complete {
        return Err(CliError::Interrupted);
    }
    if report.broken.is_empty() && splits == 0 && classes == 0 {
        return Ok(());
    }
    Err(CliError::Failure(format!(
        "{} broken images, {splits} images in more than one split, {classes} in more than one class",
        report.broken.len()
    )))
}
