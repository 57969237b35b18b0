//! Resizing with the pixels of Pillow, bit by bit.
//!
//! Pillow's `Image.resize` is what the reference pipelines resize with. It stretches the filter by the scale when it
//! makes an image smaller (antialiasing), passes over the rows and then over the columns, and rounds to 8 bits in between
//! (`src/libImaging/Resample.c`). The order and the rounding show: with the passes the other way round, as fast SIMD
//! libraries have them, a bicubic photograph differs by up to 26 levels at sharp edges, because the first pass clips the
//! overshoot; with weights of 16 bits it still differs by 2. Hence this small resampler of our own, with weights of 22
//! fraction bits as Pillow has them. It computes only the window that is asked for, so a crop behind a resize costs
//! nothing.

mod kernels;
mod part;
mod passes;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::geometry::Window;
use crate::image::RgbImage8;
use kernels::Kernels;

pub use kernels::Span;
pub use part::{Part, visible};

/// Fraction bits of a weight: 32, less 8 for the pixel and 2 for the overshoot (Pillow's `PRECISION_BITS`).
const FRACTION_BITS: u32 = 32 - 8 - 2;

/// A resize filter, antialiased when it makes an image smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// A triangle over 2 pixels.
    Bilinear,
    /// Keys' cubic with a = -0.5 over 4 pixels (a = -0.75 is OpenCV's and PyTorch's, and gives other pixels).
    Bicubic,
}

impl Interpolation {
    /// Every filter.
    pub const ALL: [Self; 2] = [Self::Bilinear, Self::Bicubic];

    /// Its name in a pipeline.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
        }
    }

    /// Half the width of the filter, in pixels.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Self::Bilinear if x < 1.0 => 1.0 - x,
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            _ => 0.0,
        }
    }
}

impl fmt::Display for Interpolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Interpolation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|filter| filter.name() == name);
        known.ok_or_else(|| format!("there is no interpolation `{name}`; there are bilinear and bicubic"))
    }
}

/// The part `window` of `image` as it were after a resize to `(width, height)`; black where the window reaches beyond.
pub fn resize(
    image: &RgbImage8,
    size: (usize, usize),
    window: Window,
    interpolation: Interpolation,
) -> RgbImage8 {
    let from = [Span::whole(image.width()), Span::whole(image.height())];
    Resize::new(from, size, window, interpolation).apply(&Part::whole(image))
}

/// The part `window` of `image`, black where it reaches beyond.
pub fn crop(image: &RgbImage8, window: Window) -> RgbImage8 {
    Part::whole(image).on_black(window)
}

/// A resize whose weights are known, so that it can say which pixels it will read.
pub struct Resize {
    window: Window,
    /// What the window shows of the resized image.
    columns: Range<usize>,
    rows: Range<usize>,
    /// `None` where a pass would keep its size and is left out, as in Pillow: it could only round.
    along: Option<Kernels>,
    down: Option<Kernels>,
    is_vertical_first: bool,
}

impl Resize {
    /// A resize of `[across, down]` to `(width, height)`, of which `window` is wanted.
    pub fn new(
        [across, down]: [Span; 2],
        (width, height): (usize, usize),
        window: Window,
        interpolation: Interpolation,
    ) -> Self {
        let columns = visible(window.x, window.width, width);
        let rows = visible(window.y, window.height, height);
        let kernels = |span: &Span, to: usize, outputs: &Range<usize>| {
            (*span != Span::whole(to)).then(|| Kernels::new(span, to, outputs, interpolation))
        };
        let from = (across.pixels.len(), down.pixels.len());
        Self {
            along: kernels(&across, width, &columns),
            down: kernels(&down, height, &rows),
            is_vertical_first: is_vertical_first(from, (width, height)),
            window,
            columns,
            rows,
        }
    }

    /// The columns and rows of the source that it reads; both are empty if it reads none.
    pub fn inputs(&self) -> (Range<usize>, Range<usize>) {
        if self.columns.is_empty() || self.rows.is_empty() {
            return (0..0, 0..0);
        }
        (self.input_columns(), self.input_rows())
    }

    fn input_columns(&self) -> Range<usize> {
        self.along.as_ref().map_or(self.columns.clone(), Kernels::inputs)
    }

