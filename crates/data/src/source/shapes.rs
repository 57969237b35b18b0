//! A data set that needs no file: textured shapes of ten classes, each picture drawn from the seed and its index.
//!
//! It is there to try things with: that a pipeline runs, that a network learns, that a change did not break it. So it must
//! be easy for what should work and impossible for what should not.
//!
//! Trained on 5,000 pictures of 32 pixels for 8 epochs and tested on 2,000 of another seed, a network of four convolutions
//! reaches 93.0 %, a linear model on the pixels 12.8 %, and one on the mean colour 10.8 %, where 10 % is chance
//! (`scripts/shapes_cnn.py`, torch 2.9.1, numpy 2.4.6, 24 November 2026); `tests/shapes.rs` holds the linear models down.
//! Place, scale, rotation, colours and textures of the shape and of the background say nothing about the class, and shapes of
//! one scale have one area, so neither single pixels nor mean colours give it away.
//!
//! A picture is bit for bit the same on every machine: nothing but additions, multiplications, divisions and square roots,
//! which IEEE 754 fixes, goes into it, and the random numbers of [`Random`].

mod outline;
mod picture;
mod texture;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::image::RgbImage8;
use crate::random::{Purpose, Random};
use crate::source::{Content, Source, SourceError};
use crate::syntax::{self, Argument, Call, Problem, Value};

use outline::Outline;

/// Pictures of textured shapes.
///
/// Sample `index` is of shape `index % 10` in the order of their names, so every beginning of the set is balanced. The same
/// index shows the same scene at every size, but for the noise.
#[derive(Debug, Clone)]
pub struct Shapes {
    images: usize,
    size: usize,
    seed: u64,
    classes: Vec<String>,
    /// The class of each outline.
    class_of: [usize; Outline::ALL.len()],
}

/// Why there is no such set of pictures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapesError {
    /// None, or more than 32 bits can count.
    #[error("{images} pictures of shapes cannot be drawn; ask for 1 to {max}", max = u32::MAX)]
    Images {
        /// What was asked for.
        images: usize,
    },
    /// A side that is too short to show anything, or long beyond use.
    #[error("pictures of shapes with {size} pixels a side cannot be drawn; ask for {min} to {max}", min = Shapes::SIZES.start(), max = Shapes::SIZES.end())]
    Size {
        /// What was asked for.
        size: usize,
    },
    /// A class list without one of the ten.
    #[error("the class list of {classes} classes lacks the shapes' class `{name}`; add it, or give no list")]
    NotListed {
        /// The class.
        name: &'static str,
        /// Length of the list.
        classes: usize,
    },
}

impl Shapes {
    /// The sides that can be drawn, in pixels.
    pub const SIZES: RangeInclusive<usize> = 32..=256;
    /// Pictures, where nothing else is asked for.
    pub const IMAGES: usize = 10_000;
    /// Pixels a side, where nothing else is asked for.
    pub const SIZE: usize = 32;

    /// `images` pictures of `size` x `size` pixels.
    ///
    /// # Errors
    /// [`ShapesError`] for no pictures, too many, or a size outside [`Shapes::SIZES`].
    pub fn new(images: usize, size: usize, seed: u64) -> Result<Self, ShapesError> {
        if images == 0 || u32::try_from(images).is_err() {
            return Err(ShapesError::Images { images });
        }
        if !Self::SIZES.contains(&size) {
            return Err(ShapesError::Size { size });
        }
        let classes = Outline::ALL.iter().map(|outline| outline.name().to_string()).collect();
        Ok(Self { images, size, seed, classes, class_of: std::array::from_fn(|outline| outline) })
    }

    /// The same pictures with the classes in this order, which may have others beside the ten.
    ///
    /// # Errors
    /// [`ShapesError::NotListed`] where one of the ten is missing.
    pub fn with_classes(mut self, order: &[String]) -> Result<Self, ShapesError> {
        for (outline, class) in Outline::ALL.iter().zip(&mut self.class_of) {
            let name = outline.name();
            let listed = order.iter().position(|listed| listed == name);
            *class = listed.ok_or(ShapesError::NotListed { name, classes: order.len() })?;
        }
        self.classes = order.to_vec();
        Ok(self)
    }

