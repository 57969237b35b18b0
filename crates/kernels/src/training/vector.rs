//! Loops over slices, vector by vector with a masked rest.

use crate::simd::Simd;

/// f32 summed in one lane's register before the sum goes into an f64.
pub(super) const SUMMED: usize = 4096;

/// Calls `visit(at, count)` for every vector; `count` is `LANES`, known to the compiler, but for the last.
#[inline(always)]
pub(super) fn each<S: Simd>(_: S, len: usize, mut visit: impl FnMut(usize, usize)) {
    let full = len - len % S::LANES;
    let mut at = 0;
    while at < full {
        visit(at, S::LANES);
        at += S::LANES;
    }
    if full < len {
        visit(full, len - full);
    }
}

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
