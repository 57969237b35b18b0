//! From a file's bytes to RGB.
//!
//! The content decides the format, never the name. What is kept and what is dropped follows Pillow's
//! `Image.open(path).convert("RGB")`, with which timm and torchvision load their images: alpha is dropped without
//! blending, palettes are looked up, CMYK in a JPEG is inverted as Adobe writes it, the first frame of an animation is
//! taken, colour profiles are not applied. In two things this does better than the reference:
//!
//! - An EXIF orientation is obeyed (`ImageOps.exif_transpose`). The reference loaders ignore it, and so does
//!   [`DecodeOptions`] with `exif: false`, in a pipeline `decode(exif=false)`.
//! - 16-bit grey is scaled to 8 bits, like 16-bit colour. Pillow clips it there: everything above 255 of 65535 is white.

mod jpeg;
mod webp;

use std::borrow::Cow;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::error::ImageError as CrateError;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Pixel};

use crate::error::ImageError;
use crate::guard;
use crate::image::RgbImage8;
use crate::resample::Part;

pub(crate) use jpeg::{Area, FULL};

/// The longest side accepted, in pixels.
pub const MAX_SIDE: usize = 30_000;
/// The most pixels accepted: 256 megapixels, of which the largest kind (RGBA, 16 bits) takes 2 GB while decoding.
pub const MAX_PIXELS: usize = 256_000_000;
/// The largest file accepted, in bytes.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// How a file is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecodeOptions {
    /// Turn the image as its EXIF orientation says.
    pub exif: bool,
    /// In a [`Transform`](crate::Transform) that begins with a resize, or a crop and a resize: where a JPEG has twice the
    /// pixels that are asked for along both sides, or four or eight times, decode it at a half, a quarter or an eighth of
    /// its size. Much faster for large photographs, but no longer the reference's pixels.
    pub scaled: bool,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { exif: true, scaled: false }
    }
}

/// Reads an image file, turned as its EXIF orientation says.
///
/// # Errors
/// [`ImageError`], one sentence with the path in front; nothing is allocated for an image that is too large.
pub fn decode(path: impl AsRef<Path>) -> Result<RgbImage8, ImageError> {
    DecodeOptions::default().decode(path)
}

/// Decodes an image file's bytes; `name` is what errors call it.
///
/// # Errors
/// As [`decode`].
pub fn decode_bytes(bytes: &[u8], name: &str) -> Result<RgbImage8, ImageError> {
    DecodeOptions::default().decode_bytes(bytes, name)
}

impl DecodeOptions {
    /// As [`decode()`], with these options.
    ///
    /// # Errors
    /// As [`decode()`].
    pub fn decode(&self, path: impl AsRef<Path>) -> Result<RgbImage8, ImageError> {
        let path = path.as_ref();
        let bytes = read(path)?;
        self.decode_bytes(&bytes, &path.display().to_string())
    }

    /// As [`decode_bytes`], with these options.
    ///
    /// # Errors
    /// As [`decode()`].
    pub fn decode_bytes(&self, bytes: &[u8], name: &str) -> Result<RgbImage8, ImageError> {
        Encoded::open(*self, bytes, name)?.decode_all()
    }
}

/// An image file whose size is known, and whose pixels are decoded when it is known which.
pub(crate) struct Encoded<'a> {
    name: &'a str,
    format: ImageFormat,
    content: Decoding<'a>,
}

enum Decoding<'a> {
    /// Decoded part by part.
    Jpeg(Box<jpeg::Jpeg<'a>>),
    /// Everything else is decoded at once.
    Done(RgbImage8),
}

impl<'a> Encoded<'a> {
    /// Reads the header; `name` is what errors call the file.
    pub fn open(options: DecodeOptions, bytes: &'a [u8], name: &'a str) -> Result<Self, ImageError> {
        if bytes.is_empty() {
            return Err(ImageError::Empty { name: name.to_string() });
        }
        let format = image::guess_format(bytes);
        let format = format.map_err(|_| ImageError::NotAnImage { name: name.to_string() })?;
        let content = match format {
            ImageFormat::Jpeg => {
                guarded(|| jpeg::Jpeg::open(bytes, options.exif).map(Box::new)).map(Decoding::Jpeg)
            }
            _ => guarded(|| other(bytes, format, options.exif)).map(Decoding::Done),
        };
        Ok(Self { name, format, content: content.map_err(|failure| failure.named(name, format))? })
    }

    /// Width and height, turned, at `scale` eighths; less than all of them where it [is scalable](Encoded::is_scalable).
    pub fn size(&self, scale: usize) -> (usize, usize) {
        match &self.content {
            Decoding::Jpeg(jpeg) => jpeg.size(scale),
            Decoding::Done(image) => (image.width(), image.height()),
        }
    }

    /// Whether it can be decoded at another size.
    pub fn is_scalable(&self) -> bool {
        matches!(&self.content, Decoding::Jpeg(jpeg) if jpeg.is_scalable())
    }

