//! Where a crop lies and how large a resized image is, to the last pixel of the reference's rounding.
//!
//! Sizes are `(width, height)` here, as Pillow has them; the pipeline's text and shapes have the height first.

use std::num::NonZeroUsize;

/// A part of an image, in pixels; it may reach beyond the image on any side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub x: isize,
    pub y: isize,
    pub width: usize,
    pub height: usize,
}

/// The size with the shorter side at `short`, the longer one in proportion and rounded down
/// (torchvision, `transforms/functional.py`, `_compute_resized_output_size`).
pub fn resized_by_short_side(width: usize, height: usize, short: usize) -> (usize, usize) {
    // Python computes `int(size * long / short)` with a 64-bit float; so does this.
    let long = |from: usize, to: usize| ((short * from) as f64 / to as f64) as usize;
    if width <= height { (short, long(height, width)) } else { (long(width, height), short) }
}

/// torchvision's centre crop (`transforms/functional.py`, `center_crop`), padding included: where the crop is larger
/// than the image, the image is first padded, with the odd pixel at the right or bottom.
pub fn center_crop(width: usize, height: usize, crop_width: usize, crop_height: usize) -> Window {
    Window {
        x: center_offset(width, crop_width),
        y: center_offset(height, crop_height),
        width: crop_width,
        height: crop_height,
    }
}

fn center_offset(side: usize, crop: usize) -> isize {
    if crop > side {
        return -(((crop - side) / 2) as isize);
    }
    // Python's `round` takes a half to the even neighbour.
    ((side - crop) as f64 / 2.0).round_ties_even() as isize
}

/// The official padded centre crop (tensorflow/tpu, `models/official/efficientnet/preprocessing.py`,
/// `_decode_and_center_crop`): a square of `size / (size + padding)` of the shorter side, computed in 32-bit floats.
pub fn padded_center_crop(width: usize, height: usize, size: usize, padding: usize) -> Window {
    let fraction = (size as f64 / (size + padding) as f64) as f32;
    let side = ((fraction * width.min(height) as f32) as usize).max(1);
    let offset = |whole: usize| (whole - side).div_ceil(2) as isize;
    Window { x: offset(width), y: offset(height), width: side, height: side }
}

/// timm's size before the centre crop: `floor(size / crop_pct)` (`timm/data/transforms_factory.py`).
pub fn scale_size(size: NonZeroUsize, crop_pct: f64) -> usize {
    (size.get() as f64 / crop_pct).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_side_is_rounded_down() {
        assert_eq!(resized_by_short_side(500, 375, 256), (341, 256));
        assert_eq!(resized_by_short_side(375, 500, 256), (256, 341));
        assert_eq!(resized_by_short_side(300, 300, 256), (256, 256));
        assert_eq!(resized_by_short_side(30_000, 1, 256), (7_680_000, 256));
    }

    /// `int(round((h - th) / 2.0))` for differences of 1, 3, 5 and 7 is 0, 2, 2 and 4.
    #[test]
    fn halves_go_to_the_even_offset() {
        let offsets: Vec<isize> = [225, 227, 229, 231].iter().map(|side| center_offset(*side, 224)).collect();
        assert_eq!(offsets, [0, 2, 2, 4]);
    }

    #[test]
    fn a_larger_crop_pads_more_at_the_end() {
        assert_eq!(center_crop(221, 300, 224, 224), Window { x: -1, y: 38, width: 224, height: 224 });
    }

    #[test]
    fn the_padded_crop_follows_the_official_code() {
        // 224 / 256 of 375 is 328.125; (375 - 328 + 1) / 2 is 24 and (500 - 328 + 1) / 2 is 86.
        assert_eq!(padded_center_crop(500, 375, 224, 32), Window { x: 86, y: 24, width: 328, height: 328 });
        assert_eq!(padded_center_crop(1, 1, 224, 32), Window { x: 0, y: 0, width: 1, height: 1 });
    }

    #[test]
    fn timm_rounds_down() {
        let size = |size, crop_pct| scale_size(NonZeroUsize::new(size).unwrap(), crop_pct);
        assert_eq!([size(224, 0.875), size(240, 0.882), size(380, 0.922)], [256, 272, 412]);
    }
}
