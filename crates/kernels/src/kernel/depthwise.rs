//! Depthwise convolution of one output row of one channel block.
//!
//! The input comes as one slice for each row of the kernel, padded left and right, so there are no edges here; a row
//! above or below the map is a slice of zeros. Up to eight neighbouring output vectors are summed in registers at a time
//! and share the inputs they load.

use super::finish::Clamp;
use crate::simd::{Simd, Task};

/// The largest kernel side.
pub(crate) const MAX_KERNEL: usize = 16;

/// One output row.
pub(crate) struct Row<'a> {
    /// Kernel rows: at least `(pixels - 1) * stride + kernel width` vectors each.
    pub rows: &'a [&'a [f32]],
    /// Kernel width.
    pub cols: usize,
    /// Horizontal stride.
    pub stride: usize,
    /// A vector for each kernel element, row by row.
    pub weights: &'a [f32],
    /// One vector.
    pub bias: &'a [f32],
    pub clamp: Option<Clamp>,
    /// The sums, bias included.
    pub out: &'a mut [f32],
}

/// Computes the row.
pub(crate) fn row<S: Simd>(s: S, row: Row<'_>) {
    let pixels = row.out.len() / S::LANES;
    if pixels == 0 {
        return;
    }
    let needed = ((pixels - 1) * row.stride + row.cols) * S::LANES;
    assert!(row.rows.len() <= MAX_KERNEL && row.rows.iter().all(|input| input.len() >= needed));
    assert!(row.weights.len() >= row.rows.len() * row.cols * S::LANES && row.bias.len() >= S::LANES);
    match (row.rows.len(), row.cols, row.stride) {
        (3, 3, 1) => s.enter(Square::<3, 1>(row)),
        (3, 3, 2) => s.enter(Square::<3, 2>(row)),
        (5, 5, 1) => s.enter(Square::<5, 1>(row)),
        (5, 5, 2) => s.enter(Square::<5, 2>(row)),
        _ => s.enter(Any(row)),
    }
}

/// Kernel and stride known to the compiler; `row` has checked the extents.
struct Square<'a, const K: usize, const STRIDE: usize>(Row<'a>);

impl<const K: usize, const STRIDE: usize> Task for Square<'_, K, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Row { rows, weights, bias, clamp, out, .. } = self.0;
        let mut inputs = [std::ptr::null(); K];
        for (pointer, input) in inputs.iter_mut().zip(rows) {
            *pointer = input.as_ptr();
        }
        let pixels = out.len() / S::LANES;
        let tiles = pixels.div_ceil(8);
        let (each, longer) = (pixels / tiles, pixels % tiles);
        let mut pixel = 0;
        for tile in 0..tiles {
            let count = each + usize::from(tile < longer);
            // SAFETY: the extents were checked by `row`, and `pixel + count <= pixels`.
            unsafe {
                let inputs = inputs.map(|input: *const f32| input.add(pixel * STRIDE * S::LANES));
                let (weights, bias) = (weights.as_ptr(), bias.as_ptr());
                let out = out.as_mut_ptr().add(pixel * S::LANES);
                match count {
                    1 => tile_of::<S, K, STRIDE, 1>(s, inputs, weights, bias, clamp, out),
                    2 => tile_of::<S, K, STRIDE, 2>(s, inputs, weights, bias, clamp, out),
                    3 => tile_of::<S, K, STRIDE, 3>(s, inputs, weights, bias, clamp, out),
                    4 => tile_of::<S, K, STRIDE, 4>(s, inputs, weights, bias, clamp, out),
                    5 => tile_of::<S, K, STRIDE, 5>(s, inputs, weights, bias, clamp, out),
                    6 => tile_of::<S, K, STRIDE, 6>(s, inputs, weights, bias, clamp, out),
                    7 => tile_of::<S, K, STRIDE, 7>(s, inputs, weights, bias, clamp, out),
                    _ => tile_of::<S, K, STRIDE, 8>(s, inputs, weights, bias, clamp, out),
                }
            }
            pixel += count;
        }
    }
}

/// `T` neighbouring outputs.
///
/// # Safety
/// `(T - 1) * STRIDE + K` vectors can be read from every input, `K * K` weights and one bias; `T` vectors can be written.
#[inline(always)]
unsafe fn tile_of<S: Simd, const K: usize, const STRIDE: usize, const T: usize>(
    s: S,
    inputs: [*const f32; K],
    weights: *const f32,
    bias: *const f32,
    clamp: Option<Clamp>,
    out: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [s.load(bias); T];
        for (ky, input) in inputs.into_iter().enumerate() {
            let mut taps = [s.splat(0.0); K];
            for (kx, tap) in taps.iter_mut().enumerate() {
                *tap = s.load(weights.add((ky * K + kx) * S::LANES));
            }
            for x in 0..(T - 1) * STRIDE + K {
                let value = s.load(input.add(x * S::LANES));
                for (kx, &tap) in taps.iter().enumerate() {
                    if x >= kx && (x - kx) % STRIDE == 0 && (x - kx) / STRIDE < T {
                        let sum = &mut sums[(x - kx) / STRIDE];
                        *sum = s.mul_add(value, tap, *sum);
                    }
                }
            }
        }
        if let Some(clamp) = clamp {
            for (t, &sum) in sums.iter().enumerate() {
                s.store(out.add(t * S::LANES), clamp.of(s, sum));
            }
        } else {
            for (t, &sum) in sums.iter().enumerate() {
                s.store(out.add(t * S::LANES), sum);
            }
        }
    }
}

/// Any kernel and stride; `row` has checked the extents.
struct Any<'a>(Row<'a>);

impl Task for Any<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Row { rows, cols, stride, weights, bias, clamp, out } = self.0;
        for pixel in 0..out.len() / S::LANES {
            // SAFETY: the extents were checked by `row`.
            unsafe {
                let mut sum = s.load(bias.as_ptr());
                for (ky, input) in rows.iter().enumerate() {
                    for kx in 0..cols {
                        let value = s.load(input.as_ptr().add((pixel * stride + kx) * S::LANES));
                        let tap = s.load(weights.as_ptr().add((ky * cols + kx) * S::LANES));
                        sum = s.mul_add(value, tap, sum);
                    }
                }
                if let Some(clamp) = clamp {
                    sum = clamp.of(s, sum);
                }
                s.store(out.as_mut_ptr().add(pixel * S::LANES), sum);
            }
        }
    }
}
