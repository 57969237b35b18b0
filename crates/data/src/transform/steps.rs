//! One operation after the other, with the random numbers of one image.

use std::borrow::Cow;

use super::cut::Cut;
use super::{Draw, Op, Transform};
use crate::augment::{
    self, Augmentation, Canvas, ColorJitter, Fill, RandAugment, RandomErasing, Rectangle, Sampling,
};
use crate::decode::{Encoded, FULL};
use crate::error::ImageError;
use crate::image::RgbImage8;
use crate::random::{Purpose, Random};

/// An image's random numbers, taken by its operations in their order, and what was made of them.
pub struct Drawing {
    pub(super) random: Random,
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

    pub(super) fn note(&mut self, note: impl FnOnce() -> String) {
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

    /// As [`Transform::draw`], from a file, of which only what the first operation needs is decoded.
    pub(super) fn draw_file(
        &self,
        bytes: &[u8],
        name: &str,
        drawing: &mut Drawing,
    ) -> Result<RgbImage8, ImageError> {
        let file = Encoded::open(self.options, bytes, name)?;
        let mut ops = self.per_image.iter();
        let first = ops.next().zip(Some(ops.next()));
        let cut = first.and_then(|(op, next)| {
            let crop = next.filter(|next| op.is_resize() && next.is_crop());
            let done = if crop.is_some() { 2 } else { 1 };
            Cut::new(op, crop, file.size(FULL), drawing).zip(Some(done))
        });
        match cut {
            Some((cut, done)) => {
                let image = cut.decode(&file, self.options.scaled)?;
                Ok(self.draw_from(done, Cow::Owned(image), drawing))
            }
            None => Ok(self.draw(Cow::Owned(file.decode_all()?), drawing)),
        }
    }

    /// The operations from the one with the place `first`; those before it, and what they draw, are done.
    pub(super) fn draw_from(
        &self,
        first: usize,
        image: Cow<'_, RgbImage8>,
        drawing: &mut Drawing,
    ) -> RgbImage8 {
        let mut image = image;
        let mut ops = self.per_image[first..].iter().peekable();
        while let Some(op) = ops.next() {
            let crop = ops.next_if(|next| op.is_resize() && next.is_crop());
            image = Cow::Owned(self.apply_op(op, crop, image, drawing));
        }
        image.into_owned()
    }

    fn apply_op(
        &self,
        op: &Op,
        crop: Option<&Op>,
        image: Cow<'_, RgbImage8>,
        drawing: &mut Drawing,
    ) -> RgbImage8 {
        let size = (image.width(), image.height());
        if let Some(cut) = Cut::new(op, crop, size, drawing) {
            return cut.apply(&image);
        }
        match *op {
            Op::Flip { probability } => {
                let mut image = image.into_owned();
                if drawing.random.chance(probability) {
                    image.flip();
                    drawing.note(|| "flip".to_string());
                }
                image
            }
            Op::AutoAugment { sampling, fill } => {
                let drawn = augment::auto_augment([size.1, size.0], &mut drawing.random);
                self.augment(image, "autoaugment", &drawn, self.canvas(sampling, fill), drawing)
            }
            Op::RandAugment { layers, magnitude, std, increasing, sampling, fill } => {
                let policy = RandAugment { layers, magnitude, std, increasing };
                let drawn = augment::rand_augment(policy, [size.1, size.0], &mut drawing.random);
                self.augment(image, "randaugment", &drawn, self.canvas(sampling, fill), drawing)
            }
            Op::TrivialAugment { sampling, fill } => {
                let drawn = augment::trivial_augment(&mut drawing.random);
                self.augment(image, "trivialaugment", drawn.as_slice(), self.canvas(sampling, fill), drawing)
            }
            Op::ColorJitter { brightness, contrast, saturation, hue } => {
                let jitter = ColorJitter { brightness, contrast, saturation, hue };
                let drawn = jitter.draw(&mut drawing.random);
                self.augment(
                    image,
                    "color_jitter",
                    &drawn,
                    self.canvas(Sampling::default(), Fill::default()),
                    drawing,
                )
            }
            Op::RandomErasing { probability, area, ratio, fill } => {
                let mut image = image.into_owned();
                let erasing = RandomErasing { area, ratio };
                if drawing.random.chance(probability)
                    && let Some(place) = erasing.draw(size.0, size.1, &mut drawing.random)
                {
                    augment::erase(&mut image, place, fill, &self.normalization, &mut drawing.random);
                    drawing.note(|| {
                        let Rectangle { x, y, width, height } = place;
                        format!("random_erasing: {width} x {height} at {x}, {y}")
                    });
                }
                image
            }
            _ => image.into_owned(),
        }
    }

    fn augment(
        &self,
        image: Cow<'_, RgbImage8>,
        name: &str,
        drawn: &[Augmentation],
        canvas: Canvas,
        drawing: &mut Drawing,
    ) -> RgbImage8 {
        drawing.note(|| match drawn {
            [] => format!("{name}: nothing"),
            drawn => format!(
                "{name}: {}",
                drawn.iter().map(Augmentation::to_string).collect::<Vec<_>>().join(", ")
            ),
        });
        drawn.iter().fold(image.into_owned(), |image, augmentation| augmentation.apply(image, canvas))
    }

    fn canvas(&self, sampling: Sampling, fill: Fill) -> Canvas {
        Canvas { fill: fill.colour(&self.normalization), sampling }
    }
}
