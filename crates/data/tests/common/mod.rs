//! The fixtures that `scripts/fixtures/preprocessing.py` writes.

use std::fs;
use std::path::{Path, PathBuf};

use efficientnet_data::RgbImage8;
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Fixture<Case> {
    cases: Vec<Case>,
}

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub fn cases<Case: DeserializeOwned>(name: &str) -> Vec<Case> {
    let fixture: Fixture<Case> = serde_json::from_str(&fs::read_to_string(path(name)).unwrap()).unwrap();
    assert!(!fixture.cases.is_empty(), "{name} has no cases");
    fixture.cases
}

/// The largest difference of a level; panics where the sizes differ.
pub fn largest_difference(image: &RgbImage8, [width, height]: [usize; 2], expected: &[u8], what: &str) -> u8 {
    assert_eq!([image.width(), image.height()], [width, height], "{what}");
    let expected = &expected[..width * height * 3];
    image.pixels().iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}
