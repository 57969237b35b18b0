//! A network that can be run: the program and what runs keep between them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::builder::Options;
use crate::error::PlanError;
use crate::isa::{Detected, Isa};
use crate::kernel::simple::from_blocks;
use crate::memory::{Aligned, Arena};
use crate::op::{Images, Map};
use crate::profile::Profile;
use crate::run::{Crew, Job, Scratch, Stamps, run};
use crate::shape::Shapes;
use crate::simd::{Simd, Task};
use crate::steps::Program;
use crate::team::Team;

/// Images that one thread takes through the network together: the weights of the late layers are larger than their maps.
const GROUP: usize = 2;

/// A compiled network, made by a [`crate::PlanBuilder`]. It may be run from several threads at once; each run then has
/// its own memory and its own team of threads, which are kept for the next.
pub struct Plan {
    isa: Isa,
    detected: Detected,
    program: Program,
    threads: usize,
    contexts: Mutex<Vec<Context>>,
}

/// What a run needs and the next can use again.
struct Context {
    team: Team,
    /// One for each thread of the team.
    lanes: Vec<Mutex<Lane>>,
    /// For images that all threads work on together: one number for each step.
    next: Vec<AtomicUsize>,
    /// Sizes that were used last.
    shapes: Vec<Arc<Shapes>>,
}

/// A thread's memory.
#[derive(Default)]
struct Lane {
    arena: Aligned,
    scratch: Scratch,
}

impl Plan {
    pub(crate) fn new(
        isa: Isa,
        detected: Detected,
        options: Options,
        program: Program,
    ) -> Result<Self, PlanError> {
        let threads = options.threads();
        let plan = Self { isa, detected, program, threads, contexts: Mutex::new(Vec::new()) };
        let context = plan.context()?;
        plan.give_back(context);
        Ok(plan)
    }

    /// The instruction set that it runs with.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Threads of a run.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Computes the outputs for some images.
    ///
    /// # Errors
    /// Where the images do not have as many numbers as their sizes say, or are too small for the network.
    pub fn run(&self, images: Images<'_>) -> Result<Vec<Map>, PlanError> {
        self.run_timed(images, None)
    }

    /// As [`Self::run`]; says how long each step took, over all images, until the last thread that works on an image was done
    /// with it. Copying the outputs out is in no step.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn step_times(&self, images: Images<'_>) -> Result<Vec<Duration>, PlanError> {
        let mut times = vec![Duration::ZERO; self.program.steps.len()];
        self.run_timed(images, Some(&mut times))?;
        Ok(times)
    }

    /// As [`Self::run`] for one image, all threads working on it; says how long each step took and what it had to do.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn profile(&self, images: Images<'_>, repeats: usize) -> Result<Profile, PlanError> {
        let images = Images { batch: 1, ..images };
        let mut best = vec![Duration::MAX; self.program.steps.len()];
        for _ in 0..repeats.max(1) {
            let times = self.step_times(images)?;
            for (best, &time) in best.iter_mut().zip(&times) {
                *best = time.min(*best);
            }
        }
        let shapes = Shapes::new(&self.program, self.detected.lanes(), [images.height, images.width], 1)?;
        Ok(Profile::new(&self.program, &shapes, &best, self.isa != Isa::Portable))
    }

    fn run_timed(&self, images: Images<'_>, times: Option<&mut [Duration]>) -> Result<Vec<Map>, PlanError> {
        let Images { data, batch, height, width } = images;
        let length = self.program.channels[0].saturating_mul(height).saturating_mul(width);
        let expected = length.saturating_mul(batch);
        if data.len() != expected {
            return Err(PlanError::Length { what: "the input", expected, found: data.len() });
        }
        let mut context = self.context()?;
        // As many as there are threads go alone, one group to a thread; the rest are taken by all threads together.
        let apart = batch / self.threads * self.threads;
        let group = GROUP.min(apart / self.threads).max(1);
        let alone = context.shapes(&self.program, self.detected.lanes(), [height, width], group)?;
        let together = context.shapes(&self.program, self.detected.lanes(), [height, width], 1)?;
        let mut maps = self.empty(&together, batch);
        let arenas: Vec<Arena<'_>> = maps.iter_mut().map(|map| Arena::of(&mut map.data)).collect();
        let work = Work { plan: self, data, length, batch, outputs: &arenas };
        context.reserve(self.threads, apart > 0, &alone, &together)?;
        let times = Mutex::new(times);
        if apart > 0 {
            self.detected.dispatch(Apart {
                work: &work,
                context: &mut context,
                shapes: &alone,
                images: apart,
                times: &times,
            });
        }
        if apart < batch {
            self.detected.dispatch(Together {
                work: &work,
                context: &mut context,
                shapes: &together,
                images: apart..batch,
                times: &times,
            });
        }
        drop(arenas);
        self.give_back(context);
        Ok(maps)
    }

    /// The outputs, all zero.
    fn empty(&self, shapes: &Shapes, batch: usize) -> Vec<Map> {
        let map = |output: &crate::steps::Buffer| {
            let channels = self.program.channels[self.program.buffers[output.0].value.0];
            let [height, width] = shapes.size(&self.program, *output);
            Map {
                shape: [batch, channels, height, width],
                data: vec![0.0; batch * channels * height * width],
            }
        };
        self.program.outputs.iter().map(map).collect()
    }

    fn context(&self) -> Result<Context, PlanError> {
        let kept = self.contexts.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.map_or_else(|| Context::new(self.threads, self.program.steps.len()), Ok)
    }

    /// For the next run. A run that panics keeps its context: what it left there is in no known state.
    fn give_back(&self, context: Context) {
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner).push(context);
    }
}

