//! SiLU, the gate of squeeze-excite and the mean over a map, each way in one pass.

use std::marker::PhantomData;

use super::activation::{Function, Silu};
use super::check;
use super::run::{detected, for_each};
use super::vector::{SUMMED, Sums, each, load, store};
use crate::memory::Arena;
use crate::simd::{Simd, Task};

/// Numbers in a task, about.
const TASK: usize = 1 << 14;

/// Calls the work with parts of so many numbers (or planes of `pixels` numbers).
fn parts(count: usize, pixels: usize, work: impl Fn(std::ops::Range<usize>) + Send + Sync) {
    let together = (TASK / pixels.max(1)).max(1);
    for_each(count.div_ceil(together), count * pixels, |task| {
        work(task * together..((task + 1) * together).min(count));
    });
}

/// A task that is entered as a whole.
struct Entered<T>(T);

impl<T: Task> Task for Entered<T> {
    type Output = T::Output;

    fn run<S: Simd>(self, s: S) -> T::Output {
        s.enter(self.0)
    }
}

/// Pixels in each of so many planes.
///
/// # Panics
/// If they are not all of one size.
#[track_caller]
fn pixels(what: &str, numbers: usize, planes: usize) -> usize {
    let pixels = numbers.checked_div(planes).unwrap_or(0);
    check(what, numbers, planes * pixels);
    pixels
}

/// What is written in a place, from what maps have there and from numbers of its plane.
trait Formula<const MAPS: usize, const NUMBERS: usize>: Send + Sync {
    fn value<S: Simd>(s: S, maps: [S::V; MAPS], numbers: [S::V; NUMBERS]) -> S::V;
}

/// Writes `out`, planes of `pixels` numbers. Lengths have been checked, but for those of a task's parts.
fn write<F: Formula<MAPS, NUMBERS>, const MAPS: usize, const NUMBERS: usize>(
    maps: [&[f32]; MAPS],
    numbers: [&[f32]; NUMBERS],
    out: &mut [f32],
    pixels: usize,
) {
    let (isa, planes) = (detected(), out.len().checked_div(pixels).unwrap_or(0));
    let out = Arena::of(out);
    parts(planes, pixels, |planes| {
        let range = planes.start * pixels..planes.end * pixels;
        // SAFETY: these planes are this task's.
        let out = unsafe { out.part_mut(range.clone()) };
        let (maps, numbers) = (maps.map(|map| &map[range.clone()]), numbers.map(|own| &own[planes.clone()]));
        isa.dispatch(Entered(Written::<F, MAPS, NUMBERS> {
            maps,
            numbers,
            out,
            pixels,
            formula: PhantomData,
        }));
    });
}

struct Written<'a, F, const MAPS: usize, const NUMBERS: usize> {
    maps: [&'a [f32]; MAPS],
    numbers: [&'a [f32]; NUMBERS],
    out: &'a mut [f32],
    pixels: usize,
    formula: PhantomData<F>,
}

impl<F: Formula<MAPS, NUMBERS>, const MAPS: usize, const NUMBERS: usize> Task
    for Written<'_, F, MAPS, NUMBERS>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { maps, numbers, out, pixels, .. } = self;
        // Without numbers there are no planes to keep apart.
        let pixels = if NUMBERS == 0 { out.len() } else { pixels };
        for map in maps {
            assert_eq!(map.len(), out.len());
        }
        for plane in 0..out.len().checked_div(pixels).unwrap_or(0) {
            let mut own = [s.splat(0.0); NUMBERS];
            for (own, numbers) in own.iter_mut().zip(&numbers) {
                *own = s.splat(numbers[plane]);
            }
            each!(S, pixels, |at, count| {
                let at = plane * pixels + at;
                let mut values = [s.splat(0.0); MAPS];
                // SAFETY: within `out`, and the maps are as long.
                unsafe {
                    for (value, map) in values.iter_mut().zip(&maps) {
                        *value = load(s, map.as_ptr().add(at), count);
                    }
                    store(s, out.as_mut_ptr().add(at), count, F::value(s, values, own));
                }
            });
        }
    }
}

