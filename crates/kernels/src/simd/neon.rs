//! NEON: 8 lanes in two registers of 32.
//!
//! Two at a time, because a number that is the same in all lanes then serves two multiply-adds, and because blocks of channels are
//! as wide as with AVX2 and in the portable path.

use std::arch::aarch64::*;
use std::arch::asm;

use super::{Simd, Task, each};

/// Proof that the processor has NEON.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

impl Neon {
    /// Where the processor has it: every one with 64 bits that runs a system of today.
    pub(crate) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

type Half = float32x4_t;

/// Compiles the task with the instruction set.
#[target_feature(enable = "neon")]
fn enabled<T: Task>(simd: Neon, task: T) -> T::Output {
    task.run(simd)
}

/// Four vectors as columns.
#[inline(always)]
fn transposed([a, b, c, d]: [Half; 4]) -> [Half; 4] {
    // SAFETY: NEON is there, because only its `Simd` calls this.
    unsafe {
        let pairs = |x: Half, y: Half| {
            let (even, odd) = (vtrn1q_f32(x, y), vtrn2q_f32(x, y));
            [vreinterpretq_f64_f32(even), vreinterpretq_f64_f32(odd)]
        };
        let ([ab0, ab1], [cd0, cd1]) = (pairs(a, b), pairs(c, d));
        [vtrn1q_f64(ab0, cd0), vtrn1q_f64(ab1, cd1), vtrn2q_f64(ab0, cd0), vtrn2q_f64(ab1, cd1)]
            .map(|column| vreinterpretq_f32_f64(column))
    }
}

// SAFETY of every block below, unless it says more: the instruction set is there, because a value of the type is.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Neon {
    type V = [Half; 2];
    type Sums = [int32x4_t; 2];
    const LANES: usize = 8;
    const ACCUMULATORS: usize = 12;
    const TILE: [usize; 4] = [12, 6, 3, 2];
    const FUSED: bool = true;