    /// A part of the image at `scale` eighths, in which all of `area` lies.
    pub fn decode(&self, scale: usize, area: &Area) -> Result<Part<'_>, ImageError> {
        let Area { columns, rows } = area.clone();
        let jpeg = match &self.content {
            Decoding::Jpeg(jpeg) => jpeg,
            Decoding::Done(image) => {
                let whole = Part::whole(image);
                let is_all = whole.columns == columns && whole.rows == rows;
                return Ok(if is_all { whole } else { whole.part(&columns, &rows) });
            }
        };
        let pixels = if columns.is_empty() || rows.is_empty() {
            // Nothing of it is seen, but if it is damaged, that is.
            guarded(|| jpeg.decode(FULL, &jpeg.area())).map(|_| Vec::new())
        } else {
            guarded(|| jpeg.decode(scale, area)).map(RgbImage8::into_pixels)
        };
        let pixels = pixels.map_err(|failure| failure.named(self.name, self.format))?;
        Ok(Part { columns, rows, pixels: Cow::Owned(pixels) })
    }

    /// The whole image.
    pub fn decode_all(self) -> Result<RgbImage8, ImageError> {
        match self.content {
            Decoding::Jpeg(jpeg) => {
                let image = guarded(|| jpeg.decode(FULL, &jpeg.area()));
                image.map_err(|failure| failure.named(self.name, self.format))
            }
            Decoding::Done(image) => Ok(image),
        }
    }
}

/// What `decode` returns; where it panics, the file is damaged. The fuzz target `image` tells panics of other people's
/// decoders from ours, which are mistakes; its README has a list.
fn guarded<T>(decode: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    guard::guarded(decode).unwrap_or_else(|_| Err(Failure::Damaged("the decoder gave up on it".to_string())))
}

/// Why decoding ended, before the file's name is known.
enum Failure {
    TooManyPixels(u64, u64),
    Unsupported(String),
    Damaged(String),
}

impl Failure {
    fn named(self, name: &str, format: ImageFormat) -> ImageError {
        let name = name.to_string();
        match self {
            Self::TooManyPixels(width, height) => ImageError::TooManyPixels { name, width, height },
            Self::Unsupported(reason) => ImageError::Unsupported { name, reason },
            Self::Damaged(reason) => ImageError::Damaged { name, format: format_name(format), reason },
        }
    }
}

impl From<CrateError> for Failure {
    fn from(error: CrateError) -> Self {
        match error {
            CrateError::Unsupported(error) => Self::Unsupported(one_line(&error)),
            CrateError::Limits(error) => Self::Unsupported(one_line(&error)),
            error => Self::Damaged(one_line(&error)),
        }
    }
}

/// A decoder's words without line breaks and without a full stop.
fn one_line(error: &dyn std::fmt::Display) -> String {
    let words = error.to_string();
    words.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_string()
}

/// The format that a file's content begins with, where it is one that is read.
pub(crate) fn format_of(bytes: &[u8]) -> Option<&'static str> {
    image::guess_format(bytes).ok().map(format_name)
}

fn format_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Tiff => "TIFF",
        format => format.extensions_str().first().unwrap_or(&"image"),
    }
}

/// A file's bytes, unless there are more than [`MAX_FILE_BYTES`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ImageError> {
    let name = || path.display().to_string();
    let unreadable = |source| ImageError::Read { name: name(), source };
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if about.is_dir() {
        return Err(ImageError::Directory { name: name() });
    }
    // What is read is limited, too: a pipe has no length.
    let mut bytes = Vec::new();
    if about.len() <= MAX_FILE_BYTES {
        bytes.reserve_exact(about.len() as usize + 1);
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if about.len().max(bytes.len() as u64) > MAX_FILE_BYTES {
        return Err(ImageError::FileTooLarge { name: name() });
    }
    Ok(bytes)
}

/// Whether an image of this size may be decoded; asked before its pixels are allocated.
fn check_size(width: u64, height: u64) -> Result<(), Failure> {
    let side = MAX_SIDE as u64;
    let fits = width <= side && height <= side && width * height <= MAX_PIXELS as u64;
    if fits { Ok(()) } else { Err(Failure::TooManyPixels(width, height)) }
}

/// Everything but JPEG.
fn other(bytes: &[u8], format: ImageFormat, exif: bool) -> Result<RgbImage8, Failure> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_PIXELS as u64 * 8 * 3 / 2);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into())?;
    // An unreadable orientation is no reason to refuse the pixels.
    let is_there = format != ImageFormat::WebP || webp::has_whole_exif(bytes);
    let orientation = if exif && is_there { decoder.orientation().ok() } else { None };
    let mut image = DynamicImage::from_decoder(decoder)?;
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    let (width, height) = (image.width() as usize, image.height() as usize);
    RgbImage8::new(width, height, rgb8(image)).ok_or_else(|| Failure::Damaged("it has no pixels".to_string()))
}

/// `[height, width, 3]` bytes: grey is repeated, alpha dropped, of 16 bits the upper 8 kept.
fn rgb8(image: DynamicImage) -> Vec<u8> {
    match image {
        DynamicImage::ImageRgb8(image) => image.into_raw(),
        DynamicImage::ImageLuma8(image) => image.pixels().flat_map(|p| [p.0[0]; 3]).collect(),
        DynamicImage::ImageLumaA8(image) => image.pixels().flat_map(|p| [p.0[0]; 3]).collect(),
        DynamicImage::ImageRgba8(image) => image.pixels().flat_map(|p| p.to_rgb().0).collect(),
        DynamicImage::ImageLuma16(image) => image.pixels().flat_map(|p| [upper(p.0[0]); 3]).collect(),
        DynamicImage::ImageLumaA16(image) => image.pixels().flat_map(|p| [upper(p.0[0]); 3]).collect(),
        DynamicImage::ImageRgb16(image) => image.pixels().flat_map(|p| p.0.map(upper)).collect(),
        DynamicImage::ImageRgba16(image) => image.pixels().flat_map(|p| p.to_rgb().0.map(upper)).collect(),
        // Floating point, from TIFF: 0 to 1.
        image => image.to_rgb8().into_raw(),
    }
}

fn upper(value: u16) -> u8 {
    (value >> 8) as u8
}
