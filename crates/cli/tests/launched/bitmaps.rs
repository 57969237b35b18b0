//! A folder of images of which some cannot be read.

use std::fs;
use std::path::Path;

/// Pixels in a row, and rows.
const SIDE: u32 = 24;

/// Writes `count` images of three classes, shades of one colour each, into folders of their names, and `broken` files
/// that hold no image.
pub fn write(folder: &Path, count: u32, broken: u32) {
    for index in 0..count {
        let class = index % 3;
        let class_folder = folder.join(["blue", "green", "red"][class as usize]);
        fs::create_dir_all(&class_folder).unwrap();
        let path = class_folder.join(format!("{index:03}.bmp"));
        fs::write(path, bitmap(class as usize, (index * 37 % 200) as u8)).unwrap();
    }
    for index in 0..broken {
        fs::write(folder.join(format!("green/broken-{index}.bmp")), b"BM, and no more").unwrap();
    }
}

/// An uncompressed bitmap with 24 bits a pixel.
fn bitmap(channel: usize, shade: u8) -> Vec<u8> {
    let pixels = SIDE * SIDE * 3;
    let mut bytes = b"BM".to_vec();
    // Length, reserved, where the pixels begin; then length of this header, sides, planes and bits, no compression.
    let header = [54 + pixels, 0, 54, 40, SIDE, SIDE, 1 | 24 << 16, 0, pixels, 2835, 2835, 0, 0];
    header.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    for place in 0..SIDE * SIDE {
        let mut pixel = [shade; 3];
        pixel[channel] = (place % 251) as u8;
        bytes.extend(pixel);
    }
    bytes
}
