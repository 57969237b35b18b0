//! Drawn images after every operation have torchvision's and timm's pixels and values.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::num::NonZeroUsize;

use common::{cases, largest_difference, path};
use efficientnet_data::{
    CropMode, ImageError, Interpolation, Normalization, Op, RgbImage8, Transform, decode,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    source: String,
    line: String,
    width: usize,
    height: usize,
    offset: usize,
}

#[derive(Deserialize)]
struct Normalized {
    normalize: String,
    values: String,
}

fn transform(line: &str) -> Transform {
    line.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_pipeline_has_the_reference_pixels() {
    let expected = fs::read(path("pipelines.rgb")).unwrap();
    let mut wrong = Vec::new();
    for case in cases::<Case>("pipelines.json") {
        let what = format!("{} of {}", case.line, case.source);
        let image = decode(path("sources").join(&case.source)).unwrap();
        let transform = transform(&format!("{} | normalize(unit)", case.line));
        assert_eq!(transform.output_size(), [case.height, case.width], "{what}");
        let pixels = transform.pixels(&image);
        let size = [case.width, case.height];
        match largest_difference(&pixels, size, &expected[case.offset..], &what) {
            0 => {}
            difference => wrong.push(format!("{what}: {difference} levels")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The bits of every level's value are torchvision's.
#[test]
fn normalized_values_have_the_reference_bits() {
    let levels = RgbImage8::new(256, 1, (0..=255).flat_map(|level| [level; 3]).collect()).unwrap();
    for case in cases::<Normalized>("normalize.json") {
        let transform = transform(&format!("center_crop(1, 256) | normalize({})", case.normalize));
        let bits: String =
            transform.apply(&levels).iter().flat_map(|value| value.to_le_bytes()).map(hex).collect();
        assert_eq!(bits, case.values, "{}", case.normalize);
    }
}

fn hex(byte: u8) -> String {
    format!("{byte:02x}")
}

#[test]
fn values_are_normalized_pixels_channel_by_channel() {
    let image = decode(path("sources/noise.png")).unwrap();
    let transform = transform("squash(5, 4, bicubic) | normalize(raw)");
    let pixels = transform.pixels(&image).into_pixels();
    let values = transform.apply(&image);
    assert_eq!(values.len(), transform.output_len());
    for (index, value) in values.iter().enumerate() {
        let (channel, pixel) = (index / 20, index % 20);
        assert_eq!(*value, f32::from(pixels[pixel * 3 + channel]));
    }
}

#[test]
fn the_published_conventions_have_their_lines() {
    use Interpolation::{Bicubic, Bilinear};
    let lines = [
        Transform::timm_eval(224, 0.875, CropMode::Center, Bicubic, Normalization::ImageNet),
        Transform::timm_eval(380, 0.922, CropMode::Center, Bicubic, Normalization::Inception),
        Transform::timm_eval(480, 1.0, CropMode::Squash, Bicubic, Normalization::Inception),
        Transform::timm_eval(18, 0.9, CropMode::Squash, Bilinear, Normalization::Unit),
        Transform::torchvision_eval(240, 255, Bilinear, Normalization::ImageNet),
        Transform::tpu_eval(300, Bicubic, Normalization::ImageNet),
        Transform::automl_eval(224),
        Transform::automl_eval(384),
    ];
    let lines: Vec<String> = lines.into_iter().map(|transform| transform.unwrap().to_string()).collect();
    let expected = [
        "decode | resize(256, bicubic) | center_crop(224) | normalize(imagenet)",
        "decode | resize(412, bicubic) | center_crop(380) | normalize(inception)",
        "decode | squash(480, bicubic) | normalize(inception)",
        "decode | squash(20, bilinear) | center_crop(18) | normalize(unit)",
        "decode | resize(255, bilinear) | center_crop(240) | normalize(imagenet)",
        "decode | padded_center_crop(300, 32) | squash(300, bicubic) | normalize(imagenet)",
        "decode | padded_center_crop(224, 32) | squash(224, bilinear) | normalize(automl)",
        "decode | squash(384, bilinear) | normalize(automl)",
    ];
    assert_eq!(lines, expected);
    let zero =
        Transform::timm_eval(0, 0.875, CropMode::Center, Bicubic, Normalization::ImageNet).unwrap_err();
    assert!(zero.to_string().contains("whole number of pixels from 1 to 10000"), "{zero}");
    assert!(Transform::timm_eval(224, 0.0, CropMode::Center, Bicubic, Normalization::ImageNet).is_err());
}

#[test]
fn lines_read_back_and_are_their_own_json() {
    for line in [
        "decode | resize(256, bicubic) | center_crop(224) | normalize(imagenet)",
        "decode(exif=false) | squash(224, 320, bilinear) | normalize(tf_lite)",
        "decode | padded_center_crop(224, 32) | squash(224, bicubic) | normalize(mean=[0.1, 0.2, 0.3], std=[0.4, 1.0, 2.5e-5])",
    ] {
        let transform = transform(line);
        assert_eq!(transform.to_string(), line);
        assert_eq!(Transform::new(&transform.ops()), Ok(transform.clone()));
        let json = serde_json::to_string(&transform).unwrap();
        assert_eq!(json, format!("\"{line}\""));
        assert_eq!(serde_json::from_str::<Transform>(&json).unwrap(), transform);
    }
    assert!(
        serde_json::from_str::<Transform>("\"resize\"").unwrap_err().to_string().contains("`resize` needs")
    );
}

#[test]
fn many_spellings_mean_the_same() {
    let expected = "decode | resize(256, bicubic) | center_crop(224) | normalize(imagenet)";
    for line in [
        " resize ( size = 256,interpolation=bicubic )|center_crop(224,224)|normalize(tpu) ",
        "decode(exif=true)|resize(bicubic, 256)|center_crop(height=224)|normalize(name=imagenet)",
        "decode()|resize(256,bicubic)|center_crop(448/2)\n|normalize(std=[0.229,0.224,0.225],mean=[0.485,0.456,0.406])",
    ] {
        assert_eq!(transform(line).to_string(), expected);
    }
    assert_eq!(
        transform("padded_center_crop(7) | squash(7, bilinear) | normalize(unit)").ops()[1],
        Op::PaddedCenterCrop { size: 7, padding: 32 }
    );
}

#[test]
fn mistakes_are_pointed_at() {
    let cases = [
        ("crop(2)", "there is no operation `crop`;", "crop"),
        (
            "resize(256) | center_crop(224)",
            "`resize` needs an interpolation, `bilinear` or `bicubic`",
            "resize",
        ),
        ("resize(0, bicubic)", "`size` is a whole number of pixels from 1 to 10000", "0"),
        ("squash(2.5, bicubic)", "`height` is a whole number of pixels", "2.5"),
        ("squash(3, 99999, bicubic)", "`width` is a whole number of pixels", "99999"),
        ("squash(3, 3, 3, bicubic)", "`squash` takes no such argument", "3"),
        ("squash(3, bicubic, fill=0)", "`squash` takes no such argument", "fill=0"),
        ("squash(3, interpolation=2)", "an interpolation is", "interpolation=2"),
        ("decode(exif=1)", "`exif` is `true` or `false`", "exif=1"),
        ("squash(3, bicubic) | decode", "`decode` comes first, once", "decode"),
        (
            "normalize(unit) | squash(3, bicubic)",
            "this works on one image's levels, so it comes before",
            "squash",
        ),
        ("squash(3, bicubic)", "`normalize` must follow", "squash"),
        ("resize(3, bicubic) | normalize(unit)", "`resize` keeps the proportions", "resize"),
        ("padded_center_crop(3) | normalize(unit)", "before `normalize` stands", "normalize"),
        ("normalize(unit)", "before `normalize` stands", "normalize"),
        ("squash(3, bicubic) | normalize()", "`normalize` needs a name", "normalize"),
        ("squash(3, bicubic) | normalize(imagnet)", "a normalization is `imagenet`", "imagnet"),
        ("normalize(mean=[0, 0, 0], std=[1, 0, 1])", "`std` is three numbers", "std=[1, 0, 1]"),
        ("normalize(mean=[0, 0], std=[1, 1, 1])", "`mean` is three numbers", "mean=[0, 0]"),
        ("normalize(mean=[0, 0, 0])", "`normalize` needs a name", "normalize"),
    ];
    for (line, message, place) in cases {
        let error = line.parse::<Transform>().unwrap_err();
        assert!(error.message.starts_with(message), "{error}");
        assert_eq!(&line[error.place.clone()], place, "{error}");
        let last = error.to_string().lines().last().unwrap().trim_start().to_string();
        assert_eq!(last, "^".repeat(place.len()), "{error}");
    }
}

/// The short side of a thin image may be brought to a length that makes the long side enormous.
#[test]
fn thin_images_take_no_more_memory_than_others() {
    let image = RgbImage8::filled(30_000, 1, [10, 20, 30]);
    let pixels = transform("resize(256, bicubic) | center_crop(8) | normalize(unit)").pixels(&image);
    assert_eq!(pixels, RgbImage8::filled(8, 8, [10, 20, 30]));
}

#[test]
fn a_batch_is_loaded_on_any_number_of_threads() {
    let transform = transform("squash(6, bicubic) | normalize(imagenet)");
    let names = ["noise.png", "missing.png", "rings.png", "dot.png", "tall.png"];
    let paths: Vec<_> = names.iter().map(|name| path("sources").join(name)).collect();
    let length = transform.output_len();
    for threads in [1, 3, 16] {
        let mut values = vec![7.0; length * paths.len()];
        let results = transform.load_batch(&paths, &mut values, NonZeroUsize::new(threads).unwrap());
        for ((path, result), values) in paths.iter().zip(results).zip(values.chunks(length)) {
            match transform.load(path) {
                Ok(expected) => assert!(result.is_ok() && values == expected, "{path:?}"),
                Err(_) => {
                    assert!(matches!(result, Err(ImageError::Read { .. })));
                    assert!(values.iter().all(|value| *value == 7.0));
                }
            }
        }
    }
    assert!(transform.load_batch::<&str>(&[], &mut [], NonZeroUsize::MIN).is_empty());
}
