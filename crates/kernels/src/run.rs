//! Runs a program's steps over a group of images.
//!
//! A step is cut into units that write disjoint parts of its buffers; the threads of a crew take units one after the
//! other and meet before the next step. How a step is cut changes nothing in the results: each number is summed in the
//! same order whoever computes it.

mod dense;
mod depthwise;
mod rest;
mod winograd;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::kernel::bytes::ToBytes;
use crate::memory::{Aligned, Arena, LINE};
use crate::pack::Form;
use crate::shape::Shapes;
use crate::simd::Simd;
use crate::steps::{Buffer, From, Program, Step, To};
use crate::team::Barrier;

/// One thread's part in a crew.
pub(crate) struct Crew<'a> {
    pub threads: usize,
    /// For each step the next unit that nobody has taken; all 0 at the start.
    pub next: &'a [AtomicUsize],
    /// `None` where there is one thread only.
    pub barrier: Option<&'a Barrier>,
}

impl Crew<'_> {
    /// Calls `f` for every unit, each on one of the threads.
    fn each(&self, step: usize, units: usize, mut f: impl FnMut(usize)) {
        if self.barrier.is_none() {
            return (0..units).for_each(f);
        }
        loop {
            let unit = self.next[step].fetch_add(1, Ordering::Relaxed);
            if unit >= units {
                return;
            }
            f(unit);
        }
    }

    fn meet(&self) {
        if let Some(barrier) = self.barrier {
            barrier.wait();
        }
    }
}

/// When each step of a pass was done.
///
/// A thread that slept at the barrier may come back when the others are through with the next step, too: how long one
/// thread was in a step says nothing. So all of them leave the time, and the last one's stays.
pub(crate) struct Stamps {
    start: Instant,
    /// In nanoseconds.
    done: Vec<AtomicU64>,
}

impl Stamps {
    /// For a pass of that many steps which begins now.
    pub fn new(steps: usize) -> Self {
        Self { start: Instant::now(), done: (0..steps).map(|_| AtomicU64::new(0)).collect() }
    }

    fn note(&self, step: usize) {
        let now = self.start.elapsed().as_nanos() as u64;
        self.done[step].fetch_max(now, Ordering::Relaxed);
    }

    /// From the end of each step's predecessor to its own. All threads are through.
    pub fn times(self) -> Vec<Duration> {
        let done = self.done.into_iter().map(AtomicU64::into_inner);
        let since = |before: &mut u64, done: u64| {
            let since = done.saturating_sub(std::mem::replace(before, done));
            Some(Duration::from_nanos(since))
        };
        done.scan(0, since).collect()
    }
}

/// What a thread needs for itself.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Rows between a producer and a depthwise convolution.
    ring: Aligned,
    /// A row of zeros.
    zeros: Aligned,
    /// Weights with the gate in them.
    weights: Aligned,
    /// A map with the gate in it, and of which image of the step at hand.
    gated: Aligned,
    gated_image: Option<usize>,
    /// Some lines of a map with zeros beside them, and of which image's lines of the step at hand.
    padded: Aligned,
    padded_part: Option<(usize, Range<usize>)>,
    /// An input in Winograd's form, and of which image's rows of tiles of the step at hand.
    transformed: Aligned,
    transformed_part: Option<(usize, Range<usize>)>,
    /// Vectors on their way to a sum, a row or bytes.
    vectors: Aligned,
}

/// A program at one size, the images, and the memory.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub program: &'a Program,
    pub shapes: &'a Shapes,
    /// The group's images, one after the other.
    pub images: &'a [f32],
    /// How many (at most the group of the shapes).
    pub count: usize,
    pub arena: Arena<'a>,
}

impl<'a> Job<'a> {
    /// One image's part of a buffer, to read.
    ///
    /// # Safety
    /// Nobody writes to it: the step does not write this buffer, and buffers that live at the same time are apart.
    unsafe fn read(&self, buffer: Buffer, image: usize) -> &'a [f32] {
        // SAFETY: the caller's promise.
        unsafe { self.arena.part(self.shapes.range(buffer, image)) }
    }

    /// A part of one image's part of a buffer, to write.
    ///
    /// # Safety
    /// It belongs to this unit alone.
    unsafe fn write(&self, buffer: Buffer, image: usize, part: Range<usize>) -> &'a mut [f32] {
        let whole = self.shapes.range(buffer, image);
        assert!(part.end <= whole.len(), "a part lies inside its buffer");
        // SAFETY: the caller's promise.
        unsafe { self.arena.part_mut(whole.start + part.start..whole.start + part.end) }
    }

    /// A dense convolution's input and its size.
    ///
    /// # Safety
    /// As [`Self::read`].
    unsafe fn input(&self, from: From, image: usize) -> (&'a [f32], [usize; 2]) {
        match from {
            From::Image => {
                let length = self.images.len() / self.count.max(1);
                (&self.images[image * length..][..length], self.shapes.image)
            }
            From::Map(buffer) => {
                // SAFETY: the caller's promise.
                let map = unsafe { self.read(buffer, image) };
                (map, self.shapes.size(self.program, buffer))
            }
        }
    }
}

