//! Rectangles that are painted over: Cutout and random erasing.

use rand_distr::{Distribution, StandardNormal};

use crate::image::RgbImage8;
use crate::normalize::Normalization;
use crate::random::Random;

/// How often a rectangle is tried (timm, `timm/data/random_erasing.py`).
const TRIES: usize = 10;

/// What the place of missing pixels is painted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fill {
    /// The level 128, as in the official policies.
    #[default]
    Grey,
    /// The mean of the pipeline's `normalize`, rounded to a level: about 0 for the network.
    Mean,
    /// The level 0.
    Black,
    /// For each pixel another colour, normally distributed with the mean and standard deviation of `normalize`: to the
    /// network it is normal noise of mean 0 and standard deviation 1, cut off where levels end. Random erasing only.
    Noise,
}

impl Fill {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Grey, Self::Mean, Self::Black, Self::Noise];

    /// Its name in a pipeline.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Mean => "mean",
            Self::Black => "black",
            Self::Noise => "noise",
        }
    }

    /// The colour; of noise, its mean.
    pub(crate) fn colour(self, normalization: &Normalization) -> [u8; 3] {
        match self {
            Self::Grey => [128; 3],
            Self::Black => [0; 3],
            Self::Mean | Self::Noise => normalization.mean().map(level),
        }
    }
}

/// A value from 0 to 1 as the nearest level.
fn level(value: f32) -> u8 {
    (value * 255.0).round() as u8
}

/// A part of an image, inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rectangle {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

impl Rectangle {
    /// The square from `half` before a place up to `half` after it, as far as it lies in an image of this size.
    pub fn around(x: usize, y: usize, half: usize, width: usize, height: usize) -> Self {
        let (left, top) = (x.saturating_sub(half).min(width), y.saturating_sub(half).min(height));
        let (right, bottom) = ((x + half).min(width), (y + half).min(height));
        Self { x: left, y: top, width: right - left, height: bottom - top }
    }

    /// Paints it with one colour.
    pub fn fill(self, image: &mut RgbImage8, colour: [u8; 3]) {
        self.paint(image, |pixel| *pixel = colour);
    }

    fn paint(self, image: &mut RgbImage8, mut with: impl FnMut(&mut [u8; 3])) {
        for y in self.y..self.y + self.height {
            let row = image.row_mut(y).as_chunks_mut::<3>().0;
            row[self.x..][..self.width].iter_mut().for_each(&mut with);
        }
    }
}

/// Random erasing (Zhong et al. 2017), as timm draws it (`timm/data/random_erasing.py`): up to ten tries of an area, even
/// within its range, and of proportions, even by their logarithm; the first rectangle smaller than the image counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomErasing {
    /// From and to, as a share of the image's area.
    pub area: [f64; 2],
    /// From and to, height by width.
    pub ratio: [f64; 2],
}

impl RandomErasing {
    /// A place inside an image of this size; `None` where none of the tries fits.
    pub fn draw(&self, width: usize, height: usize, random: &mut Random) -> Option<Rectangle> {
        (0..TRIES).find_map(|_| {
            let area = random.between(self.area[0], self.area[1]) * (width * height) as f64;
            let ratio = random.between(self.ratio[0].ln(), self.ratio[1].ln()).exp();
            let rows = (area * ratio).sqrt().round_ties_even() as usize;
            let columns = (area / ratio).sqrt().round_ties_even() as usize;
            let fits = (1..height).contains(&rows) && (1..width).contains(&columns);
            fits.then(|| Rectangle {
                x: random.below(width - columns + 1),
                y: random.below(height - rows + 1),
                width: columns,
                height: rows,
            })
        })
    }
}

/// Paints a rectangle of an image.
pub fn erase(
    image: &mut RgbImage8,
    rectangle: Rectangle,
    fill: Fill,
    normalization: &Normalization,
    random: &mut Random,
) {
    if fill != Fill::Noise {
        return rectangle.fill(image, fill.colour(normalization));
    }
    let (mean, std) = (normalization.mean(), normalization.std());
    rectangle.paint(image, |pixel| {
        *pixel = std::array::from_fn(|channel| {
            let normal: f32 = StandardNormal.sample(random);
            level(mean[channel] + std[channel] * normal)
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn a_square_is_cut_off_at_the_sides() {
        let rectangle = |x, y, half| Rectangle::around(x, y, half, 10, 8);
        assert_eq!(rectangle(0, 7, 3), Rectangle { x: 0, y: 4, width: 3, height: 4 });
        assert_eq!(rectangle(5, 4, 2), Rectangle { x: 3, y: 2, width: 4, height: 4 });
        assert_eq!(rectangle(5, 4, 100), Rectangle { x: 0, y: 0, width: 10, height: 8 });
        assert_eq!(rectangle(9, 7, 0).width, 0);
    }

    #[test]
    fn erased_areas_keep_their_range() {
        let erasing = RandomErasing { area: [0.02, 1.0 / 3.0], ratio: [0.3, 10.0 / 3.0] };
        let mut random = Random::new(0, 0, 0, Purpose::Image);
        let mut sum = 0.0;
        for _ in 0..1000 {
            let place = erasing.draw(224, 160, &mut random).unwrap();
            assert!(place.x + place.width <= 224 && place.y + place.height <= 160);
            let area = (place.width * place.height) as f64 / (224.0 * 160.0);
            assert!((0.018..0.345).contains(&area), "{area}");
            sum += area;
        }
        // The middle of the range is 0.177; tall and wide rectangles of a large area do not fit.
        assert!((0.15..0.18).contains(&(sum / 1000.0)), "{sum}");
        assert_eq!(erasing.draw(1, 1, &mut random), None);
    }

    #[test]
    fn noise_has_the_normalization_s_mean_and_spread() {
        let mut image = RgbImage8::filled(64, 64, [1, 2, 3]);
        let whole = Rectangle { x: 0, y: 0, width: 64, height: 64 };
        let mut random = Random::new(0, 0, 0, Purpose::Image);
        erase(&mut image, whole, Fill::Noise, &Normalization::Inception, &mut random);
        let count = image.pixels().len() as f64;
        let mean = image.pixels().iter().map(|level| f64::from(*level)).sum::<f64>() / count;
        assert!((mean - 127.5).abs() < 3.0, "{mean}");
        // A third of a normal distribution lies beyond one standard deviation, which is 0 and 255 here.
        let ends = image.pixels().iter().filter(|level| [0, 255].contains(*level)).count() as f64 / count;
        assert!((ends - 0.32).abs() < 0.02, "{ends}");
    }

    #[test]
    fn the_fill_s_colour_is_the_normalization_s() {
        assert_eq!(Fill::Mean.colour(&Normalization::ImageNet), [124, 116, 104]);
        assert_eq!(Fill::Grey.colour(&Normalization::ImageNet), [128; 3]);
        assert_eq!(Fill::Black.colour(&Normalization::AutoMl), [0; 3]);
    }
}
