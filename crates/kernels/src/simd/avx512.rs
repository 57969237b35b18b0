//! AVX-512F: 16 lanes, 32 registers.

use std::arch::x86_64::*;

use super::avx2::add_products;
use super::math::SHIFT;
use super::{Simd, Task, each};

/// Proof that the processor has AVX-512F.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// Where the processor has it.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

/// Bits of 2^(j/16), less j where `one_plus_exp_neg` adds it: in the four bits below the exponent.
static SIXTEENTHS: [i32; 16] = [
    0x3F80_0000,
    0x3F7D_AAC3,
    0x3F7B_95C2,
    0x3F79_C3D3,
    0x3F78_37F0,
    0x3F76_F532,
    0x3F75_FED7,
    0x3F75_583F,
    0x3F75_04F3,
    0x3F75_08A4,
    0x3F75_672A,
    0x3F76_248C,
    0x3F77_44FD,
    0x3F78_CCDF,
    0x3F7A_C0C7,
    0x3F7D_257D,
];

/// 2^(r/16) - 1 = r (LINEAR + QUADRATIC r) for r in [-1/2, 1/2], fitted to the relative error: 4e-7.
const LINEAR: f32 = 0.043324232;
const QUADRATIC: f32 = 0.0009383845;

/// A mask of the first lanes.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    ((1_u32 << count) - 1) as __mmask16
}

/// Compiles the task with the instruction set.
#[target_feature(enable = "avx512f,fma")]
fn enabled<T: Task>(simd: Avx512, task: T) -> T::Output {
    task.run(simd)
}

