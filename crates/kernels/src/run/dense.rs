//! The dense convolution as a step, and its rows for whoever else needs them.

use std::ops::Range;

use super::{Crew, Job, Place, Scratch, parts, room, round, share};
use crate::kernel::bytes;
use crate::kernel::dense::{self, Run, Window, tile_rows};
use crate::kernel::finish::Finish;
use crate::kernel::simple::{Gate, GateWeights};
use crate::memory;
use crate::op::ResidualOrder;
use crate::pack::{Dense, Source};
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

/// One image's input of a dense convolution with all sizes at hand.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    op: &'a Dense,
    input: &'a [f32],
    size: [usize; 2],
    out: [usize; 2],
    before: [usize; 2],
    /// Columns whose window lies inside the input.
    inner: [usize; 2],
    /// The map's rows that the input has: the first, and how many.
    held: [usize; 2],
}

impl<'a> View<'a> {
    pub fn new(op: &'a Dense, input: &'a [f32], size: [usize; 2]) -> Self {
        let mut size = size;
        if Self::is_one_row(op, size) {
            // Pixels know no rows here: the map is one row.
            size = [1, size[0] * size[1]];
        }
        Self::with_rows(op, input, size)
    }

    /// Whether [`Self::new`] takes the map as one row.
    pub fn is_one_row(op: &Dense, size: [usize; 2]) -> bool {
        op.source == Source::Blocked && op.geometry.is_pointwise(size)
    }

    /// One that keeps its rows in any case.
    pub fn with_rows(op: &'a Dense, input: &'a [f32], size: [usize; 2]) -> Self {
        let (out, before) = (op.geometry.out(size).unwrap_or([0, 0]), op.geometry.before(size));
        let (stride, kernel) = (op.geometry.stride[1], op.geometry.kernel[1]);
        let start = before[1].div_ceil(stride).min(out[1]);
        let end = (size[1] + before[1]).checked_sub(kernel).map_or(0, |room| room / stride + 1);
        Self { op, input, size, out, before, inner: [start, end.clamp(start, out[1])], held: [0, size[0]] }
    }

    /// Columns of zeros left and right with which every column's window lies inside.
    ///
    /// A pixel at the edge is a tile of its own, whose few sums take two thirds of the time of a whole one: of a map of 48 columns
    /// under a 3x3 kernel a sixth of all time. Copying the map takes a fiftieth.
    fn margins(&self) -> Option<[usize; 2]> {
        let (stride, kernel) = (self.op.geometry.stride[1], self.op.geometry.kernel[1]);
        let left = self.before[1];
        let right = ((self.out[1].max(1) - 1) * stride + kernel).saturating_sub(self.size[1] + left);
        (self.op.source == Source::Blocked && left + right > 0).then_some([left, right])
    }

    /// The rows of the input that some rows of the output see.
    fn seen(&self, lines: &Range<usize>) -> Range<usize> {
        let (stride, kernel) = (self.op.geometry.stride[0], self.op.geometry.kernel[0]);
        let end = (lines.end.max(1) - 1) * stride + kernel;
        let start = (lines.start * stride).saturating_sub(self.before[0]).min(self.size[0]);
        start..end.saturating_sub(self.before[0]).clamp(start, self.size[0])
    }

    /// The rows `held` with margins, in `out`.
    fn pad<S: Simd>(&self, held: &Range<usize>, [left, right]: [usize; 2], out: &mut [f32]) {
        let (plane, row) = (self.size[0] * self.size[1] * S::LANES, self.size[1] * S::LANES);
        let wide = row + (left + right) * S::LANES;
        let planes = self.input.chunks_exact(plane).zip(out.chunks_exact_mut(held.len() * wide));
        for (input, out) in planes {
            let rows = input[held.start * row..].chunks_exact(row).zip(out.chunks_exact_mut(wide));
            for (input, out) in rows {
                let (before, rest) = out.split_at_mut(left * S::LANES);
                let (inside, after) = rest.split_at_mut(row);
                before.fill(0.0);
                inside.copy_from_slice(input);
                after.fill(0.0);
            }
        }
    }

    /// The same over an input that [`Self::pad`] has made.
    fn padded(&self, held: &Range<usize>, [left, right]: [usize; 2], input: &'a [f32]) -> Self {
        let size = [self.size[0], self.size[1] + left + right];
        let (before, inner) = ([self.before[0], 0], [0, self.out[1]]);
        Self { input, size, before, inner, held: [held.start, held.len()], ..*self }
    }

    /// Rows and columns that come out; one row where each pixel is by itself.
    pub fn out(&self) -> [usize; 2] {
        self.out
    }

    /// Sums and bias of the columns `x` of row `y` for some blocks of output channels, `out[i]` being those of block
    /// `blocks.start + i`. `weights` are the blocks' own.
    pub fn row<S: Simd>(
        &self,
        s: S,
        y: usize,
        x: Range<usize>,
        blocks: &Range<usize>,
        weights: &[f32],
        out: &mut [&mut [f32]; 4],
    ) {
        let bias = &self.op.bias[blocks.start * S::LANES..];
        if let Some(scale) = &self.op.scale {
            let scale = &scale[blocks.start * S::LANES..];
            let mut to = out.each_mut().map(|out| &mut out[..]);
            return self.row_of_bytes(s, y, x, weights, [scale, bias], &mut to[..blocks.len()]);
        }
        let inner = self.inner[0]..self.inner[1];
        let mut at = x.start;
        while at < x.end {
            let inside = inner.contains(&at);
            let end = if inside { inner.end.min(x.end) } else { at + 1 };
            let (window, start, weight) = self.window::<S>(y, at);
            let run = Run {
                input: self.input,
                start,
                pixel_step: self.pixel_step::<S>(),
                window,
                weights: &weights[weight..],
                weight_block: self.op.block,
                bias,
                clamp: self.op.clamp,
            };
            let mut to = out.each_mut().map(|out| {
                let range =
                    if out.is_empty() { 0..0 } else { (at - x.start) * S::LANES..(end - x.start) * S::LANES };
                &mut out[range]
            });
            dense::run(s, &run, &mut to[..blocks.len()]);
            at = end;
        }
    }