impl Context {
    fn new(threads: usize, steps: usize) -> Result<Self, PlanError> {
        let team = Team::new(threads).map_err(|error| PlanError::Thread(error.to_string()))?;
        let lanes = (0..threads).map(|_| Mutex::default()).collect();
        Ok(Self { team, lanes, next: (0..steps).map(|_| AtomicUsize::new(0)).collect(), shapes: Vec::new() })
    }

    fn shapes(
        &mut self,
        program: &Program,
        lanes: usize,
        image: [usize; 2],
        group: usize,
    ) -> Result<Arc<Shapes>, PlanError> {
        let found = self.shapes.iter().find(|shapes| shapes.image == image && shapes.group == group);
        if let Some(shapes) = found {
            return Ok(Arc::clone(shapes));
        }
        let shapes = Arc::new(Shapes::new(program, lanes, image, group)?);
        self.shapes.truncate(3);
        self.shapes.insert(0, Arc::clone(&shapes));
        Ok(shapes)
    }

    /// Makes the arenas large enough.
    fn reserve(
        &mut self,
        threads: usize,
        apart: bool,
        alone: &Shapes,
        together: &Shapes,
    ) -> Result<(), PlanError> {
        for (thread, lane) in self.lanes.iter_mut().enumerate().take(threads) {
            let lane = lane.get_mut().unwrap_or_else(PoisonError::into_inner);
            let own = if apart { alone.arena } else { 0 };
            let len = if thread == 0 { own.max(together.arena) } else { own };
            if !lane.arena.try_reserve(len) {
                return Err(PlanError::Memory { bytes: len.saturating_mul(4) });
            }
        }
        Ok(())
    }
}

/// What every thread of a run knows.
struct Work<'a> {
    plan: &'a Plan,
    data: &'a [f32],
    /// Numbers of an image.
    length: usize,
    batch: usize,
    outputs: &'a [Arena<'a>],
}

impl Work<'_> {
    /// Copies one image's outputs out of the arena.
    fn unpack(&self, lanes: usize, shapes: &Shapes, arena: Arena<'_>, slot: usize, image: usize) {
        let program = &self.plan.program;
        for (output, &buffer) in self.outputs.iter().zip(&program.outputs) {
            let channels = program.channels[program.buffers[buffer.0].value.0];
            let pixels: usize = shapes.size(program, buffer).iter().product();
            let each = channels * pixels;
            debug_assert!(image < self.batch);
            // SAFETY: all steps are done, so nobody writes the arena; each image is unpacked once, by one thread.
            let (from, to) = unsafe {
                (arena.part(shapes.range(buffer, slot)), output.part_mut(image * each..(image + 1) * each))
            };
            from_blocks(lanes, from, pixels, to);
        }
    }
}

