//! Sizes of all maps for one size of image, and where each lies in the arena.
//!
//! A map is kept in blocks of as many channels as a vector has lanes, `[image][block][row][column][lane]`: a pixel's block
//! is one vector, neighbouring pixels are next to each other, and the last block is filled up with lanes that nobody
//! reads.

use std::ops::Range;

use crate::builder::{MOST, within};
use crate::error::PlanError;
use crate::kernel::winograd::POINTS;
use crate::op::Value;
use crate::pack::{Dense, Form};
use crate::steps::{Buffer, From, Kind, Producer, Program, SizeRule, Step, To};

/// Bands of rows over which sums for a pooling are kept apart. Fixed, so that the sum does not depend on the threads.
pub(crate) const BANDS: usize = 4;

/// Sizes and places for one image size and number of images.
pub(crate) struct Shapes {
    /// The image's rows and columns.
    pub image: [usize; 2],
    /// Images that are worked on together.
    pub group: usize,
    /// Rows and columns of each value.
    pub sizes: Vec<[usize; 2]>,
    /// f32 of each buffer for one image.
    pub lengths: Vec<usize>,
    /// Where each buffer begins in the arena.
    pub places: Vec<usize>,
    /// f32 of the arena.
    pub arena: usize,
}

impl Shapes {
    /// Follows the sizes through the program and lays the buffers out.
    pub fn new(program: &Program, lanes: usize, image: [usize; 2], group: usize) -> Result<Self, PlanError> {
        within("the height of the images", image[0], MOST)?;
        within("the width of the images", image[1], MOST)?;
        let sizes = sizes(program, image)?;
        for &(value, residual) in &program.residuals {
            let shape = |value: Value| {
                let [height, width] = sizes[value.0];
                [program.channels[value.0], height, width]
            };
            if shape(value) != shape(residual) {
                return Err(PlanError::Residual { residual: shape(residual), result: shape(value) });
            }
        }
        let lengths: Vec<usize> = program
            .buffers
            .iter()
            .map(|buffer| {
                let [height, width] = sizes[buffer.value.0];
                let channels = program.channels[buffer.value.0].next_multiple_of(lanes);
                match buffer.kind {
                    Kind::Map => channels * height * width,
                    Kind::Sums => channels * BANDS,
                    Kind::Gate => channels,
                    // Lanes are a multiple of four.
                    Kind::Bytes => channels * height * width / 4,
                }
            })
            .collect();
        let (places, arena) = place(program, &lengths, group);
        Ok(Self { image, group, sizes, lengths, places, arena })
    }

    /// One image's part of a buffer, in the arena.
    pub fn range(&self, buffer: Buffer, image: usize) -> Range<usize> {
        let start = self.places[buffer.0] + image * self.lengths[buffer.0];
        start..start + self.lengths[buffer.0]
    }

    /// f32 of an image.
    pub fn image_len(&self, program: &Program) -> usize {
        program.channels[0] * self.image[0] * self.image[1]
    }

    /// Rows and columns of a buffer's value.
    pub fn size(&self, program: &Program, buffer: Buffer) -> [usize; 2] {
        self.sizes[program.buffers[buffer.0].value.0]
    }
}

fn sizes(program: &Program, image: [usize; 2]) -> Result<Vec<[usize; 2]>, PlanError> {
    let mut sizes: Vec<[usize; 2]> = Vec::with_capacity(program.sizes.len());
    for rule in &program.sizes {
        sizes.push(match rule {
            SizeRule::Input => image,
            SizeRule::Same(value) => sizes[value.0],
            SizeRule::Point => [1, 1],
            SizeRule::Window(value, geometry) => {
                let [height, width] = sizes[value.0];
                geometry.out([height, width]).ok_or(PlanError::TooSmall { height, width })?
            }
        });
    }
    Ok(sizes)
}

