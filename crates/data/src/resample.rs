//! Resizing with the pixels of Pillow, bit by bit.
//!
//! Pillow's `Image.resize` is what the reference pipelines resize with. It stretches the filter by the scale when it
//! makes an image smaller (antialiasing), passes over the rows and then over the columns, and rounds to 8 bits in between
//! (`src/libImaging/Resample.c`). The order and the rounding show: with the passes the other way round, as fast SIMD
//! libraries have them, a bicubic photograph differs by up to 26 levels at sharp edges, because the first pass clips the
//! overshoot; with weights of 16 bits it still differs by 2. Hence this small resampler of our own, with weights of 22
//! fraction bits as Pillow has them. It computes only the window that is asked for, so a crop behind a resize costs
//! nothing.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use pulp::{Arch, Simd, WithSimd};

use crate::geometry::Window;
use crate::image::RgbImage8;

/// Fraction bits of a weight: 32, less 8 for the pixel and 2 for the overshoot (Pillow's `PRECISION_BITS`).
const FRACTION_BITS: u32 = 32 - 8 - 2;
const HALF: i32 = 1 << (FRACTION_BITS - 1);

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
    (width, height): (usize, usize),
    window: Window,
    interpolation: Interpolation,
) -> RgbImage8 {
    let columns = visible(window.x, window.width, width);
    let rows = visible(window.y, window.height, height);
    if columns.is_empty() || rows.is_empty() {
        return RgbImage8::filled(window.width, window.height, [0; 3]);
    }
    // A pass that would keep its size is left out, as in Pillow: it could only round.
    let along = (width != image.width()).then(|| Kernels::new(image.width(), width, &columns, interpolation));
    let down = (height != image.height()).then(|| Kernels::new(image.height(), height, &rows, interpolation));
    let source = Part::whole(image);
    let part = match (&along, &down) {
        (None, None) => source,
        (Some(along), None) => along.along_rows(&source, &rows),
        (None, Some(down)) => down.down_columns(&source, &columns),
        (Some(along), Some(down)) if is_vertical_first((image.width(), image.height()), (width, height)) => {
            along.along_rows(&down.down_columns(&source, &along.inputs()), &rows)
        }
        (Some(along), Some(down)) => down.down_columns(&along.along_rows(&source, &down.inputs()), &columns),
    };
    part.on_black(window, &columns, &rows)
}

/// Which pass Pillow 13 makes first. Before version 13 it was always the horizontal one, so its pixels differed where an
/// image is made much less high but not so much narrower: a squashed portrait, or one more than twice as high as wide.
fn is_vertical_first(from: (usize, usize), to: (usize, usize)) -> bool {
    let lost = |from: usize, to: usize| from as i64 - to as i64;
    lost(from.1, to.1) > 0 && lost(from.1, to.1) > 2 * lost(from.0, to.0)
}

/// The part `window` of `image`, black where it reaches beyond.
pub fn crop(image: &RgbImage8, window: Window) -> RgbImage8 {
    let columns = visible(window.x, window.width, image.width());
    let rows = visible(window.y, window.height, image.height());
    Part::whole(image).on_black(window, &columns, &rows)
}

/// The positions of `start..start + length` that are in `0..whole`.
fn visible(start: isize, length: usize, whole: usize) -> Range<usize> {
    let end = (start + length as isize).clamp(0, whole as isize);
    start.clamp(0, end) as usize..end as usize
}

/// Some columns and rows of an image.
struct Part<'a> {
    columns: Range<usize>,
    rows: Range<usize>,
    /// `[rows, columns, 3]`
    pixels: Cow<'a, [u8]>,
}

impl<'a> Part<'a> {
    fn whole(image: &'a RgbImage8) -> Self {
        Self { columns: 0..image.width(), rows: 0..image.height(), pixels: Cow::Borrowed(image.pixels()) }
    }

    /// The bytes of some columns of a row, by their places in the image.
    fn row(&self, y: usize, columns: &Range<usize>) -> &[u8] {
        let start = (y - self.rows.start) * self.columns.len() + columns.start - self.columns.start;
        &self.pixels[start * 3..][..columns.len() * 3]
    }

    /// These columns and rows where `window` sees them, black around.
    fn on_black(self, window: Window, columns: &Range<usize>, rows: &Range<usize>) -> RgbImage8 {
        let mut image = RgbImage8::filled(window.width, window.height, [0; 3]);
        if columns.is_empty() {
            return image;
        }
        let left = (columns.start as isize - window.x) as usize;
        for y in rows.clone() {
            let target = image.row_mut((y as isize - window.y) as usize);
            target[left * 3..][..columns.len() * 3].copy_from_slice(self.row(y, columns));
        }
        image
    }
}

/// For some output positions of one axis: which inputs count, and how much.
struct Kernels {
    outputs: Range<usize>,
    /// First input and number of inputs of each output position.
    bounds: Vec<(usize, usize)>,
    /// `stride` fixed-point weights for each output position.
    weights: Vec<i32>,
    stride: usize,
}

