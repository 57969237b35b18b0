//! SiLU and the sigmoid, to less than 1e-6 of their value (2e-6 beyond 30, where log2 e has too few digits).
//!
//! exp(-x) = 2^n 2^r with n = round(-x log2 e) and r in [-1/2, 1/2]; 2^r is a polynomial of degree 5 fitted to the
//! relative error. Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits, from where it goes into the
//! exponent. AVX-512 has a shorter way of its own.

use super::{Simd, each};

/// Adding it to a small number rounds that to a whole one.
pub(super) const SHIFT: f32 = 12_582_912.0;
/// Beyond, e^-x would leave the normal numbers. SiLU and sigmoid are 0 or x there for every purpose.
pub(crate) const LIMIT: f32 = 85.0;
/// 2^r on [-1/2, 1/2], lowest first.
#[allow(clippy::approx_constant, reason = "fitted; near the logarithm of 2, but not it")]
const POWER: [f32; 6] = [1.0, 0.693_147, 0.240_222_42, 0.055_507_336, 0.009_671_513, 0.001_326_472_7];

/// 1 + exp(-x) for x within the limit.
#[inline(always)]
pub(super) fn one_plus_exp_neg<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
    each!(s, N, i => one_plus_exp_neg_of(s, x[i]))
}

#[inline(always)]
fn one_plus_exp_neg_of<S: Simd>(s: S, x: S::V) -> S::V {
    use std::f32::consts::LOG2_E;
    let shifted = s.mul_add(x, s.splat(-LOG2_E), s.splat(SHIFT));
    let minus_n = s.sub(s.splat(SHIFT), shifted);
    let r = if S::FUSED {
        s.mul_add(x, s.splat(-LOG2_E), minus_n)
    } else {
        // The product has to be exact before n is taken from it: the logarithm of 2 in two parts, the first of few bits.
        let rest = s.mul_add(minus_n, s.splat(0.693_359_4), s.sub(s.splat(0.0), x));
        s.mul(s.mul_add(minus_n, s.splat(-2.121_944_4e-4), rest), s.splat(LOG2_E))
    };
    let mut power = s.splat(POWER[5]);
    for coefficient in [POWER[4], POWER[3], POWER[2], POWER[1], POWER[0]] {
        power = s.mul_add(power, r, s.splat(coefficient));
    }
    s.add(s.scale(power, shifted), s.splat(1.0))
}

/// 1 + exp(-x), x held between the limits; what is no number becomes a limit.
#[inline(always)]
fn one_plus_exp_neg_held<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
    let held = each!(s, N, i => s.max(x[i], s.splat(-LIMIT)));
    s.one_plus_exp_neg(each!(s, N, i => s.min(held[i], s.splat(LIMIT))))
}

/// x / (1 + exp(-x)) of some vectors side by side: each operation waits for the one before, and those of other vectors fill the time.
#[inline(always)]
pub(crate) fn silus<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
    s.div(x, one_plus_exp_neg_held(s, x))
}

/// 1 / (1 + exp(-x)), as [`silus`].
#[inline(always)]
pub(crate) fn sigmoids<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
    s.div([s.splat(1.0); N], one_plus_exp_neg_held(s, x))
}

/// x / (1 + exp(-x))
#[inline(always)]
pub(crate) fn silu<S: Simd>(s: S, x: S::V) -> S::V {
    silus(s, [x])[0]
}

/// 1 / (1 + exp(-x))
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::V) -> S::V {
    sigmoids(s, [x])[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::simd::Task;

    struct Both<'a>(&'a mut [f32], &'a mut [f32]);

    impl Task for Both<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for (x, y) in self.0.chunks_exact_mut(S::LANES).zip(self.1.chunks_exact_mut(S::LANES)) {
                // SAFETY: both are whole vectors.
                unsafe {
                    let value = s.load(x.as_ptr());
                    s.store(x.as_mut_ptr(), silu(s, value));
                    s.store(y.as_mut_ptr(), sigmoid(s, value));
                }
            }
        }
    }

    struct Entered<T>(T);

    impl<T: Task> Task for Entered<T> {
        type Output = T::Output;

        fn run<S: Simd>(self, s: S) -> T::Output {
            s.enter(self.0)
        }
    }

    fn both(isa: Isa, inputs: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut silus, mut sigmoids) = (inputs.to_vec(), inputs.to_vec());
        isa.detect().unwrap().dispatch(Entered(Both(&mut silus, &mut sigmoids)));
        (silus, sigmoids)
    }

    #[test]
    fn silu_and_sigmoid_are_right_to_a_millionth() {
        let count = if cfg!(miri) { 160 } else { 1 << 20 };
        let inputs: Vec<f32> = (0..count).map(|i| (i as f32 / count as f32 - 0.5) * 168.0).collect();
        for isa in Isa::available() {
            let (silus, sigmoids) = both(isa, &inputs);
            for ((&x, &silu), &sigmoid) in inputs.iter().zip(&silus).zip(&sigmoids) {
                let most = if x.abs() < 30.0 { 1e-6 } else { 2e-6 };
                let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
                let error = (f64::from(sigmoid) / exact - 1.0).abs();
                assert!(error < most, "{isa}: sigmoid({x}) is {sigmoid}, not {exact} ({error:.1e})");
                let (exact, silu) = (exact * f64::from(x), f64::from(silu));
                let error = if x == 0.0 { silu.abs() } else { (silu / exact - 1.0).abs() };
                assert!(error < most, "{isa}: silu({x}) is {silu}, not {exact} ({error:.1e})");
            }
        }
    }

    #[test]
    fn far_out_they_are_flat_and_no_number_stays_none() {
        let mut inputs = [0.0; 16];
        inputs[..5].copy_from_slice(&[200.0, -200.0, f32::NAN, -1e30, 1e30]);
        for isa in Isa::available() {
            let (silus, sigmoids) = both(isa, &inputs);
            for (found, expected) in [(silus[0], 200.0), (silus[4], 1e30), (sigmoids[0], 1.0_f32)] {
                assert!((found / expected - 1.0).abs() < 1e-6, "{isa}: {found}, not {expected}");
            }
            assert!(silus[1].abs() < 1e-30 && sigmoids[1] < 1e-30 && silus[2].is_nan(), "{isa}: {silus:?}");
        }
    }
}
