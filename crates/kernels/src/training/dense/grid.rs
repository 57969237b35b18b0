//! The columns of the matrices: pixels of a map, image after image.

/// Some pixels of a map `[batch, channels, height, width]`: a grid of them in every image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub batch: usize,
    /// Channels of the map, from one image to the next.
    pub channels: usize,
    /// The first of the channels that matter.
    pub first_channel: usize,
    pub height: usize,
    pub width: usize,
    /// Rows and columns of the grid.
    pub size: [usize; 2],
    /// Of the grid's first pixel in the map, before a tap's offset. May lie outside.
    pub start: [isize; 2],
    /// From one pixel of the grid to the next.
    pub step: [usize; 2],
}

/// Neighbouring pixels of one row of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Of the first, from the first asked for.
    pub at: usize,
    pub len: usize,
    pub image: usize,
    pub row: usize,
    pub col: usize,
}

impl Grid {
    /// Pixels of all images.
    pub fn len(&self) -> usize {
        self.batch * self.size[0] * self.size[1]
    }

    /// A plane as one row, where nobody asks for neighbours and no pixel is left out.
    pub fn flat(self) -> Self {
        let whole = self.step == [1, 1] && self.start == [0, 0] && self.size == [self.height, self.width];
        if !whole {
            return self;
        }
        let pixels = self.height * self.width;
        Self { height: 1, width: pixels, size: [1, pixels], ..self }
    }

    /// Where a channel's plane starts in the map.
    pub fn plane(&self, image: usize, channel: usize) -> usize {
        (image * self.channels + self.first_channel + channel) * self.height * self.width
    }

    /// Pixels `start..start + count` as runs, none of which crosses a multiple of `width` (counted from `start`).
    pub fn runs(&self, start: usize, count: usize, width: usize, out: &mut Vec<Run>) {
        out.clear();
        let [rows, cols] = self.size;
        let mut at = 0;
        while at < count {
            let (line, col) = ((start + at) / cols, (start + at) % cols);
            let len = (cols - col).min(count - at).min(width - at % width);
            out.push(Run { at, len, image: line / rows, row: line % rows, col });
            at += len;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(size: [usize; 2]) -> Grid {
        Grid {
            batch: 2,
            channels: 3,
            first_channel: 0,
            height: size[0],
            width: size[1],
            size,
            start: [0, 0],
            step: [1, 1],
        }
    }

    #[test]
    fn runs_end_at_rows_images_and_panels() {
        let mut runs = Vec::new();
        grid([2, 5]).runs(3, 15, 8, &mut runs);
        let found: Vec<_> = runs.iter().map(|run| (run.at, run.len, run.image, run.row, run.col)).collect();
        assert_eq!(
            found,
            [(0, 2, 0, 0, 3), (2, 5, 0, 1, 0), (7, 1, 1, 0, 0), (8, 4, 1, 0, 1), (12, 3, 1, 1, 0)]
        );
    }

    #[test]
    fn only_a_whole_plane_is_one_row() {
        assert_eq!(grid([4, 6]).flat().size, [1, 24]);
        assert_eq!(Grid { step: [2, 2], ..grid([4, 6]) }.flat().size, [4, 6]);
    }
}
