//! MixUp and CutMix: a batch is mixed with itself, and so are its targets.
//!
//! A [`Mix`] is the plan for one batch, a pure function of the run's seed, the epoch and the batch's place. It knows no
//! tensor: [`Mix::apply`] is the reference on the host that a version on the device is held to.

use rand_distr::{Beta, Distribution};

use crate::random::{Purpose, Random};
use crate::transform::{Draw, Op, Transform};

/// How one batch is mixed: image `i` with image `(i + shift) % batch`, its partner.
///
/// timm's partner is the batch reversed, where the middle of an odd batch is its own; torchvision's is the image before.
/// Here the shift is drawn, and no image of a batch of two or more is its own partner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mix {
    /// `lambda * image + (1 - lambda) * partner` (Zhang et al. 2017).
    MixUp {
        /// The image's share, from 0 to 1.
        lambda: f64,
        /// How much later in the batch the partner is; 1 or more.
        shift: usize,
    },
    /// A window of the partner, at the same place in every image (Yun et al. 2019). It moves pixels and changes none, so
    /// it may as well be done on levels.
    CutMix {
        /// The image's share: 1 less the window's area by the image's, exactly.
        lambda: f64,
        /// How much later in the batch the partner is; 1 or more.
        shift: usize,
        /// The window's first row and the one after its last.
        rows: [usize; 2],
        /// The window's first column and the one after its last.
        columns: [usize; 2],
    },
}

impl Mix {
    /// The plan for one batch; `None` where it stays as it is: the transform mixes nothing, the batch is of one image, or
    /// this one was not drawn. `draw.index` is the batch's place in the epoch.
    ///
    /// Of `mixup` and `cutmix`, where there are both, one is taken with probability 0.5 (as torchvision's reference
    /// recipe does it), and then applied with its own. A share is drawn from Beta(alpha, alpha) for the whole batch.
    pub fn draw(transform: &Transform, draw: Draw, batch: usize) -> Option<Self> {
        let mut random = Random::new(draw.seed, draw.epoch, draw.index, Purpose::Batch);
        let op = match transform.batch_ops() {
            [] => return None,
            [op] => op,
            ops => &ops[random.below(ops.len())],
        };
        let (Op::MixUp { alpha, probability } | Op::CutMix { alpha, probability }) = *op else { return None };
        if batch < 2 || !random.chance(probability) {
            return None;
        }
        let share = share(alpha, &mut random)?;
        let shift = 1 + random.below(batch - 1);
        Some(match op {
            Op::CutMix { .. } => Self::cut(share, shift, transform.output_size(), &mut random),
            _ => Self::MixUp { lambda: share, shift },
        })
    }

    /// A window of `1 - share` of the image, its middle anywhere in it; what lies outside is cut off (timm,
    /// `timm/data/mixup.py`, `rand_bbox`).
    fn cut(share: f64, shift: usize, [height, width]: [usize; 2], random: &mut Random) -> Self {
        let side = (1.0 - share).sqrt();
        let mut span = |length: usize| {
            let (middle, half) = (random.below(length), (length as f64 * side) as usize / 2);
            [middle.saturating_sub(half), (middle + half).min(length)]
        };
        let (rows, columns) = (span(height), span(width));
        let area = (rows[1] - rows[0]) * (columns[1] - columns[0]);
        Self::CutMix { lambda: 1.0 - area as f64 / (height * width) as f64, shift, rows, columns }
    }

    /// The image's own share, from 0 to 1.
    pub fn lambda(&self) -> f64 {
        let (Self::MixUp { lambda, .. } | Self::CutMix { lambda, .. }) = *self;
        lambda
    }

    /// How much later in the batch each image's partner is.
    pub fn shift(&self) -> usize {
        let (Self::MixUp { shift, .. } | Self::CutMix { shift, .. }) = *self;
        shift
    }

    /// Mixes normalised images, `[batch, 3, height, width]`.
    ///
    /// # Panics
    /// If `values` is no number of such images.
    pub fn apply(&self, values: &mut [f32], [height, width]: [usize; 2]) {
        let (plane, length) = (height * width, 3 * height * width);
        assert!(length > 0 && values.len().is_multiple_of(length), "a batch of other images");
        let before = values.to_vec();
        let partner =
            |image: usize| &before[(image * length + self.shift() * length) % before.len()..][..length];
        for (index, image) in values.chunks_exact_mut(length).enumerate() {
            match *self {
                Self::MixUp { lambda, .. } => {
                    let (own, other) = (lambda as f32, (1.0 - lambda) as f32);
                    for (value, partner) in image.iter_mut().zip(partner(index)) {
                        *value = *value * own + partner * other;
                    }
                }
                Self::CutMix { rows, columns, .. } => {
                    let planes = image.chunks_exact_mut(plane).zip(partner(index).chunks_exact(plane));
                    for (own, other) in planes {
                        for y in rows[0]..rows[1] {
                            let row = y * width + columns[0]..y * width + columns[1];
                            own[row.clone()].copy_from_slice(&other[row]);
                        }
                    }
                }
            }
        }
    }

    /// The targets of a batch, `[batch, count]`, each row with the sum 1. `mix` is the batch's plan, if it has one, and
    /// `smoothing` the share that is spread over all classes (Szegedy et al. 2015), 0 for none.
    ///
    /// # Panics
    /// If a class is not below `count`.
    pub fn targets(mix: Option<&Self>, classes: &[usize], count: usize, smoothing: f32) -> Vec<f32> {
        let mut targets = vec![smoothing / count as f32; classes.len() * count];
        let (lambda, shift) = mix.map_or((1.0, 0), |mix| (mix.lambda(), mix.shift()));
        for (index, row) in targets.chunks_exact_mut(count).enumerate() {
            row[classes[index]] += (1.0 - smoothing) * lambda as f32;
            row[classes[(index + shift) % classes.len()]] += (1.0 - smoothing) * (1.0 - lambda) as f32;
        }
        targets
    }
}

/// From Beta(alpha, alpha); `None` for an alpha of 0, which is off.
fn share(alpha: f64, random: &mut Random) -> Option<f64> {
    let share: f64 = Beta::new(alpha, alpha).ok()?.sample(random);
    // So small an alpha that the sample is not a number means 0 or 1, and one of them changes nothing.
    (0.0..=1.0).contains(&share).then_some(share)
}
