//! AVX2 with FMA: 8 lanes, 16 registers.

use std::arch::x86_64::*;

use super::math::SHIFT;
use super::{Simd, Task, each};

/// Proof that the processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Where the processor has it.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

/// Bits of 2^(j/8), less j where `one_plus_exp_neg` adds it: in the three bits below the exponent.
static EIGHTHS: [i32; 8] =
    [0x3F80_0000, 0x3F7B_95C2, 0x3F78_37F0, 0x3F75_FED7, 0x3F75_04F3, 0x3F75_672A, 0x3F77_44FD, 0x3F7A_C0C7];

/// 2^(r/8) - 1 = r (LINEAR + r (QUADRATIC + CUBIC r)) for r in [-1/2, 1/2], fitted to the relative error: 3e-8.
const LINEAR: f32 = 0.086_643_405;
const QUADRATIC: f32 = 0.003_754_025_6;
const CUBIC: f32 = 0.000_108_391_06;

/// A mask of the first lanes.
#[inline(always)]
fn first(count: usize) -> __m256i {
    static LANES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let lanes = &LANES[8 - count..][..8];
    // SAFETY: eight numbers; AVX2 is there, because only its `Simd` calls this.
    unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
}

/// Adds to each of eight i32 the products of four bytes: two and two in 16 bits, then in 32.
///
/// # Safety
/// The processor has AVX2, and 32 bytes can be read from `weights` on.
#[inline(always)]
pub(super) unsafe fn add_products(x: [u8; 4], weights: *const __m256i, sums: __m256i) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let pairs =
            _mm256_maddubs_epi16(_mm256_set1_epi32(i32::from_ne_bytes(x)), _mm256_loadu_si256(weights));
        _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }
}

/// Rounded to i32, of which packing makes bytes. What is above 255 is cut off here, for far above i32 has no numbers; what is below 0
/// and what is none, which becomes the least i32, packing makes 0.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn cut_off(value: __m256) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe { _mm256_cvtps_epi32(_mm256_min_ps(_mm256_set1_ps(255.0), value)) }
}

/// Compiles the task with the instruction set.
#[target_feature(enable = "avx2,fma")]
fn enabled<T: Task>(simd: Avx2, task: T) -> T::Output {
    task.run(simd)
}

