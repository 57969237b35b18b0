//! Parts of JPEGs against the general decoder's whole ones.

use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};

use super::*;
use crate::random::{Purpose, Random};

/// Shapes on noise: edges, flat places and every colour.
fn picture(width: usize, height: usize, random: &mut Random) -> Vec<u8> {
    let noise = random.below(60) + 1;
    let mut pixels = Vec::with_capacity(width * height * 3);
    for index in 0..width * height {
        let (x, y) = (index % width, index / width);
        let shape = if (x / 13 + y / 9) % 3 == 0 { 200 } else { x * 2 + y };
        pixels.extend([shape, x * y / 5, 255 - y].map(|level| (level + random.below(noise)) as u8));
    }
    pixels
}

fn encoded(random: &mut Random) -> Vec<u8> {
    let (width, height) = (1 + random.below(200), 1 + random.below(200));
    let subsampling = match random.below(8) {
        0..3 => Subsampling::S420,
        3..5 => Subsampling::S444,
        5..7 => Subsampling::S422,
        _ => Subsampling::S440,
    };
    let pixels = picture(width, height, random);
    let grey: Vec<u8> = pixels.iter().step_by(3).copied().collect();
    let encoder = match random.below(5) {
        0 => Encoder::new(&grey, width, height, PixelFormat::Grayscale),
        _ => Encoder::new(&pixels, width, height, PixelFormat::Rgb).subsampling(subsampling),
    };
    let encoder = encoder.quality(30 + random.below(71) as u8).optimize_huffman(random.chance(0.3));
    let encoder = match random.below(4) {
        0 => encoder.restart_rows(1 + random.below(2) as u16),
        1 => encoder.restart_blocks(1 + random.below(20) as u16),
        2 => encoder.progressive(random.chance(0.3)),
        _ => encoder,
    };
    encoder.encode().unwrap()
}

fn range(whole: usize, random: &mut Random) -> std::ops::Range<usize> {
    let start = random.below(whole);
    start..start + 1 + random.below(whole - start)
}

/// 400 files of every subsampling, with and without restart markers, odd sizes among them, and ten parts of each.
#[test]
fn parts_are_those_of_the_whole_image() {
    let mut random = Random::new(1, 0, 0, Purpose::Picture);
    let mut fast = 0;
    for _ in 0..400 {
        let bytes = encoded(&mut random);
        let jpeg = Jpeg::open(&bytes, true).ok().unwrap();
        for scale in [FULL, FULL, FULL, FULL, FULL, FULL, FULL, 4, 2, 1] {
            let (width, height) = jpeg.size(scale);
            let area = Area { columns: range(width, &mut random), rows: range(height, &mut random) };
            let whole = rgb8(jpeg.decode_all(scale).ok().unwrap());
            let part = jpeg.decode(scale, &area).ok().unwrap();
            let frame = &jpeg.header.frame;
            assert!(part.into_pixels() == crop(whole, width, &area), "{scale}/8 {area:?} of {frame:?}");
            fast += usize::from(region::decode(&bytes, &jpeg.header, scale, &area).is_some());
        }
    }
    assert!(fast > 2000, "only {fast} of 4000 were decoded in part");
}

/// What is cut short inside the part or above it never yields pixels; what the general decoder makes of it counts.
#[test]
fn what_is_damaged_is_left_to_the_general_decoder() {
    let mut random = Random::new(2, 0, 0, Purpose::Picture);
    for _ in 0..300 {
        let mut bytes = encoded(&mut random);
        let start = bytes.len() / 2;
        for _ in 0..1 + random.below(3) {
            let place = start + random.below(bytes.len() - start - 2);
            bytes[place] = random.bits() as u8;
        }
        let Ok(jpeg) = Jpeg::open(&bytes, true) else { continue };
        let fast = region::decode(&bytes, &jpeg.header, FULL, &jpeg.area());
        if let Some(fast) = fast {
            let whole = jpeg.decode_all(FULL).ok().map(rgb8);
            assert!(whole.as_ref() == Some(&fast));
        }
    }
}

#[test]
fn orientations_turn_parts_back() {
    for tag in 1..=8 {
        let orientation = Orientation::from_exif(tag).unwrap();
        let (width, height) = (5, 3);
        let mut image =
            DynamicImage::from(RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 0])));
        let stored = image.clone();
        image.apply_orientation(orientation);
        let area = Area { columns: 1..3, rows: 0..2 };
        let back = turn::back(orientation, (width as usize, height as usize), &area);
        let (x, y) = (back.columns.start as u32, back.rows.start as u32);
        let mut part = stored.crop_imm(x, y, back.columns.len() as u32, back.rows.len() as u32);
        part.apply_orientation(orientation);
        assert_eq!(part, image.crop_imm(1, 0, 2, 2), "orientation {tag}");
    }
}
