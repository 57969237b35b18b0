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
    kernel: [usize; 2],
    stride: [usize; 2],
    /// Phases down and to the right: those that a tap of the kernel meets.
    phases: [usize; 2],
    phase_rows: usize,
    /// Columns of a phase: length of a row in every line.
    step: usize,
    /// What of the plane each phase has, downwards and to the right.
    row_parts: Vec<Part>,
    col_parts: Vec<Part>,
}

/// The elements of a phase, along one axis, that are the plane's and not padding.
#[derive(Clone, Copy)]
struct Part {
    /// The first of them in the phase.
    first: usize,
    /// The same in the plane.
    at: usize,
    count: usize,
}

impl Part {
    /// Of each of `phases`, all of `length`, in a plane of `size` after `before` of padding.
    fn of_phases(phases: usize, length: usize, stride: usize, before: usize, size: usize) -> Vec<Self> {
        let part = |phase: usize| {
            let first = before.saturating_sub(phase).div_ceil(stride);
            let at = first * stride + phase - before;
            let count = size.saturating_sub(at).div_ceil(stride).min(length.saturating_sub(first));
            Self { first: first.min(length), at: at.min(size), count }
        };
        (0..phases).map(part).collect()
    }
}

/// The taps of each phase: offsets, and places in the kernel.
pub(super) struct Phases {
    pub taps: Vec<Vec<usize>>,
    pub places: Vec<Vec<usize>>,
}

