//! `efficientnet data list`: the data sets that are known by name.

use efficientnet_data::Manifest;
use efficientnet_data::manifest::Reader;

use crate::Outcome;
use crate::output::{self, scaled, thousands};

pub fn run(json: bool) -> Outcome {
    if json {
        return output::json(&Manifest::all());
    }
    let header = ["name", "classes", "images", "download", "licence"];
    let rows = Manifest::all().iter().map(row);
    output::text(&output::table(&header, &["classes", "images", "download"], rows))
}

fn row(manifest: &Manifest) -> Vec<String> {
    let splits: Vec<String> = manifest.splits.iter().map(|split| thousands(split.images)).collect();
    vec![
        manifest.name.clone(),
        manifest.classes.count.to_string(),
        splits.join(" + "),
        download(manifest),
        manifest.licence.clone(),
    ]
}

fn download(manifest: &Manifest) -> String {
    match (manifest.layout.source, &manifest.by_hand, manifest.bytes()) {
        (Reader::Shapes, ..) => "none needed".to_string(),
        (_, Some(_), _) => "by hand".to_string(),
        (_, None, Some(bytes)) if bytes >= 1_000_000_000 => scaled(bytes, 1e9, "GB"),
        (_, None, Some(bytes)) => scaled(bytes, 1e6, "MB"),
        (_, None, None) => "yes".to_string(),
    }
}
