//! The dense convolution as a step, and its rows for whoever else needs them.

mod view;

use std::ops::Range;

pub(super) use view::View;

use super::{Crew, Job, Place, Scratch, parts, room, round, share};
use crate::kernel::dense::tile_rows;
use crate::kernel::finish::Finish;
use crate::kernel::simple::{Gate, GateWeights};
use crate::memory;
use crate::op::ResidualOrder;
use crate::pack::Dense;
use crate::simd::Simd;
use crate::steps::{Buffer, From, Kind, To};

/// f32 of weights that may stay in the second cache beside a map.
const WEIGHTS_IN_CACHE: usize = 96 << 10;
/// f32 of input that a unit goes over for one group of output channels after the other.
const INPUT_IN_CACHE: usize = 48 << 10;

pub(super) struct Step<'a> {
    pub op: &'a Dense,
    pub from: From,
    pub gate: Option<Buffer>,
    pub residual: Option<(Buffer, ResidualOrder)>,
    pub to: To,
}

impl Step<'_> {
    /// Whether only the sums of the map are kept.
    fn keeps_sums(&self, job: &Job<'_>) -> bool {
        self.to.numbers.is_some_and(|to| job.program.buffers[to.0].kind == Kind::Sums)
    }
}

/// Blocks of output channels that are computed together, and into how many such groups they fall.
pub(super) fn groups(blocks: usize, most: usize) -> usize {
    if blocks <= most + 1 && blocks <= 4 { 1 } else { (blocks / most).max(blocks.div_ceil(4)) }
}

/// Blocks of a window of more than a pixel: the more, the less often its input is read, unless their tile leaves registers empty.
fn most_blocks<S: Simd>() -> usize {
    if 4 * tile_rows::<S>(4) >= 2 * tile_rows::<S>(2) { 4 } else { 2 }
}

/// How a step is cut: lines (rows, or pixels of a pointwise convolution) and groups of blocks.
struct Cut {
    lines: usize,
    chunks: usize,
    groups: usize,
    /// Units next to each other share their weights rather than their input.
    weights_first: bool,
}

impl Cut {
    fn new<S: Simd>(step: &Step<'_>, view: &View<'_>, crew: &Crew<'_>, images: usize, whole: bool) -> Self {
        let op = step.op;
        let blocks = op.out_channels.div_ceil(S::LANES);
        let pointwise = view.out()[0] == 1;
        let groups = groups(blocks, if op.geometry.kernel == [1, 1] { 2 } else { most_blocks::<S>() });
        let lines = if pointwise { view.out()[1] } else { view.out()[0] };
        let weights_first = op.weights.len() > WEIGHTS_IN_CACHE;
        let least = if pointwise { 2 * tile_rows::<S>(2) } else { 1 };
        let most = (lines / least).max(1);
        let for_threads = if crew.threads > 1 { (4 * crew.threads).div_ceil(groups * images) } else { 1 };
        let line = view.input.len() / lines.max(1);
        let for_cache =
            if weights_first || groups == 1 { 1 } else { (line * lines).div_ceil(INPUT_IN_CACHE) };
        let chunks = if whole { 1 } else { for_threads.max(for_cache).clamp(1, most) };
        Self { lines, chunks, groups, weights_first }
    }
}

pub(super) fn run<S: Simd>(
    s: S,
    job: Job<'_>,
    crew: &Crew<'_>,
    number: usize,
    step: &Step<'_>,
    scratch: &mut Scratch,
) {
    let whole = step.keeps_sums(&job);
    // SAFETY: a step does not write what it reads.
    let (input, size) = unsafe { job.input(step.from, 0) };
    let cut = Cut::new::<S>(step, &View::new(step.op, input, size), crew, job.count, whole);
    let blocks = step.op.out_channels.div_ceil(S::LANES);
    scratch.gated_image = None;
    scratch.padded_part = None;
    crew.each(number, job.count * cut.chunks * cut.groups, |unit| {
        let (image, chunk, group) = if cut.weights_first {
            (unit / cut.chunks % job.count, unit % cut.chunks, unit / cut.chunks / job.count)
        } else {
            (unit / cut.groups / cut.chunks, unit / cut.groups % cut.chunks, unit % cut.groups)
        };
        // SAFETY: as above.
        let (input, size) = unsafe { job.input(step.from, image) };
        let view = View::new(step.op, input, size);
        let part = Part {
            image,
            blocks: share(blocks, cut.groups, group),
            lines: share(cut.lines, cut.chunks, chunk),
        };
        unit_of(s, &job, step, &view, &part, scratch);
    });
}

/// One unit: of one image some blocks at some lines.
struct Part {
    image: usize,
    blocks: Range<usize>,
    lines: Range<usize>,
}