    /// [`Self::row`] of a product of bytes.
    fn row_of_bytes<S: Simd>(
        &self,
        s: S,
        y: usize,
        x: Range<usize>,
        weights: &[f32],
        [scale, bias]: [&[f32]; 2],
        out: &mut [&mut [f32]],
    ) {
        let depth = self.op.in_channels.next_multiple_of(S::LANES);
        let [down, right] = self.op.geometry.stride;
        let run = bytes::Run {
            input: memory::bytes(self.input),
            start: (y * down * self.size[1] + x.start * right) * depth,
            pixel_step: right * depth,
            depth,
            weights: memory::bytes(weights),
            scale,
            bias,
            clamp: self.op.clamp,
        };
        debug_assert!(out.iter().all(|out| out.len() == x.len() * S::LANES));
        bytes::run(s, &run, out);
    }

    /// [`Self::row`], activated.
    pub fn activated<S: Simd>(
        &self,
        s: S,
        y: usize,
        x: Range<usize>,
        blocks: &Range<usize>,
        out: &mut [&mut [f32]; 4],
    ) {
        let weights = &self.op.weights[blocks.start * self.op.block..blocks.end * self.op.block];
        self.row(s, y, x, blocks, weights, out);
        for out in &mut out[..blocks.len()] {
            let finish = Finish { out, residual: None, activation: self.op.activation, pool: None };
            if !finish.is_idle() {
                s.enter(finish);
            }
        }
    }

    fn pixel_step<S: Simd>(&self) -> usize {
        self.op.geometry.stride[1]
            * match self.op.source {
                Source::Blocked => S::LANES,
                Source::Planar => 1,
                Source::Interleaved => self.op.in_channels,
            }
    }

    /// The window under an output pixel, cut off at the input's edges; where it starts in the input and in the weights.
    fn window<S: Simd>(&self, y: usize, x: usize) -> (Window, usize, usize) {
        let geometry = &self.op.geometry;
        let inside = |axis: usize, at: usize| {
            let first = at * geometry.stride[axis];
            let start = self.before[axis].saturating_sub(first).min(geometry.kernel[axis]);
            let end = (self.size[axis] + self.before[axis]).saturating_sub(first).min(geometry.kernel[axis]);
            (start..end.max(start), (first + start).saturating_sub(self.before[axis]))
        };
        let ((rows, top), (cols, left)) = (inside(0, y), inside(1, x));
        let ([first, height], width, [_, kernel_cols]) = (self.held, self.size[1], geometry.kernel);
        let top = top.saturating_sub(first);
        let (channels, lanes) = (self.op.in_channels, S::LANES);
        let taps = geometry.kernel[0] * kernel_cols;
        match self.op.source {
            Source::Blocked => {
                let vector = lanes * lanes;
                let planes = channels.div_ceil(lanes);
                let window = Window {
                    planes,
                    plane_step: height * width * lanes,
                    rows: rows.len(),
                    row_step: width * lanes,
                    cols: cols.len(),
                    col_step: lanes,
                    depth: if planes == 1 { channels } else { lanes },
                    last_depth: channels - (planes - 1) * lanes,
                    weight_plane: taps * vector,
                    weight_row: kernel_cols * vector,
                    weight_col: vector,
                };
                (window, (top * width + left) * lanes, (rows.start * kernel_cols + cols.start) * vector)
            }
            Source::Planar => {
                let window = Window {
                    planes: channels,
                    plane_step: height * width,
                    rows: rows.len(),
                    row_step: width,
                    cols: 1,
                    col_step: 0,
                    depth: cols.len(),
                    last_depth: cols.len(),
                    weight_plane: taps * lanes,
                    weight_row: kernel_cols * lanes,
                    weight_col: 0,
                };
                (window, top * width + left, (rows.start * kernel_cols + cols.start) * lanes)
            }
            Source::Interleaved => {
                let window = Window {
                    planes: 1,
                    plane_step: 0,
                    rows: rows.len(),
                    row_step: width * channels,
                    cols: 1,
                    col_step: 0,
                    depth: cols.len() * channels,
                    last_depth: cols.len() * channels,
                    weight_plane: 0,
                    weight_row: kernel_cols * channels * lanes,
                    weight_col: 0,
                };
                let weight = (rows.start * kernel_cols + cols.start) * channels * lanes;
                (window, (top * width + left) * channels, weight)
            }
        }
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
        let pointwise = view.out[0] == 1;
        let groups = groups(blocks, if op.geometry.kernel == [1, 1] { 2 } else { most_blocks::<S>() });
        let lines = if pointwise { view.out[1] } else { view.out[0] };
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
            finish(s, job, step, part, &place.pixels, &mut out);
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

fn finish<S: Simd>(
    s: S,
    job: &Job<'_>,
    step: &Step<'_>,
    part: &Part,
    pixels: &Range<usize>,
    out: &mut [&mut [f32]; 4],
) {
    for (out, block) in out.iter_mut().zip(part.blocks.clone()) {
        let residual = step.residual.map(|(buffer, order)| {
            // SAFETY: a step does not write what it reads.
            let map = unsafe { job.read(buffer, part.image) };
            let plane = block * (map.len() / step.op.out_channels.div_ceil(S::LANES));
            (&map[plane + pixels.start * S::LANES..plane + pixels.end * S::LANES], order)
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
