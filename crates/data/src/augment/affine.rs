//! Rotations, shears and translations, as Pillow's `Image.transform` with an affine matrix makes them
//! (`src/libImaging/Geometry.c`).
//!
//! The middle of each pixel of the result is sent through the matrix; what lies there in the image is taken, by one of
//! three filters that look at the image as it is (nothing is antialiased, since nothing becomes smaller).

use std::fmt;
use std::str::FromStr;

use pulp::{Arch, Simd, WithSimd};

use super::Canvas;
use crate::image::RgbImage8;

/// How a colour is taken from between pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sampling {
    /// The nearest pixel's.
    #[default]
    Nearest,
    /// Mixed from 2 x 2 pixels.
    Bilinear,
    /// Mixed from 4 x 4 pixels, by the cubic with a = -1.
    Bicubic,
}

impl Sampling {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Nearest, Self::Bilinear, Self::Bicubic];

    /// Its name in a pipeline.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
        }
    }
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Sampling {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|sampling| sampling.name() == name);
        known.ok_or_else(|| format!("there is no sampling `{name}`; there are nearest, bilinear and bicubic"))
    }
}

/// From a place in the result to the place in the image: x and y, each as factors of x, of y and of 1.
pub type Matrix = [[f64; 3]; 2];

/// The matrix of `Image.rotate`, about the middle of the image.
pub fn rotation(degrees: f64, width: usize, height: usize) -> Matrix {
    let radians = -degrees.rem_euclid(360.0).to_radians();
    let (sine, cosine) = (rounded(radians.sin()), rounded(radians.cos()));
    let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
    [[cosine, sine, cosine * -x + sine * -y + x], [-sine, cosine, -sine * -x + cosine * -y + y]]
}

/// To 15 digits, as Pillow does it: so the cosine of a right angle is 0.
fn rounded(value: f64) -> f64 {
    format!("{value:.15}").parse().unwrap_or(value)
}

/// The image seen through the matrix.
pub fn transform(image: &RgbImage8, matrix: Matrix, canvas: Canvas) -> RgbImage8 {
    let mut result = RgbImage8::filled(image.width(), image.height(), canvas.fill);
    match canvas.sampling {
        Sampling::Nearest => nearest(image, matrix, &mut result),
        Sampling::Bilinear => {
            Arch::new().dispatch(Sample { image, matrix, result: &mut result, mix: linear })
        }
        Sampling::Bicubic => Arch::new().dispatch(Sample { image, matrix, result: &mut result, mix: cubic }),
    }
    result
}

/// In fixed point with 16 fraction bits; where only the places of columns and rows change, in floats.
fn nearest(image: &RgbImage8, matrix: Matrix, result: &mut RgbImage8) {
    let (width, height) = (image.width(), image.height());
    let source = image.pixels().as_chunks::<3>().0;
    if matrix[0][1] == 0.0 && matrix[1][0] == 0.0 {
        let places = |[factor, offset]: [f64; 2], length: usize| {
            let mut place = offset + factor * 0.5;
            let next = move |_| {
                let at = (place >= 0.0 && place < length as f64).then_some(place as usize);
                place += factor;
                at
            };
            (0..length).map(next).collect::<Vec<_>>()
        };
        let columns = places([matrix[0][0], matrix[0][2]], width);
        let rows = places([matrix[1][1], matrix[1][2]], height);
        for (y, from) in rows.into_iter().enumerate() {
            let Some(row) = from.map(|from| &source[from * width..][..width]) else { continue };
            for (target, from) in result.row_mut(y).as_chunks_mut::<3>().0.iter_mut().zip(&columns) {
                if let Some(from) = *from {
                    *target = row[from];
                }
            }
        }
        return;
    }
    let fixed = |value: f64| (value * 65_536.0 + 0.5).floor() as i64;
    let start = |[x, y, offset]: [f64; 3]| fixed(offset + x * 0.5 + y * 0.5);
    let mut line = matrix.map(start);
    let [across, down] = [0, 1].map(|axis| [fixed(matrix[0][axis]), fixed(matrix[1][axis])]);
    for y in 0..height {
        let [mut from_x, mut from_y] = line;
        for target in result.row_mut(y).as_chunks_mut::<3>().0 {
            let (column, row) = (from_x >> 16, from_y >> 16);
            // Below 0 is very large.
            if (column as usize) < width && (row as usize) < height {
                *target = source[row as usize * width + column as usize];
            }
            from_x += across[0];
            from_y += across[1];
        }
        line = [line[0] + down[0], line[1] + down[1]];
    }
}

/// Mixing `TAPS` x `TAPS` pixels around a place, compiled for the vectors of the processor that it runs on.
struct Sample<'a, const TAPS: usize, Mix: Fn([[f64; 4]; TAPS], f64) -> [f64; 4]> {
    image: &'a RgbImage8,
    matrix: Matrix,
    result: &'a mut RgbImage8,
    /// One colour from those along a line, and how far after the middle of the line's first half the place is.
    mix: Mix,
}

impl<const TAPS: usize, Mix: Fn([[f64; 4]; TAPS], f64) -> [f64; 4]> WithSimd for Sample<'_, TAPS, Mix> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { image, matrix, result, mix } = self;
        let (width, height) = (image.width(), image.height());
        let source = image.pixels().as_chunks::<3>().0;
        let before = (TAPS / 2 - 1) as isize;
        for y in 0..height {
            let middle_y = y as f64 + 0.5;
            for (x, target) in result.row_mut(y).as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let middle_x = x as f64 + 0.5;
                let [from_x, from_y] = matrix.map(|[x, y, offset]| x * middle_x + y * middle_y + offset);
                let inside = (0.0..width as f64).contains(&from_x) && (0.0..height as f64).contains(&from_y);
                if !inside {
                    continue;
                }
                let (from_x, from_y) = (from_x - 0.5, from_y - 0.5);
                let (left, top) = (from_x.floor(), from_y.floor());
                let (part_x, part_y) = (from_x - left, from_y - top);
                let nearest = |place: isize, side: usize| place.clamp(0, side as isize - 1) as usize;
                let columns: [usize; TAPS] =
                    std::array::from_fn(|tap| nearest(left as isize - before + tap as isize, width));
                let lines = std::array::from_fn(|tap| {
                    let row = nearest(top as isize - before + tap as isize, height) * width;
                    let colour = |column: usize| {
                        let [red, green, blue] = source[row + column].map(f64::from);
                        [red, green, blue, 0.0]
                    };
                    mix(columns.map(colour), part_x)
                });
                let [red, green, blue, _] = mix(lines, part_y);
                // The cast rounds down and stays within 0 and 255, as Pillow does.
                *target = [red, green, blue].map(|level| level as u8);
            }
        }
    }
}

#[inline(always)]
fn linear([a, b]: [[f64; 4]; 2], part: f64) -> [f64; 4] {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * part)
}

/// Keys' cubic with a = -1, in Horner's form, which keeps one colour as it is.
#[inline(always)]
fn cubic([a, b, c, d]: [[f64; 4]; 4], part: f64) -> [f64; 4] {
    std::array::from_fn(|i| {
        let first = c[i] - a[i];
        let second = 2.0 * (a[i] - b[i]) + c[i] - d[i];
        let third = -a[i] + b[i] - c[i] + d[i];
        b[i] + part * (first + part * (second + part * third))
    })
}
