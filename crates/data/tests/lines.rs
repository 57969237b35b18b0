//! Any transform prints a line that reads back as the same, and no text makes the parser stop in any other way than with
//! a sentence.
#![allow(clippy::unwrap_used)]

use efficientnet_data::{Fill, Interpolation, Normalization, Op, Sampling, Transform};
use proptest::prelude::*;
use proptest::sample::select;

fn side() -> impl Strategy<Value = usize> {
    1usize..=700
}

fn share() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), Just(1.0 / 3.0), 0.0..=1.0]
}

/// Above 0 and up to `most`, the smaller number first.
fn range(most: f64) -> impl Strategy<Value = [f64; 2]> {
    (1e-9..=most, 1e-9..=most).prop_map(|(a, b): (f64, f64)| [a.min(b), a.max(b)])
}

fn interpolation() -> impl Strategy<Value = Interpolation> {
    select(Interpolation::ALL.to_vec())
}

fn sampling() -> impl Strategy<Value = Sampling> {
    select(Sampling::ALL.to_vec())
}

fn beyond() -> impl Strategy<Value = Fill> {
    select(vec![Fill::Grey, Fill::Mean, Fill::Black])
}

/// Operations that keep an image's size.
fn augmentation() -> impl Strategy<Value = Op> {
    prop_oneof![
        share().prop_map(|probability| Op::Flip { probability }),
        (sampling(), beyond()).prop_map(|(sampling, fill)| Op::AutoAugment { sampling, fill }),
        (sampling(), beyond()).prop_map(|(sampling, fill)| Op::TrivialAugment { sampling, fill }),
        (1usize..=16, 0.0..=30.0, share(), any::<bool>(), sampling(), beyond()).prop_map(
            |(layers, magnitude, std, increasing, sampling, fill)| Op::RandAugment {
                layers,
                magnitude,
                std,
                increasing,
                sampling,
                fill
            }
        ),
        (share(), share(), share(), 0.0..=0.5).prop_map(|(brightness, contrast, saturation, hue)| {
            Op::ColorJitter { brightness, contrast, saturation, hue }
        }),
        (share(), range(1.0), range(100.0), select(Fill::ALL.to_vec())).prop_map(
            |(probability, area, ratio, fill)| Op::RandomErasing { probability, area, ratio, fill }
        ),
    ]
}

/// One or two operations that give every image one size.
fn sizing() -> impl Strategy<Value = Vec<Op>> {
    let crop = prop_oneof![
        (side(), side()).prop_map(|(height, width)| Op::CenterCrop { height, width }),
        (side(), side(), 0usize..=40).prop_map(|(height, width, padding)| Op::RandomCrop {
            height,
            width,
            padding
        }),
    ];
    let squash = (side(), side(), interpolation()).prop_map(|(height, width, interpolation)| Op::Squash {
        height,
        width,
        interpolation,
    });
    prop_oneof![
        (side(), interpolation(), crop)
            .prop_map(|(short, interpolation, crop)| vec![Op::Resize { short, interpolation }, crop]),
        (side(), 0usize..=64, squash)
            .prop_map(|(size, padding, squash)| vec![Op::PaddedCenterCrop { size, padding }, squash]),
        (side(), side(), range(1.0), range(100.0), interpolation()).prop_map(
            |(height, width, area, ratio, interpolation)| {
                vec![Op::RandomResizedCrop { height, width, area, ratio, interpolation }]
            }
        ),
    ]
}

fn normalization() -> impl Strategy<Value = Normalization> {
    let custom = (prop::array::uniform3(-1.0f32..2.0), prop::array::uniform3(1e-3f32..2.0));
    prop_oneof![
        select(Normalization::NAMED.to_vec()),
        custom.prop_map(|(mean, std)| Normalization::from_mean_std(mean, std)),
    ]
}

fn mixing() -> impl Strategy<Value = Vec<Op>> {
    let mixup = (0.0..=1000.0, share()).prop_map(|(alpha, probability)| Op::MixUp { alpha, probability });
    let cutmix = (0.0..=10.0, share()).prop_map(|(alpha, probability)| Op::CutMix { alpha, probability });
    (prop::option::of(mixup), prop::option::of(cutmix), any::<bool>()).prop_map(|(a, b, swapped)| {
        let both = if swapped { [b, a] } else { [a, b] };
        both.into_iter().flatten().collect()
    })
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let augmentations = || prop::collection::vec(augmentation(), 0..3);
    let decode = (any::<bool>(), any::<bool>()).prop_map(|(exif, scaled)| Op::Decode { exif, scaled });
    (decode, augmentations(), sizing(), augmentations(), normalization(), mixing()).prop_map(
        |(decode, before, sizing, after, normalization, mixing)| {
            let parts = [vec![decode], before, sizing, after, vec![Op::Normalize(normalization)], mixing];
            parts.concat()
        },
    )
}

