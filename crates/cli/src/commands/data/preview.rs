//! `efficientnet data preview`: a page of images before and after a transform.

use efficientnet_data::{PreviewOptions, Transform, preview};

use crate::args::PreviewArgs;
use crate::error::CliError;
use crate::{Outcome, output};

pub fn run(args: &PreviewArgs) -> Outcome {
    let transform: Transform = args.transform.parse()?;
    let transform = match args.size {
        Some(size) => transform.with_size(size)?,
        None => transform,
    };
    if !args.force && args.out.exists() {
        return Err(CliError::Usage(format!("{} exists; replace it with --force", args.out.display())));
    }
    let parts = super::open(&args.path, args.classes.as_ref())?;
    let Some(first) = parts.first() else { return Ok(()) };
    let options = PreviewOptions { samples: args.samples, variants: args.variants, seed: args.seed };
    let page = preview(&*first.source, &transform, &options)?;
    output::file(&args.out, page.as_bytes())?;
    output::text(&format!("{}: open it in a browser", args.out.display()))
}
