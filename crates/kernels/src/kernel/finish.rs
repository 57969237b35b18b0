//! What follows the multiply-adds: residual, activation, sum for a pooling; in one pass over vectors that are still in
//! the first cache.

use crate::op::{Activation, ResidualOrder};
use crate::simd::{Simd, Task, each, math};

/// The pass over some vectors of one channel block.
pub(crate) struct Finish<'a> {
    /// The sums of products, bias included; replaced by the result.
    pub out: &'a mut [f32],
    /// Added before or after the activation, as long as `out`.
    pub residual: Option<(&'a [f32], ResidualOrder)>,
    /// The activation.
    pub activation: Activation,
    /// One vector, to which the results are added.
    pub pool: Option<&'a mut [f32]>,
}

impl Finish<'_> {
    /// Nothing to do.
    pub fn is_idle(&self) -> bool {
        self.residual.is_none() && self.activation == Activation::None && self.pool.is_none()
    }
}

impl Task for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // No closures here: they would not be compiled with the instruction set, and each operation become a call.
        match self.activation {
            Activation::None => pass::<S, Identity>(s, self),
            Activation::Relu => pass::<S, Relu>(s, self),
            Activation::Relu6 => pass::<S, Relu6>(s, self),
            Activation::Silu => pass::<S, Silu>(s, self),
            Activation::Sigmoid => pass::<S, Sigmoid>(s, self),
        }
    }
}

/// An activation that cuts off, which a product applies to its sums while they are in registers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Clamp([f32; 2]);

impl Clamp {
    /// The activation as one, if it is.
    pub fn new(activation: Activation) -> Option<Self> {
        match activation {
            Activation::Relu => Some(Self([0.0, f32::INFINITY])),
            Activation::Relu6 => Some(Self([0.0, 6.0])),
            Activation::None | Activation::Silu | Activation::Sigmoid => None,
        }
    }

    /// What is no number stays none.
    #[inline(always)]
    pub fn of<S: Simd>(self, s: S, value: S::V) -> S::V {
        let [least, most] = self.0;
        s.min(s.splat(most), s.max(s.splat(least), value))
    }
}

/// An activation as a type, of some vectors side by side.
trait Activate {
    fn of<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N];
}

struct Identity;
struct Relu;
struct Relu6;
struct Silu;
struct Sigmoid;

impl Activate for Identity {
    #[inline(always)]
    fn of<S: Simd, const N: usize>(_: S, x: [S::V; N]) -> [S::V; N] {
        x
    }
}

impl Activate for Relu {
    #[inline(always)]
    fn of<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
        each!(s, N, i => s.max(s.splat(0.0), x[i]))
    }
}

impl Activate for Relu6 {
    #[inline(always)]
    fn of<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
        each!(s, N, i => s.min(s.splat(6.0), s.max(s.splat(0.0), x[i])))
    }
}

impl Activate for Silu {
    #[inline(always)]
    fn of<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
        math::silus(s, x)
    }
}

impl Activate for Sigmoid {
    #[inline(always)]
    fn of<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
        math::sigmoids(s, x)
    }
}

/// Where the residual is added, as numbers for `over`.
const NOWHERE: u8 = 0;
const BEFORE: u8 = 1;
const AFTER: u8 = 2;

/// Which residual there is, decided outside the loop.
#[inline(always)]
fn pass<S: Simd, A: Activate>(s: S, finish: Finish<'_>) {
    let Finish { out, residual, pool, .. } = finish;
    match residual {
        None => over::<S, A, NOWHERE>(s, out, &[], pool),
        Some((residual, ResidualOrder::BeforeActivation)) => over::<S, A, BEFORE>(s, out, residual, pool),
        Some((residual, ResidualOrder::AfterActivation)) => over::<S, A, AFTER>(s, out, residual, pool),
    }
}

/// The loop: four vectors at a time, each with its own sum.
#[inline(always)]
fn over<S: Simd, A: Activate, const RESIDUAL: u8>(
    s: S,
    out: &mut [f32],
    residual: &[f32],
    pool: Option<&mut [f32]>,
) {
    assert!(
        RESIDUAL == NOWHERE || residual.len() == out.len(),
        "a residual is as large as what it is added to"
    );
    let vectors = out.len() / S::LANES;
    let (out, residual) = (out.as_mut_ptr(), residual.as_ptr());
    let mut sums = [s.splat(0.0); 4];
    let mut i = 0;
    // SAFETY: vectors before `vectors` lie inside `out`, and inside the residual where there is one.
    unsafe {
        while i + 4 <= vectors {
            let values = some::<S, A, RESIDUAL, 4>(s, out, residual, i);
            sums = each!(s, 4, lane => s.add(sums[lane], values[lane]));
            i += 4;
        }
        while i < vectors {
            let [value] = some::<S, A, RESIDUAL, 1>(s, out, residual, i);
            sums[0] = s.add(sums[0], value);
            i += 1;
        }
    }
    if let Some(pool) = pool {
        assert!(pool.len() >= S::LANES, "a pool holds one vector");
        let sum = s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3]));
        // SAFETY: checked above.
        unsafe {
            let pool = pool.as_mut_ptr();
            s.store(pool, s.add(s.load(pool), sum));
        }
    }
}

/// The results of `N` vectors, stored and returned.
///
/// # Safety
/// The vectors lie inside `out`, and inside `residual` where that is used.
#[inline(always)]
unsafe fn some<S: Simd, A: Activate, const RESIDUAL: u8, const N: usize>(
    s: S,
    out: *mut f32,
    residual: *const f32,
    at: usize,
) -> [S::V; N] {
    // SAFETY: the caller's promise.
    unsafe {
        let (out, residual) = (out.add(at * S::LANES), residual.wrapping_add(at * S::LANES));
        let x = each!(s, N, i => s.load(out.add(i * S::LANES)));
        let values = match RESIDUAL {
            BEFORE => A::of(s, each!(s, N, i => s.add(x[i], s.load(residual.add(i * S::LANES))))),
            AFTER => {
                let activated = A::of(s, x);
                each!(s, N, i => s.add(activated[i], s.load(residual.add(i * S::LANES))))
            }
            _ => A::of(s, x),
        };
        let mut i = 0;
        while i < N {
            s.store(out.add(i * S::LANES), values[i]);
            i += 1;
        }
        values
    }
}
