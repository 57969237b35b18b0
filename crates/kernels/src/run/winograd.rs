//! A 3x3 convolution by Winograd as a step.
//!
//! A unit is one image's few output blocks at some rows of tiles. The input's way into Winograd's form is gone once for all output
//! blocks that a thread works on one after the other; the products of a few tiles go back to pixels while they are in the first cache.

use std::ops::Range;

use super::dense::{Step, finish, groups};
use super::{Crew, Job, Place, Scratch, parts, room, round, share};
use crate::kernel::dense::{Run, Window, run as products};
use crate::kernel::winograd::{Input, Output, POINTS};
use crate::memory::Aligned;
use crate::simd::Simd;

/// f32 of input in Winograd's form: with what the products read beside it, it stays in the second cache.
const INPUT_IN_CACHE: usize = 64 << 10;
/// Tiles whose products go back together.
const TILES: usize = 24;

/// All sizes, in pixels and in tiles.
struct Sizes {
    input: [usize; 2],
    out: [usize; 2],
    before: [usize; 2],
    down: usize,
    across: usize,
    in_blocks: usize,
}

pub(super) fn run<S: Simd>(
    s: S,
    job: Job<'_>,
    crew: &Crew<'_>,
    number: usize,
    step: &Step<'_>,
    scratch: &mut Scratch,
) {
    // SAFETY: a step does not write what it reads.
    let (_, input) = unsafe { job.input(step.from, 0) };
    let geometry = &step.op.geometry;
    let out = geometry.out(input).unwrap_or([0, 0]);
    let sizes = Sizes {
        input,
        out,
        before: geometry.before(input),
        down: out[0].div_ceil(2),
        across: out[1].div_ceil(2),
        in_blocks: step.op.in_channels.div_ceil(S::LANES),
    };
    let blocks = step.op.out_channels.div_ceil(S::LANES);
    let groups = groups(blocks, 2);
    let row = POINTS * sizes.in_blocks * sizes.across * S::LANES;
    let rows = (INPUT_IN_CACHE / row.max(1)).max(TILES / sizes.across.max(1)).max(1);
    let for_threads = if crew.threads > 1 { (4 * crew.threads).div_ceil(groups * job.count) } else { 1 };
    let chunks = sizes.down.div_ceil(rows).max(for_threads).min(sizes.down).max(1);
    scratch.transformed_part = None;
    crew.each(number, job.count * chunks * groups, |unit| {
        let (image, chunk, group) = (unit / groups / chunks, unit / groups % chunks, unit % groups);
        let (rows, blocks) = (share(sizes.down, chunks, chunk), share(blocks, groups, group));
        unit_of(s, &job, step, &sizes, image, &blocks, &rows, scratch);
    });
}

#[allow(clippy::too_many_arguments, reason = "a unit's place, and what it is a unit of")]
fn unit_of<S: Simd>(
    s: S,
    job: &Job<'_>,
    step: &Step<'_>,
    sizes: &Sizes,
    image: usize,
    blocks: &Range<usize>,
    rows: &Range<usize>,
    scratch: &mut Scratch,
) {
    let tiles = rows.len() * sizes.across;
    let transformed = room(&mut scratch.transformed, POINTS * sizes.in_blocks * tiles * S::LANES);
    if scratch.transformed_part.as_ref() != Some(&(image, rows.clone())) {
        scratch.transformed_part = Some((image, rows.clone()));
        // SAFETY: a step does not write what it reads.
        let (map, _) = unsafe { job.input(step.from, image) };
        transform(s, map, sizes, rows, transformed, &mut scratch.ring);
    }
    let at_once = (TILES / sizes.across.max(1)).clamp(1, rows.len().max(1));
    let pieces = rows.len().div_ceil(at_once);
    for rows_now in (0..pieces).map(|piece| share(rows.len(), pieces, piece)) {
        let lines = 2 * (rows.start + rows_now.start)..(2 * (rows.start + rows_now.end)).min(sizes.out[0]);
        let pixels = lines.start * sizes.out[1]..lines.end * sizes.out[1];
        let place = Place { image, blocks: blocks.clone(), pixels };
        // SAFETY: a unit has its blocks and rows for itself.
        let mut out = unsafe { parts::<S>(job, step.to, &place, &mut scratch.vectors) };
        let across = if rows_now.len() > 1 { 1 } else { ((sizes.across + TILES / 2) / TILES).max(1) };
        for own in (0..across).map(|piece| share(sizes.across, across, piece)) {
            let first = rows_now.start * sizes.across + own.start;
            let count = (rows_now.len() - 1) * sizes.across + own.len();
            let products = room(&mut scratch.gated, POINTS * blocks.len() * count * S::LANES);
            multiply(s, step, sizes, blocks, [tiles, first], transformed, products);
            back(s, step, sizes, blocks, &own, lines.len(), products, &mut out);
        }
        finish(s, job, step, &place, &mut out);
        if let Some(bytes) = step.to.bytes {
            // SAFETY: as above.
            unsafe { round(s, job, bytes, &place, &out) };
        }
    }
}

