//! Activations as types, so that a loop is compiled for each.

use crate::Activation;
use crate::simd::{Simd, math};

/// A function of one number.
pub(super) trait Function: Copy + Send + Sync + 'static {
    /// Whether the gradient takes longer to compute again than to write and read.
    const DEAR: bool;
    /// f(z)
    fn value<S: Simd>(s: S, z: S::V) -> S::V;
    /// dy f'(z)
    fn gradient<S: Simd>(s: S, z: S::V, dy: S::V) -> S::V;
}

/// Work for one activation, chosen by [`dispatch`].
pub(super) trait ForFunction {
    /// Does it.
    fn run<F: Function>(self);
}

/// Runs the work for this activation.
pub(super) fn dispatch(activation: Activation, work: impl ForFunction) {
    match activation {
        Activation::None => work.run::<Identity>(),
        Activation::Relu => work.run::<Relu>(),
        Activation::Relu6 => work.run::<Relu6>(),
        Activation::Silu => work.run::<Silu>(),
        Activation::Sigmoid => work.run::<Sigmoid>(),
    }
}

#[derive(Clone, Copy)]
pub(super) struct Identity;

impl Function for Identity {
    const DEAR: bool = false;
    #[inline(always)]
    fn value<S: Simd>(_: S, z: S::V) -> S::V {
        z
    }
    #[inline(always)]
    fn gradient<S: Simd>(_: S, _: S::V, dy: S::V) -> S::V {
        dy
    }
}

#[derive(Clone, Copy)]
pub(super) struct Relu;

impl Function for Relu {
    const DEAR: bool = false;
    // `z` comes second, so that what is no number stays none.
    #[inline(always)]
    fn value<S: Simd>(s: S, z: S::V) -> S::V {
        s.max(s.splat(0.0), z)
    }
    #[inline(always)]
    fn gradient<S: Simd>(s: S, z: S::V, dy: S::V) -> S::V {
        s.where_greater(z, s.splat(0.0), dy)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Relu6;

impl Function for Relu6 {
    const DEAR: bool = false;
    #[inline(always)]
    fn value<S: Simd>(s: S, z: S::V) -> S::V {
        s.min(s.splat(6.0), s.max(s.splat(0.0), z))
    }
    #[inline(always)]
    fn gradient<S: Simd>(s: S, z: S::V, dy: S::V) -> S::V {
        s.where_greater(s.splat(6.0), z, Relu::gradient(s, z, dy))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Silu;

impl Function for Silu {
    const DEAR: bool = true;
    #[inline(always)]
    fn value<S: Simd>(s: S, z: S::V) -> S::V {
        math::silu(s, z)
    }
    #[inline(always)]
    fn gradient<S: Simd>(s: S, z: S::V, dy: S::V) -> S::V {
        let sigmoid = math::sigmoid(s, z);
        let rest = s.sub(s.splat(1.0), sigmoid);
        s.mul(s.mul(dy, sigmoid), s.mul_add(z, rest, s.splat(1.0)))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Sigmoid;

impl Function for Sigmoid {
    const DEAR: bool = true;
    #[inline(always)]
    fn value<S: Simd>(s: S, z: S::V) -> S::V {
        math::sigmoid(s, z)
    }
    #[inline(always)]
    fn gradient<S: Simd>(s: S, z: S::V, dy: S::V) -> S::V {
        let sigmoid = math::sigmoid(s, z);
        s.mul(s.mul(dy, sigmoid), s.sub(s.splat(1.0), sigmoid))
    }
}
