//! JPEG, with the pixels of libjpeg-turbo, which is what Pillow decodes with.
//!
//! The standard leaves the upsampling of colour and the rounding of the transform open, and decoders use that: on a
//! hundred ImageNet photographs `zune-jpeg` (the `image` crate's decoder) differs from libjpeg-turbo by up to 6 levels and
//! `jpeg-decoder` by up to 4, `libjpeg-turbo-rs` in no byte. It is also the fastest of the three.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use libjpeg_turbo_rs::{ColorSpace, DecodeLimits, Decoder, FrameHeader, JpegError, PixelFormat};

use super::{Failure, MAX_PIXELS, MAX_SIDE, check_size, one_line};

/// More scans than any real progressive file has; a file of a million scans would take hours.
const MAX_SCANS: usize = 500;

/// Decodes a JPEG of any kind to grey or RGB, turned as its EXIF orientation says if `exif`.
pub fn decode(bytes: &[u8], exif: bool) -> Result<DynamicImage, Failure> {
    let limits = DecodeLimits {
        max_width: MAX_SIDE,
        max_height: MAX_SIDE,
        max_pixels: MAX_PIXELS as u64,
        max_scans: MAX_SCANS,
        max_memory: None,
    };
    let decoder = Decoder::new_with_limits(bytes, limits)?;
    let frame = decoder.header();
    let (width, height) = (frame.width(), frame.height());
    check_size(width as u64, height as u64)?;
    check_frame(frame)?;
    check_end(bytes)?;
    let orientation = decoder.exif_orientation().filter(|_| exif).and_then(Orientation::from_exif);
    let format = match decoder.jpeg_color_space() {
        ColorSpace::Grayscale => PixelFormat::Grayscale,
        ColorSpace::Cmyk | ColorSpace::Ycck => PixelFormat::Cmyk,
        _ => PixelFormat::Rgb,
    };
    let pixels = decoder.with_output_format(format).decode_image()?.data;
    let (width, height) = (width as u32, height as u32);
    let image = match format {
        PixelFormat::Grayscale => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        PixelFormat::Cmyk => RgbImage::from_raw(width, height, rgb(&pixels)).map(DynamicImage::from),
        _ => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
    };
    let mut image = image.ok_or_else(|| Failure::Damaged("it has too few pixels".to_string()))?;
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Ok(image)
}

impl From<JpegError> for Failure {
    fn from(error: JpegError) -> Self {
        match error {
            JpegError::Unsupported(reason) => Self::Unsupported(reason),
            JpegError::LimitExceeded { .. } => Self::Unsupported(one_line(&error)),
            error => Self::Damaged(one_line(&error)),
        }
    }
}

/// Refuses frames that no encoder writes and that the decoder is not ready for.
fn check_frame(frame: &FrameHeader) -> Result<(), Failure> {
    if frame.width() == 0 || frame.height() == 0 {
        return Err(Failure::Damaged("it has no pixels".to_string()));
    }
    let sampling = |index: usize| {
        let component = &frame.components[index];
        (component.horizontal_sampling, component.vertical_sampling)
    };
    if frame.components.len() == 4 {
        let (full, half) = (sampling(0), sampling(1));
        let whole = half.0 > 0 && half.1 > 0 && full.0 % half.0 == 0 && full.1 % half.1 == 0;
        if sampling(3) != full || sampling(2) != half || !whole {
            return Err(Failure::Unsupported("CMYK with unusual subsampling".to_string()));
        }
    }
    Ok(())
}

/// Refuses a file that ends before its end marker, as Pillow does: of grey ones the decoder would fill in the rest.
fn check_end(bytes: &[u8]) -> Result<(), Failure> {
    const START_OF_SCAN: u8 = 0xDA;
    const END: [u8; 2] = [0xFF, 0xD9];
    let mut rest = bytes.get(2..).unwrap_or_default();
    // Segments before the first scan have a length and may contain anything, thumbnails with end markers included.
    while let [0xFF, marker, high, low, ..] = rest {
        if *marker == START_OF_SCAN {
            break;
        }
        let length = if *marker == 0xFF { 1 } else { 2 + usize::from(u16::from_be_bytes([*high, *low])) };
        rest = rest.get(length..).unwrap_or_default();
    }
    if rest.windows(2).rev().any(|pair| pair == END) {
        return Ok(());
    }
    Err(Failure::Damaged("it ends before the image does".to_string()))
}

/// Adobe's CMYK, in which 255 is no ink, to RGB with Pillow's rounding (`src/libImaging/Convert.c`, `cmyk2rgb`).
fn rgb(cmyk: &[u8]) -> Vec<u8> {
    let ink = |level: u8, black: u8| {
        let product = u32::from(255 - level) * u32::from(black) + 128;
        black.saturating_sub((((product >> 8) + product) >> 8) as u8)
    };
    cmyk.chunks_exact(4).flat_map(|p| [ink(p[0], p[3]), ink(p[1], p[3]), ink(p[2], p[3])]).collect()
}