    fn input_rows(&self) -> Range<usize> {
        self.down.as_ref().map_or(self.rows.clone(), Kernels::inputs)
    }

    /// The window of the resized image; `source` has at least the inputs.
    pub fn apply(&self, source: &Part) -> RgbImage8 {
        if self.columns.is_empty() || self.rows.is_empty() {
            return RgbImage8::filled(self.window.width, self.window.height, [0; 3]);
        }
        let part = match (&self.along, &self.down) {
            (None, None) => source.part(&self.columns, &self.rows),
            (Some(along), None) => passes::along_rows(along, source, &self.rows),
            (None, Some(down)) => passes::down_columns(down, source, &self.columns),
            (Some(along), Some(down)) if self.is_vertical_first => passes::along_rows(
                along,
                &passes::down_columns(down, source, &self.input_columns()),
                &self.rows,
            ),
            (Some(along), Some(down)) => passes::down_columns(
                down,
                &passes::along_rows(along, source, &self.input_rows()),
                &self.columns,
            ),
        };
        part.into_image(self.window)
    }
}

/// Which pass Pillow 13 makes first. Before version 13 it was always the horizontal one, so its pixels differed where an
/// image is made much less high but not so much narrower: a squashed portrait, or one more than twice as high as wide.
fn is_vertical_first(from: (usize, usize), to: (usize, usize)) -> bool {
    let lost = |from: usize, to: usize| from as i64 - to as i64;
    lost(from.1, to.1) > 0 && lost(from.1, to.1) > 2 * lost(from.0, to.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(width: usize, height: usize) -> Window {
        Window { x: 0, y: 0, width, height }
    }

    fn noise(width: usize, height: usize) -> RgbImage8 {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        RgbImage8::new(width, height, (0..width * height * 3).map(|_| next()).collect()).unwrap()
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let image = noise(7, 5);
        for filter in Interpolation::ALL {
            assert_eq!(resize(&image, (7, 5), whole(7, 5), filter), image);
        }
    }

    #[test]
    fn one_colour_stays_one_colour() {
        let image = RgbImage8::filled(13, 9, [255, 128, 1]);
        for (width, height) in [(4, 3), (29, 31), (1, 1), (13, 2)] {
            let resized = resize(&image, (width, height), whole(width, height), Interpolation::Bicubic);
            assert_eq!(resized, RgbImage8::filled(width, height, [255, 128, 1]));
        }
    }

    #[test]
    fn a_window_is_a_part_of_the_whole() {
        let image = noise(40, 31);
        let all = resize(&image, (25, 27), whole(25, 27), Interpolation::Bicubic);
        let window = Window { x: 3, y: 5, width: 11, height: 13 };
        let part = resize(&image, (25, 27), window, Interpolation::Bicubic);
        assert_eq!(part, crop(&all, window));
    }

    #[test]
    fn beyond_the_image_is_black() {
        let image = RgbImage8::filled(1, 1, [9, 8, 7]);
        let window = Window { x: -1, y: 0, width: 3, height: 2 };
        let cropped = crop(&image, window);
        assert_eq!(cropped.pixels()[..9], [0, 0, 0, 9, 8, 7, 0, 0, 0]);
        assert_eq!(cropped.pixels()[9..], [0; 9]);
        assert_eq!(crop(&image, Window { x: 5, ..window }), RgbImage8::filled(3, 2, [0; 3]));
    }

    /// 375 x 500 to 256 x 341 keeps the proportions; to 384 x 384 it gains columns and loses rows.
    #[test]
    fn portraits_are_squashed_vertically_first() {
        assert!(!is_vertical_first((375, 500), (256, 341)));
        assert!(is_vertical_first((375, 500), (384, 384)));
        assert!(!is_vertical_first((500, 375), (384, 384)));
        assert!(is_vertical_first((100, 300), (50, 150)));
        assert!(!is_vertical_first((50, 150), (100, 300)));
    }

    #[test]
    fn names_are_read_back() {
        for filter in Interpolation::ALL {
            assert_eq!(filter.to_string().parse(), Ok(filter));
        }
        assert!("cubic".parse::<Interpolation>().unwrap_err().contains("bilinear and bicubic"));
    }
}
