//! Which operations an image gets: AutoAugment, RandAugment, TrivialAugment and colour jitter.
//!
//! Each is a function from random numbers to a short list of operations.

use rand_distr::{Distribution, StandardNormal};

use super::Augmentation::{self, *};
use super::Distance::Pixels;
use crate::random::Random;

/// An operation before its magnitude is known; the 16 of the official code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    AutoContrast,
    Equalize,
    Invert,
    Rotate,
    Posterize,
    Solarize,
    Color,
    Contrast,
    Brightness,
    Sharpness,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Cutout,
    SolarizeAdd,
}

/// RandAugment's operations (tensorflow/tpu, `models/official/efficientnet/autoaugment.py`, `available_ops`).
const RANDAUGMENT: [Kind; 16] = [
    Kind::AutoContrast,
    Kind::Equalize,
    Kind::Invert,
    Kind::Rotate,
    Kind::Posterize,
    Kind::Solarize,
    Kind::Color,
    Kind::Contrast,
    Kind::Brightness,
    Kind::Sharpness,
    Kind::ShearX,
    Kind::ShearY,
    Kind::TranslateX,
    Kind::TranslateY,
    Kind::Cutout,
    Kind::SolarizeAdd,
];

/// The official code's `_MAX_LEVEL`.
const MAX_LEVEL: f64 = 10.0;

/// What a level means, where the policies differ.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// Pixels of a translation at level 10.
    translate: f64,
    /// Half a cutout's side at level 10.
    cutout: f64,
    /// Whether posterize, solarize and the enhancements grow stronger with the level, as timm's `inc1` makes them. In the
    /// official code posterize and solarize grow weaker, and the enhancements are weakest in the middle.
    increasing: bool,
}

/// The official code's hyper-parameters of RandAugment.
const RANDAUGMENT_SCALE: Scale = Scale { translate: 100.0, cutout: 40.0, increasing: false };

/// The official code's hyper-parameters of AutoAugment.
const AUTOAUGMENT_SCALE: Scale = Scale { translate: 250.0, cutout: 100.0, increasing: false };

impl Scale {
    /// The operation at a level (the official `level_to_arg`); what may go both ways takes each with probability 0.5.
    fn at(self, kind: Kind, level: f64, [height, width]: [usize; 2], random: &mut Random) -> Augmentation {
        let share = level / MAX_LEVEL;
        match kind {
            Kind::AutoContrast => AutoContrast,
            Kind::Equalize => Equalize,
            Kind::Invert => Invert,
            Kind::Rotate => Rotate(signed(share * 30.0, random)),
            Kind::Posterize if self.increasing => Posterize(4 - (share * 4.0).min(4.0) as u8),
            Kind::Posterize => Posterize((share * 4.0).min(8.0) as u8),
            Kind::Solarize if self.increasing => Solarize(256 - (share * 256.0).min(256.0) as u16),
            Kind::Solarize => Solarize((share * 256.0).min(256.0) as u16),
            Kind::SolarizeAdd => SolarizeAdd((share * 110.0) as u8),
            Kind::Color => Color(self.enhancement(share, random)),
            Kind::Contrast => Contrast(self.enhancement(share, random)),
            Kind::Brightness => Brightness(self.enhancement(share, random)),
            Kind::Sharpness => Sharpness(self.enhancement(share, random)),
            Kind::ShearX => ShearX(signed(share * 0.3, random)),
            Kind::ShearY => ShearY(signed(share * 0.3, random)),
            Kind::TranslateX => TranslateX(Pixels(signed(share * self.translate, random))),
            Kind::TranslateY => TranslateY(Pixels(signed(share * self.translate, random))),
            Kind::Cutout => Cutout {
                x: random.below(width),
                y: random.below(height),
                half: (share * self.cutout) as usize,
            },
        }
    }

    fn enhancement(self, share: f64, random: &mut Random) -> f64 {
        if self.increasing { (1.0 + signed(share * 0.9, random)).max(0.1) } else { share * 1.8 + 0.1 }
    }
}

fn signed(value: f64, random: &mut Random) -> f64 {
    if random.chance(0.5) { value } else { -value }
}