/// What a place adds to the sum of its plane.
trait Term<const MAPS: usize>: Send + Sync {
    fn add<S: Simd>(s: S, sum: S::V, maps: [S::V; MAPS]) -> S::V;
}

/// Writes a number for each plane: its sum over `divisor`. Lengths have been checked, but for those of a task's parts.
fn sum<T: Term<MAPS>, const MAPS: usize>(maps: [&[f32]; MAPS], out: &mut [f32], pixels: usize, divisor: f64) {
    let (isa, count, out) = (detected(), out.len(), Arena::of(out));
    parts(count, pixels, |planes| {
        let range = planes.start * pixels..planes.end * pixels;
        // SAFETY: these planes are this task's.
        let out = unsafe { out.part_mut(planes) };
        let maps = maps.map(|map| &map[range.clone()]);
        isa.dispatch(Entered(Summed::<T, MAPS> { maps, out, pixels, divisor, term: PhantomData }));
    });
}

struct Summed<'a, T, const MAPS: usize> {
    maps: [&'a [f32]; MAPS],
    out: &'a mut [f32],
    pixels: usize,
    divisor: f64,
    term: PhantomData<T>,
}

impl<T: Term<MAPS>, const MAPS: usize> Task for Summed<'_, T, MAPS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { maps, out, pixels, divisor, .. } = self;
        for map in maps {
            assert_eq!(map.len(), out.len() * pixels);
        }
        for (plane, out) in out.iter_mut().enumerate() {
            let end = (plane + 1) * pixels;
            let mut sums = Sums::new(s);
            for start in (plane * pixels..end).step_by(SUMMED) {
                let len = (end - start).min(SUMMED);
                sums.expect(len);
                each!(S, len, |at, count| {
                    let mut values = [s.splat(0.0); MAPS];
                    for (value, map) in values.iter_mut().zip(&maps) {
                        // SAFETY: within the plane, and the maps have all planes.
                        *value = unsafe { load(s, map.as_ptr().add(start + at), count) };
                    }
                    sums.vectors[0] = T::add(s, sums.vectors[0], values);
                });
            }
            *out = (sums.totals()[0] / divisor) as f32;
        }
    }
}

/// Writes `y = x / (1 + e^-x)`.
pub fn silu_forward(x: &[f32], y: &mut [f32]) {
    check("y", y.len(), x.len());
    write::<Silu, 1, 0>([x], [], y, 1);
}

impl Formula<1, 0> for Silu {
    #[inline(always)]
    fn value<S: Simd>(s: S, [x]: [S::V; 1], []: [S::V; 0]) -> S::V {
        <Self as Function>::value(s, x)
    }
}

/// Writes the gradient for `x`, from `x` (the output is not needed) and the gradient for `y`.
pub fn silu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    check("dy", dy.len(), x.len());
    check("dx", dx.len(), x.len());
    write::<Silu, 2, 0>([x, dy], [], dx, 1);
}

impl Formula<2, 0> for Silu {
    #[inline(always)]
    fn value<S: Simd>(s: S, [x, dy]: [S::V; 2], []: [S::V; 0]) -> S::V {
        Self::gradient(s, x, dy)
    }
}

/// Multiplies every plane of `x` `[batch, channels, pixels]` with its number in `gate` `[batch, channels]`.
pub fn scale_channels_forward(x: &[f32], gate: &[f32], y: &mut [f32]) {
    let pixels = pixels("x", x.len(), gate.len());
    check("y", y.len(), x.len());
    write::<Scaled, 1, 1>([x], [gate], y, pixels);
}

struct Scaled;

impl Formula<1, 1> for Scaled {
    #[inline(always)]
    fn value<S: Simd>(s: S, [x]: [S::V; 1], [gate]: [S::V; 1]) -> S::V {
        s.mul(gate, x)
    }
}

/// Writes every plane of `x` times its number in `gate` plus its number in `shift`, both `[batch, channels]`.
pub fn scale_and_shift_channels(x: &[f32], gate: &[f32], shift: &[f32], y: &mut [f32]) {
    let pixels = pixels("x", x.len(), gate.len());
    check("y", y.len(), x.len());
    check("shift", shift.len(), gate.len());
    write::<Scaled, 1, 2>([x], [gate, shift], y, pixels);
}

