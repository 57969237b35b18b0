//! Any bytes are an image or an error, and a window of them is that window of the whole image.
//!
//! JPEG is decoded by two decoders here, one that reads a region of the usual kind of file and one that reads everything;
//! a [`Transform`] takes the region and `decode_bytes` the whole image, so that each is held to the other.

#![no_main]

use std::io::Cursor;
use std::panic;

use efficientnet_data::{Content, DecodeOptions, Draw, RgbImage8, Transform};
use efficientnet_data_fuzz::let_decoders_panic;
use image::{ImageFormat, ImageReader};
use libfuzzer_sys::{Corpus, fuzz_target};
use libjpeg_turbo_rs::decode::marker::MarkerReader;

/// Larger images are not decoded: they cost seconds, and what they may take in memory is a multiple of their pixels as it
/// is for small ones.
const MOST_PIXELS: u64 = 1 << 20;

const LINES: [&str; 6] = [
    "random_resized_crop(16, 0.01..1, 1/3..3, bicubic)",
    "random_resized_crop(40, 24, 0.08..1, 3/4..4/3, bilinear)",
    "center_crop(24, 40)",
    "random_crop(20, padding=4)",
    "resize(20, bicubic) | center_crop(16)",
    "padded_center_crop(32) | squash(32, bicubic)",
];

fuzz_target!(init: let_decoders_panic(), |bytes: &[u8]| -> Corpus {
    // Where reading the header alone brings a decoder to panic, the crate must still live with it.
    let claimed = panic::catch_unwind(|| claimed_pixels(bytes)).ok().flatten();
    if claimed.is_some_and(|pixels| pixels > MOST_PIXELS) {
        return Corpus::Reject;
    }
    // The file decides what is done with it, so that files of a corpus are images and nothing else.
    let seed = bytes.iter().fold(bytes.len() as u64, |seed, byte| seed.rotate_left(7) ^ u64::from(*byte));
    let exif = seed % 2 == 0;
    let whole = DecodeOptions { exif, ..DecodeOptions::default() }.decode_bytes(bytes, "fuzz");
    if let Ok(image) = &whole {
        assert_eq!(image.pixels().len(), image.width() * image.height() * 3);
    }
    let content = Content::File(bytes.to_vec());
    let draw = Draw { seed, ..Draw::default() };
    let line = LINES[(seed / 2) as usize % LINES.len()];
    held_to_the_whole(&transform(exif, false, line), &content, draw, whole.as_ref().ok());
    // At an eighth, a quarter or a half other levels come out, but nothing else happens.
    let _ = render(&transform(exif, true, line), &content, draw);
    Corpus::Keep
});

fn transform(exif: bool, scaled: bool, line: &str) -> Transform {
    let line = format!("decode(exif={exif}, scaled={scaled}) | {line} | normalize(unit)");
    line.parse().expect("a line of this file")
}

fn render(transform: &Transform, content: &Content, draw: Draw) -> Option<Vec<u8>> {
    let mut levels = vec![0; transform.output_len()];
    transform.render(content, "fuzz", draw, &mut levels).ok().map(|()| levels)
}

/// What is whole has all its windows, with the same levels. What is damaged may have those that lie before the damage.
fn held_to_the_whole(transform: &Transform, content: &Content, draw: Draw, whole: Option<&RgbImage8>) {
    let part = render(transform, content, draw);
    if let Some(whole) = whole {
        let part = part.expect("a window of an image that decodes");
        assert!(part == transform.pixels_drawn(whole, draw).pixels(), "{transform} differs, of {whole:?}");
    }
}

/// Width by height as the header has them.
fn claimed_pixels(bytes: &[u8]) -> Option<u64> {
    let format = image::guess_format(bytes).ok()?;
    if format == ImageFormat::Jpeg {
        let mut reader = MarkerReader::new(bytes);
        reader.set_scan_cap(500);
        let frame = reader.read_markers().ok()?.frame;
        return Some(frame.width() as u64 * frame.height() as u64);
    }
    let (width, height) = ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().ok()?;
    Some(u64::from(width) * u64::from(height))
}
