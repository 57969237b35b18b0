//! SiLU, the gate of squeeze-excite and the mean over a map, each way in one pass.

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

/// Writes `y = x / (1 + e^-x)`.
pub fn silu_forward(x: &[f32], y: &mut [f32]) {
    check("y", y.len(), x.len());
    let (isa, y) = (detected(), Arena::of(y));
    parts(x.len(), 1, |range| {
        // SAFETY: these numbers are this task's.
        let y = unsafe { y.part_mut(range.clone()) };
        isa.dispatch(Entered(SiluForward { x: &x[range], y }));
    });
}

struct SiluForward<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Task for SiluForward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, y } = self;
        assert_eq!(x.len(), y.len());
        each!(S, x.len(), |at, count| {
            // SAFETY: within both.
            unsafe {
                let value = Silu::value(s, load(s, x.as_ptr().add(at), count));
                store(s, y.as_mut_ptr().add(at), count, value);
            }
        });
    }
}

/// Writes the gradient for `x`, from `x` (the output is not needed) and the gradient for `y`.
pub fn silu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    check("dy", dy.len(), x.len());
    check("dx", dx.len(), x.len());
    let (isa, dx) = (detected(), Arena::of(dx));
    parts(x.len(), 1, |range| {
        // SAFETY: these numbers are this task's.
        let dx = unsafe { dx.part_mut(range.clone()) };
        isa.dispatch(Entered(SiluBackward { x: &x[range.clone()], dy: &dy[range], dx }));
    });
}

struct SiluBackward<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Task for SiluBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, dy, dx } = self;
        assert!(x.len() == dx.len() && dy.len() == dx.len());
        each!(S, x.len(), |at, count| {
            // SAFETY: within all three.
            unsafe {
                let (x, dy) = (load(s, x.as_ptr().add(at), count), load(s, dy.as_ptr().add(at), count));
                store(s, dx.as_mut_ptr().add(at), count, Silu::gradient(s, x, dy));
            }
        });
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

/// Multiplies every plane of `x` `[batch, channels, pixels]` with its number in `gate` `[batch, channels]`.
pub fn scale_channels_forward(x: &[f32], gate: &[f32], y: &mut [f32]) {
    let pixels = pixels("x", x.len(), gate.len());
    check("y", y.len(), x.len());
    let (isa, y) = (detected(), Arena::of(y));
    parts(gate.len(), pixels, |planes| {
        let range = planes.start * pixels..planes.end * pixels;
        // SAFETY: these planes are this task's.
        let y = unsafe { y.part_mut(range.clone()) };
        isa.dispatch(Entered(Scale { x: &x[range], gate: &gate[planes], y, pixels }));
    });
}

struct Scale<'a> {
    x: &'a [f32],
    gate: &'a [f32],
    y: &'a mut [f32],
    pixels: usize,
}

impl Task for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, gate, y, pixels } = self;
        assert!(x.len() == y.len() && x.len() == gate.len() * pixels);
        for (plane, &gate) in gate.iter().enumerate() {
            let gate = s.splat(gate);
            each!(S, pixels, |at, count| {
                let at = plane * pixels + at;
                // SAFETY: within both.
                unsafe {
                    let value = s.mul(gate, load(s, x.as_ptr().add(at), count));
                    store(s, y.as_mut_ptr().add(at), count, value);
                }
            });
        }
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

/// Writes the mean of every plane of `x` `[batch, channels, pixels]` into `y` `[batch, channels]`.
pub fn mean_pool_forward(x: &[f32], y: &mut [f32]) {
    let pixels = pixels("x", x.len(), y.len());
    let (isa, count, y) = (detected(), y.len(), Arena::of(y));
    parts(count, pixels, |planes| {
        // SAFETY: these planes are this task's.
        let y = unsafe { y.part_mut(planes.clone()) };
        isa.dispatch(Entered(Mean { x: &x[planes.start * pixels..planes.end * pixels], y, pixels }));
    });
}

struct Mean<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    pixels: usize,
}

impl Task for Mean<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, y, pixels } = self;
        assert_eq!(x.len(), y.len() * pixels);
        for (plane, y) in y.iter_mut().enumerate() {
            let end = (plane + 1) * pixels;
            let mut sums = Sums::new(s);
            for start in (plane * pixels..end).step_by(SUMMED) {
                let len = (end - start).min(SUMMED);
                sums.expect(len);
                each!(S, len, |at, count| {
                    // SAFETY: within the slice.
                    let x = unsafe { load(s, x.as_ptr().add(start + at), count) };
                    sums.vectors[0] = s.add(sums.vectors[0], x);
                });
            }
            *y = (sums.totals()[0] / pixels as f64) as f32;
        }
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
    let (isa, count, sums) = (detected(), sums.len(), Arena::of(sums));
    parts(count, pixels, |planes| {
        let range = planes.start * pixels..planes.end * pixels;
        // SAFETY: these planes are this task's.
        let sums = unsafe { sums.part_mut(planes) };
        isa.dispatch(Entered(Products { x: &x[range.clone()], dy: &dy[range], sums, pixels }));
    });
}

struct Products<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    sums: &'a mut [f32],
    pixels: usize,
}

impl Task for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, dy, sums: out, pixels } = self;
        assert!(x.len() == dy.len() && x.len() == out.len() * pixels);
        for (plane, out) in out.iter_mut().enumerate() {
            let end = (plane + 1) * pixels;
            let mut sums = Sums::new(s);
            for start in (plane * pixels..end).step_by(SUMMED) {
                let len = (end - start).min(SUMMED);
                sums.expect(len);
                each!(S, len, |at, count| {
                    let at = start + at;
                    // SAFETY: within both.
                    unsafe {
                        let (x, dy) =
                            (load(s, x.as_ptr().add(at), count), load(s, dy.as_ptr().add(at), count));
                        sums.vectors[0] = s.mul_add(x, dy, sums.vectors[0]);
                    }
                });
            }
            *out = sums.totals()[0] as f32;
        }
    }
}

/// Writes every plane of `x` times its number in `gate` plus its number in `shift`, both `[batch, channels]`.
pub fn scale_and_shift_channels(x: &[f32], gate: &[f32], shift: &[f32], y: &mut [f32]) {
    let pixels = pixels("x", x.len(), gate.len());
    check("y", y.len(), x.len());
    check("shift", shift.len(), gate.len());
    let (isa, y) = (detected(), Arena::of(y));
    parts(gate.len(), pixels, |planes| {
        let range = planes.start * pixels..planes.end * pixels;
        // SAFETY: these planes are this task's.
        let y = unsafe { y.part_mut(range.clone()) };
        let (gate, shift) = (&gate[planes.clone()], &shift[planes]);
        isa.dispatch(Entered(ScaleAndShift { x: &x[range], gate, shift, y, pixels }));
    });
}

struct ScaleAndShift<'a> {
    x: &'a [f32],
    gate: &'a [f32],
    shift: &'a [f32],
    y: &'a mut [f32],
    pixels: usize,
}

impl Task for ScaleAndShift<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, gate, shift, y, pixels } = self;
        assert!(x.len() == y.len() && x.len() == gate.len() * pixels);
        for (plane, (&gate, &shift)) in gate.iter().zip(shift).enumerate() {
            let (gate, shift) = (s.splat(gate), s.splat(shift));
            each!(S, pixels, |at, count| {
                let at = plane * pixels + at;
                // SAFETY: within both.
                unsafe {
                    let value = s.mul_add(gate, load(s, x.as_ptr().add(at), count), shift);
                    store(s, y.as_mut_ptr().add(at), count, value);
                }
            });
        }
    }
}
