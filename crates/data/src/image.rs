//! The one kind of image that leaves the decoder: RGB, 8 bits, rows from the top, without gaps.

/// An image of `[height, width, 3]` bytes, red first. Both sides are at least 1.
#[derive(Clone, PartialEq, Eq)]
pub struct RgbImage8 {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl RgbImage8 {
    /// An image of the given pixels, row by row; `None` unless there are `width * height * 3` of them and both sides
    /// are above 0.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(3)?;
        (bytes > 0 && bytes == pixels.len()).then_some(Self { width, height, pixels })
    }

    /// An image of one colour.
    ///
    /// # Panics
    /// If a side is 0.
    pub fn filled(width: usize, height: usize, colour: [u8; 3]) -> Self {
        assert!(width > 0 && height > 0, "an image has at least one pixel, not {width} x {height}");
        Self { width, height, pixels: colour.repeat(width * height) }
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// `[height, width, 3]` bytes.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// `[height, width, 3]` bytes.
    pub(crate) fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// `[height, width, 3]` bytes.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// Left becomes right.
    pub(crate) fn flip(&mut self) {
        for row in self.pixels.chunks_exact_mut(self.width * 3) {
            row.as_chunks_mut::<3>().0.reverse();
        }
    }

    /// The bytes of one row.
    pub(crate) fn row_mut(&mut self, y: usize) -> &mut [u8] {
        &mut self.pixels[y * self.width * 3..][..self.width * 3]
    }
}

impl std::fmt::Debug for RgbImage8 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RgbImage8({} x {})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_bytes_must_fit() {
        assert!(RgbImage8::new(2, 1, vec![0; 6]).is_some());
        assert!(RgbImage8::new(2, 1, vec![0; 5]).is_none());
        assert!(RgbImage8::new(0, 1, vec![]).is_none());
        assert!(RgbImage8::new(usize::MAX, 2, vec![0; 6]).is_none());
    }

    #[test]
    fn rows_follow_each_other() {
        let mut image = RgbImage8::new(1, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(image.row_mut(1), [4, 5, 6]);
        assert_eq!(format!("{image:?}"), "RgbImage8(1 x 2)");
    }

    #[test]
    fn a_flip_turns_every_row() {
        let mut image = RgbImage8::new(2, 2, (1..=12).collect()).unwrap();
        image.flip();
        assert_eq!(image.pixels(), [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
    }
}
