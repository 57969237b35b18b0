//! The manifests in `datasets/`: each is read, none is forgotten, and the figures are the papers'.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use efficientnet_data::manifest::Reader;
use efficientnet_data::{Manifest, ManifestError, OpenOptions, open};
use proptest::prelude::*;

#[test]
fn every_file_is_part_of_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let manifest = Manifest::get(name).unwrap();
            assert_eq!(manifest.name, name);
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(&Manifest::parse(name, &text).unwrap(), manifest);
            files += 1;
        }
    }
    assert_eq!(Manifest::all().len(), files);
    let names: HashSet<&str> = Manifest::all().iter().map(|manifest| manifest.name.as_str()).collect();
    assert_eq!(names.len(), files);
}

/// EfficientNet paper, Table 6, and ImageNet; without the paper's slip in the Pets' test set, which has 3669 images.
#[test]
fn splits_are_those_of_the_paper() {
    let expected = [
        ("cifar10", 50_000, 10_000, 10),
        ("cifar100", 50_000, 10_000, 100),
        ("birdsnap", 47_386, 2_443, 500),
        ("stanford-cars", 8_144, 8_041, 196),
        ("flowers102", 2_040, 6_149, 102),
        ("fgvc-aircraft", 6_667, 3_333, 100),
        ("oxford-pets", 3_680, 3_669, 37),
        ("food101", 75_750, 25_250, 101),
        ("imagenet-1k", 1_281_167, 50_000, 1000),
    ];
    for (name, train, test, classes) in expected {
        let manifest = Manifest::get(name).unwrap();
        let images: Vec<u64> = manifest.splits.iter().map(|split| split.images).collect();
        assert_eq!((images, manifest.classes.count), (vec![train, test], classes), "{name}");
    }
    let shapes = Manifest::get("shapes").unwrap();
    assert_eq!(shapes.layout.source, Reader::Shapes);
    let source = open("shapes", &OpenOptions::default()).unwrap();
    assert_eq!((source.len() as u64, source.classes()), (shapes.images(), &shapes.classes.names[..]));
    assert_eq!(Manifest::get("trashnet").unwrap().images(), 2_527);
}

#[test]
fn names_are_found_as_people_write_them() {
    for name in ["CIFAR-10", "cifar_10", "Cifar10"] {
        assert_eq!(Manifest::get(name).unwrap().name, "cifar10");
    }
    let nearest = |name| match Manifest::get(name).unwrap_err() {
        ManifestError::Unknown { nearest, .. } => nearest,
        other => panic!("{other}"),
    };
    assert_eq!(nearest("cifar1")[0], "cifar10");
    assert_eq!(nearest("imagenet"), ["imagenet-1k"]);
    assert_eq!(nearest("flowers"), ["flowers102"]);
    let sentence = Manifest::get("zzz").unwrap_err().to_string();
    assert_eq!(sentence, "no data set is called `zzz`; `efficientnet data list` shows them all");
}

#[test]
fn what_to_open_after_fetching() {
    let place = |name| {
        let path = Manifest::get(name).unwrap().open_in(Path::new("cache"));
        path.map(|path| path.to_str().unwrap().replace('\\', "/"))
    };
    assert_eq!(place("cifar10").unwrap(), "cache/cifar-10-binary/cifar-10-batches-bin");
    assert_eq!(place("trashnet").unwrap(), "cache/dataset-resized/dataset-resized");
    assert_eq!(place("oxford-pets").unwrap(), "cache");
    assert_eq!(place("imagenet-1k").unwrap(), "cache");
    assert_eq!(place("flowers102").unwrap(), "cache");
}

const SOUND: &str = r#"
name = "mine"
title = "Mine"
citation = "me"
licence = "MIT"
classes = { count = 2, from = "the folders", names = ["a", "b"] }
split = [{ name = "all", images = 10, open = "mine" }]
file = [{ url = "https://example.org/mine.zip", md5 = "0123456789abcdef0123456789abcdef", unpack = true }]
layout = { source = "folder", labels = "the folder's name" }
"#;

#[test]
fn contradictions_are_named() {
    assert!(Manifest::parse("mine.toml", SOUND).is_ok());
    let cases = [
        (r#""mine""#, r#""My Own""#, "lower-case letters"),
        ("count = 2", "count = 3", "2 names for 3 classes"),
        (r#"["a", "b"]"#, r#"["a", "a"]"#, "the same name"),
        ("images = 10", "images = 1", "fewer images than classes"),
        (r#"open = "mine""#, r#"open = "../mine""#, "leaves the data set's folder"),
        (r#"open = "mine""#, r#"list = "mine""#, "without `images_in`"),
        ("0123456789abcdef0", "G123456789abcdef0", "is not 32 hexadecimal digits"),
        ("https://example.org/mine.zip", "ftp://example.org/mine.zip", "not HTTP"),
        ("https://example.org/mine.zip", "https://example.org/", "no name"),
        (r#"url = "https://example.org/mine.zip""#, r#"name = "mine.zip""#, "has no address"),
        (r#"source = "folder""#, r#"source = "shapes""#, "the program draws"),
        (r#"open = "mine""#, r#"open = "mine", variables = ["a"]"#, "`variables` without a MATLAB list"),
        (
            r#"source = "folder""#,
            r#"source = "csv", list_format = "matlab-numbers""#,
            "`labels_in` and lists of numbers",
        ),
        (r#"source = "folder""#, r#"source = "csv", labels_in = "../a.mat""#, "leaves the data set's folder"),
    ];
    for (before, after, word) in cases {
        assert!(SOUND.contains(before), "{before}");
        let error = Manifest::parse("mine.toml", &SOUND.replacen(before, after, 1)).unwrap_err();
        assert!(matches!(error, ManifestError::Contradiction { .. }), "{error}");
        assert!(error.to_string().contains(word), "{after}: {error}");
    }
    for (before, after) in [("count = 2", "count = -2"), ("labels", "label"), ("title", "titel"), ("{", "[")]
    {
        let error = Manifest::parse("mine.toml", &SOUND.replacen(before, after, 1)).unwrap_err();
        assert!(
            error.to_string().starts_with("mine.toml is no manifest of a data set: TOML parse error"),
            "{error}"
        );
    }
}

/// TOML's numbers go up to 2^63 - 1, so the sum of three may be too large for 64 bits.
#[test]
fn sums_that_cannot_be_counted_are_refused() {
    const MOST: i64 = i64::MAX;
    let three = |entry: &str| ["a", "b", "c"].map(|name| entry.replace("NAME", name)).join(", ");
    let splits = three(&format!("{{ name = \"NAME\", images = {MOST} }}"));
    let text = SOUND.replace("split = [", &format!("split = [{splits}, "));
    let error = Manifest::parse("mine.toml", &text).unwrap_err();
    assert!(error.to_string().contains("more images together"), "{error}");
    let files = three(&format!("{{ url = \"https://example.org/NAME\", bytes = {MOST} }}"));
    let text = SOUND.replace("file = [", &format!("file = [{files}, "));
    let error = Manifest::parse("mine.toml", &text).unwrap_err();
    assert!(error.to_string().contains("more bytes together"), "{error}");
}

proptest! {
    /// Whatever is changed in a manifest, it is read or refused in a sentence.
    #[test]
    fn no_manifest_panics(place in 0..SOUND.len(), length in 0..20usize, text in ".{0,20}") {
        let end = (place + length).min(SOUND.len());
        let changed = format!("{}{text}{}", &SOUND[..place], &SOUND[end..]);
        if let Err(error) = Manifest::parse("mine.toml", &changed) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
