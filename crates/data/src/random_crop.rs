//! Where random crops lie: pure functions of an image's size and a stream of random numbers, so that a decoder can know
//! the window before it decodes.

use crate::geometry::{self, Window};
use crate::random::Random;

/// How often a window is tried before the centre is taken (tensorflow/tpu,
/// `models/official/efficientnet/preprocessing.py`, `max_attempts`).
const TRIES: usize = 10;

/// The official code's `CROP_PADDING` (tensorflow/tpu, `models/official/efficientnet/preprocessing.py`).
pub const CROP_PADDING: usize = 32;

/// A window of random area and proportions, as the official code draws it (tensorflow/tpu,
/// `models/official/efficientnet/preprocessing.py`, `_decode_and_random_crop`, on TensorFlow's
/// `sample_distorted_bounding_box`).
///
/// The proportions (width by height) are drawn evenly from `ratio`, then the height evenly from those that bring the
/// area into `area` (a share of the image) and fit. Up to ten tries; where none fits, or one is the whole image, the
/// window is the padded centre crop of the evaluation. torchvision's `RandomResizedCrop` draws the area evenly and the
/// proportions evenly by their logarithm, so its crops are larger: 0.43 of a photograph of 500 x 375 on average, these
/// 0.37.
///
/// Two corners of the official code are not followed: its kernel never takes the last row and column of places, and its
/// call also wants a tenth of the image covered, which makes an `area` of `0.08..1` one of `0.1..1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomWindow {
    /// From and to, as a share of the image's area; above 0 and at most 1.
    pub area: [f64; 2],
    /// From and to, width by height; above 0.
    pub ratio: [f64; 2],
    /// The side that the window will be brought to; the centre crop depends on it.
    pub size: usize,
}

impl RandomWindow {
    /// A window inside an image of `(width, height)`.
    pub fn draw(&self, width: usize, height: usize, random: &mut Random) -> Window {
        for _ in 0..TRIES {
            let ratio = random.between(self.ratio[0], self.ratio[1]);
            match self.draw_size(width, height, ratio, random) {
                Some(whole) if whole == (width, height) => break,
                Some((columns, rows)) => {
                    let x = random.below(width - columns + 1) as isize;
                    let y = random.below(height - rows + 1) as isize;
                    return Window { x, y, width: columns, height: rows };
                }
                None => {}
            }
        }
        geometry::padded_center_crop(width, height, self.size, CROP_PADDING)
    }

    /// A size of these proportions; `None` if there is none that fits.
    fn draw_size(
        &self,
        width: usize,
        height: usize,
        ratio: f64,
        random: &mut Random,
    ) -> Option<(usize, usize)> {
        let whole = (width * height) as f64;
        let [least, most] = self.area.map(|area| area * whole);
        let columns = |rows: usize| (rows as f64 * ratio).round_ties_even() as usize;
        let rows = |area: f64| (area / ratio).sqrt().round_ties_even() as usize;
        let mut highest = rows(most).min(height);
        if columns(highest) > width {
            highest = ((width as f64 + 0.5) / ratio) as usize;
        }
        while columns(highest) > width {
            highest -= 1;
        }
        let lowest = rows(least).min(highest);
        let mut drawn = lowest + random.below(highest - lowest + 1);
        let area = |rows: usize| (rows * columns(rows)) as f64;
        // Rounding may have left the range by less than a row.
        if area(drawn) < least {
            drawn += 1;
        } else if area(drawn) > most {
            drawn = drawn.saturating_sub(1);
        }
        let fits = (least..=most).contains(&area(drawn)) && drawn <= height && columns(drawn) <= width;
        (fits && area(drawn) > 0.0).then(|| (columns(drawn), drawn))
    }
}

/// A window of a fixed size at a random place, after black of `padding` pixels on every side; in the middle along an
/// axis where the image is smaller still (torchvision, `transforms/transforms.py`, `RandomCrop`, which stops there).
pub fn padded_window(
    (width, height): (usize, usize),
    (columns, rows): (usize, usize),
    padding: usize,
    random: &mut Random,
) -> Window {
    let center = geometry::center_crop(width, height, columns, rows);
    let mut offset = |side: usize, crop: usize, center: isize| match (side + 2 * padding).checked_sub(crop) {
        Some(room) => random.below(room + 1) as isize - padding as isize,
        None => center,
    };
    Window {
        x: offset(width, columns, center.x),
        y: offset(height, rows, center.y),
        width: columns,
        height: rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    const OFFICIAL: RandomWindow =
        RandomWindow { area: [0.08, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0], size: 224 };

    fn draw(window: RandomWindow, size: (usize, usize), index: u64) -> Window {
        window.draw(size.0, size.1, &mut Random::new(0, 0, index, Purpose::Image))
    }

    /// 100 windows of images of every shape; half a pixel of rounding is allowed.
    #[test]
    fn windows_lie_inside_and_keep_their_ranges() {
        for (width, height) in [(500, 375), (375, 500), (64, 64), (300, 220), (2000, 1600)] {
            for index in 0..100 {
                let drawn = draw(OFFICIAL, (width, height), index);
                assert!(drawn.x >= 0 && drawn.x as usize + drawn.width <= width, "{drawn:?}");
                assert!(drawn.y >= 0 && drawn.y as usize + drawn.height <= height, "{drawn:?}");
                let area = (drawn.width * drawn.height) as f64 / (width * height) as f64;
                assert!((0.08..=1.0).contains(&area), "{drawn:?}");
                let (columns, rows) = (drawn.width as f64, drawn.height as f64);
                assert!((columns - 0.5) / rows <= 4.0 / 3.0 && (columns + 0.5) / rows >= 0.75, "{drawn:?}");
            }
        }
    }

    /// 0.3701 is the mean of 200,000 windows by TensorFlow's formula, written down apart in Python.
    #[test]
    fn the_mean_area_is_the_official_one() {
        let areas: f64 = (0..20_000)
            .map(|index| draw(OFFICIAL, (500, 375), index))
            .map(|window| (window.width * window.height) as f64 / (500.0 * 375.0))
            .sum();
        let mean = areas / 20_000.0;
        assert!((mean - 0.3701).abs() < 0.005, "{mean}");
    }

    #[test]
    fn where_nothing_fits_the_centre_is_taken() {
        let centre = geometry::padded_center_crop(1000, 10, 224, 32);
        assert_eq!(draw(OFFICIAL, (1000, 10), 0), centre);
        let whole = RandomWindow { area: [1.0, 1.0], ratio: [1.0, 1.0], size: 224 };
        assert_eq!(draw(whole, (50, 50), 0), geometry::padded_center_crop(50, 50, 224, 32));
        assert_eq!(draw(OFFICIAL, (1, 1), 0), Window { x: 0, y: 0, width: 1, height: 1 });
    }

    #[test]
    fn every_place_of_a_padded_crop_is_drawn() {
        let mut random = Random::new(0, 0, 0, Purpose::Image);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            let window = padded_window((32, 8), (32, 20), 4, &mut random);
            seen.insert(window.x);
            assert_eq!((window.y, window.width, window.height), (-6, 32, 20));
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), (-4..=4).collect::<Vec<_>>());
    }
}
