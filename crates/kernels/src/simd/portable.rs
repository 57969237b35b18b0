//! Eight f32 in an array: for every processor, and the path that Miri can follow.
//!
//! There is no fused multiply-add in it: without the instruction `f32::mul_add` calls a library function.

use super::{Simd, Task};

/// No instruction set in particular.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// Applies `f` lane by lane.
#[inline(always)]
fn each(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
    let mut out = [0.0; 8];
    for i in 0..8 {
        out[i] = f(a[i], b[i]);
    }
    out
}

impl Simd for Portable {
    type V = [f32; 8];
    type Sums = [i32; 8];
    const LANES: usize = 8;
    const ACCUMULATORS: usize = 4;
    const TILE: [usize; 4] = [4, 2, 1, 1];
    const FUSED: bool = false;

    #[inline(always)]
    fn enter<T: Task>(self, task: T) -> T::Output {
        task.run(self)
    }
    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        [value; 8]
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::V {
        // SAFETY: the caller's promise; an array of f32 is aligned as an f32 is.
        unsafe { from.cast::<[f32; 8]>().read() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: Self::V) {
        // SAFETY: as in `load`.
        unsafe { to.cast::<[f32; 8]>().write(value) }
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::V {
        let mut value = [0.0; 8];
        // SAFETY: the caller's promise.
        unsafe { from.copy_to_nonoverlapping(value.as_mut_ptr(), count.min(8)) };
        value
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize, value: Self::V) {
        // SAFETY: the caller's promise.
        unsafe { to.copy_from_nonoverlapping(value.as_ptr(), count.min(8)) }
    }
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        let four = [v[0] + v[4], v[1] + v[5], v[2] + v[6], v[3] + v[7]];
        (four[0] + four[2]) + (four[1] + four[3])
    }
    #[inline(always)]
    fn where_greater(self, a: Self::V, b: Self::V, value: Self::V) -> Self::V {
        let mut out = [0.0; 8];
        for i in 0..8 {
            out[i] = if a[i] > b[i] { value[i] } else { 0.0 };
        }
        out
    }
    #[inline(always)]
    fn even_odd(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        ([a[0], a[2], a[4], a[6], b[0], b[2], b[4], b[6]], [a[1], a[3], a[5], a[7], b[1], b[3], b[5], b[7]])
    }
    #[inline(always)]
    fn interleave(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        ([a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3]], [a[4], b[4], a[5], b[5], a[6], b[6], a[7], b[7]])
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        each(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        each(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        each(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn div<const N: usize>(self, a: [Self::V; N], b: [Self::V; N]) -> [Self::V; N] {
        std::array::from_fn(|i| self.quotient(a[i], b[i]))
    }
    #[inline(always)]
    fn quotient(self, a: Self::V, b: Self::V) -> Self::V {
        each(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        each(a, a, |a, _| a.sqrt())
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        each(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        each(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn no_sums(self) -> Self::Sums {
        [0; 8]
    }
    #[inline(always)]
    unsafe fn add_products(self, x: [u8; 4], weights: *const i8, mut sums: Self::Sums) -> Self::Sums {
        // SAFETY: the caller's promise.
        let weights = unsafe { weights.cast::<[[i8; 4]; 8]>().read() };
        for (sum, weights) in sums.iter_mut().zip(weights) {
            for (x, weight) in x.into_iter().zip(weights) {
                *sum += i32::from(x) * i32::from(weight);
            }
        }
        sums
    }
    #[inline(always)]
    fn to_f32(self, sums: Self::Sums) -> Self::V {
        sums.map(|sum| sum as f32)
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, value: Self::V) {
        let value = self.min(self.splat(255.0), self.max(value, self.splat(0.0)));
        // Behind 1.5 * 2^23 there is no room for a fraction: adding it rounds.
        let bytes = value.map(|value| (value + super::math::SHIFT).to_bits() as u8);
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[u8; 8]>().write(bytes) }
    }
    #[inline(always)]
    fn scale(self, value: Self::V, shifted: Self::V) -> Self::V {
        each(value, shifted, |value, shifted| {
            f32::from_bits(value.to_bits().wrapping_add(shifted.to_bits() << 23))
        })
    }
}
