//! The operations of the augmentation policies, with Pillow's pixels.
//!
//! Each is a pure function of an image and a magnitude. What they do to which level is Pillow's (`ImageOps`,
//! `ImageEnhance`, `Image.rotate`, `Image.transform`), its roundings included, because the policies were searched and the
//! published recipes trained on that; `scripts/fixtures/augment.py` made the reference that the tests hold them to.

mod affine;
mod color;
mod erase;
mod pointwise;
mod policy;

use std::fmt;

use crate::image::RgbImage8;

pub use affine::Sampling;
pub use erase::Fill;
pub(crate) use erase::{RandomErasing, Rectangle, erase};
pub(crate) use policy::{ColorJitter, RandAugment, auto_augment, rand_augment, trivial_augment};

/// One operation with its magnitude. Rotations, shears and translations say where a pixel of the result is taken from, as
/// `Image.transform` does.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Augmentation {
    /// Each channel's lowest level becomes 0 and its highest 255.
    AutoContrast,
    /// Each channel's levels become equally frequent.
    Equalize,
    /// `255 - level`.
    Invert,
    /// By degrees, counter-clockwise, about the middle.
    Rotate(f64),
    /// Keeps this many of the upper bits, 0 to 8.
    Posterize(u8),
    /// Inverts the levels from this one on; 256 inverts none.
    Solarize(u16),
    /// Adds to the levels below 128.
    SolarizeAdd(u8),
    /// Saturation: 0 is grey, 1 changes nothing.
    Color(f64),
    /// 0 is one grey, the image's mean; 1 changes nothing.
    Contrast(f64),
    /// 0 is black, 1 changes nothing.
    Brightness(f64),
    /// 0 is smooth, 1 changes nothing.
    Sharpness(f64),
    /// Turns the hue by this part of the circle, -0.5 to 0.5.
    Hue(f64),
    /// Each row is moved by `factor * y` to the left.
    ShearX(f64),
    /// Each column is moved by `factor * x` up.
    ShearY(f64),
    /// To the left.
    TranslateX(Distance),
    /// Up.
    TranslateY(Distance),
    /// A square of the fill colour with its middle at a pixel, cut off at the image's sides.
    Cutout {
        /// The middle's column.
        x: usize,
        /// The middle's row.
        y: usize,
        /// Half the side, in pixels.
        half: usize,
    },
}

/// How far an image is moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distance {
    /// In pixels.
    Pixels(f64),
    /// As a share of the image's width or height.
    Share(f64),
}

impl Distance {
    /// In pixels, of a side of this many.
    fn pixels(self, side: usize) -> f64 {
        match self {
            Self::Pixels(pixels) => pixels,
            Self::Share(share) => share * side as f64,
        }
    }
}

/// What stands beyond an image, and what lies between its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    /// The colour beyond.
    pub fill: [u8; 3],
    /// How a colour is taken from between pixels.
    pub sampling: Sampling,
}

impl Augmentation {
    /// The image after the operation. Those that look at no pixel's place or neighbours ignore the canvas.
    pub fn apply(self, image: RgbImage8, canvas: Canvas) -> RgbImage8 {
        let [width, height] = [image.width(), image.height()];
        match self {
            Self::AutoContrast => pointwise::auto_contrast(image),
            Self::Equalize => pointwise::equalize(image),
            Self::Invert => pointwise::map(image, |level| 255 - level),
            Self::Posterize(bits) => {
                let mask = !(255u8.checked_shr(bits.into()).unwrap_or(0));
                pointwise::map(image, |level| level & mask)
            }
            Self::Solarize(threshold) => {
                pointwise::map(image, |level| if u16::from(level) < threshold { level } else { 255 - level })
            }
            Self::SolarizeAdd(addition) => {
                pointwise::map(
                    image,
                    |level| if level < 128 { level.saturating_add(addition) } else { level },
                )
            }
            Self::Color(factor) => color::saturation(image, factor),
            Self::Contrast(factor) => color::contrast(image, factor),
            Self::Brightness(factor) => {
                pointwise::map(image, |level| pointwise::blend(0, level, factor as f32))
            }
            Self::Sharpness(factor) => color::sharpness(image, factor),
            Self::Hue(shift) => color::hue(image, shift),
            Self::Rotate(degrees) => {
                affine::transform(&image, affine::rotation(degrees, width, height), canvas)
            }
            Self::ShearX(factor) => affine::transform(&image, [[1.0, factor, 0.0], [0.0, 1.0, 0.0]], canvas),
            Self::ShearY(factor) => affine::transform(&image, [[1.0, 0.0, 0.0], [factor, 1.0, 0.0]], canvas),
            Self::TranslateX(distance) => {
                affine::transform(&image, [[1.0, 0.0, distance.pixels(width)], [0.0, 1.0, 0.0]], canvas)
            }
            Self::TranslateY(distance) => {
                affine::transform(&image, [[1.0, 0.0, 0.0], [0.0, 1.0, distance.pixels(height)]], canvas)
            }
            Self::Cutout { x, y, half } => {
                let mut image = image;
                Rectangle::around(x, y, half, width, height).fill(&mut image, canvas.fill);
                image
            }
        }
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pixels(pixels) => write!(f, "{pixels:.1} px"),
            Self::Share(share) => write!(f, "{share:.2} of the side"),
        }
    }
}

/// What is shown to people: `rotate -12.3`.
impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AutoContrast => write!(f, "auto_contrast"),
            Self::Equalize => write!(f, "equalize"),
            Self::Invert => write!(f, "invert"),
            Self::Rotate(degrees) => write!(f, "rotate {degrees:.1}"),
            Self::Posterize(bits) => write!(f, "posterize {bits}"),
            Self::Solarize(threshold) => write!(f, "solarize {threshold}"),
            Self::SolarizeAdd(addition) => write!(f, "solarize_add {addition}"),
            Self::Color(factor) => write!(f, "color {factor:.2}"),
            Self::Contrast(factor) => write!(f, "contrast {factor:.2}"),
            Self::Brightness(factor) => write!(f, "brightness {factor:.2}"),
            Self::Sharpness(factor) => write!(f, "sharpness {factor:.2}"),
            Self::Hue(shift) => write!(f, "hue {shift:.3}"),
            Self::ShearX(factor) => write!(f, "shear_x {factor:.3}"),
            Self::ShearY(factor) => write!(f, "shear_y {factor:.3}"),
            Self::TranslateX(distance) => write!(f, "translate_x {distance}"),
            Self::TranslateY(distance) => write!(f, "translate_y {distance}"),
            Self::Cutout { x, y, half } => write!(f, "cutout {} at {x}, {y}", 2 * half),
        }
    }
}