/// Where a thread's time in each step is added up, if anybody wants to know.
type Times<'a> = Mutex<Option<&'a mut [Duration]>>;

/// For how many steps times are wanted.
fn wanted(times: &Times<'_>) -> Option<usize> {
    times.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|times| times.len())
}

/// Adds what one of `threads` that work apart found. Any of them may have had more groups than another, even all of them:
/// the mean is what a thread would have had of an equal share.
fn share_out(times: &Times<'_>, stamps: Option<Stamps>, threads: usize) {
    let Some(own) = stamps.map(Stamps::times) else { return };
    let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
    for (sum, own) in times.iter_mut().flat_map(|times| times.iter_mut()).zip(own) {
        *sum += own.div_f64(threads as f64);
    }
}

/// Every thread takes groups of images through the network by itself.
struct Apart<'a, 'b, 't> {
    work: &'a Work<'b>,
    context: &'a mut Context,
    shapes: &'a Shapes,
    images: usize,
    times: &'a Times<'t>,
}

impl Task for Apart<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { work, context, shapes, images, times } = self;
        let Context { team, lanes, .. } = context;
        let next = AtomicUsize::new(0);
        let share = images / team.threads();
        // Groups do not go across the threads' shares, so that all threads have the same number of them.
        let groups = share.div_ceil(shapes.group);
        let threads = team.threads();
        let total = groups * threads;
        let wanted = wanted(times);
        team.run(&|thread| {
            let mut lane = lanes[thread].lock().unwrap_or_else(PoisonError::into_inner);
            let Lane { arena, scratch } = &mut *lane;
            let arena = arena.arena();
            loop {
                let taken = next.fetch_add(1, Ordering::Relaxed);
                if taken >= total {
                    break;
                }
                let (part, group) = (taken / groups, taken % groups);
                let start = part * share + group * shapes.group;
                let count = shapes.group.min(share - group * shapes.group);
                let data = &work.data[start * work.length..(start + count) * work.length];
                let job = Job { program: &work.plan.program, shapes, images: data, count, arena };
                let crew = Crew { threads: 1, next: &[], barrier: None };
                let stamps = wanted.map(Stamps::new);
                run(s, job, &crew, scratch, stamps.as_ref());
                share_out(times, stamps, threads);
                for slot in 0..count {
                    work.unpack(S::LANES, shapes, arena, slot, start + slot);
                }
            }
        });
    }
}

/// All threads work on one image after the other.
struct Together<'a, 'b, 't> {
    work: &'a Work<'b>,
    context: &'a mut Context,
    shapes: &'a Shapes,
    images: std::ops::Range<usize>,
    times: &'a Times<'t>,
}

impl Task for Together<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { work, context, shapes, images, times } = self;
        let Context { team, lanes, next, .. } = context;
        let mut memory =
            std::mem::take(&mut lanes[0].get_mut().unwrap_or_else(PoisonError::into_inner).arena);
        let arena = memory.arena();
        let threads = team.threads();
        for image in images {
            for next in &*next {
                next.store(0, Ordering::Relaxed);
            }
            let barrier = team.barrier();
            let stamps = wanted(times).map(Stamps::new);
            team.run(&|thread| {
                let mut lane = lanes[thread].lock().unwrap_or_else(PoisonError::into_inner);
                let data = &work.data[image * work.length..(image + 1) * work.length];
                let job = Job { program: &work.plan.program, shapes, images: data, count: 1, arena };
                let barrier = (threads > 1).then_some(&*barrier);
                let crew = Crew { threads, next, barrier };
                run(s, job, &crew, &mut lane.scratch, stamps.as_ref());
            });
            share_out(times, stamps, 1);
            work.unpack(S::LANES, shapes, arena, 0, image);
        }
        lanes[0].get_mut().unwrap_or_else(PoisonError::into_inner).arena = memory;
    }
}
