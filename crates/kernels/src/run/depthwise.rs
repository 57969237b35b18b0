//! The depthwise convolution as a step, with the dense convolution before it.
//!
//! A unit is one image's few channel blocks over a band of rows. The input's rows are made (or copied) when they are
//! first needed, into a ring of as many rows as the kernel has, padded left and right; each output row is summed from the
//! ring, activated and added to the pooling's sums before the next. So the expanded map of an inverted residual, the
//! largest there is, never leaves the first two caches. Of a small map all rows are made before the first is summed, end to end:
//! a row of seven pixels does not fill the tiles of a product.

use std::ops::Range;

use super::dense::{View, groups};
use super::{Crew, Job, Place, Scratch, parts, room, round, share};
use crate::kernel::depthwise::{MAX_KERNEL, Row, row};
use crate::kernel::finish::Finish;
use crate::memory::{Aligned, LINE};
use crate::pack::Depthwise;
use crate::shape::BANDS;
use crate::simd::Simd;
use crate::steps::{Buffer, From, Producer, To};

pub(super) struct Step<'a> {
    pub producer: &'a Producer,
    pub op: &'a Depthwise,
    pub to: To,
    pub sums: Option<Buffer>,
    /// Weights that are wanted next.
    pub next: [&'a [f32]; 2],
}

/// f32 of a block's map that is made in one go.
const MAP_IN_CACHE: usize = 2 << 10;

/// Sizes of a depthwise convolution.
struct Sizes {
    input: [usize; 2],
    out: [usize; 2],
    before: [usize; 2],
    /// Vectors in a padded row.
    pitch: usize,
}