    #[inline(always)]
    fn enter<T: Task>(self, task: T) -> T::Output {
        unsafe { enabled(self, task) }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        unsafe { [vdupq_n_f32(value); 2] }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::V {
        // SAFETY: and the caller's promise.
        unsafe { [vld1q_f32(from), vld1q_f32(from.add(4))] }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, [low, high]: Self::V) {
        // SAFETY: and the caller's promise.
        unsafe {
            vst1q_f32(to, low);
            vst1q_f32(to.add(4), high);
        }
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::V {
        let mut value = [0.0; 8];
        // SAFETY: and the caller's promise; all of `value` can be read.
        unsafe {
            from.copy_to_nonoverlapping(value.as_mut_ptr(), count.min(8));
            self.load(value.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize, value: Self::V) {
        let mut all = [0.0; 8];
        // SAFETY: as in `load_first`.
        unsafe {
            self.store(all.as_mut_ptr(), value);
            to.copy_from_nonoverlapping(all.as_ptr(), count.min(8));
        }
    }
    #[inline(always)]
    fn sum(self, [low, high]: Self::V) -> f32 {
        unsafe {
            let four = vaddq_f32(low, high);
            let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
            vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
        }
    }
    #[inline(always)]
    fn where_greater(self, a: Self::V, b: Self::V, value: Self::V) -> Self::V {
        let half = |i: usize| unsafe {
            let value = vreinterpretq_u32_f32(value[i]);
            vreinterpretq_f32_u32(vandq_u32(vcgtq_f32(a[i], b[i]), value))
        };
        [half(0), half(1)]
    }
    #[inline(always)]
    unsafe fn transpose(self, from: *const f32, from_step: usize, to: *mut f32, to_step: usize) {
        let zero = self.splat(0.0);
        let mut rows = [zero; 8];
        for (i, row) in rows.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *row = unsafe { self.load(from.add(i * from_step)) };
        }
        let quarter = |row: usize, half: usize| {
            transposed([rows[row][half], rows[row + 1][half], rows[row + 2][half], rows[row + 3][half]])
        };
        for half in 0..2 {
            let (upper, lower) = (quarter(0, half), quarter(4, half));
            for column in 0..4 {
                // SAFETY: the caller's promise.
                unsafe { self.store(to.add((4 * half + column) * to_step), [upper[column], lower[column]]) };
            }
        }
    }
    #[inline(always)]
    fn even_odd(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        unsafe {
            let even = [vuzp1q_f32(a[0], a[1]), vuzp1q_f32(b[0], b[1])];
            (even, [vuzp2q_f32(a[0], a[1]), vuzp2q_f32(b[0], b[1])])
        }
    }
    #[inline(always)]
    fn interleave(self, even: Self::V, odd: Self::V) -> (Self::V, Self::V) {
        let half = |i: usize| unsafe { [vzip1q_f32(even[i], odd[i]), vzip2q_f32(even[i], odd[i])] };
        (half(0), half(1))
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { [vaddq_f32(a[0], b[0]), vaddq_f32(a[1], b[1])] }
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { [vsubq_f32(a[0], b[0]), vsubq_f32(a[1], b[1])] }
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { [vmulq_f32(a[0], b[0]), vmulq_f32(a[1], b[1])] }
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        unsafe { [vfmaq_f32(c[0], a[0], b[0]), vfmaq_f32(c[1], a[1], b[1])] }
    }
    #[inline(always)]
    fn div<const N: usize>(self, a: [Self::V; N], b: [Self::V; N]) -> [Self::V; N] {
        each!(self, N, i => self.quotient(a[i], b[i]))
    }
    #[inline(always)]
    fn quotient(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { [vdivq_f32(a[0], b[0]), vdivq_f32(a[1], b[1])] }
    }
    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        unsafe { [vsqrtq_f32(a[0]), vsqrtq_f32(a[1])] }
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        // Its own instruction gives no number where either is none.
        let half = |i: usize| unsafe { vbslq_f32(vcgtq_f32(a[i], b[i]), a[i], b[i]) };
        [half(0), half(1)]
    }
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        let half = |i: usize| unsafe { vbslq_f32(vcltq_f32(a[i], b[i]), a[i], b[i]) };
        [half(0), half(1)]
    }
    #[inline(always)]
    fn prefetch_near(self, at: *const f32) {
        // SAFETY: a hint, whatever the address.
        unsafe {
            asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
        }
    }
    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        // SAFETY: as in `prefetch_near`.
        unsafe {
            asm!("prfm pldl2keep, [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
        }
    }
    #[inline(always)]
    fn no_sums(self) -> Self::Sums {
        unsafe { [vdupq_n_s32(0); 2] }
    }
    #[inline(always)]
    unsafe fn add_products(self, x: [u8; 4], weights: *const i8, [low, high]: Self::Sums) -> Self::Sums {
        // SAFETY: and the caller's promise.
        unsafe {
            let x = vreinterpret_u8_u32(vdup_n_u32(u32::from_ne_bytes(x)));
            let x = vreinterpretq_s16_u16(vmovl_u8(x));
            // Two lanes' weights at a time: their eight products, and of those the sums of two neighbours.
            let two = |weights: *const i8| {
                let weights = vmovl_s8(vld1_s8(weights));
                let first = vmull_s16(vget_low_s16(x), vget_low_s16(weights));
                vpaddq_s32(first, vmull_high_s16(x, weights))
            };
            let four = |weights: *const i8| vpaddq_s32(two(weights), two(weights.add(8)));
            [vaddq_s32(low, four(weights)), vaddq_s32(high, four(weights.add(16)))]
        }
    }
    #[inline(always)]
    fn to_f32(self, [low, high]: Self::Sums) -> Self::V {
        unsafe { [vcvtq_f32_s32(low), vcvtq_f32_s32(high)] }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, [low, high]: Self::V) {
        // SAFETY: and the caller's promise.
        unsafe {
            // All three cut off; what is no number becomes 0.
            let half = |value| vqmovn_u32(vcvtnq_u32_f32(value));
            vst1_u8(to, vqmovn_u16(vcombine_u16(half(low), half(high))));
        }
    }
    #[inline(always)]
    fn scale(self, value: Self::V, shifted: Self::V) -> Self::V {
        let half = |i: usize| unsafe {
            let exponent = vshlq_n_s32::<23>(vreinterpretq_s32_f32(shifted[i]));
            vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(value[i]), exponent))
        };
        [half(0), half(1)]
    }
}