impl Formula<1, 2> for Scaled {
    #[inline(always)]
    fn value<S: Simd>(s: S, [x]: [S::V; 1], [gate, shift]: [S::V; 2]) -> S::V {
        s.mul_add(gate, x, shift)
    }
}

/// Writes the mean of every plane of `x` `[batch, channels, pixels]` into `y` `[batch, channels]`.
pub fn mean_pool_forward(x: &[f32], y: &mut [f32]) {
    let pixels = pixels("x", x.len(), y.len());
    sum::<Itself, 1>([x], y, pixels, pixels as f64);
}

struct Itself;

impl Term<1> for Itself {
    #[inline(always)]
    fn add<S: Simd>(s: S, sum: S::V, [x]: [S::V; 1]) -> S::V {
        s.add(sum, x)
    }
}

/// Writes the gradient for `x` `[batch, channels, pixels]`, from the one for `y` `[batch, channels]`.
pub fn mean_pool_backward(dy: &[f32], dx: &mut [f32]) {
    let pixels = pixels("dx", dx.len(), dy.len());
    let dx = Arena::of(dx);
    parts(dy.len(), pixels, |planes| {
        for plane in planes {
            // SAFETY: these planes are this task's.
            unsafe { dx.part_mut(plane * pixels..(plane + 1) * pixels) }.fill(dy[plane] / pixels as f32);
        }
    });
}

/// Writes the sum of `x` times `dy` over every plane into `sums` `[batch, channels]`: the gradient for a gate alone.
pub fn plane_products(x: &[f32], dy: &[f32], sums: &mut [f32]) {
    let pixels = pixels("x", x.len(), sums.len());
    check("dy", dy.len(), x.len());
    sum::<Product, 2>([x, dy], sums, pixels, 1.0);
}

struct Product;

impl Term<2> for Product {
    #[inline(always)]
    fn add<S: Simd>(s: S, sum: S::V, [x, dy]: [S::V; 2]) -> S::V {
        s.mul_add(x, dy, sum)
    }
}

/// Writes the gradients for `x` and `gate`, from the one for `y`.
pub fn scale_channels_backward(x: &[f32], gate: &[f32], dy: &[f32], dx: &mut [f32], dgate: &mut [f32]) {
    let pixels = pixels("x", x.len(), gate.len());
    check("dy", dy.len(), x.len());
    check("dx", dx.len(), x.len());
    check("dgate", dgate.len(), gate.len());
    let (isa, dx, dgate) = (detected(), Arena::of(dx), Arena::of(dgate));
    parts(gate.len(), pixels, |planes| {
        let range = planes.start * pixels..planes.end * pixels;
        // SAFETY: these planes are this task's.
        let (dx, dgate) = unsafe { (dx.part_mut(range.clone()), dgate.part_mut(planes.clone())) };
        let (x, dy, gate) = (&x[range.clone()], &dy[range], &gate[planes]);
        isa.dispatch(Entered(ScaleBackward { x, dy, gate, dx, dgate, pixels }));
    });
}

struct ScaleBackward<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    gate: &'a [f32],
    dx: &'a mut [f32],
    dgate: &'a mut [f32],
    pixels: usize,
}

impl Task for ScaleBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, dy, gate, dx, dgate, pixels } = self;
        assert!(x.len() == dx.len() && dy.len() == dx.len() && x.len() == gate.len() * pixels);
        for (plane, (&gate, dgate)) in gate.iter().zip(dgate).enumerate() {
            let (gate, end) = (s.splat(gate), (plane + 1) * pixels);
            let mut sums = Sums::new(s);
            for start in (plane * pixels..end).step_by(SUMMED) {
                let len = (end - start).min(SUMMED);
                sums.expect(len);
                each!(S, len, |at, count| {
                    let at = start + at;
                    // SAFETY: within all three.
                    unsafe {
                        let x = load(s, x.as_ptr().add(at), count);
                        let dy = load(s, dy.as_ptr().add(at), count);
                        sums.vectors[0] = s.mul_add(x, dy, sums.vectors[0]);
                        store(s, dx.as_mut_ptr().add(at), count, s.mul(gate, dy));
                    }
                });
            }
            *dgate = sums.totals()[0] as f32;
        }
    }
}
