//! One operation after the other, with the random numbers of one image.

use std::borrow::Cow;

use super::{Draw, Op, Transform};
use crate::geometry::{self, Window};
use crate::image::RgbImage8;
use crate::random::{Purpose, Random};
use crate::random_crop::{RandomWindow, padded_window};
use crate::resample;

/// An image's random numbers, taken by its operations in their order, and what was made of them.
pub struct Drawing {
    random: Random,
    notes: Option<Vec<String>>,
}

impl Drawing {
    pub fn new(draw: Draw) -> Self {
        Self { random: Random::new(draw.seed, draw.epoch, draw.index, Purpose::Image), notes: None }
    }

    /// One that keeps notes.
    pub fn described(draw: Draw) -> Self {
        Self { notes: Some(Vec::new()), ..Self::new(draw) }
    }

    pub fn into_notes(self) -> Vec<String> {
        self.notes.unwrap_or_default()
    }

    fn note(&mut self, note: impl FnOnce() -> String) {
        if let Some(notes) = &mut self.notes {
            notes.push(note());
        }
    }
}

impl Transform {
    /// Every operation but `decode` and `normalize`.
    pub(super) fn draw(&self, image: Cow<'_, RgbImage8>, drawing: &mut Drawing) -> RgbImage8 {
        self.draw_from(0, image, drawing)
    }

    /// The operations from the one with the place `first`; those before it, and what they draw, are done.
    fn draw_from(&self, first: usize, image: Cow<'_, RgbImage8>, drawing: &mut Drawing) -> RgbImage8 {
        let mut image = image;
        let mut ops = self.spatial[first..].iter().peekable();
        while let Some(op) = ops.next() {
            // Only what the next crop keeps is computed. That is all the memory it takes, too: the long side of a very
            // thin image may become enormous.
            let crop = ops.next_if(|next| op.is_resize() && next.is_crop());
            image = Cow::Owned(apply(op, crop, image, drawing));
        }
        image.into_owned()
    }
}

fn apply(op: &Op, crop: Option<&Op>, image: Cow<'_, RgbImage8>, drawing: &mut Drawing) -> RgbImage8 {
    let size = (image.width(), image.height());
    match *op {
        Op::Resize { short, interpolation } => {
            let full = geometry::resized_by_short_side(size.0, size.1, short);
            resample::resize(&image, full, window(crop, full, drawing), interpolation)
        }
        Op::Squash { height, width, interpolation } => {
            resample::resize(&image, (width, height), window(crop, (width, height), drawing), interpolation)
        }
        Op::RandomResizedCrop { height, width, area, ratio, interpolation } => {
            let random_window = RandomWindow { area, ratio, size: height.min(width) };
            let window = random_window.draw(size.0, size.1, &mut drawing.random);
            drawing.note(|| {
                let Window { x, y, width, height } = window;
                format!("random_resized_crop: {width} x {height} at {x}, {y}")
            });
            let whole = Window { x: 0, y: 0, width, height };
            resample::resize(&resample::crop(&image, window), (width, height), whole, interpolation)
        }
        Op::Flip { probability } => {
            let mut image = image.into_owned();
            if drawing.random.chance(probability) {
                image.flip();
                drawing.note(|| "flip".to_string());
            }
            image
        }
        _ => resample::crop(&image, window(Some(op), size, drawing)),
    }
}

/// What an operation keeps of an image of `(width, height)`.
fn window(op: Option<&Op>, (width, height): (usize, usize), drawing: &mut Drawing) -> Window {
    match op {
        Some(&Op::CenterCrop { height: rows, width: columns }) => {
            geometry::center_crop(width, height, columns, rows)
        }
        Some(&Op::PaddedCenterCrop { size, padding }) => {
            geometry::padded_center_crop(width, height, size, padding)
        }
        Some(&Op::RandomCrop { height: rows, width: columns, padding }) => {
            let window = padded_window((width, height), (columns, rows), padding, &mut drawing.random);
            drawing.note(|| format!("random_crop: at {}, {}", window.x, window.y));
            window
        }
        _ => Window { x: 0, y: 0, width, height },
    }
}
