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
        // A level is below a threshold when it is below the next whole number.
        11 => Solarize((255.0 * (1.0 - share)).ceil() as u16),
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
