//! The depthwise convolution as a step, with the dense convolution before it.
//!
//! A unit is one image's channel blocks, all or some, over a band of rows. It takes a few blocks at a time through a strip of rows: the
//! input's rows are made (or copied) when they are first needed, into a ring of as many rows as the kernel has, padded
//! left and right; each output row is summed from the ring, activated and added to the pooling's sums before the next. So
//! the expanded map of an inverted residual, the largest there is, never leaves the first two caches. All blocks go through a
//! strip before the next, so that what they are made from is fetched from afar once; each group of blocks keeps its ring until then.

use std::ops::Range;

use super::dense::{View, groups};
use super::{Crew, Job, Scratch, parts, room, share};
use crate::kernel::depthwise::{MAX_KERNEL, Row, row};
use crate::kernel::finish::Finish;
use crate::memory::{Aligned, LINE};
use crate::pack::Depthwise;
use crate::shape::BANDS;
use crate::simd::Simd;
use crate::steps::{Buffer, From, Producer};

pub(super) struct Step<'a> {
    pub producer: &'a Producer,
    pub op: &'a Depthwise,
    pub to: Buffer,
    pub sums: Option<Buffer>,
    /// Weights that are wanted next.
    pub next: [&'a [f32]; 2],
}

/// f32 of a block's map that is made in one go, its rows end to end: short rows alone would not fill the tiles of a product.
const MAP_IN_CACHE: usize = 2 << 10;
/// f32 that all groups of blocks are made from before the next rows.
const INPUT_IN_CACHE: usize = 48 << 10;

/// Sizes of a depthwise convolution.
struct Sizes {
    /// f32 that its input is made from.
    from: usize,
    input: [usize; 2],
    out: [usize; 2],
    before: [usize; 2],
    /// Vectors in a padded row.
    pitch: usize,
}