fn unit_of<S: Simd>(
    s: S,
    job: &Job<'_>,
    step: &Step<'_>,
    view: &View<'_>,
    part: &Part,
    scratch: &mut Scratch,
) {
    let op = step.op;
    let own = part.blocks.start * op.block..part.blocks.end * op.block;
    let mut weights = &op.weights[own];
    let mut view = *view;
    if let Some(gate) = step.gate {
        // SAFETY: the gate is another step's.
        let gates = unsafe { job.read(gate, part.image) };
        // Into the smaller of the two: a panel of weights for each unit, or the map once for each thread.
        if view.size[0] * view.size[1] < op.out_channels {
            let out = room(&mut scratch.gated, view.input.len());
            if scratch.gated_image != Some(part.image) {
                scratch.gated_image = Some(part.image);
                let plane = view.size[0] * view.size[1] * S::LANES;
                let blocks = view.input.chunks_exact(plane).zip(out.chunks_exact_mut(plane));
                for ((input, out), gate) in blocks.zip(gates.chunks_exact(S::LANES)) {
                    s.enter(Gate { input, gate, out });
                }
            }
            view.input = out;
        } else {
            let out = room(&mut scratch.weights, weights.len());
            let channels = op.in_channels.next_multiple_of(S::LANES);
            for (weights, out) in weights.chunks_exact(op.block).zip(out.chunks_exact_mut(op.block)) {
                s.enter(GateWeights { weights, gates: &gates[..channels], out });
            }
            weights = out;
        }
    }
    let held = view.seen(&part.lines);
    // Lines that see nothing but padding have nothing to copy.
    if let Some(margins) = view.margins().filter(|_| !held.is_empty()) {
        let columns = view.size[1] + margins[0] + margins[1];
        let blocks = op.in_channels.div_ceil(S::LANES);
        let out = room(&mut scratch.padded, blocks * held.len() * columns * S::LANES);
        if scratch.padded_part.as_ref() != Some(&(part.image, part.lines.clone())) {
            scratch.padded_part = Some((part.image, part.lines.clone()));
            view.pad::<S>(&held, margins, out);
        }
        view = view.padded(&held, margins, out);
    }
    let view = &view;
    let width = view.out()[1];
    let (rows, cols) =
        if view.out()[0] == 1 { (0..1, part.lines.clone()) } else { (part.lines.clone(), 0..width) };
    if step.keeps_sums(job) {
        return sums(s, job, step, view, part, weights, &mut scratch.vectors);
    }
    for y in rows {
        for cols in chunks::<S>(&cols, part.blocks.len()) {
            let pixels = y * width + cols.start..y * width + cols.end;
            let place = Place { image: part.image, blocks: part.blocks.clone(), pixels };
            // SAFETY: a unit has its blocks and lines for itself.
            let mut out = unsafe { parts::<S>(job, step.to, &place, &mut scratch.vectors) };
            view.row(s, y, cols, &part.blocks, weights, &mut out);
            finish(s, job, step, &place, &mut out);
            if let Some(bytes) = step.to.bytes {
                // SAFETY: as above.
                unsafe { round(s, job, bytes, &place, &out) };
            }
        }
    }
}

/// The pixels after which activation and residual follow: some tiles, so that they are still in the first cache.
fn chunks<S: Simd>(cols: &Range<usize>, blocks: usize) -> impl Iterator<Item = Range<usize>> {
    let most = most_pixels::<S>(blocks);
    let (start, len, count) = (cols.start, cols.len(), ((cols.len() + most / 2) / most).max(1));
    (0..count).map(move |chunk| share(len, count, chunk)).map(move |own| start + own.start..start + own.end)
}

/// About how many pixels a chunk has; fewer than twice as many.
fn most_pixels<S: Simd>(blocks: usize) -> usize {
    8 * tile_rows::<S>(blocks.max(1))
}

pub(super) fn finish<S: Simd>(
    s: S,
    job: &Job<'_>,
    step: &Step<'_>,
    place: &Place,
    out: &mut [&mut [f32]; 4],
) {
    for (out, block) in out.iter_mut().zip(place.blocks.clone()) {
        let residual = step.residual.map(|(buffer, order)| {
            // SAFETY: a step does not write what it reads.
            let map = unsafe { job.read(buffer, place.image) };
            let plane = block * (map.len() / step.op.out_channels.div_ceil(S::LANES));
            let own = plane + place.pixels.start * S::LANES..plane + place.pixels.end * S::LANES;
            (&map[own], order)
        });
        let finish = Finish { out, residual, activation: step.op.activation, pool: None };
        if !finish.is_idle() {
            s.enter(finish);
        }
    }
}

/// The whole map of some blocks, of which only the sums are kept.
fn sums<S: Simd>(
    s: S,
    job: &Job<'_>,
    step: &Step<'_>,
    view: &View<'_>,
    part: &Part,
    weights: &[f32],
    vectors: &mut memory::Aligned,
) {
    let Some(to) = step.to.numbers else { return };
    let channels = step.op.out_channels.next_multiple_of(S::LANES);
    let own = part.blocks.start * S::LANES..part.blocks.end * S::LANES;
    for band in 1..crate::shape::BANDS {
        // SAFETY: a unit has its blocks for itself.
        unsafe { job.write(to, part.image, band * channels + own.start..band * channels + own.end) }
            .fill(0.0);
    }
    // SAFETY: as above; the first band.
    let pool = unsafe { job.write(to, part.image, own) };
    pool.fill(0.0);
    let [height, width] = view.out();
    let room = room(vectors, 4 * 2 * most_pixels::<S>(part.blocks.len()) * S::LANES);
    for y in 0..height {
        for cols in chunks::<S>(&(0..width), part.blocks.len()) {
            let mut rest = &mut *room;
            let mut out = [(); 4].map(|()| {
                let (vectors, others) = std::mem::take(&mut rest).split_at_mut(cols.len() * S::LANES);
                rest = others;
                vectors
            });
            let pixels = y * width + cols.start..y * width + cols.end;
            view.row(s, y, cols, &part.blocks, weights, &mut out);
            for (i, (out, block)) in out.iter_mut().zip(part.blocks.clone()).enumerate() {
                let residual = step.residual.map(|(buffer, order)| {
                    // SAFETY: a step does not write what it reads.
                    let map = unsafe { job.read(buffer, part.image) };
                    let plane = block * height * width * S::LANES;
                    (&map[plane + pixels.start * S::LANES..plane + pixels.end * S::LANES], order)
                });
                let pool = Some(&mut pool[i * S::LANES..(i + 1) * S::LANES]);
                s.enter(Finish { out, residual, activation: step.op.activation, pool });
            }
        }
    }
}
