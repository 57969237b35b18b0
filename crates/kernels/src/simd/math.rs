//! SiLU and the sigmoid, to about 3e-7 of their value.
//!
//! exp(-x) = 2^n 2^r with n = round(-x log2 e) and r in [-1/2, 1/2]; 2^r is a polynomial of degree 5 fitted to the
//! relative error. Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits, from where it goes into the
//! exponent.

use super::Simd;

/// Adding it to a small number rounds that to a whole one.
const SHIFT: f32 = 12_582_912.0;
/// Beyond, e^-x would leave the normal numbers. SiLU and sigmoid are 0 or x there for every purpose.
const LIMIT: f32 = 85.0;
/// 2^r on [-1/2, 1/2], lowest first.
const POWER: [f32; 6] = [1.0, 0.693_147, 0.240_222_42, 0.055_507_336, 0.009_671_513, 0.001_326_472_7];

/// 1 + exp(-x) for x within the limit.
#[inline(always)]
fn one_plus_exp_neg<S: Simd>(s: S, x: S::V) -> S::V {
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

/// `x` held between the limits; what is no number becomes a limit.
#[inline(always)]
fn held<S: Simd>(s: S, x: S::V) -> S::V {
    s.min(s.max(x, s.splat(-LIMIT)), s.splat(LIMIT))
}

/// x / (1 + exp(-x))
#[inline(always)]
pub(crate) fn silu<S: Simd>(s: S, x: S::V) -> S::V {
    s.div(x, one_plus_exp_neg(s, held(s, x)))
}

/// 1 / (1 + exp(-x))
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::V) -> S::V {
    s.div(s.splat(1.0), one_plus_exp_neg(s, held(s, x)))
}