impl Sizes {
    fn new(job: &Job<'_>, step: &Step<'_>) -> Self {
        let (input, from) = match step.producer {
            // Each group reads its own.
            Producer::Map(buffer) => (job.shapes.size(job.program, *buffer), 0),
            Producer::Dense { op, from } => {
                let from = match from {
                    From::Image => job.shapes.image,
                    From::Map(buffer) => job.shapes.size(job.program, *buffer),
                };
                (op.geometry.out(from).unwrap_or([0, 0]), from[0] * from[1] * op.in_channels)
            }
        };
        let (geometry, out) = (&step.op.geometry, job.shapes.size(job.program, step.to));
        let before = geometry.before(input);
        let needed = (out[1] - 1) * geometry.stride[1] + geometry.kernel[1];
        Self { from, input, out, before, pitch: needed.max(before[1] + input[1]) }
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
    let sizes = Sizes::new(&job, step);
    let cut = Cut::new::<S>(&job, crew, step, &sizes);
    let units = job.count * cut.bands * cut.shares;
    crew.each(number, units, |unit| {
        for weights in step.next {
            weights[share(weights.len(), units, unit)]
                .iter()
                .step_by(LINE)
                .for_each(|line| s.prefetch(std::ptr::from_ref(line)));
        }
        let part = Part {
            image: unit / cut.bands / cut.shares,
            groups: share(cut.groups, cut.shares, unit / cut.bands % cut.shares),
            bands: share(BANDS, cut.bands, unit % cut.bands),
        };
        unit_of(s, &job, step, &sizes, &cut, &part, scratch);
    });
}

/// How a step is cut.
struct Cut {
    /// Of blocks, which are worked on together.
    groups: usize,
    /// Into how many units the groups go, and the bands.
    shares: usize,
    bands: usize,
    /// Output rows through which one group of blocks after the other goes.
    strip: usize,
    /// All input rows are made at once.
    at_once: bool,
}

impl Cut {
    fn new<S: Simd>(job: &Job<'_>, crew: &Crew<'_>, step: &Step<'_>, sizes: &Sizes) -> Self {
        let groups = groups(step.op.channels.div_ceil(S::LANES), most_blocks::<S>(sizes.input[1]));
        let alone = crew.threads == 1;
        let row = sizes.from / sizes.input[0].max(1);
        let strip = INPUT_IN_CACHE / (row * step.op.geometry.stride[0]).max(1);
        if sizes.from > INPUT_IN_CACHE {
            let shares = (4 * crew.threads).div_ceil(BANDS * job.count).min(groups);
            let [shares, bands] = if alone { [1, 1] } else { [shares, BANDS] };
            return Self { groups, shares, bands, strip: strip.max(1), at_once: false };
        }
        // Nothing to fetch twice: each group by itself.
        let enough = alone || job.count * groups >= 6 * crew.threads || sizes.out[0] < 2 * BANDS;
        let at_once = match step.producer {
            Producer::Dense { op, .. } => {
                let len = sizes.input[0] * sizes.input[1] * S::LANES;
                enough && View::is_one_row(op, sizes.input) && len <= MAP_IN_CACHE
            }
            Producer::Map(_) => false,
        };
        Self { groups, shares: groups, bands: if enough { 1 } else { BANDS / 2 }, strip: usize::MAX, at_once }
    }
}

/// Blocks that are worked on together: two fill a tile of the product where a row has pixels enough.
fn most_blocks<S: Simd>(width: usize) -> usize {
    if width * 2 <= S::ACCUMULATORS / 2 { 4 } else { 2 }
}

struct Part {
    image: usize,
    groups: Range<usize>,
    bands: Range<usize>,
}

fn unit_of<S: Simd>(
    s: S,
    job: &Job<'_>,
    step: &Step<'_>,
    sizes: &Sizes,
    cut: &Cut,
    part: &Part,
    scratch: &mut Scratch,
) {
    let Scratch { ring, zeros, vectors, .. } = scratch;
    let row_len = sizes.pitch * S::LANES;
    let slots = if cut.at_once { sizes.input[0] } else { step.op.geometry.kernel[0] };
    let blocks = step.op.channels.div_ceil(S::LANES);
    let blocks_of = |group| share(blocks, cut.groups, group);
    // The first groups have the most blocks.
    let ring_len = (blocks_of(0).len() * slots * row_len).max(1);
    let rings = room(ring, part.groups.len() * ring_len);
    rings.fill(0.0);
    let zeros = &*room(zeros, row_len);
    // SAFETY: a step does not write what it reads.
    let source = unsafe { Rows::new(job, step, part.image, cut.at_once) };
    let mut made = 0;
    if cut.at_once {
        for (group, memory) in part.groups.clone().zip(rings.chunks_exact_mut(ring_len)) {
            source.make_all(
                s,
                sizes.input,
                &blocks_of(group),
                &mut Ring::new::<S>(memory, sizes, slots),
                vectors,
            );
        }
        made = sizes.input[0];
    }
    for band in part.bands.clone() {
        let mut rows = share(sizes.out[0], BANDS, band);
        let mut first = true;
        while first || !rows.is_empty() {
            let end = rows.start.saturating_add(cut.strip).min(rows.end);
            let strip = Strip { image: part.image, band, first, rows: rows.start..end, made };
            for (group, memory) in part.groups.clone().zip(rings.chunks_exact_mut(ring_len)) {
                let (blocks, mut ring) = (blocks_of(group), Ring::new::<S>(memory, sizes, slots));
                made = strip_of(s, job, step, sizes, &source, &strip, &blocks, &mut ring, zeros);
            }
            (first, rows.start) = (false, end);
        }
    }
}

/// Some rows of a band.
struct Strip {
    image: usize,
    band: usize,
    /// The band begins here.
    first: bool,
    rows: Range<usize>,
    /// Input rows that were made for rows before.
    made: usize,
}

/// Takes some blocks through a strip; how many input rows have been made then.
#[allow(clippy::too_many_arguments, reason = "the innermost of three loops")]
fn strip_of<S: Simd>(
    s: S,
    job: &Job<'_>,
    step: &Step<'_>,
    sizes: &Sizes,
    source: &Rows<'_>,
    strip: &Strip,
    blocks: &Range<usize>,
    ring: &mut Ring<'_>,
    zeros: &[f32],
) -> usize {
    let ([kernel, cols], stride, width) = (step.op.geometry.kernel, step.op.geometry.stride, sizes.out[1]);
    let (taps, channels) = (kernel * cols * S::LANES, step.op.channels.next_multiple_of(S::LANES));
    let mut made = strip.made;
    let own = blocks.start * S::LANES..blocks.end * S::LANES;
    let mut sums = step.sums.map(|sums| {
        let band = strip.band * channels;
        // SAFETY: a unit has its blocks and bands for itself.
        unsafe { job.write(sums, strip.image, band + own.start..band + own.end) }
    });
    if let Some(sums) = sums.as_mut().filter(|_| strip.first) {
        sums.fill(0.0);
    }
    for y in strip.rows.clone() {
        // Row `i` of the kernel lies at `first + i - before` of the input.
        let first = y * stride[0];
        let needed = first.saturating_sub(sizes.before[0])
            ..(first + kernel).saturating_sub(sizes.before[0]).min(sizes.input[0]);
        for y in needed.start.max(made)..needed.end {
            source.make(s, y, blocks, ring);
        }
        made = made.max(needed.end);
        let pixels = y * width..(y + 1) * width;
        // SAFETY: as above.
        let out = unsafe { parts::<S>(job, step.to, strip.image, blocks, &pixels) };
        let mut slots = [None; MAX_KERNEL];
        for (k, slot) in slots[..kernel].iter_mut().enumerate() {
            let y = (first + k).checked_sub(sizes.before[0]).filter(|y| needed.contains(y));
            *slot = y.map(|y| ring.slot(y));
        }
        for (i, (out, block)) in out.into_iter().zip(blocks.clone()).enumerate() {
            let mut rows = [zeros; MAX_KERNEL];
            for (row, slot) in rows.iter_mut().zip(&slots[..kernel]) {
                if let Some(slot) = *slot {
                    *row = ring.row(i, slot);
                }
            }
            row(
                s,
                Row {
                    rows: &rows[..kernel],
                    cols,
                    stride: stride[1],
                    weights: &step.op.weights[block * taps..(block + 1) * taps],
                    bias: &step.op.bias[block * S::LANES..],
                    out,
                },
            );
            let pool = sums.as_deref_mut().map(|sums| &mut sums[i * S::LANES..(i + 1) * S::LANES]);
            let finish = Finish { out, residual: None, activation: step.op.activation, pool };
            if !finish.is_idle() {
                s.enter(finish);
            }
        }
    }
    made
}

/// The last rows of some blocks, padded.
struct Ring<'a> {
    memory: &'a mut [f32],
    slots: usize,
    row_len: usize,
    left: usize,
    len: usize,
}

