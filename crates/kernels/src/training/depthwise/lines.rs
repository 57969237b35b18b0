//! Planes as lines, and back.

use crate::simd::{Simd, Task};
use crate::training::Convolution;
use crate::training::vector::{each, load, store};

/// Beyond the end of a line there is a vector that may be read.
const SLACK: usize = 16;

/// How a plane lies in its lines.
///
/// With a stride of `[down, right]` there are `down * right` phases; element `(row, col)` of phase `(i, j)` is element
/// `(row * down + i, col * right + j)` of the padded plane. All lines have rows of the same length, that of a phase.
pub(super) struct Lines {
    /// Of the output.
    pub rows: usize,
    pub cols: usize,
    height: usize,
    width: usize,
    before: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    /// Phases down and to the right: those that a tap of the kernel meets.
    phases: [usize; 2],
    phase_rows: usize,
    /// Columns of a phase: length of a row in every line.
    step: usize,
}

/// The taps of each phase: offsets, and places in the kernel.
pub(super) struct Phases {
    pub taps: Vec<Vec<usize>>,
    pub places: Vec<Vec<usize>>,
}

impl Lines {
    pub fn new(conv: &Convolution) -> Self {
        let ([rows, cols], kernel, stride) = (conv.output_size(), conv.kernel, conv.stride);
        Self {
            rows,
            cols,
            height: conv.height,
            width: conv.width,
            before: [conv.padding[0], conv.padding[2]],
            kernel,
            stride,
            phases: [stride[0].min(kernel[0]), stride[1].min(kernel[1])],
            phase_rows: rows + (kernel[0] - 1) / stride[0],
            step: cols + (kernel[1] - 1) / stride[1],
        }
    }

    /// Elements of the output's line that mean something or lie between such.
    pub fn len(&self) -> usize {
        (self.rows - 1) * self.step + self.cols
    }

    /// Elements of a phase.
    pub fn phase_len(&self) -> usize {
        self.phase_rows * self.step
    }

    /// Memory of a phase.
    pub fn phase(&self) -> usize {
        (self.phase_len() + SLACK).next_multiple_of(SLACK)
    }

    /// Memory of all phases.
    pub fn all_phases(&self) -> usize {
        self.phases[0] * self.phases[1] * self.phase()
    }

    /// Memory of an output's line.
    pub fn output_line(&self) -> usize {
        (self.rows * self.step + SLACK).next_multiple_of(SLACK)
    }

    /// How far the last tap is from the first, in a line.
    pub fn reach(&self) -> usize {
        self.offset(self.kernel[0] - 1, self.kernel[1] - 1)
    }

    /// Memory of the line that a gradient for x is made from: an output's between zeros.
    pub fn reversed_line(&self) -> usize {
        (self.reach() + self.phase_len() + 2 * SLACK).next_multiple_of(SLACK)
    }

    fn offset(&self, row: usize, col: usize) -> usize {
        row / self.stride[0] * self.step + col / self.stride[1]
    }

    fn phase_of(&self, row: usize, col: usize) -> usize {
        row % self.stride[0] * self.phases[1] + col % self.stride[1]
    }

    /// Where each tap's first element is in the phases.
    pub fn taps(&self) -> Vec<usize> {
        let [rows, cols] = self.kernel;
        (0..rows * cols)
            .map(|tap| (tap / cols, tap % cols))
            .map(|(row, col)| self.phase_of(row, col) * self.phase() + self.offset(row, col))
            .collect()
    }

    /// For each phase where its taps' first elements are in the reversed line.
    pub fn reversed_taps(&self) -> Phases {
        let count = self.phases[0] * self.phases[1];
        let mut found = Phases { taps: vec![Vec::new(); count], places: vec![Vec::new(); count] };
        for row in 0..self.kernel[0] {
            for col in 0..self.kernel[1] {
                let phase = self.phase_of(row, col);
                found.taps[phase].push(self.reach() - self.offset(row, col));
                found.places[phase].push(row * self.kernel[1] + col);
            }
        }
        found
    }

    /// Of `limit` elements along one axis (0: rows), those that phase `phase` has: its first element, the element there in
    /// the plane, and how many.
    fn part(&self, axis: usize, phase: usize, length: usize, limit: usize) -> (usize, usize, usize) {
        let (before, stride) = (self.before[axis], self.stride[axis]);
        let first = before.saturating_sub(phase).div_ceil(stride);
        let at = first * stride + phase - before;
        let count = if at < limit { (limit - at).div_ceil(stride) } else { 0 };
        (first, at, count.min(length.saturating_sub(first)))
    }

