//! The matrix of patches, of which only the part that is worked on ever exists (im2col in blocks).
//!
//! Its rows are the channels times the taps of a kernel, its columns the pixels of a [`Grid`].

use std::ops::Range;

use super::grid::{Grid, Run};
use crate::simd::Simd;
use crate::training::vector::{each, load, store};

/// A map, seen as its matrix of patches.
pub(super) struct Patches<'a> {
    pub map: &'a [f32],
    pub grid: Grid,
    /// Channels of each patch.
    pub channels: usize,
    /// Rows and columns from a grid's pixel to each tap.
    pub taps: &'a [[isize; 2]],
}

impl Patches<'_> {
    /// Rows of the matrix.
    pub fn depth(&self) -> usize {
        self.channels * self.taps.len()
    }

    /// Writes these rows of the columns of `runs`, `count` of them, as panels of `width` columns, each row by row; zeros in
    /// columns of the last panel that there are not.
    ///
    /// # Panics
    /// If `out` is too short for the panels.
    #[inline(always)]
    pub fn pack<S: Simd>(
        &self,
        s: S,
        rows: Range<usize>,
        (runs, count): (&[Run], usize),
        width: usize,
        out: &mut [f32],
    ) {
        let depth = rows.len();
        let panels = count.div_ceil(width);
        let out = &mut out[..panels * depth * width];
        let missing = panels * width - count;
        if missing > 0 {
            for row in out[(panels - 1) * depth * width..].chunks_exact_mut(width) {
                row[width - missing..].fill(0.0);
            }
        }
        let taps = self.taps.len();
        for row in rows.clone() {
            let (channel, offset) = if taps == 1 { (row, 0) } else { (row / taps, row % taps) };
            let offset = self.taps[offset];
            for run in runs {
                let plane = self.grid.plane(run.image, channel);
                let plane = &self.map[plane..plane + self.grid.height * self.grid.width];
                let to = (run.at / width * depth + row - rows.start) * width + run.at % width;
                // What the same run has two channels on is on its way while this is copied: runs are too short for the
                // processor to see where they lead.
                let ahead = if taps == 1 { 2 * plane.len() } else { 0 };
                self.copy(s, plane, ahead, *run, offset, &mut out[to..to + run.len]);
            }
        }
    }

    /// One tap's elements under a run. Fetches what lies `ahead` numbers on, unless that is 0.
    #[inline(always)]
    fn copy<S: Simd>(
        &self,
        s: S,
        plane: &[f32],
        ahead: usize,
        run: Run,
        offset: [isize; 2],
        out: &mut [f32],
    ) {
        let Grid { height, width, start, step, .. } = self.grid;
        let y = start[0] + offset[0] + (run.row * step[0]) as isize;
        let x = start[1] + offset[1] + (run.col * step[1]) as isize;
        if y < 0 || y >= height as isize {
            return out.fill(0.0);
        }
        let line = &plane[y as usize * width..][..width];
        // The first of the run's pixels that lies inside, and the first behind them that does not.
        let inside = |x: isize| (x.max(0) as usize).div_ceil(step[1]).min(out.len());
        let (first, end) = (inside(-x), inside(width as isize - x));
        if first > 0 {
            out[..first].fill(0.0);
        }
        if first >= end {
            return out[first..].fill(0.0);
        }
        let from = &line[(x + (first * step[1]) as isize) as usize..];
        let inner = &mut out[first..end];
        if step[1] == 1 {
            assert!(inner.len() <= from.len());
            each!(S, inner.len(), |at, count| {
                if ahead > 0 {
                    s.prefetch_near(from.as_ptr().wrapping_add(at + ahead));
                }
                // SAFETY: within both.
                unsafe { store(s, inner.as_mut_ptr().add(at), count, load(s, from.as_ptr().add(at), count)) }
            });
        } else {
            inner.iter_mut().zip(from.iter().step_by(step[1])).for_each(|(to, from)| *to = *from);
        }
        if end < out.len() {
            out[end..].fill(0.0);
        }
    }
}
