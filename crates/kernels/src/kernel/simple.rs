//! Passes without arithmetic to speak of: pooling, gating, and the ways in and out of channel blocks. Written on slices of
//! vectors' width, which the compiler turns into vector instructions.

use crate::simd::{Simd, Task};

/// `out[i] = a[i] * gate`, vector by vector of one channel block; in place where `a` is `None`.
pub(crate) struct Gate<'a> {
    pub input: &'a [f32],
    pub gate: &'a [f32],
    pub out: &'a mut [f32],
}

impl Task for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { input, gate, out } = self;
        assert!(gate.len() >= S::LANES && input.len() >= out.len());
        for i in 0..out.len() / S::LANES {
            // SAFETY: `i` vectors are in `out`, so in `input`; the gate has one.
            unsafe {
                let value = s.mul(s.load(input.as_ptr().add(i * S::LANES)), s.load(gate.as_ptr()));
                s.store(out.as_mut_ptr().add(i * S::LANES), value);
            }
        }
    }
}

/// Packed weights of one block of output channels, each input channel's vector times that channel's gate.
pub(crate) struct GateWeights<'a> {
    pub weights: &'a [f32],
    pub gates: &'a [f32],
    pub out: &'a mut [f32],
}

impl Task for GateWeights<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { weights, gates, out } = self;
        let channels = out.len() / S::LANES;
        assert!(gates.len() >= channels && weights.len() >= out.len());
        for (i, &gate) in gates[..channels].iter().enumerate() {
            // SAFETY: `i` vectors are in `out`, so in `weights`.
            unsafe {
                let value = s.mul(s.load(weights.as_ptr().add(i * S::LANES)), s.splat(gate));
                s.store(out.as_mut_ptr().add(i * S::LANES), value);
            }
        }
    }
}

/// Sum over the vectors of one channel block, added to one vector.
pub(crate) fn sum<S: Simd>(s: S, input: &[f32], pool: &mut [f32]) {
    struct Sum<'a>(&'a [f32], &'a mut [f32]);
    impl Task for Sum<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let _ = s;
            for vector in self.0.chunks_exact(S::LANES) {
                for (sum, value) in self.1.iter_mut().zip(vector) {
                    *sum += value;
                }
            }
        }
    }
    s.enter(Sum(input, &mut pool[..S::LANES]));
}

/// The largest of some vectors, lane by lane, into `out`.
pub(crate) struct MaxOf<'a> {
    /// One channel block's map.
    pub map: &'a [f32],
    /// Pixels in a row of the map.
    pub width: usize,
    /// Rows and columns of the window.
    pub rows: std::ops::Range<usize>,
    pub cols: std::ops::Range<usize>,
    /// One vector.
    pub out: &'a mut [f32],
}

impl Task for MaxOf<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let out = &mut self.out[..S::LANES];
        out.fill(f32::NEG_INFINITY);
        for y in self.rows {
            let row =
                &self.map[(y * self.width + self.cols.start) * S::LANES..][..self.cols.len() * S::LANES];
            for vector in row.chunks_exact(S::LANES) {
                for (most, &value) in out.iter_mut().zip(vector) {
                    // As PyTorch: what is no number wins.
                    *most = if value > *most || value.is_nan() { value } else { *most };
                }
            }
        }
    }
}

/// From planes `[channels][pixels]` (or interleaved `[pixels][channels]`) into blocks `[blocks][pixels][lanes]`; the lanes
/// beyond the last channel become 0.
pub(crate) fn into_blocks(lanes: usize, image: &[f32], channels: usize, interleaved: bool, out: &mut [f32]) {
    let pixels = image.len() / channels.max(1);
    for (block, out) in out.chunks_exact_mut((pixels * lanes).max(1)).enumerate() {
        for (pixel, vector) in out.chunks_exact_mut(lanes).enumerate() {
            for (lane, value) in vector.iter_mut().enumerate() {
                let channel = block * lanes + lane;
                *value = match (channel < channels, interleaved) {
                    (false, _) => 0.0,
                    (true, false) => image[channel * pixels + pixel],
                    (true, true) => image[pixel * channels + channel],
                };
            }
        }
    }
}

/// From blocks `[blocks][pixels][lanes]` into planes `[channels][pixels]`.
pub(crate) fn from_blocks(lanes: usize, blocks: &[f32], pixels: usize, planes: &mut [f32]) {
    if pixels == 1 {
        return planes.copy_from_slice(&blocks[..planes.len()]);
    }
    for (channel, plane) in planes.chunks_exact_mut(pixels.max(1)).enumerate() {
        let block = &blocks[channel / lanes * pixels * lanes..][..pixels * lanes];
        for (value, vector) in plane.iter_mut().zip(block.chunks_exact(lanes)) {
            *value = vector[channel % lanes];
        }
    }
}