impl<'a> Ring<'a> {
    fn new<S: Simd>(memory: &'a mut [f32], sizes: &Sizes, slots: usize) -> Self {
        let (left, len) = (sizes.before[1] * S::LANES, sizes.input[1] * S::LANES);
        Self { memory, slots, row_len: sizes.pitch * S::LANES, left, len }
    }

    /// Which slot has row `y`.
    fn slot(&self, y: usize) -> usize {
        y % self.slots
    }

    /// The padded row in a slot.
    fn row(&self, block: usize, slot: usize) -> &[f32] {
        &self.memory[(block * self.slots + slot) * self.row_len..][..self.row_len]
    }

    /// Row `y` of each block without its padding.
    fn inner(&mut self, y: usize) -> [&mut [f32]; 4] {
        let mut out = [&mut [][..], &mut [], &mut [], &mut []];
        let slot = self.slot(y);
        let planes = self.memory.chunks_exact_mut((self.slots * self.row_len).max(LINE));
        for (out, plane) in out.iter_mut().zip(planes) {
            *out = &mut plane[slot * self.row_len + self.left..][..self.len];
        }
        out
    }
}

/// Where a unit's input rows come from.
enum Rows<'a> {
    Map { map: &'a [f32], blocks: usize },
    Dense(View<'a>),
}

impl<'a> Rows<'a> {
    /// # Safety
    /// The step does not write what it reads.
    unsafe fn new(job: &Job<'a>, step: &Step<'a>, image: usize, at_once: bool) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            match step.producer {
                Producer::Map(buffer) => {
                    Self::Map { map: job.read(*buffer, image), blocks: step.op.channels }
                }
                Producer::Dense { op, from } => {
                    let (input, size) = job.input(*from, image);
                    Self::Dense(if at_once {
                        View::new(op, input, size)
                    } else {
                        View::with_rows(op, input, size)
                    })
                }
            }
        }
    }

    /// Puts all rows of a product of single pixels into the ring.
    fn make_all<S: Simd>(
        &self,
        s: S,
        [height, width]: [usize; 2],
        blocks: &Range<usize>,
        ring: &mut Ring<'_>,
        vectors: &mut Aligned,
    ) {
        let Self::Dense(view) = self else { return };
        let len = height * width * S::LANES;
        let mut maps = [&mut [][..], &mut [], &mut [], &mut []];
        for (map, memory) in
            maps.iter_mut().zip(room(vectors, blocks.len() * len).chunks_exact_mut(len.max(1)))
        {
            *map = memory;
        }
        view.activated(s, 0, 0..height * width, blocks, &mut maps);
        for y in 0..height {
            let row = y * width * S::LANES..(y + 1) * width * S::LANES;
            for (out, map) in ring.inner(y).into_iter().zip(&maps[..blocks.len()]) {
                out.copy_from_slice(&map[row.clone()]);
            }
        }
    }

    /// Puts row `y` of the blocks into the ring.
    fn make<S: Simd>(&self, s: S, y: usize, blocks: &Range<usize>, ring: &mut Ring<'_>) {
        let len = ring.len;
        let mut out = ring.inner(y);
        match self {
            Self::Map { map, blocks: channels } => {
                let plane = map.len() / channels.div_ceil(S::LANES);
                for (out, block) in out.iter_mut().zip(blocks.clone()) {
                    out.copy_from_slice(&map[block * plane + y * len..][..len]);
                }
            }
            Self::Dense(view) => view.activated(s, y, 0..len / S::LANES, blocks, &mut out),
        }
    }
}
