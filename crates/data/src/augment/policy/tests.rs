use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::random::Purpose;

/// timm's and torchvision's tables, by `scripts/fixtures/augment.py`.
#[derive(Deserialize)]
struct Policies {
    autoaugment_v0: Vec<Vec<(String, f64, f64)>>,
    /// The magnitude of each bin, or 0 where there are none; and whether it goes both ways.
    trivialaugment_wide: BTreeMap<String, (Bins, bool)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Bins {
    None(f64),
    Each(Vec<f64>),
}

fn policies() -> Policies {
    serde_json::from_str(include_str!("../../../tests/fixtures/policies.json")).unwrap()
}

fn random(index: u64) -> Random {
    Random::new(0, 0, index, Purpose::Image)
}

#[test]
fn the_25_pairs_are_timm_s() {
    let pairs: Vec<Vec<(String, f64, f64)>> = V0
        .iter()
        .map(|pair| pair.iter().map(|(kind, p, level)| (format!("{kind:?}"), *p, *level)).collect())
        .collect();
    let mut expected = policies().autoaugment_v0;
    for (name, _, _) in expected.iter_mut().flatten() {
        *name = name.replace("Rel", "");
    }
    assert_eq!(pairs, expected);
}

#[test]
fn both_of_a_pair_are_drawn_by_their_probability() {
    let expected = V0.iter().flatten().map(|(_, probability, _)| probability).sum::<f64>() / 25.0;
    let drawn: usize = (0..5000).map(|index| auto_augment([224, 224], &mut random(index)).len()).sum();
    assert!((drawn as f64 / 5000.0 - expected).abs() < 0.03, "{drawn}");
}

#[test]
fn trivial_magnitudes_are_torchvision_s() {
    let policies = policies().trivialaugment_wide;
    // torchvision's are 32-bit floats, which make of a whole number a little less or more.
    let near = |a: f64, b: f64| (a - b).abs() < 1e-5;
    for (name, (bins, signed)) in &policies {
        let names =
            ["Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color"];
        let names =
            names.into_iter().chain(["Contrast", "Sharpness", "Posterize", "Solarize", "AutoContrast"]);
        let kind = names.chain(["Equalize"]).position(|known| known == name).unwrap();
        for bin in 0..TRIVIAL_BINS {
            let found = [false, true].map(|negative| trivial(kind, bin, negative));
            let expected = match bins {
                Bins::Each(values) => values[bin],
                Bins::None(value) => *value,
            };
            let values = found.map(|found| match found {
                Some(ShearX(value) | ShearY(value) | Rotate(value)) => value,
                Some(Brightness(value) | Color(value) | Contrast(value) | Sharpness(value)) => value - 1.0,
                Some(TranslateX(Pixels(pixels)) | TranslateY(Pixels(pixels))) => pixels,
                Some(Posterize(bits)) => bits.into(),
                Some(Solarize(threshold)) => threshold.into(),
                _ => 0.0,
            });
            let expected = match kind {
                3 | 4 => (expected + 1e-4).trunc(),
                // `level < threshold` for whole levels.
                11 => (expected - 1e-4).ceil(),
                _ => expected,
            };
            assert!(near(values[0], expected), "{name} {bin}: {values:?}");
            assert!(near(values[1], if *signed { -expected } else { expected }), "{name} {bin}: {values:?}");
        }
    }
    assert_eq!(policies.len(), 14);
}

/// At 10, the strongest level that AutoAugment knew, and at 9, by hand from the official formulas.
#[test]
fn levels_are_the_official_ones() {
    let at = |scale: Scale, kind, level| scale.at(kind, level, [64, 64], &mut random(0));
    let official = |kind, level| at(RANDAUGMENT_SCALE, kind, level);
    assert_eq!(official(Kind::Posterize, 9.0), Posterize(3));
    assert_eq!(official(Kind::Solarize, 9.0), Solarize(230));
    assert_eq!(official(Kind::SolarizeAdd, 9.0), SolarizeAdd(99));
    assert_eq!(official(Kind::Color, 10.0), Color(1.9000000000000001));
    assert_eq!(official(Kind::Sharpness, 0.0), Sharpness(0.1));
    assert!(matches!(official(Kind::Rotate, 10.0), Rotate(degrees) if degrees.abs() == 30.0));
    assert!(matches!(official(Kind::TranslateX, 9.0), TranslateX(Pixels(pixels)) if pixels.abs() == 90.0));
    assert!(matches!(official(Kind::Cutout, 9.0), Cutout { half: 36, .. }));
    let wide = at(AUTOAUGMENT_SCALE, Kind::TranslateY, 9.0);
    assert!(matches!(wide, TranslateY(Pixels(pixels)) if pixels.abs() == 225.0));
    // B7's recipe goes up to 28, where posterize and solarize have ended.
    assert_eq!(official(Kind::Posterize, 28.0), Posterize(8));
    assert_eq!(official(Kind::Solarize, 28.0), Solarize(256));
    assert_eq!(official(Kind::SolarizeAdd, 28.0), SolarizeAdd(255));
}

#[test]
fn increasing_levels_grow_stronger() {
    let scale = Scale { increasing: true, ..RANDAUGMENT_SCALE };
    let at = |kind, level| scale.at(kind, level, [64, 64], &mut random(0));
    assert_eq!([0.0, 5.0, 10.0, 28.0].map(|level| at(Kind::Posterize, level)), [4, 2, 0, 0].map(Posterize));
    assert_eq!([0.0, 5.0, 10.0, 28.0].map(|level| at(Kind::Solarize, level)), [256, 128, 0, 0].map(Solarize));
    assert_eq!(at(Kind::Color, 0.0), Color(1.0));
    assert!(matches!(at(Kind::Color, 5.0), Color(factor) if ((factor - 1.0).abs() - 0.45).abs() < 1e-9));
    assert!((0..50).any(|index| scale.at(Kind::Color, 28.0, [64, 64], &mut random(index)) == Color(0.1)));
}

#[test]
fn magnitudes_vary_by_their_deviation() {
    let policy = RandAugment { layers: 16, magnitude: 9.0, std: 0.5, increasing: false };
    let mut degrees = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for index in 0..2000 {
        let drawn = rand_augment(policy, [64, 64], &mut random(index));
        assert_eq!(drawn.len(), 16);
        for augmentation in drawn {
            if let Rotate(angle) = augmentation {
                degrees.push(angle.abs());
            }
            names.extend(augmentation.to_string().split(' ').next().map(str::to_string));
        }
    }
    assert_eq!(names.len(), 16);
    let mean = degrees.iter().sum::<f64>() / degrees.len() as f64;
    let variance = degrees.iter().map(|angle| (angle - mean).powi(2)).sum::<f64>() / degrees.len() as f64;
    // 3 degrees a level; the levels above 10, a fortieth, are cut off.
    assert!((mean - 26.97).abs() < 0.1, "{mean}");
    assert!((variance.sqrt() - 1.45).abs() < 0.1, "{variance}");
    assert!(degrees.iter().all(|angle| *angle <= 30.0));
}

#[test]
fn jitter_comes_in_any_order_and_within_its_strength() {
    let jitter = ColorJitter { brightness: 0.4, contrast: 0.0, saturation: 1.5, hue: 0.1 };
    let mut first = std::collections::BTreeSet::new();
    for index in 0..200 {
        let drawn = jitter.draw(&mut random(index));
        assert_eq!(drawn.len(), 3);
        first.extend(drawn[0].to_string().split(' ').next().map(str::to_string));
        for augmentation in drawn {
            match augmentation {
                Brightness(factor) => assert!((0.6..=1.4).contains(&factor)),
                Color(factor) => assert!((0.0..=2.5).contains(&factor)),
                Hue(shift) => assert!((-0.1..=0.1).contains(&shift)),
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!(first.len(), 3);
}
