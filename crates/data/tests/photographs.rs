//! A hundred ImageNet photographs through whole pipelines, from the file to the pixels before the normalisation, against
//! hashes of what Pillow, torchvision and timm make of them. One level off in one pixel of one image is a failure. A
//! release build takes all of them, a debug build every tenth.
//!
//! The photographs are not part of the repository: they are looked for in `EFFICIENTNET_ASSETS`, or beside it.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::{env, fs};

use efficientnet_data::{Transform, decode};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Fixture {
    /// `decode`, then pipelines.
    lines: Vec<String>,
    cases: Vec<Photograph>,
}

#[derive(Deserialize)]
struct Photograph {
    file: String,
    hashes: Vec<String>,
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn photographs() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets");
    let assets = env::var_os("EFFICIENTNET_ASSETS").map_or_else(beside, PathBuf::from);
    Some(assets.join("imagenet-samples/images")).filter(|folder| folder.is_dir())
}

#[test]
fn photographs_have_the_reference_pixels() {
    let Some(folder) = photographs() else {
        eprintln!(
            "SKIPPED: no photographs; set EFFICIENTNET_ASSETS to the folder that has imagenet-samples/images"
        );
        return;
    };
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/photographs.json");
    let fixture: Fixture = serde_json::from_str(&fs::read_to_string(fixture).unwrap()).unwrap();
    assert_eq!(fixture.cases.len(), 100);
    let transforms: Vec<Option<Transform>> =
        fixture.lines.iter().map(|line| format!("{line} | normalize(unit)").parse().ok()).collect();
    assert_eq!(fixture.lines[0], "decode");
    assert!(transforms[0].is_none() && transforms[1..].iter().all(Option::is_some));

    // Without optimisation one photograph takes a second.
    let step = if cfg!(debug_assertions) { 10 } else { 1 };
    let mut wrong = Vec::new();
    for photograph in fixture.cases.iter().step_by(step) {
        let image = decode(folder.join(&photograph.file)).unwrap();
        for ((line, transform), expected) in fixture.lines.iter().zip(&transforms).zip(&photograph.hashes) {
            let found = match transform {
                Some(transform) => hash(transform.pixels(&image).pixels()),
                None => hash(image.pixels()),
            };
            if found != *expected {
                wrong.push(format!("{line} of {}", photograph.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