impl Lines {
    pub fn new(conv: &Convolution) -> Self {
        let ([rows, cols], kernel, stride) = (conv.output_size(), conv.kernel, conv.stride);
        let phases = [stride[0].min(kernel[0]), stride[1].min(kernel[1])];
        let (phase_rows, step) = (rows + (kernel[0] - 1) / stride[0], cols + (kernel[1] - 1) / stride[1]);
        let [top, _, left, _] = conv.padding;
        Self {
            rows,
            cols,
            height: conv.height,
            width: conv.width,
            kernel,
            stride,
            phases,
            phase_rows,
            step,
            row_parts: Part::of_phases(phases[0], phase_rows, stride[0], top, conv.height),
            col_parts: Part::of_phases(phases[1], step, stride[1], left, conv.width),
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

/// `count` numbers in two vectors.
///
/// # Safety
/// They can be read, and are at most two vectors.
#[inline(always)]
unsafe fn load_two<S: Simd>(s: S, from: *const f32, count: usize) -> (S::V, S::V) {
    // SAFETY: the caller's promise.
    unsafe {
        let first = s.load_first(from, count.min(S::LANES));
        let more = count.saturating_sub(S::LANES);
        (first, if more > 0 { s.load_first(from.add(S::LANES), more) } else { s.splat(0.0) })
    }
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
        for (i, part) in lines.row_parts.iter().enumerate() {
            for k in 0..part.count {
                let from = &plane[(part.at + k * lines.stride[0]) * lines.width..][..lines.width];
                let row = (i * lines.phases[1]) * lines.phase() + (part.first + k) * lines.step;
                lines.take_apart(s, from, &mut phases[row..]);
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
        if !lines.covered() {
            plane.fill(0.0);
        }
        for (i, part) in lines.row_parts.iter().enumerate() {
            for k in 0..part.count {
                let to = &mut plane[(part.at + k * lines.stride[0]) * lines.width..][..lines.width];
                let row = (i * lines.phases[1]) * lines.phase() + (part.first + k) * lines.step;
                lines.put_together(s, &phases[row..], to);
            }
        }
    }
}

impl Lines {
    /// With a stride of 2, the column phases that have the plane's columns 0 and 1.
    #[inline(always)]
    fn even_and_odd(&self) -> Option<[(usize, Part); 2]> {
        let [a, b] = self.col_parts[..] else { return None };
        match (self.stride[1], a.at, b.at) {
            (2, 0, 1) => Some([(a.first, a), (self.phase() + b.first, b)]),
            (2, 1, 0) => Some([(self.phase() + b.first, b), (a.first, a)]),
            _ => None,
        }
    }

    /// Copies a row of the plane into its row of each column phase; `to` starts with the first.
    #[inline(always)]
    fn take_apart<S: Simd>(&self, s: S, from: &[f32], to: &mut [f32]) {
        let mut done = 0;
        if let Some([(even, a), (odd, b)]) = self.even_and_odd() {
            let pairs = a.count.min(b.count);
            assert!(2 * pairs <= from.len() && even.max(odd) + pairs <= to.len());
            while done + S::LANES <= pairs {
                // SAFETY: pairs of the row, and as many elements in each phase (asserted).
                unsafe {
                    let from = from.as_ptr().add(2 * done);
                    let (a, b) = s.even_odd(s.load(from), s.load(from.add(S::LANES)));
                    s.store(to.as_mut_ptr().add(even + done), a);
                    s.store(to.as_mut_ptr().add(odd + done), b);
                }
                done += S::LANES;
            }
            if done < pairs {
                let rest = pairs - done;
                // SAFETY: as above.
                unsafe {
                    let (a, b) = load_two(s, from.as_ptr().add(2 * done), 2 * rest);
                    let (a, b) = s.even_odd(a, b);
                    s.store_first(to.as_mut_ptr().add(even + done), rest, a);
                    s.store_first(to.as_mut_ptr().add(odd + done), rest, b);
                }
                done = pairs;
            }
        }
        for (j, part) in self.col_parts.iter().enumerate() {
            let to = &mut to[j * self.phase() + part.first..][..part.count];
            if self.stride[1] == 1 {
                copy(s, &from[part.at..part.at + part.count], to);
            } else {
                for (i, to) in to.iter_mut().enumerate().skip(done) {
                    *to = from[part.at + i * self.stride[1]];
                }
            }
        }
    }

    /// The reverse.
    #[inline(always)]
    fn put_together<S: Simd>(&self, s: S, from: &[f32], to: &mut [f32]) {
        let mut done = 0;
        if let Some([(even, a), (odd, b)]) = self.even_and_odd() {
            let pairs = a.count.min(b.count);
            assert!(2 * pairs <= to.len() && even.max(odd) + pairs <= from.len());
            while done + S::LANES <= pairs {
                // SAFETY: as in `take_apart`.
                unsafe {
                    let a = s.load(from.as_ptr().add(even + done));
                    let (a, b) = s.interleave(a, s.load(from.as_ptr().add(odd + done)));
                    let to = to.as_mut_ptr().add(2 * done);
                    s.store(to, a);
                    s.store(to.add(S::LANES), b);
                }
                done += S::LANES;
            }
            if done < pairs {
                let rest = pairs - done;
                // SAFETY: as above.
                unsafe {
                    let a = s.load_first(from.as_ptr().add(even + done), rest);
                    let b = s.load_first(from.as_ptr().add(odd + done), rest);
                    let (a, b) = s.interleave(a, b);
                    let to = to.as_mut_ptr().add(2 * done);
                    s.store_first(to, (2 * rest).min(S::LANES), a);
                    if 2 * rest > S::LANES {
                        s.store_first(to.add(S::LANES), 2 * rest - S::LANES, b);
                    }
                }
                done = pairs;
            }
        }
        for (j, part) in self.col_parts.iter().enumerate() {
            let from = &from[j * self.phase() + part.first..][..part.count];
            if self.stride[1] == 1 {
                copy(s, from, &mut to[part.at..part.at + part.count]);
            } else {
                for (i, from) in from.iter().enumerate().skip(done) {
                    to[part.at + i * self.stride[1]] = *from;
                }
            }
        }
    }

    /// Whether every element of the plane is in a phase.
    fn covered(&self) -> bool {
        let count = |parts: &[Part]| parts.iter().map(|part| part.count).sum::<usize>();
        count(&self.row_parts) == self.height && count(&self.col_parts) == self.width
    }
}
