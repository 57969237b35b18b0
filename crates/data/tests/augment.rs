//! Every operation of the augmentation policies has Pillow's pixels, at three magnitudes and more.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use common::{cases, largest_difference, path};
use efficientnet_data::{Augmentation, Canvas, Distance, RgbImage8, Sampling, Transform, decode};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The colour beyond the images, as in the script.
const FILL: [u8; 3] = [124, 116, 104];

#[derive(Deserialize)]
struct Case {
    source: String,
    operation: String,
    magnitude: f64,
    sampling: String,
    width: usize,
    height: usize,
    offset: usize,
}

fn augmentation(name: &str, magnitude: f64) -> Augmentation {
    match name {
        "auto_contrast" => Augmentation::AutoContrast,
        "equalize" => Augmentation::Equalize,
        "invert" => Augmentation::Invert,
        "posterize" => Augmentation::Posterize(magnitude as u8),
        "solarize" => Augmentation::Solarize(magnitude as u16),
        "solarize_add" => Augmentation::SolarizeAdd(magnitude as u8),
        "color" => Augmentation::Color(magnitude),
        "contrast" => Augmentation::Contrast(magnitude),
        "brightness" => Augmentation::Brightness(magnitude),
        "sharpness" => Augmentation::Sharpness(magnitude),
        "hue" => Augmentation::Hue(magnitude),
        "rotate" => Augmentation::Rotate(magnitude),
        "shear_x" => Augmentation::ShearX(magnitude),
        "shear_y" => Augmentation::ShearY(magnitude),
        "translate_x" => Augmentation::TranslateX(Distance::Pixels(magnitude)),
        "translate_y" => Augmentation::TranslateY(Distance::Pixels(magnitude)),
        name => panic!("there is no operation {name}"),
    }
}

