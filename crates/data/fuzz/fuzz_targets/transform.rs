//! Any text is a pipeline that reads back as itself and gives every image its size, or an error that points into the text.

#![no_main]

use efficientnet_data::{Draw, Op, RgbImage8, Transform};
use libfuzzer_sys::fuzz_target;

/// Pipelines that make larger images are not run; they do what small ones do, only longer.
const MOST_SIDE: usize = 64;
const MOST_OPS: usize = 10;

fuzz_target!(|text: &str| {
    match text.parse::<Transform>() {
        Ok(transform) => {
            assert_eq!(transform.to_string().parse().as_ref(), Ok(&transform));
            assert_eq!(Transform::new(&transform.ops()).as_ref(), Ok(&transform));
            if transform.ops().len() <= MOST_OPS && transform.ops().iter().all(is_small) {
                run(&transform, text.len() as u64);
            }
            if let Ok(resized) = transform.with_size(32) {
                assert_eq!(resized.output_size().iter().min(), Some(&32));
            }
        }
        Err(error) => {
            assert!(text.get(error.place.clone()).is_some(), "{error}");
            assert_eq!(error.to_string().lines().count(), 3, "{error}");
        }
    }
});

fn run(transform: &Transform, seed: u64) {
    for (width, height) in [(1, 1), (7, 5), (3, 40)] {
        let levels = (0..width * height * 3).map(|at| (at * 37 % 256) as u8).collect();
        let image = RgbImage8::new(width, height, levels).expect("as many levels as pixels");
        let drawn = transform.pixels_drawn(&image, Draw { seed, ..Draw::default() });
        assert_eq!([drawn.height(), drawn.width()], transform.output_size());
    }
}

fn is_small(op: &Op) -> bool {
    match *op {
        Op::Resize { short: side, .. } | Op::PaddedCenterCrop { size: side, .. } => side <= MOST_SIDE,
        Op::Squash { height, width, .. }
        | Op::CenterCrop { height, width }
        | Op::RandomCrop { height, width, .. }
        | Op::RandomResizedCrop { height, width, .. } => height.max(width) <= MOST_SIDE,
        _ => true,
    }
}
