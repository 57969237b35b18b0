//! The four loops over one channel: statistics, normalisation, the sums on the way back, the gradient for x.

use std::marker::PhantomData;

use crate::memory::Arena;
use crate::simd::{Simd, Task};
use crate::training::activation::Function;
use crate::training::vector::{SUMMED, Sums, each, load, store};

/// Where a channel's planes are in a map `[batch, channels, pixels]`.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    pub batch: usize,
    /// From one image to the next.
    pub step: usize,
    /// Of the first plane.
    pub start: usize,
    pub pixels: usize,
}

impl Planes {
    /// Pieces that are short enough for sums in f32.
    #[inline(always)]
    fn pieces(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.batch).flat_map(move |image| {
            let start = self.start + image * self.step;
            (0..self.pixels).step_by(SUMMED).map(move |at| (start + at, (self.pixels - at).min(SUMMED)))
        })
    }

    /// The planes, the last first: for a second pass, which so begins with what the first has left in the caches.
    #[inline(always)]
    fn backwards(self) -> impl Iterator<Item = usize> {
        (0..self.batch).rev().map(move |image| self.start + image * self.step)
    }

    /// Fetches what the next image has at this place: the processor sees a line coming within a plane, and not from one plane to
    /// the next.
    #[inline(always)]
    fn ahead<S: Simd>(self, s: S, map: &[f32], at: usize) {
        s.prefetch_near(map.as_ptr().wrapping_add(at + self.step));
    }

    /// One past the last number.
    fn end(self) -> usize {
        if self.batch * self.pixels == 0 {
            return 0;
        }
        self.start + (self.batch - 1) * self.step + self.pixels
    }
}

/// Mean and biased variance. The numbers are taken from one of them before they are squared, so that a mean far from zero
/// costs no digits.
pub(super) struct Statistics<'a> {
    pub planes: Planes,
    pub x: &'a [f32],
}

impl Task for Statistics<'_> {
    type Output = [f32; 2];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> [f32; 2] {
        let Self { planes, x } = self;
        if planes.end() == 0 {
            return [0.0; 2];
        }
        assert!(planes.end() <= x.len());
        let near = &x[planes.start..][..planes.pixels.min(8)];
        let shift = near.iter().sum::<f32>() / near.len() as f32;
        let shifts = s.splat(shift);
        let mut sums = Sums::new(s);
        for (start, len) in planes.pieces() {
            sums.expect(len);
            each!(S, len, |at, count| {
                planes.ahead(s, x, start + at);
                // SAFETY: within the planes, whose end was checked.
                let x = unsafe { load(s, x.as_ptr().add(start + at), count) };
                let mut apart = s.sub(x, shifts);
                if count < S::LANES {
                    apart = first(s, apart, count);
                }
                sums.vectors[0] = s.add(sums.vectors[0], apart);
                sums.vectors[1] = s.mul_add(apart, apart, sums.vectors[1]);
            });
        }
        let count = (planes.batch * planes.pixels) as f64;
        let [sum, squares] = sums.totals().map(|sum| sum / count);
        [(f64::from(shift) + sum) as f32, (squares - sum * sum).max(0.0) as f32]
    }
}

/// Zeros behind the first lanes.
#[inline(always)]
fn first<S: Simd>(s: S, value: S::V, count: usize) -> S::V {
    let mut lanes = [0.0; 16];
    // SAFETY: a vector has at most 16 lanes.
    unsafe {
        s.store(lanes.as_mut_ptr(), value);
        s.load_first(lanes.as_ptr(), count)
    }
}

/// What the formulas have for one channel.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    pub mean: f32,
    /// 1 / sqrt(variance + epsilon)
    pub inverse: f32,
    pub gamma: f32,
    pub beta: f32,
}

impl Numbers {
    pub fn new(mean: f32, variance: f32, epsilon: f32, gamma: f32, beta: f32) -> Self {
        let inverse = 1.0 / (f64::from(variance) + f64::from(epsilon)).sqrt();
        Self { mean, inverse: inverse as f32, gamma, beta }
    }
}

/// y = f(gamma (x - mean) inverse + beta)
pub(super) struct Normalise<'a, F> {
    pub planes: Planes,
    pub x: &'a [f32],
    /// This channel's planes are this task's.
    pub y: Arena<'a>,
    pub numbers: Numbers,
    pub function: PhantomData<F>,
}

impl<F: Function> Task for Normalise<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { planes, x, y, numbers, .. } = self;
        assert!(planes.end() <= x.len());
        let (mean, scale) = (s.splat(numbers.mean), s.splat(numbers.gamma * numbers.inverse));
        let beta = s.splat(numbers.beta);
        for start in planes.backwards() {
            // SAFETY: this channel is this task's.
            let y = unsafe { y.part_mut(start..start + planes.pixels) };
            each!(S, planes.pixels, |at, count| {
                // SAFETY: within the planes, whose end was checked, and within `y`.
                unsafe {
                    let x = load(s, x.as_ptr().add(start + at), count);
                    let z = s.mul_add(s.sub(x, mean), scale, beta);
                    store(s, y.as_mut_ptr().add(at), count, F::value(s, z));
                }
            });
        }
    }
}