// SAFETY of every block below, unless it says more: the instruction set is there, because a value of the type is.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx512 {
    type V = __m512;
    // Products of bytes in 512 bits are an extension of their own.
    type Sums = [__m256i; 2];
    const LANES: usize = 16;
    const ACCUMULATORS: usize = 28;
    const TILE: [usize; 4] = [14, 14, 9, 7];
    const FUSED: bool = true;

    #[inline(always)]
    fn enter<T: Task>(self, task: T) -> T::Output {
        unsafe { enabled(self, task) }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::V {
        // SAFETY: and the caller's promise.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: Self::V) {
        // SAFETY: and the caller's promise.
        unsafe { _mm512_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::V {
        // SAFETY: and the caller's promise; lanes outside the mask are not touched.
        unsafe { _mm512_maskz_loadu_ps(first(count), from) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize, value: Self::V) {
        // SAFETY: as in `load_first`.
        unsafe { _mm512_mask_storeu_ps(to, first(count), value) }
    }
    #[inline(always)]
    fn sum(self, value: Self::V) -> f32 {
        unsafe { _mm512_reduce_add_ps(value) }
    }
    #[inline(always)]
    fn where_greater(self, a: Self::V, b: Self::V, value: Self::V) -> Self::V {
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), value) }
    }
    #[inline(always)]
    unsafe fn transpose(self, from: *const f32, from_step: usize, to: *mut f32, to_step: usize) {
        // SAFETY: and the caller's promise.
        unsafe {
            let mut rows = [_mm512_setzero_ps(); 16];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = _mm512_loadu_ps(from.add(i * from_step));
            }
            // After two rounds `quads[4 i + j]` has, in its quarter q, column 4 q + j of rows 4 i to 4 i + 3.
            let mut quads = [_mm512_setzero_pd(); 16];
            for i in 0..4 {
                let a = _mm512_castps_pd(_mm512_unpacklo_ps(rows[4 * i], rows[4 * i + 1]));
                let b = _mm512_castps_pd(_mm512_unpacklo_ps(rows[4 * i + 2], rows[4 * i + 3]));
                let c = _mm512_castps_pd(_mm512_unpackhi_ps(rows[4 * i], rows[4 * i + 1]));
                let d = _mm512_castps_pd(_mm512_unpackhi_ps(rows[4 * i + 2], rows[4 * i + 3]));
                quads[4 * i] = _mm512_unpacklo_pd(a, b);
                quads[4 * i + 1] = _mm512_unpackhi_pd(a, b);
                quads[4 * i + 2] = _mm512_unpacklo_pd(c, d);
                quads[4 * i + 3] = _mm512_unpackhi_pd(c, d);
            }
            for j in 0..4 {
                let (a, b) = (_mm512_castpd_ps(quads[j]), _mm512_castpd_ps(quads[j + 4]));
                let (c, d) = (_mm512_castpd_ps(quads[j + 8]), _mm512_castpd_ps(quads[j + 12]));
                let (ab, cd) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d));
                rows[j] = _mm512_shuffle_f32x4::<0x88>(ab, cd);
                rows[j + 8] = _mm512_shuffle_f32x4::<0xDD>(ab, cd);
                let (ab, cd) = (_mm512_shuffle_f32x4::<0xDD>(a, b), _mm512_shuffle_f32x4::<0xDD>(c, d));
                rows[j + 4] = _mm512_shuffle_f32x4::<0x88>(ab, cd);
                rows[j + 12] = _mm512_shuffle_f32x4::<0xDD>(ab, cd);
            }
            for (i, &row) in rows.iter().enumerate() {
                _mm512_storeu_ps(to.add(i * to_step), row);
            }
        }
    }
    #[inline(always)]
    fn even_odd(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        unsafe {
            let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
            let odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
            (_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b))
        }
    }
    #[inline(always)]
    fn interleave(self, even: Self::V, odd: Self::V) -> (Self::V, Self::V) {
        unsafe {
            let first = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
            let second = _mm512_or_si512(first, _mm512_set1_epi32(8));
            (_mm512_permutex2var_ps(even, first, odd), _mm512_permutex2var_ps(even, second, odd))
        }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn div<const N: usize>(self, a: [Self::V; N], b: [Self::V; N]) -> [Self::V; N] {
        // An estimate of 14 bits, then one step of Newton's on the quotient.
        let reciprocal = each!(self, N, i => unsafe { _mm512_rcp14_ps(b[i]) });
        let quotient = each!(self, N, i => self.mul(a[i], reciprocal[i]));
        let rest = each!(self, N, i => unsafe { _mm512_fnmadd_ps(b[i], quotient[i], a[i]) });
        each!(self, N, i => self.mul_add(rest[i], reciprocal[i], quotient[i]))
    }
    #[inline(always)]
    fn quotient(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        unsafe { _mm512_sqrt_ps(a) }
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    fn one_plus_exp_neg<const N: usize>(self, x: [Self::V; N]) -> [Self::V; N] {
        // exp(-x) = 2^n 2^(j/16) 2^(r/16): the second factor is looked up, so the third is near 1 and its polynomial
        // short.
        use std::f32::consts::LOG2_E;
        let scale = self.splat(-16.0 * LOG2_E);
        let shifted = each!(self, N, i => self.mul_add(x[i], scale, self.splat(SHIFT)));
        let back = each!(self, N, i => self.sub(self.splat(SHIFT), shifted[i]));
        let r = each!(self, N, i => self.mul_add(x[i], scale, back[i]));
        let power = each!(self, N, i => unsafe {
            let bits = _mm512_castps_si512(shifted[i]);
            let table = _mm512_loadu_si512(SIXTEENTHS.as_ptr().cast());
            let looked_up = _mm512_permutexvar_epi32(bits, table);
            _mm512_castsi512_ps(_mm512_add_epi32(looked_up, _mm512_slli_epi32::<19>(bits)))
        });
        let factor = each!(self, N, i => self.mul_add(r[i], self.splat(QUADRATIC), self.splat(LINEAR)));
        let product = each!(self, N, i => self.mul(power[i], r[i]));
        each!(self, N, i => self.mul_add(product[i], factor[i], self.add(power[i], self.splat(1.0))))
    }
    #[inline(always)]
    fn prefetch_near(self, at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }
    #[inline(always)]
    fn no_sums(self) -> Self::Sums {
        unsafe { [_mm256_setzero_si256(); 2] }
    }
    #[inline(always)]
    unsafe fn add_products(self, x: [u8; 4], weights: *const i8, [low, high]: Self::Sums) -> Self::Sums {
        // SAFETY: AVX2 comes with AVX-512F; and the caller's promise.
        unsafe {
            let weights = weights.cast::<__m256i>();
            [add_products(x, weights, low), add_products(x, weights.add(1), high)]
        }
    }
    #[inline(always)]
    fn to_f32(self, [low, high]: Self::Sums) -> Self::V {
        unsafe { _mm512_cvtepi32_ps(_mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)) }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, value: Self::V) {
        // SAFETY: and the caller's promise.
        unsafe {
            // Far above 255 i32 has no numbers; what is none becomes the least.
            let whole = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_set1_ps(255.0), value));
            let bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(whole, _mm512_setzero_si512()));
            _mm_storeu_si128(to.cast(), bytes);
        }
    }
    #[inline(always)]
    fn scale(self, value: Self::V, shifted: Self::V) -> Self::V {
        unsafe {
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(shifted));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(value), exponent))
        }
    }
}
