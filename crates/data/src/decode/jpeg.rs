//! JPEG, with the pixels of libjpeg-turbo, which is what Pillow decodes with.
//!
//! The standard leaves the upsampling of colour and the rounding of the transform open, and decoders use that: on a
//! hundred ImageNet photographs `zune-jpeg` (the `image` crate's decoder) differs from libjpeg-turbo by up to 6 levels and
//! `jpeg-decoder` by up to 4, `libjpeg-turbo-rs` in no byte. It is also the fastest of the three.

mod huffman;
mod region;
mod turn;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use libjpeg_turbo_rs::common::exif::parse_orientation;
use libjpeg_turbo_rs::decode::marker::{JpegMetadata, MarkerReader};
use libjpeg_turbo_rs::{
    ColorSpace, DecodeLimits, Decoder, FrameHeader, JpegError, PixelFormat, ScalingFactor,
};

use super::{Failure, MAX_PIXELS, MAX_SIDE, check_size, one_line, rgb8};
use crate::image::RgbImage8;

pub use region::Area;

/// More scans than any real progressive file has; a file of a million scans would take hours.
const MAX_SCANS: usize = 500;
/// In the decoder's eighths: the size as it is.
pub const FULL: usize = 8;

/// A file that has been read up to its first scan, and has an end.
pub struct Jpeg<'a> {
    bytes: &'a [u8],
    header: JpegMetadata,
    orientation: Orientation,
}

impl<'a> Jpeg<'a> {
    /// Reads and checks the header of a JPEG of any kind; its EXIF orientation counts if `exif`.
    pub fn open(bytes: &'a [u8], exif: bool) -> Result<Self, Failure> {
        let mut reader = MarkerReader::new(bytes);
        reader.set_scan_cap(MAX_SCANS);
        let header = reader.read_markers()?;
        check_size(header.frame.width() as u64, header.frame.height() as u64)?;
        check_frame(&header.frame)?;
        check_end(bytes)?;
        let tag = header.exif_data.as_deref().filter(|_| exif).and_then(parse_orientation);
        let orientation = tag.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
        Ok(Self { bytes, header, orientation })
    }

    /// Width and height of the image at `scale` eighths, turned.
    pub fn size(&self, scale: usize) -> (usize, usize) {
        let frame = &self.header.frame;
        let side = |pixels: usize| (pixels * scale).div_ceil(FULL);
        turn::size(self.orientation, (side(frame.width()), side(frame.height())))
    }

    /// All of it, turned.
    pub fn area(&self) -> Area {
        let (width, height) = self.size(FULL);
        Area { columns: 0..width, rows: 0..height }
    }

    /// Whether it can be decoded at a smaller size.
    pub fn is_scalable(&self) -> bool {
        self.header.frame.precision == 8 && !self.header.frame.is_lossless
    }

    /// Decodes a part of the image at `scale` eighths to RGB; both are those of the turned image, and the part lies in it.
    pub fn decode(&self, scale: usize, area: &Area) -> Result<RgbImage8, Failure> {
        let (width, height) = turn::size(self.orientation, self.size(scale));
        let stored = turn::back(self.orientation, (width, height), area);
        let size = (stored.columns.len(), stored.rows.len());
        let pixels = match region::decode(self.bytes, &self.header, scale, &stored) {
            Some(pixels) => pixels,
            None => crop(rgb8(self.decode_all(scale)?), width, &stored),
        };
        let few = || Failure::Damaged("it has too few pixels".to_string());
        if self.orientation == Orientation::NoTransforms {
            return RgbImage8::new(size.0, size.1, pixels).ok_or_else(few);
        }
        let image = RgbImage::from_raw(size.0 as u32, size.1 as u32, pixels).ok_or_else(few)?;
        let mut image = DynamicImage::from(image);
        image.apply_orientation(self.orientation);
        RgbImage8::new(image.width() as usize, image.height() as usize, image.into_bytes()).ok_or_else(few)
    }

    /// The general decoder's grey or RGB, not turned.
    fn decode_all(&self, scale: usize) -> Result<DynamicImage, Failure> {
        let limits = DecodeLimits {
            max_width: MAX_SIDE,
            max_height: MAX_SIDE,
            max_pixels: MAX_PIXELS as u64,
            max_scans: MAX_SCANS,
            max_memory: None,
        };
        let decoder = Decoder::new_with_limits(self.bytes, limits)?;
        let format = match decoder.jpeg_color_space() {
            ColorSpace::Grayscale => PixelFormat::Grayscale,
            ColorSpace::Cmyk | ColorSpace::Ycck => PixelFormat::Cmyk,
            _ => PixelFormat::Rgb,
        };
        let scale = ScalingFactor::new(scale as u32, FULL as u32);
        let decoded = decoder.with_output_format(format).with_scale(scale).decode_image()?;
        let (width, height, pixels) = (decoded.width as u32, decoded.height as u32, decoded.data);
        let image = match format {
            PixelFormat::Grayscale => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
            PixelFormat::Cmyk => RgbImage::from_raw(width, height, rgb(&pixels)).map(DynamicImage::from),
            _ => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        };
        image.ok_or_else(|| Failure::Damaged("it has too few pixels".to_string()))
    }
}

/// A part of the pixels of an image of this width.
fn crop(pixels: Vec<u8>, width: usize, area: &Area) -> Vec<u8> {
    if area.columns.len() == width && area.rows == (0..pixels.len() / 3 / width) {
        return pixels;
    }
    let mut part = Vec::with_capacity(area.columns.len() * area.rows.len() * 3);
    for row in pixels.chunks_exact(width * 3).skip(area.rows.start).take(area.rows.len()) {
        part.extend_from_slice(&row[area.columns.start * 3..area.columns.end * 3]);
    }
    part
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

#[cfg(test)]
mod tests;