/// Pieces of lines in any order, so that the parser gets further than with any text.
fn nearly_a_line() -> impl Strategy<Value = String> {
    let pieces = [
        "decode",
        "resize",
        "randaugment",
        "autoaugment",
        "v0",
        "mixup",
        "normalize",
        "imagenet",
        "random_erasing",
        "random_crop",
        "fill",
        "mean",
        "std",
        "padding",
        "(",
        ")",
        "[",
        "]",
        ",",
        "=",
        "|",
        "..",
        ".",
        "/",
        "-",
        "+",
        "e",
        "0",
        "1",
        "9",
        "224",
        "1e308",
        " ",
        "\n",
        "é",
        "\u{1F300}",
        "true",
        "bicubic",
    ];
    prop::collection::vec(select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

/// The error's place is in the text, and its last line is a caret at least.
fn check_error(text: &str) -> Result<(), TestCaseError> {
    if let Err(error) = text.parse::<Transform>() {
        prop_assert!(text.get(error.place.clone()).is_some(), "{:?}", error.place);
        prop_assert!(!error.message.is_empty());
        let printed = error.to_string();
        prop_assert!(printed.lines().last().unwrap_or_default().ends_with('^'), "{printed}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn every_transform_reads_back(ops in ops()) {
        let transform = Transform::new(&ops).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&transform.ops(), &ops);
        let line = transform.to_string();
        prop_assert_eq!(line.parse(), Ok(transform.clone()), "{}", line);
        let json = serde_json::to_string(&transform).unwrap();
        prop_assert_eq!(serde_json::from_str::<Transform>(&json).unwrap(), transform);
    }

    #[test]
    fn no_text_is_too_much(text in any::<String>()) {
        check_error(&text)?;
    }

    #[test]
    fn no_mistake_is_too_much(text in nearly_a_line()) {
        check_error(&text)?;
    }
}

#[test]
fn lines_are_written_as_people_write_them() {
    for line in [
        "decode | random_resized_crop(224, 0.08..1, 3/4..4/3, bicubic) | flip(0.5) | randaugment(2, 9) | normalize(imagenet)",
        "decode | random_resized_crop(224, 320, 0.25..1, 1..1, bilinear) | randaugment(2, 9, std=0.5, increasing=true, \
         interpolation=bilinear, fill=mean) | normalize(unit) | mixup(0.2) | cutmix(1)",
        "decode | random_crop(32, padding=4) | flip(0.5) | autoaugment(v0) | trivialaugment | normalize(imagenet)",
        "decode | random_crop(32, 24) | autoaugment(v0, fill=black) | trivialaugment(interpolation=bicubic) | \
         normalize(imagenet) | cutmix(1, prob=0.5)",
        "decode | resize(256, bicubic) | random_crop(224) | color_jitter(0.4, 0.4, 0.4, hue=0.1) | \
         random_erasing(0.25, 0.02..1/3, 3/10..10/3, fill=noise) | normalize(imagenet)",
    ] {
        assert_eq!(line.parse::<Transform>().unwrap().to_string(), line);
    }
}

#[test]
fn what_is_left_out_has_the_official_values() {
    let short = "random_resized_crop(224) | flip | randaugment(2, 9) | random_erasing | normalize(imagenet) | cutmix(1.0)";
    let long = "decode | random_resized_crop(224, 0.08..1, 3/4..4/3, bicubic) | flip(0.5) | randaugment(2, 9) | \
                random_erasing(0.25, 0.02..1/3, 3/10..10/3, fill=mean) | normalize(imagenet) | cutmix(1)";
    assert_eq!(short.parse::<Transform>().unwrap().to_string(), long);
}

#[test]
fn mistakes_are_pointed_at() {
    let end = "squash(3, bicubic) | normalize(unit)";
    let cases = [
        ("random_resized_crop(224, 0..1)", "`area` is a range above 0 and up to 1", "0..1"),
        ("random_resized_crop(224, 0.1..2)", "`area` is a range above 0 and up to 1", "0.1..2"),
        ("random_resized_crop(224, 0.1..1, 4/3..3/4)", "`ratio` is a range above 0", "4/3..3/4"),
        ("random_resized_crop(224, area=0.5)", "`area` is a range", "area=0.5"),
        (
            "random_resized_crop(224, 0.1..1, 1..1, 1..2)",
            "`random_resized_crop` takes no such argument",
            "1..2",
        ),
        ("random_crop(32, 32, 4)", "`random_crop` takes no such argument", "4"),
        ("random_crop(32, padding=0.5)", "`padding` is a whole number of pixels from 0", "padding=0.5"),
        ("flip(2)", "`probability` is a number from 0 to 1", "2"),
        ("flip(often)", "`flip` takes no such argument", "often"),
        ("autoaugment", "`autoaugment` needs a policy, `v0`", "autoaugment"),
        ("autoaugment(v1)", "the only policy is `v0`", "v1"),
        ("autoaugment(v0, fill=noise)", "`fill` is one of `grey`, `mean`, `black`", "fill=noise"),
        ("autoaugment(v0, interpolation=cubic)", "there is no interpolation `cubic`", "interpolation=cubic"),
        ("autoaugment(v0, interpolation=1)", "`interpolation` is `nearest`", "interpolation=1"),
        ("randaugment", "`randaugment` needs a whole number, `layers`", "randaugment"),
        ("randaugment(2)", "`randaugment` needs a number, `magnitude`", "randaugment"),
        ("randaugment(0, 9)", "`layers` is a whole number from 1 to 16", "0"),
        ("randaugment(2, 31)", "`magnitude` is a number from 0 to 30", "31"),
        ("randaugment(2, 9, 0.5)", "`randaugment` takes no such argument", "0.5"),
        ("randaugment(2, 9, std=-1)", "`std` is a number from 0 to 30", "std=-1"),
        ("randaugment(2, 9, increasing=1)", "`increasing` is `true` or `false`", "increasing=1"),
        ("trivialaugment(wide)", "`trivialaugment` takes no such argument", "wide"),
        ("color_jitter(hue=0.6)", "`hue` is a number from 0 to 0.5", "hue=0.6"),
        ("random_erasing(fill=red)", "`fill` is one of `mean`, `noise`, `black`, `grey`", "fill=red"),
        ("mixup(0.2)", "this mixes whole batches, so it comes after `normalize`", "mixup"),
    ];
    for (op, message, place) in cases {
        let line = format!("{op} | {end}");
        let error = line.parse::<Transform>().unwrap_err();
        assert!(error.message.starts_with(message), "{error}");
        assert_eq!(&line[error.place.clone()], place, "{error}");
    }
    let cases = [
        ("mixup()", "`mixup` needs a number, `alpha`", "mixup"),
        ("mixup(-1)", "`alpha` is a number from 0 to 1000", "-1"),
        ("cutmix(1, 0.5)", "`cutmix` takes no such argument", "0.5"),
        ("mixup(1) | cutmix(1) | mixup(1)", "a batch is mixed in one way", "mixup"),
        ("mixup(1) | flip(0.5)", "this works on one image's levels", "flip"),
        ("normalize(unit)", "this works on one image's levels", "normalize"),
    ];
    for (op, message, place) in cases {
        let line = format!("{end} | {op}");
        let error = line.parse::<Transform>().unwrap_err();
        assert!(error.message.starts_with(message), "{error}");
        assert_eq!(&line[error.place.clone()], place, "{error}");
    }
    let error = "random_crop(8) | randaugment(2, 9 | normalize(unit)".parse::<Transform>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected `,` and another argument, or `)`, but there is `|`\n  \
         random_crop(8) | randaugment(2, 9 | normalize(unit)\n                                    ^"
    );
    let error = "random_crop(8) | padded_center_crop(9) | normalize(unit)".parse::<Transform>().unwrap_err();
    assert!(error.message.starts_with("before `normalize` stands a crop of a given size"), "{error}");
}

#[test]
fn another_size_keeps_the_rest() {
    let cases = [
        (
            "random_resized_crop(224) | randaugment(2, 9) | random_erasing | normalize(imagenet) | mixup(0.2)",
            "decode | random_resized_crop(128, 0.08..1, 3/4..4/3, bicubic) | randaugment(2, 9) | \
             random_erasing(0.25, 0.02..1/3, 3/10..10/3, fill=mean) | normalize(imagenet) | mixup(0.2)",
        ),
        (
            "resize(256, bicubic) | center_crop(224) | normalize(unit)",
            "decode | resize(146, bicubic) | center_crop(128) | normalize(unit)",
        ),
        (
            "padded_center_crop(224, 32) | squash(224, bicubic) | normalize(unit)",
            "decode | padded_center_crop(128, 32) | squash(128, bicubic) | normalize(unit)",
        ),
        (
            "decode(exif=false) | squash(40, bilinear) | random_crop(32, 64, padding=4) | flip(1) | normalize(unit)",
            "decode(exif=false) | squash(160, bilinear) | random_crop(128, 256, padding=4) | flip(1) | normalize(unit)",
        ),
        (
            "squash(99, bilinear) | flip(1) | random_crop(64) | normalize(unit)",
            "decode | squash(99, bilinear) | flip(1) | random_crop(128) | normalize(unit)",
        ),
    ];
    for (line, expected) in cases {
        let transform: Transform = line.parse().unwrap();
        let resized = transform.with_size(128).unwrap();
        assert_eq!(resized.to_string(), expected);
        assert_eq!(resized.output_size()[0], 128);
        let [height, width] = transform.output_size();
        assert_eq!(transform.with_size(height.min(width)), Ok(transform));
    }
    let transform: Transform = "random_crop(32) | normalize(unit)".parse().unwrap();
    assert!(transform.with_size(0).unwrap_err().message.contains("from 1 to 10000"));
    assert!(transform.with_size(20_000).is_err());
}