/// AutoAugment's policy for ImageNet: one of 25 pairs, each with its probability and level (Cubuk et al. 2018;
/// tensorflow/tpu, `models/official/efficientnet/autoaugment.py`, `policy_v0`).
const V0: [[(Kind, f64, f64); 2]; 25] = [
    [(Kind::Equalize, 0.8, 1.0), (Kind::ShearY, 0.8, 4.0)],
    [(Kind::Color, 0.4, 9.0), (Kind::Equalize, 0.6, 3.0)],
    [(Kind::Color, 0.4, 1.0), (Kind::Rotate, 0.6, 8.0)],
    [(Kind::Solarize, 0.8, 3.0), (Kind::Equalize, 0.4, 7.0)],
    [(Kind::Solarize, 0.4, 2.0), (Kind::Solarize, 0.6, 2.0)],
    [(Kind::Color, 0.2, 0.0), (Kind::Equalize, 0.8, 8.0)],
    [(Kind::Equalize, 0.4, 8.0), (Kind::SolarizeAdd, 0.8, 3.0)],
    [(Kind::ShearX, 0.2, 9.0), (Kind::Rotate, 0.6, 8.0)],
    [(Kind::Color, 0.6, 1.0), (Kind::Equalize, 1.0, 2.0)],
    [(Kind::Invert, 0.4, 9.0), (Kind::Rotate, 0.6, 0.0)],
    [(Kind::Equalize, 1.0, 9.0), (Kind::ShearY, 0.6, 3.0)],
    [(Kind::Color, 0.4, 7.0), (Kind::Equalize, 0.6, 0.0)],
    [(Kind::Posterize, 0.4, 6.0), (Kind::AutoContrast, 0.4, 7.0)],
    [(Kind::Solarize, 0.6, 8.0), (Kind::Color, 0.6, 9.0)],
    [(Kind::Solarize, 0.2, 4.0), (Kind::Rotate, 0.8, 9.0)],
    [(Kind::Rotate, 1.0, 7.0), (Kind::TranslateY, 0.8, 9.0)],
    [(Kind::ShearX, 0.0, 0.0), (Kind::Solarize, 0.8, 4.0)],
    [(Kind::ShearY, 0.8, 0.0), (Kind::Color, 0.6, 4.0)],
    [(Kind::Color, 1.0, 0.0), (Kind::Rotate, 0.6, 2.0)],
    [(Kind::Equalize, 0.8, 4.0), (Kind::Equalize, 0.0, 8.0)],
    [(Kind::Equalize, 1.0, 4.0), (Kind::AutoContrast, 0.6, 2.0)],
    [(Kind::ShearY, 0.4, 7.0), (Kind::SolarizeAdd, 0.6, 7.0)],
    [(Kind::Posterize, 0.8, 2.0), (Kind::Solarize, 0.6, 10.0)],
    [(Kind::Solarize, 0.6, 8.0), (Kind::Equalize, 0.6, 1.0)],
    [(Kind::Color, 0.8, 6.0), (Kind::Rotate, 0.4, 5.0)],
];

/// Both operations of one of the 25 pairs, each with its probability. `size` is `[height, width]`.
pub fn auto_augment(size: [usize; 2], random: &mut Random) -> Vec<Augmentation> {
    let pair = V0[random.below(V0.len())];
    let mut drawn = Vec::with_capacity(pair.len());
    for (kind, probability, level) in pair {
        if random.chance(probability) {
            drawn.push(AUTOAUGMENT_SCALE.at(kind, level, size, random));
        }
    }
    drawn
}

/// `layers` operations, each one of the 16 and applied in any case (Cubuk et al. 2019, as in the official code). The
/// magnitude of each is normally distributed about `magnitude` with the standard deviation `std` (timm's `mstd`), and kept
/// from 0 to 10, or to `magnitude` where that is more. `size` is `[height, width]`.
pub fn rand_augment(
    RandAugment { layers, magnitude, std, increasing }: RandAugment,
    size: [usize; 2],
    random: &mut Random,
) -> Vec<Augmentation> {
    let scale = Scale { increasing, ..RANDAUGMENT_SCALE };
    let drawn = (0..layers).map(|_| {
        let kind = RANDAUGMENT[random.below(RANDAUGMENT.len())];
        let mut level = magnitude;
        if std > 0.0 {
            let normal: f64 = StandardNormal.sample(random);
            level = (magnitude + std * normal).clamp(0.0, magnitude.max(MAX_LEVEL));
        }
        scale.at(kind, level, size, random)
    });
    drawn.collect()
}

