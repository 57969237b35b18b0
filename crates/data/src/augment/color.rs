//! Operations that mix an image with a poorer one: grey, one level, or smooth (Pillow's `ImageEnhance`); and the hue.

use pulp::{Arch, Simd, WithSimd};

use super::pointwise::{self, blend};
use crate::image::RgbImage8;

/// Pillow's grey, the luma of ITU-R 601 in 16 fraction bits (`src/libImaging/Convert.c`, `L24`).
#[inline(always)]
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471;
    ((sum + 0x8000) >> 16) as u8
}

/// Pillow's `ImageEnhance.Color`: between grey and the image.
pub fn saturation(mut image: RgbImage8, factor: f64) -> RgbImage8 {
    Arch::new().dispatch(Saturation { pixels: image.pixels_mut(), factor: factor as f32 });
    image
}

/// Compiled for the vectors of the processor that it runs on.
struct Saturation<'a> {
    pixels: &'a mut [u8],
    factor: f32,
}

impl WithSimd for Saturation<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for pixel in self.pixels.as_chunks_mut::<3>().0 {
            let grey = luma(*pixel);
            *pixel = pixel.map(|level| blend(grey, level, self.factor));
        }
    }
}

/// Pillow's `ImageEnhance.Contrast`: between the mean of the grey image, rounded, and the image.
pub fn contrast(image: RgbImage8, factor: f64) -> RgbImage8 {
    let pixels = image.pixels().as_chunks::<3>().0;
    let sum: u64 = pixels.iter().map(|pixel| u64::from(luma(*pixel))).sum();
    let mean = (sum as f64 / pixels.len() as f64 + 0.5) as u8;
    pointwise::map(image, |level| blend(mean, level, factor as f32))
}

/// Pillow's `ImageEnhance.Sharpness`: between the smoothed image and the image. The smoothing is
/// `ImageFilter.SMOOTH`, which counts a pixel five times and its eight neighbours once, and leaves the border as it is.
pub fn sharpness(image: RgbImage8, factor: f64) -> RgbImage8 {
    let (width, height) = (image.width(), image.height());
    if width < 3 || height < 3 {
        return image;
    }
    let mut sharp = image.clone();
    let stride = width * 3;
    for y in 1..height - 1 {
        let rows: [&[u8]; 3] = std::array::from_fn(|row| &image.pixels()[(y + row - 1) * stride..][..stride]);
        let target = &mut sharp.row_mut(y)[3..stride - 3];
        Arch::new().dispatch(Sharpen { rows, target, factor: factor as f32 });
    }
    sharp
}

/// One row, without its two pixels at the border.
struct Sharpen<'a> {
    rows: [&'a [u8]; 3],
    target: &'a mut [u8],
    factor: f32,
}

impl WithSimd for Sharpen<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let length = self.target.len();
        let [above, middle, below] = self.rows;
        // Slices of one length, so that no index needs a check.
        let neighbours =
            [above, middle, below].map(|row| [&row[..length], &row[3..][..length], &row[6..][..length]]);
        let [[a, b, c], [d, e, f], [g, h, i]] = neighbours;
        for index in 0..length {
            let around = [a, b, c, d, f, g, h, i].map(|row| u32::from(row[index]));
            let sum = around.iter().sum::<u32>() + 5 * u32::from(e[index]);
            // Rounded to the nearest; a half cannot be, 13 being odd.
            let smooth = ((2 * sum + 13) / 26) as u8;
            self.target[index] = blend(smooth, e[index], self.factor);
        }
    }
}

/// torchvision's `adjust_hue` on a Pillow image: the hue in 256 steps is moved by `shift * 255`, rounded towards 0.
pub fn hue(mut image: RgbImage8, shift: f64) -> RgbImage8 {
    let steps = (shift * 255.0) as i32 as u8;
    for pixel in image.pixels_mut().as_chunks_mut::<3>().0 {
        let [hue, saturation, value] = to_hsv(*pixel);
        *pixel = to_rgb([hue.wrapping_add(steps), saturation, value]);
    }
    image
}

/// Pillow's hue, saturation and value, each in 8 bits (`src/libImaging/Convert.c`): 32-bit floats, rounded down.
fn to_hsv(pixel: [u8; 3]) -> [u8; 3] {
    let (most, least) = (pixel.into_iter().max().unwrap_or(0), pixel.into_iter().min().unwrap_or(0));
    if most == least {
        return [0, 0, most];
    }
    let range = f32::from(most - least);
    let [red, green, blue] = pixel.map(|level| f32::from(most - level) / range);
    let sixth = if pixel[0] == most {
        blue - green
    } else if pixel[1] == most {
        (2.0 + f64::from(red) - f64::from(blue)) as f32
    } else {
        (4.0 + f64::from(green) - f64::from(red)) as f32
    };
    let hue = (f64::from(sixth) / 6.0 + 1.0).rem_euclid(1.0) as f32;
    let saturation = range / f32::from(most);
    [(f64::from(hue) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, most]
}

fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let sixths = (f64::from(f32::from(hue)) * 6.0 / 255.0) as f32;
    let saturation = (f64::from(f32::from(saturation)) / 255.0) as f32;
    let (sector, part) = (sixths.floor(), sixths - sixths.floor());
    let dimmed = |by: f32| (f64::from(value) * (1.0 - f64::from(by))).round() as u8;
    let (low, falling) = (dimmed(saturation), dimmed(saturation * part));
    let rising = (f64::from(value) * (1.0 - f64::from(saturation) * (1.0 - f64::from(part)))).round() as u8;
    match sector as u8 % 6 {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    }
}
