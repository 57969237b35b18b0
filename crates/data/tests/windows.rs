//! A file is decoded only where its first operation looks: the levels must be those of the whole image all the same.
//!
//! With the photographs (see `photographs.rs`) a release build takes all of them, a debug build every tenth.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::{env, fs};

use efficientnet_data::{Content, DecodeOptions, Draw, Transform};
use libjpeg_turbo_rs::{PixelFormat, Subsampling, compress};

const LINES: [&str; 8] = [
    "random_resized_crop(32, 0.01..1, 1/3..3, bicubic) | flip(0.5)",
    "random_resized_crop(224, 0.08..1, 3/4..4/3, bilinear)",
    "random_crop(20, padding=4)",
    "center_crop(24, 40)",
    "resize(40, bicubic) | center_crop(32)",
    "resize(300, bilinear) | random_crop(224) | flip(1)",
    "padded_center_crop(32) | squash(32, bicubic)",
    "flip(0.5) | squash(48, 32, bicubic)",
];

/// The lines that give other levels for some of the draws than the whole image does.
fn wrong(bytes: &[u8], options: &str, draws: u64) -> Vec<String> {
    let exif = !options.contains("exif=false");
    let whole = DecodeOptions { exif, ..DecodeOptions::default() }.decode_bytes(bytes, "whole").unwrap();
    let content = Content::File(bytes.to_vec());
    let is_wrong = |transform: &Transform, index: u64| {
        let draw = Draw { index, ..Draw::default() };
        let mut levels = vec![0; transform.output_len()];
        transform.render(&content, "part", draw, &mut levels).unwrap();
        levels != transform.pixels_drawn(&whole, draw).pixels()
    };
    let lines = LINES.iter().map(|line| format!("{options} | {line} | normalize(unit)"));
    lines
        .filter(|line| {
            let transform: Transform = line.parse().unwrap();
            (0..draws).any(|index| is_wrong(&transform, index))
        })
        .collect()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn photographs() -> Vec<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets");
    let assets = env::var_os("EFFICIENTNET_ASSETS").map_or_else(beside, PathBuf::from);
    let Ok(classes) = fs::read_dir(assets.join("imagenet-samples/images")) else { return Vec::new() };
    let files = |class: PathBuf| fs::read_dir(class).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = classes.flat_map(|class| files(class.unwrap().path())).collect();
    files.sort();
    files
}

/// Every format, subsampling and EXIF orientation.
#[test]
fn small_files_of_every_kind() {
    for entry in fs::read_dir(fixture("kinds")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for options in ["decode", "decode(exif=false)"] {
            let wrong = wrong(&bytes, options, 10);
            assert!(wrong.is_empty(), "{}: {}", path.display(), wrong.join("\n"));
        }
    }
}

#[test]
fn photographs_in_random_windows() {
    let files = photographs();
    if files.is_empty() {
        eprintln!(
            "SKIPPED: no photographs; set EFFICIENTNET_ASSETS to the folder that has imagenet-samples/images"
        );
    }
    let step = if cfg!(debug_assertions) { 10 } else { 1 };
    for path in files.iter().step_by(step) {
        let wrong = wrong(&fs::read(path).unwrap(), "decode", 5);
        assert!(wrong.is_empty(), "{}: {}", path.display(), wrong.join("\n"));
    }
}

/// A crop at the top of a file that ends too early is an error all the same.
#[test]
fn truncated_files_are_refused_whatever_the_window() {
    let transform: Transform = "random_crop(1) | normalize(unit)".parse().unwrap();
    for file in ["truncated.jpg", "truncated-grey.jpg", "header-only.jpg", "truncated.png"] {
        let content = Content::File(fs::read(fixture("broken").join(file)).unwrap());
        for index in 0..20 {
            let draw = Draw { index, ..Draw::default() };
            let error = transform.render(&content, file, draw, &mut [0; 3]).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{file} is a damaged")), "{error}");
        }
    }
}

/// A picture eight times as large as what is asked for, decoded at an eighth of its size: smooth as it is, no level is
/// far from the exact one's. Where less than twice the pixels are there, nothing changes.
#[test]
fn scaled_decoding_is_near_and_only_where_it_is_asked_for() {
    let (width, height) = (400, 304);
    let level = |x: usize, y: usize| [x * 255 / width, y * 255 / height, 128].map(|level| level as u8);
    let pixels: Vec<u8> = (0..width * height).flat_map(|i| level(i % width, i / width)).collect();
    let bytes = compress(&pixels, width, height, PixelFormat::Rgb, 95, Subsampling::S420).unwrap();
    let render = |line: &str| {
        let transform: Transform = line.parse().unwrap();
        assert_eq!(transform.to_string(), line);
        let mut levels = vec![0; transform.output_len()];
        transform.render(&Content::File(bytes.clone()), "picture", Draw::default(), &mut levels).unwrap();
        levels
    };
    let difference = |rest: &str| {
        let (exact, scaled) =
            (render(&format!("decode | {rest}")), render(&format!("decode(scaled=true) | {rest}")));
        exact.iter().zip(&scaled).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    };
    for size in [38, 70, 140] {
        let line = format!("squash({size}, bicubic) | normalize(unit)");
        let difference = difference(&line);
        assert!((1..=6).contains(&difference), "{line}: {difference}");
    }
    assert_eq!(difference("squash(160, 200, bicubic) | normalize(unit)"), 0);
}

/// Found by the fuzz target `image`: coefficients beyond any image's, for which the decoder's transform at a half, a
/// quarter and an eighth multiplies past 32 bits. Where such a sum is checked it panics, and elsewhere gives some levels.
#[test]
fn a_decoder_that_panics_is_an_error() {
    let content = Content::File(include_bytes!("../fuzz/seeds/image/found-overflow.jpg").to_vec());
    let render = |size: usize| {
        let line = format!("decode(scaled=true) | squash({size}, bicubic) | normalize(unit)");
        let transform: Transform = line.parse().unwrap();
        let mut levels = vec![0; transform.output_len()];
        transform.render(&content, "overflow", Draw::default(), &mut levels)
    };
    let errors: Vec<String> =
        [2, 4, 8, 16].into_iter().filter_map(|size| render(size).err()).map(|e| e.to_string()).collect();
    let expected = "overflow is a damaged JPEG file (the decoder gave up on it); fetch or export it again";
    assert_eq!(!errors.is_empty(), cfg!(debug_assertions), "{errors:?}");
    assert!(errors.iter().all(|error| error == expected), "{errors:?}");
}