/// The parameters of [`rand_augment`].
#[derive(Debug, Clone, Copy)]
pub struct RandAugment {
    pub layers: usize,
    pub magnitude: f64,
    pub std: f64,
    pub increasing: bool,
}

/// One of 14 operations at one of 31 magnitudes, each as likely; one of the operations changes nothing (Müller and Hutter
/// 2021, the wide ranges; torchvision, `transforms/autoaugment.py`, `TrivialAugmentWide`).
pub fn trivial_augment(random: &mut Random) -> Option<Augmentation> {
    let kind = random.below(14);
    let bin = random.below(TRIVIAL_BINS);
    let negative = random.chance(0.5);
    trivial(kind, bin, negative)
}

const TRIVIAL_BINS: usize = 31;

fn trivial(kind: usize, bin: usize, negative: bool) -> Option<Augmentation> {
    let share = bin as f64 / (TRIVIAL_BINS - 1) as f64;
    let up_to = |most: f64| if negative { -most * share } else { most * share };
    Some(match kind {
        0 => return None,
        1 => ShearX(up_to(0.99)),
        2 => ShearY(up_to(0.99)),
        3 => TranslateX(Pixels(up_to(32.0).trunc())),
        4 => TranslateY(Pixels(up_to(32.0).trunc())),
        5 => Rotate(up_to(135.0)),
        6 => Brightness(1.0 + up_to(0.99)),
        7 => Color(1.0 + up_to(0.99)),
        8 => Contrast(1.0 + up_to(0.99)),
        9 => Sharpness(1.0 + up_to(0.99)),
        10 => Posterize(8 - (share * 6.0).round() as u8),
        // 255 times the rest of the bins; a level is below a threshold when it is below the next whole number.
        11 => Solarize((255 * (TRIVIAL_BINS - 1 - bin)).div_ceil(TRIVIAL_BINS - 1) as u16),
        12 => AutoContrast,
        _ => Equalize,
    })
}

/// torchvision's `ColorJitter`: brightness, contrast and saturation within 1 plus and minus these (not below 0), the hue
/// within plus and minus this, in random order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColorJitter {
    pub brightness: f64,
    pub contrast: f64,
    pub saturation: f64,
    pub hue: f64,
}

impl ColorJitter {
    /// What an image gets.
    pub fn draw(&self, random: &mut Random) -> Vec<Augmentation> {
        let mut order = [0, 1, 2, 3];
        random.shuffle(&mut order);
        let mut factor = |strength: f64| {
            (strength > 0.0).then(|| random.between((1.0 - strength).max(0.0), 1.0 + strength))
        };
        let drawn = order.into_iter().filter_map(|part| match part {
            0 => factor(self.brightness).map(Brightness),
            1 => factor(self.contrast).map(Contrast),
            2 => factor(self.saturation).map(Color),
            _ => factor(self.hue).map(|factor| Hue(factor - 1.0)),
        });
        drawn.collect()
    }
}

#[cfg(test)]
mod tests {
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
        serde_json::from_str(include_str!("../../tests/fixtures/policies.json")).unwrap()
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
                    Some(Brightness(value) | Color(value) | Contrast(value) | Sharpness(value)) => {
                        value - 1.0
                    }
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
                assert!(
                    near(values[1], if *signed { -expected } else { expected }),
                    "{name} {bin}: {values:?}"
                );
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
        assert!(
            matches!(official(Kind::TranslateX, 9.0), TranslateX(Pixels(pixels)) if pixels.abs() == 90.0)
        );
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
        assert_eq!(
            [0.0, 5.0, 10.0, 28.0].map(|level| at(Kind::Posterize, level)),
            [4, 2, 0, 0].map(Posterize)
        );
        assert_eq!(
            [0.0, 5.0, 10.0, 28.0].map(|level| at(Kind::Solarize, level)),
            [256, 128, 0, 0].map(Solarize)
        );
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
}
