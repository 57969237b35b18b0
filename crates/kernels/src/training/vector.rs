//! Loops over slices, vector by vector with a masked rest.

use crate::memory::LINE;
use crate::simd::Simd;

/// f32 summed in one lane's register before the sum goes into an f64.
pub(super) const SUMMED: usize = 4096;

/// Repeats the block for every vector of `len` numbers; `count` is `LANES`, known to the compiler, but for the last.
///
/// A macro, because a closure is not always inlined, and one that is not has lost the instruction set.
macro_rules! each {
    ($simd:ty, $len:expr, |$at:ident, $count:ident| $body:block) => {{
        let lanes = <$simd as $crate::simd::Simd>::LANES;
        let len: usize = $len;
        let full = len - len % lanes;
        let mut next = 0;
        while next < full {
            let ($at, $count) = (next, lanes);
            $body
            next += lanes;
        }
        if full < len {
            let ($at, $count) = (full, len - full);
            $body
        }
    }};
}
pub(super) use each;

/// `count` numbers, zeros behind them.
///
/// # Safety
/// They can be read, and are at most `LANES`.
#[inline(always)]
pub(super) unsafe fn load<S: Simd>(s: S, from: *const f32, count: usize) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { if count == S::LANES { s.load(from) } else { s.load_first(from, count) } }
}

/// # Safety
/// `count` numbers can be written, and are at most `LANES`.
#[inline(always)]
pub(super) unsafe fn store<S: Simd>(s: S, to: *mut f32, count: usize, value: S::V) {
    // SAFETY: the caller's promise.
    unsafe { if count == S::LANES { s.store(to, value) } else { s.store_first(to, count, value) } }
}

/// Two sums of many numbers: in vectors for a while, then in f64.
pub(super) struct Sums<S: Simd> {
    s: S,
    pub vectors: [S::V; 2],
    pending: usize,
    totals: [f64; 2],
}

impl<S: Simd> Sums<S> {
    #[inline(always)]
    pub fn new(s: S) -> Self {
        Self { s, vectors: [s.splat(0.0); 2], pending: 0, totals: [0.0; 2] }
    }

    /// Announces that so many numbers, at most [`SUMMED`], will be added to the vectors.
    #[inline(always)]
    pub fn expect(&mut self, count: usize) {
        if self.pending + count > SUMMED {
            self.fold();
        }
        self.pending += count;
    }

    #[inline(always)]
    fn fold(&mut self) {
        for (total, vector) in self.totals.iter_mut().zip(&mut self.vectors) {
            *total += f64::from(self.s.sum(*vector));
            *vector = self.s.splat(0.0);
        }
        self.pending = 0;
    }

    #[inline(always)]
    pub fn totals(mut self) -> [f64; 2] {
        self.fold();
        self.totals
    }
}

/// Cache lines.
const WORTH_A_FETCH: usize = 128;

/// Memory that will be needed soon, fetched into the second cache little by little while something else is computed: the
/// maps of a training step come from main memory, and a core that first waits and then computes takes both times.
#[derive(Clone, Copy)]
pub(super) struct Fetch {
    parts: [(*const f32, usize); 2],
    /// Cache lines a step.
    each: usize,
}

impl Fetch {
    /// Nothing.
    pub const NONE: Self = Self { parts: [(std::ptr::null(), 0); 2], each: 0 };

    /// These parts of maps, one after the other, in about so many steps. A part may lie beyond the end of its map.
    pub fn new(parts: [(&[f32], usize, usize); 2], steps: usize) -> Self {
        let parts = parts.map(|(map, start, len)| (map.as_ptr().wrapping_add(start), len.div_ceil(LINE)));
        let lines = parts[0].1 + parts[1].1;
        // A few lines are there before it would have paid to ask.
        if lines < WORTH_A_FETCH { Self::NONE } else { Self { each: lines.div_ceil(steps.max(1)), parts } }
    }

    #[inline(always)]
    pub fn step<S: Simd>(&mut self, s: S) {
        for _ in 0..self.each {
            if self.parts[0].1 == 0 {
                self.parts.swap(0, 1);
            }
            let (at, left) = &mut self.parts[0];
            s.prefetch(*at);
            *at = at.wrapping_add(LINE);
            *left = left.saturating_sub(1);
        }
    }
}
