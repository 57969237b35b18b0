//! Operations that give each level another one, whatever stands around it.

use crate::image::RgbImage8;

/// Gives every level of every channel another one.
pub fn map(mut image: RgbImage8, to: impl Fn(u8) -> u8) -> RgbImage8 {
    let table: [u8; 256] = std::array::from_fn(|level| to(level as u8));
    for level in image.pixels_mut() {
        *level = table[usize::from(*level)];
    }
    image
}

fn map_channels(mut image: RgbImage8, tables: [[u8; 256]; 3]) -> RgbImage8 {
    for pixel in image.pixels_mut().as_chunks_mut::<3>().0 {
        for (level, table) in pixel.iter_mut().zip(&tables) {
            *level = table[usize::from(*level)];
        }
    }
    image
}

/// How often each channel has each level.
fn histograms(image: &RgbImage8) -> [[u32; 256]; 3] {
    let mut counts = [[0; 256]; 3];
    for pixel in image.pixels().as_chunks::<3>().0 {
        for (level, counts) in pixel.iter().zip(&mut counts) {
            counts[usize::from(*level)] += 1;
        }
    }
    counts
}

fn unchanged() -> [u8; 256] {
    std::array::from_fn(|level| level as u8)
}

/// Pillow's `ImageOps.autocontrast` without a cutoff: `level * scale + offset`, rounded down.
pub fn auto_contrast(image: RgbImage8) -> RgbImage8 {
    let tables = histograms(&image).map(|counts| {
        let low = counts.iter().position(|count| *count > 0).unwrap_or(0);
        let high = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        if high <= low {
            return unchanged();
        }
        let scale = 255.0 / (high - low) as f64;
        let offset = -(low as f64) * scale;
        // The cast rounds towards 0 and stays within 0 and 255, as Pillow's table does.
        std::array::from_fn(|level| (level as f64 * scale + offset) as u8)
    });
    map_channels(image, tables)
}

/// Pillow's `ImageOps.equalize`: the number of pixels below a level, in steps of a 255th of all but the highest level's.
pub fn equalize(image: RgbImage8) -> RgbImage8 {
    let tables = histograms(&image).map(|counts| {
        let highest = counts.iter().rfind(|count| **count > 0).copied().unwrap_or(0);
        let step = (counts.iter().sum::<u32>() - highest) / 255;
        if step == 0 {
            return unchanged();
        }
        let mut below = step / 2;
        counts.map(|count| {
            let level = below / step;
            below += count;
            level.min(255) as u8
        })
    });
    map_channels(image, tables)
}

/// Pillow's `Image.blend` of two levels: from `from` (factor 0) to `to` (factor 1) and beyond, in 32-bit floats, rounded
/// down and kept within 0 and 255.
#[inline(always)]
pub fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let difference = i32::from(to) - i32::from(from);
    // The cast is the rounding and the limits; not a number cannot be.
    (f32::from(from) + factor * difference as f32) as u8
}