impl Kernels {
    /// Weights for the positions `outputs` of a resize from `from` to `to` pixels.
    fn new(from: usize, to: usize, outputs: &Range<usize>, filter: Interpolation) -> Self {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let stride = support.ceil() as usize * 2 + 1;
        let (mut bounds, mut weights) = (Vec::new(), Vec::new());
        let mut exact = Vec::with_capacity(stride);
        for position in outputs.clone() {
            let center = (position as f64 + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            exact.clear();
            exact.extend((first..end).map(|x| filter.weight((x as f64 - center + 0.5) * (1.0 / stretch))));
            let sum: f64 = exact.iter().sum();
            let fixed = exact.iter().map(|weight| fixed_point(weight / sum));
            weights.extend(fixed.chain(std::iter::repeat(0)).take(stride));
            bounds.push((first, end - first));
        }
        Self { outputs: outputs.clone(), bounds, weights, stride }
    }

    /// From the first to the last input that any output needs.
    fn inputs(&self) -> Range<usize> {
        let start = self.bounds.iter().map(|(first, _)| *first).min().unwrap_or(0);
        let end = self.bounds.iter().map(|(first, count)| first + count).max().unwrap_or(0);
        start..end
    }

    /// Each output position's first input, number of inputs and weights.
    #[inline(always)]
    fn iter(&self) -> impl Iterator<Item = (usize, usize, &[i32])> {
        let weights = self.weights.chunks_exact(self.stride);
        self.bounds.iter().zip(weights).map(|(&(first, count), weights)| (first, count, weights))
    }

    /// The horizontal pass over some rows.
    fn along_rows<'b>(&self, part: &Part, rows: &Range<usize>) -> Part<'b> {
        let mut pixels = vec![0; rows.len() * self.outputs.len() * 3];
        Arch::new().dispatch(AlongRows { kernels: self, part, rows, pixels: &mut pixels });
        Part { columns: self.outputs.clone(), rows: rows.clone(), pixels: Cow::Owned(pixels) }
    }

    /// The vertical pass over some columns.
    fn down_columns<'b>(&self, part: &Part, columns: &Range<usize>) -> Part<'b> {
        let mut pixels = vec![0; self.outputs.len() * columns.len() * 3];
        Arch::new().dispatch(DownColumns { kernels: self, part, columns, pixels: &mut pixels });
        Part { columns: columns.clone(), rows: self.outputs.clone(), pixels: Cow::Owned(pixels) }
    }
}

/// The inner loop of the horizontal pass, compiled for the vectors of the processor that it runs on.
struct AlongRows<'a> {
    kernels: &'a Kernels,
    part: &'a Part<'a>,
    rows: &'a Range<usize>,
    pixels: &'a mut [u8],
}

impl WithSimd for AlongRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { kernels, part, rows, pixels } = self;
        let start = part.columns.start;
        // Pixels of four numbers, the last one 0: a processor adds four at once.
        let mut row = vec![[0; 4]; part.columns.len()];
        for (y, targets) in rows.clone().zip(pixels.chunks_exact_mut(kernels.outputs.len() * 3)) {
            for (pixel, levels) in row.iter_mut().zip(part.row(y, &part.columns).chunks_exact(3)) {
                *pixel = [levels[0].into(), levels[1].into(), levels[2].into(), 0];
            }
            for ((first, count, weights), target) in kernels.iter().zip(targets.chunks_exact_mut(3)) {
                let mut sums = [HALF; 4];
                for (pixel, weight) in row[first - start..][..count].iter().zip(weights) {
                    for (sum, level) in sums.iter_mut().zip(pixel) {
                        *sum += level * weight;
                    }
                }
                target.copy_from_slice(&sums.map(to_byte)[..3]);
            }
        }
    }
}

/// The inner loop of the vertical pass: a whole row at once.
struct DownColumns<'a> {
    kernels: &'a Kernels,
    part: &'a Part<'a>,
    columns: &'a Range<usize>,
    pixels: &'a mut [u8],
}

impl WithSimd for DownColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { kernels, part, columns, pixels } = self;
        let bytes = columns.len() * 3;
        let mut sums = vec![0; bytes];
        for ((first, count, weights), targets) in kernels.iter().zip(pixels.chunks_exact_mut(bytes)) {
            sums.fill(HALF);
            for (y, weight) in (first..first + count).zip(weights) {
                for (sum, level) in sums.iter_mut().zip(part.row(y, columns)) {
                    *sum += i32::from(*level) * weight;
                }
            }
            for (target, sum) in targets.iter_mut().zip(&sums) {
                *target = to_byte(*sum);
            }
        }
    }
}

/// Rounded half away from zero, as C's `(int)(0.5 + x)` does for both signs in Pillow.
fn fixed_point(weight: f64) -> i32 {
    (weight * f64::from(1 << FRACTION_BITS) + 0.5f64.copysign(weight)) as i32
}

#[inline(always)]
fn to_byte(sum: i32) -> u8 {
    (sum >> FRACTION_BITS).clamp(0, 255) as u8
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
