//! The operations that change an image's levels and not its size: the policies, colour jitter and random erasing.

use super::steps::Drawing;
use super::{Op, Transform};
use crate::augment::{
    self, Augmentation, Canvas, ColorJitter, Fill, RandAugment, RandomErasing, Rectangle, Sampling,
};
use crate::image::RgbImage8;

/// What a policy drew for an image.
struct Drawn {
    policy: &'static str,
    augmentations: Vec<Augmentation>,
    sampling: Sampling,
    fill: Fill,
}

impl Transform {
    /// What a policy draws, done to the image; other operations leave it as it is.
    pub(super) fn augment(&self, op: &Op, image: RgbImage8, drawing: &mut Drawing) -> RgbImage8 {
        let Some(drawn) = draw(op, [image.height(), image.width()], drawing) else { return image };
        drawing.note(|| {
            let names: Vec<String> = drawn.augmentations.iter().map(Augmentation::to_string).collect();
            let names = if names.is_empty() { "nothing".to_string() } else { names.join(", ") };
            format!("{}: {names}", drawn.policy)
        });
        let canvas = Canvas { fill: drawn.fill.colour(&self.normalization), sampling: drawn.sampling };
        drawn.augmentations.iter().fold(image, |image, augmentation| augmentation.apply(image, canvas))
    }

    /// Paints over a rectangle, if one fits.
    pub(super) fn erase(
        &self,
        image: &mut RgbImage8,
        erasing: RandomErasing,
        fill: Fill,
        drawing: &mut Drawing,
    ) {
        let Some(place) = erasing.draw(image.width(), image.height(), &mut drawing.random) else { return };
        augment::erase(image, place, fill, &self.normalization, &mut drawing.random);
        drawing.note(|| {
            let Rectangle { x, y, width, height } = place;
            format!("random_erasing: {width} x {height} at {x}, {y}")
        });
    }
}

/// What `op` draws for an image of `[height, width]`; `None` if it is no policy.
fn draw(op: &Op, size: [usize; 2], drawing: &mut Drawing) -> Option<Drawn> {
    let random = &mut drawing.random;
    let (policy, augmentations, sampling, fill) = match *op {
        Op::AutoAugment { sampling, fill } => {
            ("autoaugment", augment::auto_augment(size, random), sampling, fill)
        }
        Op::RandAugment { layers, magnitude, std, increasing, sampling, fill } => {
            let policy = RandAugment { layers, magnitude, std, increasing };
            ("randaugment", augment::rand_augment(policy, size, random), sampling, fill)
        }
        Op::TrivialAugment { sampling, fill } => {
            ("trivialaugment", augment::trivial_augment(random).into_iter().collect(), sampling, fill)
        }
        Op::ColorJitter { brightness, contrast, saturation, hue } => {
            let jitter = ColorJitter { brightness, contrast, saturation, hue };
            ("color_jitter", jitter.draw(random), Sampling::default(), Fill::default())
        }
        _ => return None,
    };
    Some(Drawn { policy, augmentations, sampling, fill })
}
