//! The worst mistakes as pictures.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use efficientnet_data::RgbImage8;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageResult, RgbImage, imageops};

use efficientnet_charts::number::round_percent;
use efficientnet_charts::svg::escape;

use super::{Mistake, Report};

/// The longest side of a picture on the page, in pixels: enough for a sharp screen.
const SIDE: u32 = 300;
/// Pictures up to this many pixels are kept as they are (PNG) and drawn without smoothing; larger ones become JPEG.
const EXACT_PIXELS: u32 = 96 * 96;
const JPEG_QUALITY: u8 = 85;

/// A grid of pictures; empty without mistakes.
pub fn mistakes(report: &Report<'_>, mistakes: &[Mistake]) -> String {
    if mistakes.is_empty() {
        return String::new();
    }
    let cards: String = mistakes.iter().map(|mistake| card(report, mistake)).collect();
    format!(
        "<p>Wrong, and surest of it. A wrong label shows here, too.</p>\n<div \
         class=\"pictures\">\n{cards}</div>\n"
    )
}

fn card(report: &Report<'_>, mistake: &Mistake) -> String {
    let (label, predicted) = (report.class(mistake.label), report.class(mistake.predicted));
    format!(
        "<figure>{}<figcaption>{} → <b>{}</b> {}<small>{}</small></figcaption></figure>\n",
        picture(mistake.picture.as_ref(), &mistake.name),
        escape(&label),
        escape(&predicted),
        round_percent(f64::from(mistake.confidence)),
        // A long path is broken behind a folder rather than within a name.
        escape(&mistake.name).replace('/', "/<wbr>")
    )
}

/// An image as an element that holds its own bytes.
fn picture(image: Option<&RgbImage8>, name: &str) -> String {
    let missing = |why: &str| format!("<div class=\"missing\">{}</div>", escape(why));
    let Some(image) = image.and_then(reduced) else { return missing("no picture") };
    let exact = image.width() * image.height() <= EXACT_PIXELS;
    match encoded(&image, exact) {
        Ok(bytes) => format!(
            "<img class=\"{}\" alt=\"{}\" width=\"{}\" height=\"{}\" src=\"data:image/{};base64,{}\">",
            if exact { "exact" } else { "smooth" },
            escape(name),
            image.width(),
            image.height(),
            if exact { "png" } else { "jpeg" },
            BASE64.encode(bytes)
        ),
        Err(error) => missing(&error.to_string()),
    }
}

/// The image with its sides at most [`SIDE`].
fn reduced(image: &RgbImage8) -> Option<RgbImage> {
    let (width, height) = (u32::try_from(image.width()).ok()?, u32::try_from(image.height()).ok()?);
    let image = RgbImage::from_raw(width, height, image.pixels().to_vec())?;
    let long = width.max(height);
    if long <= SIDE {
        return Some(image);
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(SIDE) / u64::from(long)).max(1) as u32;
    Some(imageops::thumbnail(&image, scaled(width), scaled(height)))
}

fn encoded(image: &RgbImage, exact: bool) -> ImageResult<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    let (width, height) = image.dimensions();
    if exact {
        PngEncoder::new(&mut bytes).write_image(image.as_raw(), width, height, ExtendedColorType::Rgb8)?;
    } else {
        JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).write_image(
            image.as_raw(),
            width,
            height,
            ExtendedColorType::Rgb8,
        )?;
    }
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_made_small_and_keep_their_proportions() {
        let large = picture(Some(&RgbImage8::filled(900, 450, [200, 10, 10])), "a");
        assert!(large.contains(r#"width="300" height="150""#) && large.contains("data:image/jpeg;base64,"));
        let thin = picture(Some(&RgbImage8::filled(10_000, 1, [0; 3])), "a");
        assert!(thin.contains(r#"width="300" height="1""#), "{thin}");
        let small = picture(Some(&RgbImage8::filled(32, 32, [1, 2, 3])), "a");
        let data = small.split("base64,").nth(1).unwrap().split('"').next().unwrap();
        let back = image::load_from_memory(&BASE64.decode(data).unwrap()).unwrap().to_rgb8();
        assert_eq!((back.dimensions(), back.get_pixel(31, 31).0), ((32, 32), [1, 2, 3]));
        assert!(picture(None, "a").contains("no picture"));
    }
}
