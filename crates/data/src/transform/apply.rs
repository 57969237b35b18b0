//! From files and pixels to levels and values.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use super::steps::Drawing;
use super::{Draw, Transform};
use crate::decode;
use crate::error::ImageError;
use crate::image::RgbImage8;
use crate::source::Content;

impl Transform {
    /// The image after every operation but `normalize`: what the reference's 8-bit image is. What is random is drawn as
    /// for [`Draw::default`].
    pub fn pixels(&self, image: &RgbImage8) -> RgbImage8 {
        self.pixels_drawn(image, Draw::default())
    }

    /// As [`Transform::pixels`], with the random numbers of `draw`.
    pub fn pixels_drawn(&self, image: &RgbImage8, draw: Draw) -> RgbImage8 {
        self.draw(Cow::Borrowed(image), &mut Drawing::new(draw))
    }

    /// The normalised image, `[3, height, width]`.
    pub fn apply(&self, image: &RgbImage8) -> Vec<f32> {
        let mut values = vec![0.0; self.output_len()];
        self.apply_into(image, &mut values);
        values
    }

    /// As [`Transform::apply`], into a place of the caller's, such as one image of a batch.
    ///
    /// # Panics
    /// If `values` has another length than [`Transform::output_len`].
    pub fn apply_into(&self, image: &RgbImage8, values: &mut [f32]) {
        assert_eq!(values.len(), self.output_len(), "the place for an image has another length");
        self.normalization.apply(self.pixels(image).pixels(), values);
    }

    /// A sample's 8-bit pixels, `[height, width, 3]`, as they go to the device: everything but `normalize`.
    ///
    /// # Errors
    /// As [`decode`](crate::decode()); `name` is what the error calls the image.
    ///
    /// # Panics
    /// If `levels` has another length than [`Transform::output_len`].
    pub fn render(
        &self,
        content: &Content,
        name: &str,
        draw: Draw,
        levels: &mut [u8],
    ) -> Result<(), ImageError> {
        self.render_drawing(content, name, &mut Drawing::new(draw), levels)
    }

    /// As [`Transform::render`], and says what was drawn: one line for each random operation, in their order.
    ///
    /// # Errors
    /// As [`Transform::render`].
    ///
    /// # Panics
    /// As [`Transform::render`].
    pub fn render_described(
        &self,
        content: &Content,
        name: &str,
        draw: Draw,
        levels: &mut [u8],
    ) -> Result<Vec<String>, ImageError> {
        let mut drawing = Drawing::described(draw);
        self.render_drawing(content, name, &mut drawing, levels)?;
        Ok(drawing.into_notes())
    }

    fn render_drawing(
        &self,
        content: &Content,
        name: &str,
        drawing: &mut Drawing,
        levels: &mut [u8],
    ) -> Result<(), ImageError> {
        let image = match content {
            Content::File(bytes) => self.draw_file(bytes, name, drawing)?,
            Content::Pixels(image) => self.draw(Cow::Borrowed(image), drawing),
        };
        levels.copy_from_slice(image.pixels());
        Ok(())
    }

    /// Reads a file as the first operation says.
    ///
    /// # Errors
    /// As [`decode`](crate::decode()).
    pub fn decode(&self, path: impl AsRef<Path>) -> Result<RgbImage8, ImageError> {
        self.options.decode(path)
    }

    /// Reads a file's bytes as the first operation says; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`decode`](crate::decode()).
    pub fn decode_bytes(&self, bytes: &[u8], name: &str) -> Result<RgbImage8, ImageError> {
        self.options.decode_bytes(bytes, name)
    }

    /// From the file to the normalised image, `[3, height, width]`.
    ///
    /// # Errors
    /// As [`decode`](crate::decode()).
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Vec<f32>, ImageError> {
        let mut values = vec![0.0; self.output_len()];
        self.load_into(path.as_ref(), &mut values)?;
        Ok(values)
    }

    fn load_into(&self, path: &Path, values: &mut [f32]) -> Result<(), ImageError> {
        let bytes = decode::read(path)?;
        let name = path.display().to_string();
        let image = self.draw_file(&bytes, &name, &mut Drawing::new(Draw::default()))?;
        self.normalization.apply(image.pixels(), values);
        Ok(())
    }

    /// Loads files on `threads` threads into the images of a batch, `[paths, 3, height, width]`.
    ///
    /// The results are in the order of the paths; where one is an error, that image of the batch is left as it was.
    ///
    /// # Panics
    /// If `values` has another length than there are values in the images.
    pub fn load_batch<P: AsRef<Path> + Sync>(
        &self,
        paths: &[P],
        values: &mut [f32],
        threads: NonZeroUsize,
    ) -> Vec<Result<(), ImageError>> {
        let length = self.output_len();
        assert_eq!(values.len(), paths.len() * length, "the place for a batch has another length");
        let mut results: Vec<Result<(), ImageError>> = paths.iter().map(|_| Ok(())).collect();
        let images = values.chunks_exact_mut(length).zip(&mut results);
        let work = Mutex::new(paths.iter().zip(images));
        let next = || work.lock().ok().and_then(|mut work| work.next());
        let run = || {
            while let Some((path, (values, result))) = next() {
                *result = self.load_into(path.as_ref(), values);
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.get().min(paths.len()) {
                scope.spawn(run);
            }
            run();
        });
        results
    }
}