/// With dz = dy f'(z): the sums of dz normal and of dz.
pub(super) struct Reduce<'a, F> {
    pub planes: Planes,
    pub x: &'a [f32],
    pub dy: &'a [f32],
    /// Where dz is kept, if anywhere; this channel's planes are this task's.
    pub keep: Option<Arena<'a>>,
    pub numbers: Numbers,
    pub function: PhantomData<F>,
}

impl<F: Function> Task for Reduce<'_, F> {
    type Output = [f32; 2];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> [f32; 2] {
        let Self { planes, x, dy, keep, numbers, .. } = self;
        assert!(planes.end() <= x.len() && planes.end() <= dy.len());
        let vectors = Vectors::new(s, numbers);
        let mut sums = Sums::new(s);
        for (start, len) in planes.pieces() {
            sums.expect(len);
            // SAFETY: this channel is this task's.
            let mut keep = keep.map(|keep| unsafe { keep.part_mut(start..start + len) });
            each!(S, len, |at, count| {
                planes.ahead(s, x, start + at);
                planes.ahead(s, dy, start + at);
                // SAFETY: within the planes, whose end was checked.
                let (x, dy) = unsafe {
                    (load(s, x.as_ptr().add(start + at), count), load(s, dy.as_ptr().add(start + at), count))
                };
                let (normal, dz) = vectors.back::<F>(s, x, dy);
                sums.vectors[0] = s.mul_add(dz, normal, sums.vectors[0]);
                sums.vectors[1] = s.add(sums.vectors[1], dz);
                if let Some(keep) = &mut keep {
                    // SAFETY: within the piece.
                    unsafe { store(s, keep.as_mut_ptr().add(at), count, dz) };
                }
            });
        }
        sums.totals().map(|sum| sum as f32)
    }
}

/// dx = gamma inverse (dz - (sum of dz + normal sum of dz normal) / count)
pub(super) struct Apply<'a, F> {
    pub planes: Planes,
    pub x: &'a [f32],
    /// Unless dz is in `dx`, where [`Reduce`] has kept it.
    pub dy: Option<&'a [f32]>,
    /// This channel's planes are this task's.
    pub dx: Arena<'a>,
    pub numbers: Numbers,
    /// As [`Reduce`] gives them.
    pub sums: [f32; 2],
    pub count: usize,
    pub function: PhantomData<F>,
}

impl<F: Function> Task for Apply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { planes, x, dy, dx, numbers, sums, count: total, .. } = self;
        assert!(planes.end() <= x.len() && dy.is_none_or(|dy| planes.end() <= dy.len()));
        let vectors = Vectors::new(s, numbers);
        let scale = numbers.gamma * numbers.inverse;
        let [slope, offset] = sums.map(|sum| -(scale * (sum / total.max(1) as f32)));
        let (slope, offset, scale) = (s.splat(slope), s.splat(offset), s.splat(scale));
        for start in planes.backwards() {
            // SAFETY: this channel is this task's.
            let dx = unsafe { dx.part_mut(start..start + planes.pixels) };
            each!(S, planes.pixels, |at, count| {
                // SAFETY: within the planes, whose end was checked, and within `dx`.
                unsafe {
                    let x = load(s, x.as_ptr().add(start + at), count);
                    let (normal, dz) = match dy {
                        Some(dy) => vectors.back::<F>(s, x, load(s, dy.as_ptr().add(start + at), count)),
                        None => (vectors.normal(s, x), load(s, dx.as_ptr().add(at), count)),
                    };
                    let value = s.mul_add(dz, scale, s.mul_add(normal, slope, offset));
                    store(s, dx.as_mut_ptr().add(at), count, value);
                }
            });
        }
    }
}

/// [`Numbers`] in every lane.
#[derive(Clone, Copy)]
struct Vectors<S: Simd> {
    mean: S::V,
    inverse: S::V,
    gamma: S::V,
    beta: S::V,
}

impl<S: Simd> Vectors<S> {
    #[inline(always)]
    fn new(s: S, numbers: Numbers) -> Self {
        Self {
            mean: s.splat(numbers.mean),
            inverse: s.splat(numbers.inverse),
            gamma: s.splat(numbers.gamma),
            beta: s.splat(numbers.beta),
        }
    }

    #[inline(always)]
    fn normal(self, s: S, x: S::V) -> S::V {
        s.mul(s.sub(x, self.mean), self.inverse)
    }

    /// The normalised number and dz.
    #[inline(always)]
    fn back<F: Function>(self, s: S, x: S::V, dy: S::V) -> (S::V, S::V) {
        let normal = self.normal(s, x);
        (normal, F::gradient(s, s.mul_add(normal, self.gamma, self.beta), dy))
    }
}