/// All steps; `stamps` takes when each was done, if it is there. All threads of the crew call it.
pub(crate) fn run<S: Simd>(
    s: S,
    job: Job<'_>,
    crew: &Crew<'_>,
    scratch: &mut Scratch,
    stamps: Option<&Stamps>,
) {
    for (i, step) in job.program.steps.iter().enumerate() {
        match step {
            Step::Dense { op, from, gate, residual, to } => {
                let step = dense::Step { op, from: *from, gate: *gate, residual: *residual, to: *to };
                match op.form {
                    Form::Winograd => winograd::run(s, job, crew, i, &step, scratch),
                    Form::Plain | Form::Bytes { .. } => dense::run(s, job, crew, i, &step, scratch),
                }
            }
            Step::Depthwise { producer, op, to, sums } => {
                // The two layers of squeeze-excite are nothing but a walk over their weights; they are fetched while
                // there is arithmetic to do.
                let next = match job.program.steps.get(i + 1) {
                    Some(Step::Excite { op, .. }) => [&*op.reduce.weights, &*op.expand.weights],
                    _ => [&[][..]; 2],
                };
                let step = depthwise::Step { producer, op, to: *to, sums: *sums, next };
                depthwise::run(s, job, crew, i, &step, scratch);
            }
            Step::Load { to } => rest::load::<S>(job, crew, i, *to),
            Step::Round { from, to } => rest::to_bytes(s, job, crew, i, *from, *to),
            Step::Sum { from, to } => rest::sum(s, job, crew, i, *from, *to),
            Step::Excite { op, sums, to } => rest::excite(s, job, crew, i, op, [*sums, *to], scratch),
            Step::Scale { from, gate, to } => rest::scale(s, job, crew, i, [*from, *gate, *to]),
            Step::MaxPool { from, geometry, to } => rest::max_pool(s, job, crew, i, geometry, [*from, *to]),
            Step::Mean { sums, to } => rest::mean::<S>(job, crew, i, *sums, *to),
        }
        if let Some(stamps) = stamps {
            stamps.note(i);
        }
        crew.meet();
    }
}

/// Cuts `0..total` into `parts` ranges that differ by at most one; the `part`-th.
fn share(total: usize, parts: usize, part: usize) -> Range<usize> {
    let (each, longer) = (total / parts, total % parts);
    let start = part * each + part.min(longer);
    start..start + each + usize::from(part < longer)
}

/// Which numbers of one image's map a unit writes: of these blocks of channels these pixels.
struct Place {
    image: usize,
    blocks: Range<usize>,
    pixels: Range<usize>,
}

/// Where a convolution's results go, for each block of the place: the map's memory or, where only bytes are kept, the thread's.
///
/// # Safety
/// The place belongs to this unit alone.
unsafe fn parts<'a, S: Simd>(
    job: &Job<'a>,
    to: To,
    place: &Place,
    own: &'a mut Aligned,
) -> [&'a mut [f32]; 4] {
    let mut out = [&mut [][..], &mut [], &mut [], &mut []];
    let len = place.pixels.len() * S::LANES;
    let Some(to) = to.numbers else {
        let own = room(own, place.blocks.len() * len).chunks_exact_mut(len.max(1));
        for (out, own) in out.iter_mut().zip(own) {
            *out = own;
        }
        return out;
    };
    let [height, width] = job.shapes.size(job.program, to);
    let block = height * width * S::LANES;
    for (out, b) in out.iter_mut().zip(place.blocks.clone()) {
        let start = b * block + place.pixels.start * S::LANES;
        // SAFETY: the caller's promise; blocks are apart.
        *out = unsafe { job.write(to, place.image, start..start + len) };
    }
    out
}

/// Writes the blocks of a place, `[pixel][lane]` each, as bytes.
///
/// # Safety
/// The place belongs to this unit alone.
unsafe fn round<S: Simd, R: AsRef<[f32]>>(s: S, job: &Job<'_>, to: Buffer, place: &Place, blocks: &[R]) {
    let [height, width] = job.shapes.size(job.program, to);
    let value = job.program.buffers[to.0].value.0;
    let Some(grid) = job.program.grids[value] else { return };
    let step = job.program.channels[value].next_multiple_of(S::LANES);
    assert!(place.pixels.end <= height * width && place.blocks.end * S::LANES <= step);
    // SAFETY: of the buffer's bytes only the place's are touched, which by the caller's promise are this unit's.
    let start = unsafe { job.arena.start_of(job.shapes.range(to, place.image)) }.cast::<u8>();
    let len = place.pixels.len() * S::LANES;
    let blocks = &blocks[..place.blocks.len()];
    assert!(blocks.iter().all(|block| block.as_ref().len() == len));
    for (i, two) in blocks.chunks(2).enumerate() {
        let block = place.blocks.start + 2 * i;
        // SAFETY: the place is inside the map (asserted), and its bytes are this unit's.
        unsafe {
            let start = start.add(place.pixels.start * step + block * S::LANES);
            match two {
                [first, second] => {
                    s.enter(ToBytes::new([first.as_ref(), second.as_ref()], grid, start, step));
                }
                _ => s.enter(ToBytes::new([two[0].as_ref()], grid, start, step)),
            }
        }
    }
}

/// At least `len` f32 of a scratch buffer.
fn room(buffer: &mut Aligned, len: usize) -> &mut [f32] {
    buffer.reserve(len.next_multiple_of(LINE));
    &mut buffer[..len]
}
