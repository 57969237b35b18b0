//! The weights of a resize along one axis.

use std::ops::Range;

use super::{FRACTION_BITS, Interpolation};

/// What of an axis is resized.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Where it starts and how long it is, in pixels; whole numbers but where the image was decoded smaller.
    pub start: f64,
    pub length: f64,
    /// The pixels in it, and those at its ends that it has a part of; no other is read.
    pub pixels: Range<usize>,
}

impl Span {
    pub fn whole(length: usize) -> Self {
        Self { start: 0.0, length: length as f64, pixels: 0..length }
    }
}

/// For some output positions of one axis: which inputs count, and how much.
pub struct Kernels {
    pub outputs: Range<usize>,
    /// First input and number of inputs of each output position.
    bounds: Vec<(usize, usize)>,
    /// `stride` fixed-point weights for each output position, zeros behind the last one.
    weights: Vec<i32>,
    stride: usize,
}

impl Kernels {
    /// Weights for the positions `outputs` of a resize from `span` to `to` pixels
    /// (Pillow, `src/libImaging/Resample.c`, `precompute_coeffs`).
    pub fn new(span: &Span, to: usize, outputs: &Range<usize>, filter: Interpolation) -> Self {
        let scale = span.length / to as f64;
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let stride = support.ceil() as usize * 2 + 1;
        let mut bounds = Vec::with_capacity(outputs.len());
        let mut weights = Vec::with_capacity(outputs.len() * stride);
        let mut exact = Vec::with_capacity(stride);
        for position in outputs.clone() {
            let center = span.start + (position as f64 + 0.5) * scale;
            let first = ((center - support + 0.5).max(0.0) as usize).max(span.pixels.start);
            let end = ((center + support + 0.5) as usize).min(span.pixels.end);
            exact.clear();
            exact.extend((first..end).map(|x| filter.weight((x as f64 - center + 0.5) * (1.0 / stretch))));
            let sum: f64 = exact.iter().sum();
            let fixed = exact.iter().map(|weight| fixed_point(weight / sum));
            weights.extend(fixed.chain(std::iter::repeat(0)).take(stride));
            bounds.push((first, end - first));
        }
        Self { outputs: outputs.clone(), bounds, weights, stride }
    }

    /// From the first to the last input that any output needs.
    pub fn inputs(&self) -> Range<usize> {
        let start = self.bounds.iter().map(|(first, _)| *first).min().unwrap_or(0);
        let end = self.bounds.iter().map(|(first, count)| first + count).max().unwrap_or(0);
        start..end
    }

    /// Each output position's first input and weights.
    #[inline(always)]
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let weights = self.weights.chunks_exact(self.stride);
        self.bounds.iter().zip(weights).map(|(&(first, count), weights)| (first, &weights[..count]))
    }
}

/// Rounded half away from zero, as C's `(int)(0.5 + x)` does for both signs in Pillow.
fn fixed_point(weight: f64) -> i32 {
    (weight * f64::from(1 << FRACTION_BITS) + 0.5f64.copysign(weight)) as i32
}