    /// Reads `shapes` or `shapes(images=10000, size=32, seed=0)`, any of the three; `None` if the text is something else.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, SourceError>> {
        let name = text.split('(').next().unwrap_or_default();
        (name.trim() == "shapes").then(|| {
            let [images, size, seed] = parse(text).map_err(|problem| problem.in_text(text))?;
            Ok(Self::new(images as usize, size as usize, seed)?)
        })
    }

    /// One of the pictures.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn picture(&self, index: usize) -> RgbImage8 {
        let mut random = Random::new(self.seed, 0, index as u64, Purpose::Picture);
        picture::draw(self.outline(index), self.size, &mut random)
    }

    fn outline(&self, index: usize) -> Outline {
        assert!(index < self.images, "there is no sample {index} of {}", self.images);
        Outline::ALL[index % Outline::ALL.len()]
    }
}

impl Source for Shapes {
    fn len(&self) -> usize {
        self.images
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, index: usize) -> usize {
        self.class_of[self.outline(index) as usize]
    }

    fn key(&self, index: usize) -> Cow<'_, str> {
        Cow::Owned(format!("shapes-{}/{}/{index:06}", self.seed, self.outline(index).name()))
    }

    fn read(&self, index: usize) -> Result<Content, SourceError> {
        Ok(Content::Pixels(self.picture(index)))
    }
}

/// Images, size and seed.
fn parse(text: &str) -> Result<[u64; 3], Problem> {
    const NAMES: [&str; 3] = ["images", "size", "seed"];
    let mut numbers = [Shapes::IMAGES as u64, Shapes::SIZE as u64, 0];
    let calls = syntax::parse(text)?;
    if let [_, second, ..] = &calls[..] {
        return Err(Problem::new(
            "nothing can stand behind the data set's name and numbers",
            second.place.clone(),
        ));
    }
    let arguments = calls.into_iter().flat_map(|Call { arguments, .. }| arguments);
    let mut seen = [false; 3];
    for Argument { name, value, place } in arguments {
        let name = name.unwrap_or_default();
        let Some(which) = NAMES.iter().position(|known| *known == name) else {
            return Err(Problem::new("shapes takes images=, size= and seed=", place));
        };
        if std::mem::replace(&mut seen[which], true) {
            return Err(Problem::new(format!("{name} is there twice"), place));
        }
        // Up to 2^53 every whole number is one as a float, too.
        let whole = match value {
            Value::Number(number) if number >= 0.0 && number.fract() == 0.0 && number < 9.0e15 => number,
            _ => return Err(Problem::new(format!("{name} must be a whole number"), place)),
        };
        numbers[which] = whole as u64;
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<[u64; 3], String> {
        let read = Shapes::parse(text).expect("it begins with shapes");
        read.map(|shapes| [shapes.images as u64, shapes.size as u64, shapes.seed])
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_text_gives_the_numbers() {
        assert_eq!(read("shapes"), Ok([10_000, 32, 0]));
        assert_eq!(read(" shapes()"), Ok([10_000, 32, 0]));
        assert_eq!(read("shapes(seed=3, images=50,size=64)"), Ok([50, 64, 3]));
        assert!(Shapes::parse("shapes/").is_none() && Shapes::parse("./shapes").is_none());
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        assert_eq!(
            read("shapes(seed=1.5)").unwrap_err(),
            "seed must be a whole number\n  shapes(seed=1.5)\n         ^^^^^^^^"
        );
        assert_eq!(
            read("shapes(9)").unwrap_err(),
            "shapes takes images=, size= and seed=\n  shapes(9)\n         ^"
        );
        assert!(read("shapes(size=64").unwrap_err().starts_with("expected `,` and another argument, or `)`"));
        assert!(read("shapes(size=40, size=50)").unwrap_err().starts_with("size is there twice"));
        assert!(read("shapes() | flip").unwrap_err().starts_with("nothing can stand behind"));
        assert_eq!(
            read("shapes(size=8)").unwrap_err(),
            "pictures of shapes with 8 pixels a side cannot be drawn; ask for 32 to 256"
        );
        assert!(read("shapes(images=0)").is_err() && read("shapes(images=1e12)").is_err());
    }
}