impl Sizes {
    fn new(job: &Job<'_>, step: &Step<'_>) -> Self {
        let input = match step.producer {
            Producer::Map(buffer) => job.shapes.size(job.program, *buffer),
            Producer::Dense { op, from } => {
                let from = match from {
                    From::Image => job.shapes.image,
                    From::Map(buffer) => job.shapes.size(job.program, *buffer),
                };
                op.geometry.out(from).unwrap_or([0, 0])
            }
        };
        let (geometry, out) =
            (&step.op.geometry, step.to.any().map_or([0, 0], |to| job.shapes.size(job.program, to)));
        let before = geometry.before(input);
        let needed = (out[1] - 1) * geometry.stride[1] + geometry.kernel[1];
        Self { input, out, before, pitch: needed.max(before[1] + input[1]) }
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
    let blocks = step.op.channels.div_ceil(S::LANES);
    let groups = groups(blocks, most_blocks::<S>(sizes.input[1]));
    let enough = crew.threads == 1 || job.count * groups >= 6 * crew.threads || sizes.out[0] < 2 * BANDS;
    let units_of_bands = if enough { 1 } else { BANDS / 2 };
    let units = job.count * groups * units_of_bands;
    // By bands, rows would be made twice.
    let at_once = enough && fits_at_once::<S>(step, &sizes);
    crew.each(number, units, |unit| {
        for weights in step.next {
            weights[share(weights.len(), units, unit)]
                .iter()
                .step_by(LINE)
                .for_each(|line| s.prefetch(std::ptr::from_ref(line)));
        }
        let part = Part {
            image: unit / units_of_bands / groups,
            blocks: share(blocks, groups, unit / units_of_bands % groups),
            bands: share(BANDS, units_of_bands, unit % units_of_bands),
        };
        unit_of(s, &job, step, &sizes, &part, at_once, scratch);
    });
}

/// Whether the step's input is a product of single pixels, and small.
fn fits_at_once<S: Simd>(step: &Step<'_>, sizes: &Sizes) -> bool {
    let len = sizes.input[0] * sizes.input[1] * S::LANES;
    matches!(step.producer, Producer::Dense { op, .. } if View::is_one_row(op, sizes.input))
        && len <= MAP_IN_CACHE
}

/// Blocks that are worked on together: two fill a tile of the product where a row has pixels enough.
fn most_blocks<S: Simd>(width: usize) -> usize {
    if width * 2 <= S::ACCUMULATORS / 2 { 4 } else { 2 }
}

struct Part {
    image: usize,
    blocks: Range<usize>,
    bands: Range<usize>,
}

fn unit_of<S: Simd>(
    s: S,
    job: &Job<'_>,
    step: &Step<'_>,
    sizes: &Sizes,
    part: &Part,
    at_once: bool,
    scratch: &mut Scratch,
) {
    let Scratch { ring, zeros, vectors, .. } = scratch;
    let [kernel, cols] = step.op.geometry.kernel;
    let row_len = sizes.pitch * S::LANES;
    let slots = if at_once { sizes.input[0] } else { kernel };
    let mut ring = Ring {
        memory: room(ring, part.blocks.len() * slots * row_len),
        slots,
        row_len,
        left: sizes.before[1] * S::LANES,
        len: sizes.input[1] * S::LANES,
    };
    ring.memory.fill(0.0);
    let zeros = &*room(zeros, row_len);
    // SAFETY: a step does not write what it reads.
    let source = unsafe { Rows::new(job, step, part.image, at_once) };
    let [height, width] = sizes.out;
    let stride = step.op.geometry.stride;
    let (taps, channels) = (kernel * cols * S::LANES, step.op.channels.next_multiple_of(S::LANES));
    let mut made = 0;
    if at_once {
        source.make_all(s, sizes.input, &part.blocks, &mut ring, vectors);
        made = sizes.input[0];
    }
    for band in part.bands.clone() {
        let own = part.blocks.start * S::LANES..part.blocks.end * S::LANES;
        let mut sums = step.sums.map(|sums| {
            // SAFETY: a unit has its blocks and bands for itself.
            unsafe { job.write(sums, part.image, band * channels + own.start..band * channels + own.end) }
        });
        if let Some(sums) = &mut sums {
            sums.fill(0.0);
        }
        for y in share(height, BANDS, band) {
            // Row `i` of the kernel lies at `first + i - before` of the input.
            let first = y * stride[0];
            let needed = first.saturating_sub(sizes.before[0])
                ..(first + kernel).saturating_sub(sizes.before[0]).min(sizes.input[0]);
            for y in needed.start.max(made)..needed.end {
                source.make(s, y, &part.blocks, &mut ring);
            }
            made = made.max(needed.end);
            let (image, blocks) = (part.image, part.blocks.clone());
            let place = Place { image, blocks, pixels: y * width..(y + 1) * width };
            // SAFETY: as above.
            let mut out = unsafe { parts::<S>(job, step.to, &place, vectors) };
            // Once for all blocks: the remainder of a division for each row.
            let mut slots = [None; MAX_KERNEL];
            for (k, slot) in slots[..kernel].iter_mut().enumerate() {
                let y = (first + k).checked_sub(sizes.before[0]).filter(|y| needed.contains(y));
                *slot = y.map(|y| ring.slot(y));
            }
            for (i, (out, block)) in out.iter_mut().zip(part.blocks.clone()).enumerate() {
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
                        clamp: step.op.clamp,
                        out,
                    },
                );
                let pool = sums.as_deref_mut().map(|sums| &mut sums[i * S::LANES..(i + 1) * S::LANES]);
                let finish = Finish { out, residual: None, activation: step.op.activation, pool };
                if !finish.is_idle() {
                    s.enter(finish);
                }
            }
            if let Some(bytes) = step.to.bytes {
                // SAFETY: as above.
                unsafe { round(s, job, bytes, &place, &out) };
            }
        }
    }
}

/// The last rows of some blocks, padded.
struct Ring<'a> {
    memory: &'a mut [f32],
    slots: usize,
    row_len: usize,
    left: usize,
    len: usize,
}

impl Ring<'_> {
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
        let memory = room(vectors, blocks.len() * len).chunks_exact_mut(len.max(1));
        for (map, memory) in maps.iter_mut().zip(memory) {
            *map = memory;
        }
        view.activated(s, 0, 0..height * width, blocks, &mut maps);
        for y in 0..height {
            let row = y * ring.len..(y + 1) * ring.len;
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
