//! Every operation of the augmentation policies has Pillow's pixels, at three magnitudes and more.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use common::{cases, largest_difference, path};
use efficientnet_data::{Augmentation, Canvas, Distance, RgbImage8, Sampling};
use serde::Deserialize;

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