#[test]
fn every_operation_has_pillow_s_pixels() {
    let bytes = fs::read(path("augment.rgb")).unwrap();
    let pixels = |case: &Case| bytes[case.offset..][..case.width * case.height * 3].to_vec();
    let (mut sources, mut wrong, mut seen) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
    for case in cases::<Case>("augment.json") {
        if case.operation == "none" {
            sources
                .insert(case.source.clone(), RgbImage8::new(case.width, case.height, pixels(&case)).unwrap());
            continue;
        }
        let image = sources[&case.source].clone();
        let sampling: Sampling = case.sampling.parse().unwrap();
        let augmentation = augmentation(&case.operation, case.magnitude);
        let result = augmentation.apply(image, Canvas { fill: FILL, sampling });
        let what = format!("{augmentation}, {sampling}, of {}", case.source);
        let size = [case.width, case.height];
        match largest_difference(&result, size, &bytes[case.offset..], &what) {
            0 => {}
            difference => wrong.push(format!("{what}: {difference} levels")),
        }
        seen.insert(case.operation);
    }
    assert_eq!(seen.len(), 16, "an operation is missing from the fixture: {seen:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[derive(Deserialize)]
struct Photographs {
    photographs: Vec<String>,
    cases: Vec<Hashed>,
}

#[derive(Deserialize)]
struct Hashed {
    operation: String,
    magnitude: f64,
    sampling: String,
    hash: String,
}

/// The middles of four photographs, at the size of a network's input; a debug build takes only what is fast in it.
#[test]
fn photographs_have_pillow_s_pixels() {
    let Some(folder) = photographs() else {
        eprintln!(
            "SKIPPED: no photographs; set EFFICIENTNET_ASSETS to the folder that has imagenet-samples/images"
        );
        return;
    };
    let fixture = fs::read_to_string(path("augment_photographs.json")).unwrap();
    let fixture: Photographs = serde_json::from_str(&fixture).unwrap();
    let middle: Transform = "center_crop(224) | normalize(unit)".parse().unwrap();
    let files = fixture.photographs.iter().map(|file| decode(folder.join(file)).unwrap());
    let images: Vec<RgbImage8> = files.map(|image| middle.pixels(&image)).collect();
    assert_eq!(images.len(), 4);
    let mut wrong = Vec::new();
    for case in fixture.cases {
        let sampling: Sampling = case.sampling.parse().unwrap();
        if cfg!(debug_assertions) && sampling != Sampling::Nearest {
            continue;
        }
        let augmentation = augmentation(&case.operation, case.magnitude);
        let mut hash = Sha256::new();
        for image in &images {
            hash.update(augmentation.apply(image.clone(), Canvas { fill: FILL, sampling }).pixels());
        }
        let found: String = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        if found != case.hash {
            wrong.push(format!("{augmentation}, {sampling}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn photographs() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets");
    let assets = env::var_os("EFFICIENTNET_ASSETS").map_or_else(beside, PathBuf::from);
    Some(assets.join("imagenet-samples/images")).filter(|folder| folder.is_dir())
}

fn grid() -> RgbImage8 {
    RgbImage8::new(6, 4, (0..72).collect()).unwrap()
}

#[test]
fn a_share_of_the_side_is_as_many_pixels() {
    let canvas = Canvas { fill: FILL, sampling: Sampling::Nearest };
    let moved = |augmentation: Augmentation| augmentation.apply(grid(), canvas);
    let (share, pixels) = (Distance::Share, Distance::Pixels);
    assert_eq!(moved(Augmentation::TranslateX(share(0.5))), moved(Augmentation::TranslateX(pixels(3.0))));
    assert_eq!(moved(Augmentation::TranslateY(share(-0.25))), moved(Augmentation::TranslateY(pixels(-1.0))));
}

/// The official rule: from `half` before the middle up to, not with, `half` after it.
#[test]
fn a_cutout_is_a_square_about_its_middle() {
    let canvas = Canvas { fill: FILL, sampling: Sampling::Nearest };
    let cut = Augmentation::Cutout { x: 5, y: 2, half: 2 }.apply(grid(), canvas);
    for (index, (pixel, before)) in cut.pixels().chunks(3).zip(grid().pixels().chunks(3)).enumerate() {
        let (x, y) = (index % 6, index / 6);
        let inside = (3..7).contains(&x) && (0..4).contains(&y);
        assert_eq!(pixel, if inside { &FILL[..] } else { before }, "{x}, {y}");
    }
}

/// Half-turns and quarter-turns of squares are exact in every sampling.
#[test]
fn four_quarter_turns_are_none() {
    let square = RgbImage8::new(5, 5, (0..75).collect()).unwrap();
    for sampling in Sampling::ALL {
        let canvas = Canvas { fill: FILL, sampling };
        let turned = (0..4).fold(square.clone(), |image, _| Augmentation::Rotate(90.0).apply(image, canvas));
        assert_eq!(turned, square, "{sampling}");
        let half = Augmentation::Rotate(-180.0).apply(grid(), canvas);
        assert!(half.pixels().chunks(3).eq(grid().pixels().rchunks(3)), "{sampling}");
    }
}

/// No magnitude stops a program, however little sense it makes.
#[test]
fn senseless_magnitudes_give_images() {
    let numbers = [0.0, -1e300, 1e300, 1e12, f64::INFINITY, f64::NAN];
    for (sampling, number) in Sampling::ALL.into_iter().flat_map(|sampling| numbers.map(|n| (sampling, n))) {
        for name in
            ["rotate", "shear_x", "shear_y", "translate_x", "translate_y", "hue", "color", "sharpness"]
        {
            let result = augmentation(name, number).apply(grid(), Canvas { fill: FILL, sampling });
            assert_eq!([result.width(), result.height()], [6, 4], "{name} {number}");
        }
    }
    let canvas = Canvas { fill: FILL, sampling: Sampling::Nearest };
    let all = Augmentation::Cutout { x: usize::MAX, y: 0, half: usize::MAX }.apply(grid(), canvas);
    assert_eq!(all, RgbImage8::filled(6, 4, FILL));
    assert_eq!(Augmentation::Posterize(200).apply(grid(), canvas), grid());
}
