//! `efficientnet data fetch`: a data set by its name, into the cache.

use std::path::Path;

use efficientnet_data::manifest::Reader;
use efficientnet_data::{FetchOptions, Manifest, dataset_dir};

use crate::{Outcome, output};

pub fn run(name: &str, into: Option<&Path>) -> Outcome {
    let manifest = Manifest::get(name)?;
    if manifest.layout.source == Reader::Shapes {
        return output::text(&format!(
            "{0} is drawn by the program and needs no files: give {0} where a data set is asked for",
            manifest.name
        ));
    }
    eprintln!("{}; licence: {}; cite: {}", manifest.title, manifest.licence, manifest.citation);
    let folder = into.map_or_else(|| dataset_dir(&manifest.name), Path::to_path_buf);
    let splits = efficientnet_data::fetch(manifest, &folder, &FetchOptions::default())?;
    if splits.is_empty() {
        eprintln!("no source reads this data set as it is; labels: {}", manifest.layout.labels);
        return output::text(&folder.display().to_string());
    }
    if into.is_none() {
        eprintln!("`efficientnet data inspect {}` says what came", manifest.name);
    }
    let rows = splits.iter().map(|split| vec![split.name.clone(), split.path.display().to_string()]);
    output::text(&output::table(&["split", "path"], &[], rows))
}
