//! One vocabulary of vector operations, several instruction sets.
//!
//! A value of a type that implements [`Simd`] is a proof: it exists only where the processor has the instructions, so
//! arithmetic through it is safe. Kernels are written once, generic over it, and enter an instruction set through
//! [`Simd::enter`], where everything marked `inline(always)` is compiled with its instructions.
//!
//! The number of lanes is also the width of a channel block in memory (see [`crate::shape`]), so there is no such thing
//! as the rest of a vector.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod math;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod portable;

/// An operation on each of some vectors, `each!(s, N, i => operation)`, as a loop that is unrolled: in a closure it would not be
/// compiled with the instruction set.
macro_rules! each {
    ($s:expr, $n:expr, $i:ident => $value:expr) => {{
        let mut out = [$s.splat(0.0); $n];
        let mut $i = 0;
        while $i < $n {
            out[$i] = $value;
            $i += 1;
        }
        out
    }};
}
pub(crate) use each;

/// Work that is compiled for an instruction set by [`Simd::enter`]. `run` must be `inline(always)`.
pub(crate) trait Task {
    /// What comes out.
    type Output;
    /// Does it.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this processor has.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// `LANES` f32.
    type V: Copy;
    /// `LANES` i32.
    type Sums: Copy;
    /// f32 in a vector, and channels in a block.
    const LANES: usize;
    /// Vectors that may be summed in registers.
    const ACCUMULATORS: usize;
    /// Rows of a matrix product's tile of one to four vectors: so many that registers are left for the vectors of the other factor
    /// and a number of this one's. With one too few the compiler moves sums to memory and back, and a product takes twice as long.
    const TILE: [usize; 4];
    /// True where `mul_add` rounds once.
    const FUSED: bool;

    /// Runs the task with these instructions.
    fn enter<T: Task>(self, task: T) -> T::Output;

    /// The same number in every lane.
    fn splat(self, value: f32) -> Self::V;
    /// # Safety
    /// `LANES` f32 can be read from here on.
    unsafe fn load(self, from: *const f32) -> Self::V;
    /// # Safety
    /// `LANES` f32 can be written from here on.
    unsafe fn store(self, to: *mut f32, value: Self::V);
    /// The first `count` lanes; zero in the others.
    ///
    /// # Safety
    /// `count` f32, at most `LANES`, can be read from here on.
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::V;
    /// # Safety
    /// `count` f32, at most `LANES`, can be written from here on.
    unsafe fn store_first(self, to: *mut f32, count: usize, value: Self::V);
    /// The sum of the lanes, always in the same order.
    fn sum(self, value: Self::V) -> f32;
    /// `value` in the lanes in which a > b, zero in the others.
    fn where_greater(self, a: Self::V, b: Self::V, value: Self::V) -> Self::V;
    /// Reads `LANES` vectors `from_step` apart and writes them as columns: as `LANES` vectors `to_step` apart, in order, so
    /// that steps smaller than a vector leave of each what the next does not cover.
    ///
    /// # Safety
    /// They can be read, and be written.
    #[inline(always)]
    unsafe fn transpose(self, from: *const f32, from_step: usize, to: *mut f32, to_step: usize) {
        for column in 0..Self::LANES {
            for row in 0..Self::LANES {
                // SAFETY: the caller's promise.
                unsafe { *to.add(column * to_step + row) = *from.add(row * from_step + column) };
            }
        }
    }
    /// Two vectors that follow each other in memory as those of even and of odd places.
    fn even_odd(self, a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// The reverse of [`Self::even_odd`].
    fn interleave(self, even: Self::V, odd: Self::V) -> (Self::V, Self::V);
    /// a + b
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// a - b
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// a * b
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a * b + c
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// a / b to about 1e-7, for positive and finite b.
    fn div<const N: usize>(self, a: [Self::V; N], b: [Self::V; N]) -> [Self::V; N];
    /// a / b, rounded once, for all numbers.
    fn quotient(self, a: Self::V, b: Self::V) -> Self::V;
    /// The square root, rounded once.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// The larger; `b` if either is no number.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller; `b` if either is no number.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// Brings the cache line at this address into the second cache, where the instruction set can. Any address will do.
    #[inline(always)]
    fn prefetch(self, _: *const f32) {}
    /// Brings the cache line at this address into the first cache, where the instruction set can. Any address will do.
    #[inline(always)]
    fn prefetch_near(self, _: *const f32) {}
    /// 1 + exp(-x), each x within [`math::LIMIT`] of 0.
    #[inline(always)]
    fn one_plus_exp_neg<const N: usize>(self, x: [Self::V; N]) -> [Self::V; N] {
        math::one_plus_exp_neg(self, x)
    }
    /// Sums of nothing.
    fn no_sums(self) -> Self::Sums;
    /// Adds to each lane four unsigned bytes (`x`, the same for all lanes) times the lane's four signed ones. Of both pairs of signed
    /// bytes, those of one sign add up to no more than 128: then an instruction set may have 16 bits for two products.
    ///
    /// # Safety
    /// `4 * LANES` bytes can be read from `weights` on.
    unsafe fn add_products(self, x: [u8; 4], weights: *const i8, sums: Self::Sums) -> Self::Sums;
    /// As f32, rounded to the nearest.
    fn to_f32(self, sums: Self::Sums) -> Self::V;
    /// Writes the lanes as bytes, rounded to the nearest and to even, cut off at 0 and 255; what is no number is 0.
    ///
    /// # Safety
    /// `LANES` bytes can be written from here on.
    unsafe fn store_bytes(self, to: *mut u8, value: Self::V);
    /// Two vectors, one behind the other.
    ///
    /// # Safety
    /// `2 * LANES` bytes can be written from here on.
    #[inline(always)]
    unsafe fn store_bytes_of_two(self, to: *mut u8, values: [Self::V; 2]) {
        // SAFETY: the caller's promise.
        unsafe {
            self.store_bytes(to, values[0]);
            self.store_bytes(to.add(Self::LANES), values[1]);
        }
    }
    /// value * 2^n, where `n` are the low bits of `shifted` (a whole number from -126 to 127 plus 1.5 * 2^23).
    fn scale(self, value: Self::V, shifted: Self::V) -> Self::V;
}
