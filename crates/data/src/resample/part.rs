//! Some columns and rows of an image, which know their place in it.

use std::borrow::Cow;
use std::ops::Range;

use crate::geometry::Window;
use crate::image::RgbImage8;

/// Some columns and rows of an image.
pub struct Part<'a> {
    pub columns: Range<usize>,
    pub rows: Range<usize>,
    /// `[rows, columns, 3]`
    pub pixels: Cow<'a, [u8]>,
}

impl<'a> Part<'a> {
    pub fn whole(image: &'a RgbImage8) -> Self {
        Self { columns: 0..image.width(), rows: 0..image.height(), pixels: Cow::Borrowed(image.pixels()) }
    }

    /// The bytes of some columns of a row, by their places in the image.
    pub fn row(&self, y: usize, columns: &Range<usize>) -> &[u8] {
        let start = (y - self.rows.start) * self.columns.len() + columns.start - self.columns.start;
        &self.pixels[start * 3..][..columns.len() * 3]
    }

    /// A copy of these columns and rows of it.
    pub fn part(&self, columns: &Range<usize>, rows: &Range<usize>) -> Part<'static> {
        let mut pixels = Vec::with_capacity(columns.len() * rows.len() * 3);
        rows.clone().for_each(|y| pixels.extend_from_slice(self.row(y, columns)));
        Part { columns: columns.clone(), rows: rows.clone(), pixels: Cow::Owned(pixels) }
    }

    /// What `window` sees of it, black around.
    pub fn on_black(&self, window: Window) -> RgbImage8 {
        let mut image = RgbImage8::filled(window.width, window.height, [0; 3]);
        let columns = visible(window.x, window.width, self.columns.end);
        let columns = columns.start.max(self.columns.start)..columns.end;
        let rows = visible(window.y, window.height, self.rows.end);
        if columns.is_empty() {
            return image;
        }
        let left = (columns.start as isize - window.x) as usize;
        for y in rows.start.max(self.rows.start)..rows.end {
            let target = image.row_mut((y as isize - window.y) as usize);
            target[left * 3..][..columns.len() * 3].copy_from_slice(self.row(y, &columns));
        }
        image
    }

    /// As [`Part::on_black`], without a copy where the window is just this part.
    pub fn into_image(self, window: Window) -> RgbImage8 {
        let is_same = |range: &Range<usize>, start: isize, length: usize| {
            range.start as isize == start && range.len() == length
        };
        if is_same(&self.columns, window.x, window.width) && is_same(&self.rows, window.y, window.height) {
            if let Some(image) = RgbImage8::new(window.width, window.height, self.pixels.into_owned()) {
                return image;
            }
            return RgbImage8::filled(window.width, window.height, [0; 3]);
        }
        self.on_black(window)
    }
}

/// The positions of `start..start + length` that are in `0..whole`.
pub fn visible(start: isize, length: usize, whole: usize) -> Range<usize> {
    let end = (start + length as isize).clamp(0, whole as isize);
    start.clamp(0, end) as usize..end as usize
}
