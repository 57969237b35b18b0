//! The small steps.

use super::{Crew, Job, Place, Scratch, room, round, share};
use crate::kernel::dense::{Run, Window, run};
use crate::kernel::finish::Finish;
use crate::kernel::simple::{self, Gate, MaxOf};
use crate::op::ImageLayout;
use crate::pack::{Dense, Excite, Geometry};
use crate::shape::BANDS;
use crate::simd::Simd;
use crate::steps::Buffer;

/// The image into channel blocks.
pub(super) fn load<S: Simd>(job: Job<'_>, crew: &Crew<'_>, number: usize, to: Buffer) {
    let length = job.images.len() / job.count.max(1);
    crew.each(number, job.count, |image| {
        let images = &job.images[image * length..][..length];
        // SAFETY: a unit has its image for itself.
        let out = unsafe { job.write(to, image, 0..job.shapes.lengths[to.0]) };
        let interleaved = job.program.layout == ImageLayout::Nhwc;
        simple::into_blocks(S::LANES, images, job.program.channels[0], interleaved, out);
    });
}

/// A map that is there already as bytes.
pub(super) fn to_bytes<S: Simd>(
    s: S,
    job: Job<'_>,
    crew: &Crew<'_>,
    number: usize,
    from: Buffer,
    to: Buffer,
) {
    let pixels: usize = job.shapes.size(job.program, from).iter().product();
    let blocks = job.shapes.lengths[from.0] / (pixels * S::LANES).max(1);
    let parts = (4 * crew.threads).min(pixels).max(1);
    crew.each(number, job.count * parts, |unit| {
        let (image, pixels) = (unit / parts, share(pixels, parts, unit % parts));
        // SAFETY: a step does not write what it reads.
        let map = unsafe { job.read(from, image) };
        let rows = map
            .chunks_exact(map.len() / blocks)
            .map(|plane| &plane[pixels.start * S::LANES..pixels.end * S::LANES]);
        for (block, row) in rows.enumerate() {
            let place = Place { image, blocks: block..block + 1, pixels: pixels.clone() };
            // SAFETY: a unit has its pixels for itself.
            unsafe { round(s, &job, to, &place, &[row]) };
        }
    });
}

/// Sums of a map that is there already.
pub(super) fn sum<S: Simd>(s: S, job: Job<'_>, crew: &Crew<'_>, number: usize, from: Buffer, to: Buffer) {
    let channels = job.shapes.lengths[to.0] / BANDS;
    let blocks = channels / S::LANES;
    crew.each(number, job.count * blocks, |unit| {
        let (image, block) = (unit / blocks, unit % blocks);
        // SAFETY: a step does not write what it reads.
        let map = unsafe { job.read(from, image) };
        let plane = map.len() / blocks;
        for band in 0..BANDS {
            let start = band * channels + block * S::LANES;
            // SAFETY: a unit has its block for itself.
            let pool = unsafe { job.write(to, image, start..start + S::LANES) };
            pool.fill(0.0);
            if band == 0 {
                simple::sum(s, &map[block * plane..(block + 1) * plane], pool);
            }
        }
    });
}

/// The mean from the sums of the bands, into `out`.
fn mean_of(sums: &[f32], pixels: usize, out: &mut [f32]) {
    let scale = 1.0 / pixels as f32;
    for (i, out) in out.iter_mut().enumerate() {
        let total: f32 = sums.iter().skip(i).step_by(sums.len() / BANDS).sum();
        *out = total * scale;
    }
}

/// The mean over a map, a map of one pixel.
pub(super) fn mean<S: Simd>(job: Job<'_>, crew: &Crew<'_>, number: usize, sums: Buffer, to: Buffer) {
    let pixels = job.shapes.size(job.program, sums).iter().product();
    crew.each(number, job.count, |image| {
        // SAFETY: a step does not write what it reads, and a unit has its image for itself.
        let (sums, out) =
            unsafe { (job.read(sums, image), job.write(to, image, 0..job.shapes.lengths[to.0])) };
        mean_of(sums, pixels, out);
    });
}