/// First fit: in the order of the steps, each buffer at the lowest address that is free for as long as it lives.
fn place(program: &Program, lengths: &[usize], group: usize) -> (Vec<usize>, usize) {
    let mut lives: Vec<Option<Range<usize>>> = vec![None; lengths.len()];
    for (i, step) in program.steps.iter().enumerate() {
        for buffer in step.writes().into_iter().chain(step.reads()) {
            let life = lives[buffer.0].get_or_insert(i..i + 1);
            life.end = i + 1;
        }
    }
    for output in &program.outputs {
        if let Some(life) = &mut lives[output.0] {
            life.end = usize::MAX;
        }
    }
    let mut places = vec![0; lengths.len()];
    let mut placed: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    let mut arena = 0;
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&buffer| lives[buffer].as_ref().map_or(usize::MAX, |life| life.start));
    for buffer in order {
        let Some(life) = lives[buffer].clone() else { continue };
        let length = (lengths[buffer] * group).next_multiple_of(crate::memory::LINE);
        let mut taken: Vec<&Range<usize>> = placed
            .iter()
            .filter(|(other, _)| other.start < life.end && life.start < other.end)
            .map(|(_, memory)| memory)
            .collect();
        taken.sort_by_key(|memory| memory.start);
        let mut start = 0;
        for memory in taken {
            if start + length <= memory.start {
                break;
            }
            start = start.max(memory.end);
        }
        places[buffer] = start;
        arena = arena.max(start + length);
        placed.push((life, start..start + length));
    }
    (places, arena)
}

/// What a step does, for a profile.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Work {
    /// Multiply-adds for one image.
    pub macs: usize,
    /// Those that are done, for one image: by Winograd fewer.
    pub products: usize,
    /// Bytes of weights read.
    pub weight_bytes: usize,
    /// Bytes of maps read and written for one image, itself included.
    pub map_bytes: usize,
}

/// Counts a step's work.
pub(crate) fn work(program: &Program, shapes: &Shapes, step: &Step) -> Work {
    let size_of = |to: &To| to.any().map_or([0, 0], |to| shapes.size(program, to));
    let dense = |op: &Dense, [height, width]: [usize; 2]| {
        let channels = op.in_channels * op.out_channels;
        let macs = height * width * channels * op.geometry.kernel[0] * op.geometry.kernel[1];
        let products = match op.form {
            Form::Winograd => height.div_ceil(2) * width.div_ceil(2) * POINTS * channels,
            Form::Plain | Form::Bytes { .. } => macs,
        };
        Work { macs, products, weight_bytes: (op.weights.len() + op.bias.len()) * 4, map_bytes: 0 }
    };
    let mut work = match step {
        Step::Dense { op, to, .. } => dense(op, size_of(to)),
        Step::Depthwise { producer, op, to, .. } => {
            let mut work = match producer {
                Producer::Map(_) => Work::default(),
                Producer::Dense { op, from } => {
                    let from = match from {
                        From::Image => shapes.image,
                        From::Map(buffer) => shapes.size(program, *buffer),
                    };
                    dense(op, op.geometry.out(from).unwrap_or([0, 0]))
                }
            };
            let taps = op.geometry.kernel[0] * op.geometry.kernel[1];
            let macs = size_of(to).iter().product::<usize>() * op.channels * taps;
            (work.macs, work.products) = (work.macs + macs, work.products + macs);
            work.weight_bytes += (op.weights.len() + op.bias.len()) * 4;
            work
        }
        Step::Excite { op, .. } => {
            let (reduce, expand) = (dense(&op.reduce, [1, 1]), dense(&op.expand, [1, 1]));
            Work {
                macs: reduce.macs + expand.macs,
                products: reduce.products + expand.products,
                weight_bytes: reduce.weight_bytes + expand.weight_bytes,
                map_bytes: 0,
            }
        }
        _ => Work::default(),
    };
    let touched = step.reads().into_iter().chain(step.writes());
    work.map_bytes = touched.map(|buffer| shapes.lengths[buffer.0] * 4).sum();
    if step.reads_image() {
        work.map_bytes += shapes.image_len(program) * 4;
    }
    work
}