/// All input channels under some rows of tiles into Winograd's form, `[point][block][tile][lane]`.
fn transform<S: Simd>(
    s: S,
    map: &[f32],
    sizes: &Sizes,
    rows: &Range<usize>,
    out: &mut [f32],
    room_of: &mut Aligned,
) {
    let [height, width] = sizes.input;
    let tiles = rows.len() * sizes.across;
    let (row_len, wide) = (width * S::LANES, 4 * (2 * sizes.across + 2) * S::LANES);
    let (columns, zeros) = room(room_of, wide + row_len).split_at_mut(wide);
    zeros.fill(0.0);
    let point = sizes.in_blocks * tiles * S::LANES;
    for (block, plane) in map.chunks_exact(height * row_len).enumerate() {
        for (i, row) in rows.clone().enumerate() {
            let under = [0, 1, 2, 3].map(|k| {
                let y = (2 * row + k).checked_sub(sizes.before[0]).filter(|&y| y < height);
                y.map_or(&*zeros, |y| &plane[y * row_len..(y + 1) * row_len])
            });
            let start = (block * tiles + i * sizes.across) * S::LANES;
            s.enter(Input {
                rows: under,
                left: sizes.before[1],
                columns,
                tiles: sizes.across,
                out: &mut out[start..],
                point,
            });
        }
    }
}

/// The sixteen products of neighbouring tiles, from the `first` of all `tiles` on, `[point][block][tile][lane]`.
fn multiply<S: Simd>(
    s: S,
    step: &Step<'_>,
    sizes: &Sizes,
    blocks: &Range<usize>,
    [tiles, first]: [usize; 2],
    transformed: &[f32],
    out: &mut [f32],
) {
    let op = step.op;
    let plane = S::LANES * S::LANES;
    let window = Window {
        planes: sizes.in_blocks,
        plane_step: tiles * S::LANES,
        rows: 1,
        row_step: 0,
        cols: 1,
        col_step: 0,
        depth: if sizes.in_blocks == 1 { op.in_channels } else { S::LANES },
        last_depth: op.in_channels - (sizes.in_blocks - 1) * S::LANES,
        weight_plane: plane,
        weight_row: 0,
        weight_col: 0,
    };
    let weights = &op.weights[blocks.start * op.block..blocks.end * op.block];
    let point = out.len() / POINTS;
    let inputs = transformed.chunks_exact(sizes.in_blocks * tiles * S::LANES);
    for (i, (input, out)) in inputs.zip(out.chunks_exact_mut(point)).enumerate() {
        let run = Run {
            input,
            start: first * S::LANES,
            pixel_step: S::LANES,
            window,
            weights: &weights[i * sizes.in_blocks * plane..],
            weight_block: op.block,
            bias: &ZEROS,
            clamp: None,
        };
        let mut rest = out.chunks_exact_mut(point / blocks.len());
        let mut to = [(); 4].map(|()| rest.next().unwrap_or_default());
        products(s, &run, &mut to[..blocks.len()]);
    }
}

/// As many as four blocks have channels.
static ZEROS: [f32; 64] = [0.0; 64];

/// From products to pixels: of each row of tiles those in `own`.
#[allow(clippy::too_many_arguments, reason = "what is computed, and where it goes")]
fn back<S: Simd>(
    s: S,
    step: &Step<'_>,
    sizes: &Sizes,
    blocks: &Range<usize>,
    own: &Range<usize>,
    lines: usize,
    products: &[f32],
    out: &mut [&mut [f32]; 4],
) {
    let width = sizes.out[1];
    let point = products.len() / POINTS;
    let each = point / blocks.len();
    for (i, (out, block)) in out.iter_mut().zip(blocks.clone()).enumerate() {
        for row in 0..lines.div_ceil(2) {
            // Rows of tiles are whole where there are several.
            let from = i * each + row * own.len() * S::LANES;
            s.enter(Output {
                products: &products[from..],
                point,
                tiles: own.len(),
                bias: &step.op.bias[block * S::LANES..],
                clamp: step.op.clamp,
                out: &mut out[(2 * row * width + 2 * own.start) * S::LANES..],
                columns: (2 * own.end).min(width) - 2 * own.start,
                row: (2 * row + 1 < lines).then_some(width * S::LANES),
            });
        }
    }
}
