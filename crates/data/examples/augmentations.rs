//! How long each augmentation takes on one core.
//!
//! `cargo run --release -p efficientnet-data --example augmentations -- [SIDE]`, 224 pixels if not said.

use std::time::{Duration, Instant};

use efficientnet_data::{Augmentation, Canvas, Distance, RgbImage8, Sampling};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let side: usize = std::env::args().nth(1).map_or(Ok(224), |side| side.parse())?;
    // Slopes and stripes; what the levels are makes no difference to most operations.
    let pixels = (0..side * side * 3).map(|index| (index * 7 / 5 + index / (side * 2)) as u8).collect();
    let image = RgbImage8::new(side, side, pixels).ok_or("give a side above 0")?;
    let pointwise = [
        Augmentation::AutoContrast,
        Augmentation::Equalize,
        Augmentation::Invert,
        Augmentation::Posterize(3),
        Augmentation::Solarize(128),
        Augmentation::SolarizeAdd(50),
        Augmentation::Color(1.5),
        Augmentation::Contrast(1.5),
        Augmentation::Brightness(1.5),
        Augmentation::Sharpness(1.5),
        Augmentation::Hue(0.1),
        Augmentation::Cutout { x: side / 2, y: side / 2, half: side / 6 },
    ];
    let geometric = [
        Augmentation::Rotate(20.0),
        Augmentation::ShearX(0.2),
        Augmentation::ShearY(0.2),
        Augmentation::TranslateX(Distance::Pixels(20.0)),
        Augmentation::TranslateY(Distance::Pixels(20.0)),
    ];
    let nearest = pointwise.into_iter().chain(geometric).map(|op| (op, Sampling::Nearest));
    let smooth = [Sampling::Bilinear, Sampling::Bicubic];
    let others = smooth.into_iter().flat_map(|sampling| geometric.map(|op| (op, sampling)));
    for (augmentation, sampling) in nearest.chain(others) {
        let time = fastest(&image, augmentation, Canvas { fill: [128; 3], sampling });
        println!("{:<28} {sampling:<9} {:>7.3} ms", augmentation.to_string(), time.as_secs_f64() * 1000.0);
    }
    Ok(())
}

/// The least of some runs, the copy of the image not counted.
fn fastest(image: &RgbImage8, augmentation: Augmentation, canvas: Canvas) -> Duration {
    let run = || {
        let copy = image.clone();
        let start = Instant::now();
        std::hint::black_box(augmentation.apply(copy, canvas));
        start.elapsed()
    };
    (0..50).map(|_| run()).min().unwrap_or_default()
}
