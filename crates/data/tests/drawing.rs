//! What is drawn for an image is a function of the draw alone.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::thread;

use efficientnet_data::{Content, Draw, Mix, RgbImage8, Transform};

const EVERYTHING: &str = "random_resized_crop(32) | flip(0.5) | autoaugment(v0) | randaugment(2, 9, std=0.5) | \
                          trivialaugment | color_jitter(0.4, 0.4, 0.4, hue=0.1) | random_erasing(0.5, fill=noise) | \
                          normalize(imagenet) | mixup(0.2)";

fn image() -> RgbImage8 {
    let pixels = (0..50 * 40 * 3).map(|index: u32| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    RgbImage8::new(50, 40, pixels).unwrap()
}

fn render(transform: &Transform, draw: Draw) -> Vec<u8> {
    let mut levels = vec![0; transform.output_len()];
    transform.render(&Content::Pixels(image()), "image", draw, &mut levels).unwrap();
    levels
}

#[test]
fn a_draw_gives_the_same_pixels_on_every_thread() {
    let transform: Transform = EVERYTHING.parse().unwrap();
    let draws: Vec<Draw> = (0..40).map(|index| Draw { seed: 3, epoch: 1, index }).collect();
    let expected: Vec<Vec<u8>> = draws.iter().map(|draw| render(&transform, *draw)).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (draw, expected) in draws.iter().zip(&expected).rev() {
                    assert_eq!(render(&transform, *draw), *expected, "{draw:?}");
                }
            });
        }
    });
    assert_eq!(expected.iter().collect::<BTreeSet<_>>().len(), draws.len(), "two draws gave the same image");
}

#[test]
fn seed_epoch_and_index_each_count() {
    let transform: Transform = EVERYTHING.parse().unwrap();
    let base = Draw { seed: 3, epoch: 1, index: 5 };
    for other in [Draw { seed: 4, ..base }, Draw { epoch: 2, ..base }, Draw { index: 6, ..base }] {
        assert_ne!(render(&transform, base), render(&transform, other), "{other:?}");
    }
}

#[test]
fn pixels_are_those_of_the_default_draw() {
    let transform: Transform = EVERYTHING.parse().unwrap();
    assert!(transform.is_random());
    assert_eq!(transform.pixels(&image()).pixels(), render(&transform, Draw::default()));
    let fixed: Transform = "squash(8, bicubic) | normalize(unit) | cutmix(1)".parse().unwrap();
    assert!(!fixed.is_random());
    assert_eq!(render(&fixed, Draw::default()), render(&fixed, Draw { seed: 9, epoch: 9, index: 9 }));
}

#[test]
fn what_was_drawn_can_be_told() {
    let transform: Transform = EVERYTHING.parse().unwrap();
    let mut levels = vec![0; transform.output_len()];
    let mut seen = BTreeSet::new();
    for index in 0..100 {
        let draw = Draw { index, ..Draw::default() };
        let content = Content::Pixels(image());
        let notes = transform.render_described(&content, "image", draw, &mut levels).unwrap();
        assert_eq!(levels, render(&transform, draw), "telling changes nothing");
        assert!(notes[0].starts_with("random_resized_crop: "), "{notes:?}");
        seen.extend(notes.iter().filter_map(|note| note.split([':', '.']).next().map(str::to_string)));
    }
    let names =
        ["autoaugment", "color_jitter", "flip", "randaugment", "random_erasing", "random_resized_crop"];
    assert_eq!(seen, names.into_iter().chain(["trivialaugment"]).map(str::to_string).collect());
}

/// A seed means the same images in the next release, of ours and of any library: what this draws may never change.
#[test]
fn the_draws_never_change() {
    let transform: Transform = EVERYTHING.parse().unwrap();
    let mut levels = vec![0; transform.output_len()];
    let draw = Draw { seed: 7, epoch: 3, index: 12 };
    let notes = transform.render_described(&Content::Pixels(image()), "image", draw, &mut levels).unwrap();
    let expected = [
        "random_resized_crop: 28 x 23 at 9, 6",
        "flip",
        "autoaugment: color 0.28, equalize",
        "randaugment: invert, solarize 235",
        "trivialaugment: auto_contrast",
        "color_jitter: color 0.91, brightness 0.96, contrast 1.06, hue -0.030",
        "random_erasing: 7 x 7 at 15, 7",
    ];
    assert_eq!(notes, expected);
    let mix = Mix::draw(&transform, draw, 8).unwrap();
    assert_eq!(format!("{:.6} {}", mix.lambda(), mix.shift()), "0.803324 2");
}

#[test]
fn a_certain_flip_is_the_image_turned() {
    let image = image();
    let transform: Transform = "flip(1) | center_crop(40, 50) | normalize(unit)".parse().unwrap();
    let flipped = transform.pixels(&image);
    assert_eq!(flipped.pixels()[..3], image.pixels()[49 * 3..50 * 3]);
    assert_eq!(transform.pixels(&flipped), image);
}

/// Noise as input, so that every window shows other pixels.
#[test]
fn a_padded_crop_moves_by_up_to_its_padding() {
    let transform: Transform = "random_crop(40, 50, padding=2) | normalize(unit)".parse().unwrap();
    let images: BTreeSet<Vec<u8>> =
        (0..400).map(|index| render(&transform, Draw { index, ..Draw::default() })).collect();
    assert_eq!(images.len(), 25);
    assert!(images.contains(image().pixels()));
}