// SAFETY of every block below, unless it says more: the instruction set is there, because a value of the type is.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx2 {
    type V = __m256;
    type Sums = __m256i;
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
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::V {
        // SAFETY: and the caller's promise.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: Self::V) {
        // SAFETY: and the caller's promise.
        unsafe { _mm256_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::V {
        // SAFETY: and the caller's promise; lanes outside the mask are not touched.
        unsafe { _mm256_maskload_ps(from, first(count)) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize, value: Self::V) {
        // SAFETY: as in `load_first`.
        unsafe { _mm256_maskstore_ps(to, first(count), value) }
    }
    #[inline(always)]
    fn sum(self, value: Self::V) -> f32 {
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps::<1>(value));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    fn where_greater(self, a: Self::V, b: Self::V, value: Self::V) -> Self::V {
        unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b), value) }
    }
    #[inline(always)]
    unsafe fn transpose(self, from: *const f32, from_step: usize, to: *mut f32, to_step: usize) {
        // SAFETY: and the caller's promise.
        unsafe {
            let mut rows = [_mm256_setzero_ps(); 8];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = _mm256_loadu_ps(from.add(i * from_step));
            }
            // After two rounds `quads[4 i + j]` has, in its half h, column 4 h + j of rows 4 i to 4 i + 3.
            let mut quads = [_mm256_setzero_pd(); 8];
            for i in 0..2 {
                let a = _mm256_castps_pd(_mm256_unpacklo_ps(rows[4 * i], rows[4 * i + 1]));
                let b = _mm256_castps_pd(_mm256_unpacklo_ps(rows[4 * i + 2], rows[4 * i + 3]));
                let c = _mm256_castps_pd(_mm256_unpackhi_ps(rows[4 * i], rows[4 * i + 1]));
                let d = _mm256_castps_pd(_mm256_unpackhi_ps(rows[4 * i + 2], rows[4 * i + 3]));
                quads[4 * i] = _mm256_unpacklo_pd(a, b);
                quads[4 * i + 1] = _mm256_unpackhi_pd(a, b);
                quads[4 * i + 2] = _mm256_unpacklo_pd(c, d);
                quads[4 * i + 3] = _mm256_unpackhi_pd(c, d);
            }
            for j in 0..4 {
                let (a, b) = (_mm256_castpd_ps(quads[j]), _mm256_castpd_ps(quads[j + 4]));
                rows[j] = _mm256_permute2f128_ps::<0x20>(a, b);
                rows[j + 4] = _mm256_permute2f128_ps::<0x31>(a, b);
            }
            for (i, &row) in rows.iter().enumerate() {
                _mm256_storeu_ps(to.add(i * to_step), row);
            }
        }
    }
    #[inline(always)]
    fn even_odd(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        unsafe {
            // Both halves of `a` and `b` taken apart, then put in order: quarters 0, 2, 1, 3.
            let even = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(a, b));
            let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0b11_01_11_01>(a, b));
            let even = _mm256_permute4x64_pd::<0b11_01_10_00>(even);
            let odd = _mm256_permute4x64_pd::<0b11_01_10_00>(odd);
            (_mm256_castpd_ps(even), _mm256_castpd_ps(odd))
        }
    }
    #[inline(always)]
    fn interleave(self, even: Self::V, odd: Self::V) -> (Self::V, Self::V) {
        unsafe {
            let (low, high) = (_mm256_unpacklo_ps(even, odd), _mm256_unpackhi_ps(even, odd));
            (_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
        }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn div<const N: usize>(self, a: [Self::V; N], b: [Self::V; N]) -> [Self::V; N] {
        // An estimate of 11.4 bits, and what it lacks: two short ways side by side rather than one long one.
        let reciprocal = each!(self, N, i => unsafe { _mm256_rcp_ps(b[i]) });
        let rest = each!(self, N, i => unsafe { _mm256_fnmadd_ps(b[i], reciprocal[i], _mm256_set1_ps(1.0)) });
        let quotient = each!(self, N, i => self.mul(a[i], reciprocal[i]));
        each!(self, N, i => self.mul_add(quotient[i], rest[i], quotient[i]))
    }
    #[inline(always)]
    fn quotient(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_div_ps(a, b) }
    }
    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        unsafe { _mm256_sqrt_ps(a) }
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { _mm256_min_ps(a, b) }
    }
    #[inline(always)]
    fn one_plus_exp_neg<const N: usize>(self, x: [Self::V; N]) -> [Self::V; N] {
        // exp(-x) = 2^n 2^(j/8) 2^(r/8): with the second factor looked up, the chain of operations that depend on each other, of which
        // the processor has only a few in sight at a time, is a third shorter.
        use std::f32::consts::LOG2_E;
        let scale = self.splat(-8.0 * LOG2_E);
        let shifted = each!(self, N, i => self.mul_add(x[i], scale, self.splat(SHIFT)));
        let back = each!(self, N, i => self.sub(self.splat(SHIFT), shifted[i]));
        let r = each!(self, N, i => self.mul_add(x[i], scale, back[i]));
        let power = each!(self, N, i => unsafe {
            let bits = _mm256_castps_si256(shifted[i]);
            let table = _mm256_loadu_si256(EIGHTHS.as_ptr().cast());
            let looked_up = _mm256_permutevar8x32_epi32(table, bits);
            _mm256_castsi256_ps(_mm256_add_epi32(looked_up, _mm256_slli_epi32::<20>(bits)))
        });
        let factor = each!(self, N, i => self.mul_add(r[i], self.splat(CUBIC), self.splat(QUADRATIC)));
        let factor = each!(self, N, i => self.mul_add(r[i], factor[i], self.splat(LINEAR)));
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
        unsafe { _mm256_setzero_si256() }
    }
    #[inline(always)]
    unsafe fn add_products(self, x: [u8; 4], weights: *const i8, sums: Self::Sums) -> Self::Sums {
        // SAFETY: and the caller's promise.
        unsafe { add_products(x, weights.cast(), sums) }
    }
    #[inline(always)]
    fn to_f32(self, sums: Self::Sums) -> Self::V {
        unsafe { _mm256_cvtepi32_ps(sums) }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, value: Self::V) {
        // SAFETY: and the caller's promise.
        unsafe {
            let whole = cut_off(value);
            let words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
            _mm_storel_epi64(to.cast(), _mm_packus_epi16(words, words));
        }
    }
    #[inline(always)]
    unsafe fn store_bytes_of_two(self, to: *mut u8, values: [Self::V; 2]) {
        // SAFETY: and the caller's promise.
        unsafe {
            // Packing goes by halves of a register.
            let words = _mm256_packs_epi32(cut_off(values[0]), cut_off(values[1]));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
            let (low, high) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.cast(), _mm_packus_epi16(low, high));
        }
    }
    #[inline(always)]
    fn scale(self, value: Self::V, shifted: Self::V) -> Self::V {
        unsafe {
            let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(shifted));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(value), exponent))
        }
    }
}