    /// Copies a plane into its phases, which hold zeros where padding is.
    pub fn fold<S: Simd>(&self, s: S, plane: &[f32], phases: &mut [f32]) {
        s.enter(Fold { lines: self, plane, phases });
    }

    /// Copies the phases into a plane; zeros where no window reaches.
    pub fn unfold<S: Simd>(&self, s: S, phases: &[f32], plane: &mut [f32]) {
        s.enter(Unfold { lines: self, plane, phases });
    }

    /// Copies the output's line into the output.
    pub fn take_output<S: Simd>(&self, s: S, line: &[f32], out: &mut [f32]) {
        s.enter(Rows { from: line, from_step: self.step, to: out, to_step: self.cols, cols: self.cols });
    }

    /// Copies an output into a line that holds zeros between its rows.
    pub fn spread_output<S: Simd>(&self, s: S, out: &[f32], line: &mut [f32]) {
        let line = &mut line[..self.len()];
        s.enter(Rows { from: out, from_step: self.cols, to: line, to_step: self.step, cols: self.cols });
    }
}

/// Copies rows of `cols` elements to where they lie at another distance, until there is no more to write.
struct Rows<'a> {
    from: &'a [f32],
    from_step: usize,
    to: &'a mut [f32],
    to_step: usize,
    cols: usize,
}

impl Task for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (from, to) in self.from.chunks(self.from_step).zip(self.to.chunks_mut(self.to_step)) {
            copy(s, &from[..self.cols], &mut to[..self.cols]);
        }
    }
}

/// # Panics
/// If the second is shorter than the first.
#[inline(always)]
fn copy<S: Simd>(s: S, from: &[f32], to: &mut [f32]) {
    assert!(from.len() <= to.len());
    each!(S, from.len(), |at, count| {
        // SAFETY: within the first, so within the second.
        unsafe { store(s, to.as_mut_ptr().add(at), count, load(s, from.as_ptr().add(at), count)) }
    });
}

struct Fold<'a> {
    lines: &'a Lines,
    plane: &'a [f32],
    phases: &'a mut [f32],
}

impl Task for Fold<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { lines, plane, phases } = self;
        let [down, right] = lines.stride;
        for i in 0..lines.phases[0] {
            let (row, y, rows) = lines.part(0, i, lines.phase_rows, lines.height);
            for j in 0..lines.phases[1] {
                let (col, x, cols) = lines.part(1, j, lines.step, lines.width);
                let phase = &mut phases[(i * lines.phases[1] + j) * lines.phase()..][..lines.phase_len()];
                for k in 0..if cols > 0 { rows } else { 0 } {
                    let from = &plane[(y + k * down) * lines.width + x..(y + k * down + 1) * lines.width];
                    let to = &mut phase[(row + k) * lines.step + col..][..cols];
                    match right {
                        1 => copy(s, &from[..cols], to),
                        2 => to.iter_mut().zip(from.chunks(2)).for_each(|(to, from)| *to = from[0]),
                        _ => to.iter_mut().zip(from.iter().step_by(right)).for_each(|(to, from)| *to = *from),
                    }
                }
            }
        }
    }
}

struct Unfold<'a> {
    lines: &'a Lines,
    plane: &'a mut [f32],
    phases: &'a [f32],
}

impl Task for Unfold<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { lines, plane, phases } = self;
        let [down, right] = lines.stride;
        if !lines.covered() {
            plane.fill(0.0);
        }
        for i in 0..lines.phases[0] {
            let (row, y, rows) = lines.part(0, i, lines.phase_rows, lines.height);
            for j in 0..lines.phases[1] {
                let (col, x, cols) = lines.part(1, j, lines.step, lines.width);
                let phase = &phases[(i * lines.phases[1] + j) * lines.phase()..][..lines.phase_len()];
                for k in 0..if cols > 0 { rows } else { 0 } {
                    let from = &phase[(row + k) * lines.step + col..][..cols];
                    let to = &mut plane[(y + k * down) * lines.width + x..(y + k * down + 1) * lines.width];
                    match right {
                        1 => copy(s, from, to),
                        2 => to.chunks_mut(2).zip(from).for_each(|(to, from)| to[0] = *from),
                        _ => to.iter_mut().step_by(right).zip(from).for_each(|(to, from)| *to = *from),
                    }
                }
            }
        }
    }
}

impl Lines {
    /// Whether every element of the plane is in a phase.
    fn covered(&self) -> bool {
        let all = |axis: usize, length: usize, limit: usize| {
            (0..self.phases[axis]).map(|phase| self.part(axis, phase, length, limit).2).sum::<usize>()
                == limit
        };
        all(0, self.phase_rows, self.height) && all(1, self.step, self.width)
    }
}
