//! The two loops over lines: many numbers from a few weights, and a few weights from many numbers.

use crate::simd::{Simd, Task};
use crate::training::vector::{Fetch, each, load};

/// `out[i] = sum over taps of weight[tap] line[taps[tap] + i]` for `i` in `0..len`; up to a vector more is written.
pub(super) struct Gather<'a> {
    /// Readable to a vector beyond the last tap's last element.
    pub line: &'a [f32],
    /// Offsets.
    pub taps: &'a [usize],
    pub weight: &'a [f32],
    pub out: &'a mut [f32],
    pub len: usize,
    /// A step for every block of vectors.
    pub fetch: &'a mut Fetch,
}

/// Vectors of a block.
const BLOCK: usize = 8;

/// Blocks for so many numbers.
pub(super) fn blocks<S: Simd>(len: usize) -> usize {
    len.div_ceil(BLOCK * S::LANES)
}

impl Task for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { line, taps, weight, out, len, fetch } = self;
        let vectors = len.div_ceil(S::LANES);
        assert!(vectors * S::LANES <= out.len() && weight.len() == taps.len());
        assert!(taps.iter().all(|tap| tap + vectors * S::LANES <= line.len()));
        let mut done = 0;
        // SAFETY: `done + T <= vectors`, whose extents were checked.
        unsafe {
            let (line, out) = (line.as_ptr(), out.as_mut_ptr());
            let place = |done: usize| (line.add(done * S::LANES), out.add(done * S::LANES));
            while vectors - done >= BLOCK {
                fetch.step(s);
                block::<S, BLOCK>(s, place(done), taps, weight);
                done += BLOCK;
            }
            fetch.step(s);
            match vectors - done {
                0 => {}
                1 => block::<S, 1>(s, place(done), taps, weight),
                2 => block::<S, 2>(s, place(done), taps, weight),
                3 => block::<S, 3>(s, place(done), taps, weight),
                4 => block::<S, 4>(s, place(done), taps, weight),
                5 => block::<S, 5>(s, place(done), taps, weight),
                6 => block::<S, 6>(s, place(done), taps, weight),
                _ => block::<S, 7>(s, place(done), taps, weight),
            }
        }
    }
}

/// `T` vectors of sums from here on in the line, to here in the output.
///
/// # Safety
/// They can be read for every tap, and be written.
#[inline(always)]
unsafe fn block<S: Simd, const T: usize>(
    s: S,
    (line, out): (*const f32, *mut f32),
    taps: &[usize],
    weight: &[f32],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [s.splat(0.0); T];
        for (&tap, &weight) in taps.iter().zip(weight) {
            let (from, weight) = (line.add(tap), s.splat(weight));
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = s.mul_add(weight, s.load(from.add(i * S::LANES)), *sum);
            }
        }
        for (i, &sum) in sums.iter().enumerate() {
            s.store(out.add(i * S::LANES), sum);
        }
    }
}

/// Adds, for every tap, the products of `other[i]` and `line[tap + i]` to the tap's vector in `sums`.
///
/// `fetch` makes a step for every vector of the first taps.
pub(super) fn correlate<S: Simd>(
    s: S,
    line: &[f32],
    taps: &[usize],
    other: &[f32],
    sums: &mut [f32],
    mut fetch: Fetch,
) {
    // As many as fit the registers beside one of the inputs.
    let most = if S::ACCUMULATORS >= 25 { 25 } else { 9 };
    let mut at = 0;
    while at < taps.len() {
        let count = match taps.len() - at {
            25.. if most == 25 => 25,
            9.. => 9,
            rest => rest,
        };
        let part =
            Correlate { line, taps: &taps[at..at + count], other, sums: &mut sums[at * S::LANES..], fetch };
        match count {
            25 => s.enter(Fixed::<25>(part)),
            9 => s.enter(Fixed::<9>(part)),
            8 => s.enter(Fixed::<8>(part)),
            7 => s.enter(Fixed::<7>(part)),
            6 => s.enter(Fixed::<6>(part)),
            5 => s.enter(Fixed::<5>(part)),
            4 => s.enter(Fixed::<4>(part)),
            3 => s.enter(Fixed::<3>(part)),
            2 => s.enter(Fixed::<2>(part)),
            _ => s.enter(Fixed::<1>(part)),
        }
        fetch = Fetch::NONE;
        at += count;
    }
}

struct Correlate<'a> {
    line: &'a [f32],
    taps: &'a [usize],
    other: &'a [f32],
    sums: &'a mut [f32],
    fetch: Fetch,
}

/// So many taps at once.
struct Fixed<'a, const T: usize>(Correlate<'a>);

impl<const T: usize> Task for Fixed<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Correlate { line, taps, other, sums, mut fetch } = self.0;
        assert!(taps.len() == T && sums.len() >= T * S::LANES);
        assert!(taps.iter().all(|tap| tap + other.len() <= line.len()));
        let mut from = [line.as_ptr(); T];
        // SAFETY: every tap's elements are inside the line (asserted), as are the sums.
        unsafe {
            let mut vectors = [s.splat(0.0); T];
            for i in 0..T {
                from[i] = from[i].add(taps[i]);
                vectors[i] = s.load(sums.as_ptr().add(i * S::LANES));
            }
            each!(S, other.len(), |at, count| {
                fetch.step(s);
                let other = load(s, other.as_ptr().add(at), count);
                for i in 0..T {
                    vectors[i] = s.mul_add(other, load(s, from[i].add(at), count), vectors[i]);
                }
            });
            for (i, &vector) in vectors.iter().enumerate() {
                s.store(sums.as_mut_ptr().add(i * S::LANES), vector);
            }
        }
    }
}