/// The gate from the sums.
pub(super) fn excite<S: Simd>(
    s: S,
    job: Job<'_>,
    crew: &Crew<'_>,
    number: usize,
    op: &Excite,
    [sums, to]: [Buffer; 2],
    scratch: &mut Scratch,
) {
    let pixels = job.shapes.size(job.program, sums).iter().product();
    let channels = job.shapes.lengths[to.0];
    let squeezed = op.reduce.out_channels.next_multiple_of(S::LANES);
    crew.each(number, job.count, |image| {
        // SAFETY: a step does not write what it reads, and a unit has its image for itself.
        let (sums, out) = unsafe { (job.read(sums, image), job.write(to, image, 0..channels)) };
        let (mean, between) = room(&mut scratch.vectors, channels + squeezed).split_at_mut(channels);
        mean_of(sums, pixels, mean);
        layer(s, &op.reduce, mean, between);
        layer(s, &op.expand, between, out);
    });
}

/// A fully connected layer on one pixel.
fn layer<S: Simd>(s: S, op: &Dense, input: &[f32], out: &mut [f32]) {
    let planes = op.in_channels.div_ceil(S::LANES);
    let window = Window {
        planes,
        plane_step: S::LANES,
        rows: 1,
        row_step: 0,
        cols: 1,
        col_step: 0,
        depth: if planes == 1 { op.in_channels } else { S::LANES },
        last_depth: op.in_channels - (planes - 1) * S::LANES,
        weight_plane: S::LANES * S::LANES,
        weight_row: 0,
        weight_col: 0,
    };
    for (group, out) in out.chunks_mut(4 * S::LANES).enumerate() {
        let block = group * 4;
        let run_of = Run {
            input,
            start: 0,
            pixel_step: S::LANES,
            window,
            weights: &op.weights[block * op.block..],
            weight_block: op.block,
            bias: &op.bias[block * S::LANES..],
            clamp: op.clamp,
        };
        let mut rest = &mut *out;
        let blocks = rest.len() / S::LANES;
        let mut to = [(); 4].map(|()| {
            let take = S::LANES.min(rest.len());
            let (vector, others) = std::mem::take(&mut rest).split_at_mut(take);
            rest = others;
            vector
        });
        run(s, &run_of, &mut to[..blocks]);
        s.enter(Finish { out, residual: None, activation: op.activation, pool: None });
    }
}

/// A map times its gate.
pub(super) fn scale<S: Simd>(
    s: S,
    job: Job<'_>,
    crew: &Crew<'_>,
    number: usize,
    [from, gate, to]: [Buffer; 3],
) {
    let blocks = job.shapes.lengths[gate.0] / S::LANES;
    let plane = job.shapes.lengths[to.0] / blocks;
    crew.each(number, job.count * blocks, |unit| {
        let (image, block) = (unit / blocks, unit % blocks);
        let own = block * plane..(block + 1) * plane;
        // SAFETY: a step does not write what it reads, and a unit has its block for itself.
        let (input, gate, out) =
            unsafe { (job.read(from, image), job.read(gate, image), job.write(to, image, own.clone())) };
        s.enter(Gate { input: &input[own], gate: &gate[block * S::LANES..], out });
    });
}

/// The largest value under a window.
pub(super) fn max_pool<S: Simd>(
    s: S,
    job: Job<'_>,
    crew: &Crew<'_>,
    number: usize,
    geometry: &Geometry,
    [from, to]: [Buffer; 2],
) {
    let (input, out) = (job.shapes.size(job.program, from), job.shapes.size(job.program, to));
    let before = geometry.before(input);
    let plane = input[0] * input[1] * S::LANES;
    let blocks = job.shapes.lengths[from.0] / plane;
    let under = |axis: usize, at: usize| {
        let first = at * geometry.stride[axis];
        let end = (first + geometry.kernel[axis]).saturating_sub(before[axis]).min(input[axis]);
        first.saturating_sub(before[axis]).min(end)..end
    };
    crew.each(number, job.count * blocks, |unit| {
        let (image, block) = (unit / blocks, unit % blocks);
        let own = out[0] * out[1] * S::LANES;
        // SAFETY: a step does not write what it reads, and a unit has its block for itself.
        let (map, to) =
            unsafe { (job.read(from, image), job.write(to, image, block * own..(block + 1) * own)) };
        let map = &map[block * plane..(block + 1) * plane];
        for (pixel, out_vector) in to.chunks_exact_mut(S::LANES).enumerate() {
            let (rows, cols) = (under(0, pixel / out[1]), under(1, pixel % out[1]));
            s.enter(MaxOf { map, width: input[1], rows, cols, out: out_vector });
        }
    });
}
