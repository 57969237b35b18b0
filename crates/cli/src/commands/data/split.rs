//! `efficientnet data split`: which images belong to which part, as a file.

use efficientnet_data::Split;

use crate::args::SplitArgs;
use crate::{Outcome, output};

pub fn run(args: &SplitArgs) -> Outcome {
    let parts = super::open(&args.path, args.classes.as_ref())?;
    // Of a data set in parts, the first is what is divided: test images stay out of it.
    let Some(first) = parts.first() else { return Ok(()) };
    let source = &first.source;
    let kind = &args.kind;
    let split = match (kind.holdout, kind.k_fold, kind.first) {
        (Some(share), ..) => Split::holdout(source, share, args.seed)?,
        (_, Some(folds), _) => Split::k_fold(source, folds, args.seed)?,
        (.., first) => Split::first_n_per_class(source, first.unwrap_or(1))?,
    };
    split.save(&args.out)?;
    let short = split.short_classes();
    if !short.is_empty() {
        let names: Vec<&str> = short.iter().take(5).map(|class| source.classes()[*class].as_str()).collect();
        let more = if short.len() > names.len() { ", ..." } else { "" };
        eprintln!(
            "note: {} classes have too few images for this split: {}{more}",
            short.len(),
            names.join(", ")
        );
    }
    let mut rows = Vec::new();
    for part in split.parts() {
        rows.push(vec![part.clone(), output::thousands(split.indices(part)?.len() as u64)]);
    }
    let table = output::table(&["part", "images"], &["images"], rows);
    output::text(&format!("{}: {}\n{table}", args.out.display(), split.recipe()))
}
