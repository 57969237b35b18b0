//! The built-in data set as files, to look at it and to train other programs on it.
//!
//! ```text
//! cargo run --release -p efficientnet-data --example shapes -- sheet SHEET.png [SIZE]
//! cargo run --release -p efficientnet-data --example shapes -- export FOLDER IMAGES SIZE SEED
//! ```
//!
//! `export` writes `pixels.bin`, bytes of `[images, size, size, 3]`, and `labels.bin`, a byte each.

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use efficientnet_data::{Shapes, Source};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["sheet", path] => sheet(path, Shapes::SIZE),
        ["sheet", path, size] => sheet(path, size.parse()?),
        ["export", folder, images, size, seed] => {
            export(folder.as_ref(), &Shapes::new(images.parse()?, size.parse()?, seed.parse()?)?)
        }
        _ => Err("give `sheet SHEET.png [SIZE]` or `export FOLDER IMAGES SIZE SEED`".into()),
    }
}

/// A row for each class.
fn sheet(path: &str, size: usize) -> Result<(), Box<dyn Error>> {
    const COLUMNS: usize = 16;
    let gap = size / 16;
    let shapes = Shapes::new(COLUMNS * 10, size, 0)?;
    let (width, height) = (COLUMNS * (size + gap) + gap, 10 * (size + gap) + gap);
    let mut sheet = image::RgbImage::from_pixel(width as u32, height as u32, image::Rgb([255; 3]));
    for index in 0..shapes.len() {
        let (row, column) = (shapes.class(index), index / 10);
        let picture =
            image::RgbImage::from_raw(size as u32, size as u32, shapes.picture(index).into_pixels());
        let picture = picture.ok_or("a picture has another size")?;
        let place = [column, row].map(|at| (at * (size + gap) + gap) as i64);
        image::imageops::replace(&mut sheet, &picture, place[0], place[1]);
    }
    Ok(sheet.save(path)?)
}

fn export(folder: &Path, shapes: &Shapes) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let mut pixels = BufWriter::new(fs::File::create(folder.join("pixels.bin"))?);
    let start = Instant::now();
    for index in 0..shapes.len() {
        pixels.write_all(shapes.picture(index).pixels())?;
    }
    pixels.flush()?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{} pictures in {seconds:.2} s, {:.0} a second", shapes.len(), shapes.len() as f64 / seconds);
    let labels: Vec<u8> = (0..shapes.len()).map(|index| shapes.class(index) as u8).collect();
    Ok(fs::write(folder.join("labels.bin"), labels)?)
}
