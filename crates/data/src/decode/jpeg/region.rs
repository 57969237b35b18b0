//! A part of a baseline JPEG, with the pixels that the whole one has there.
//!
//! A crop for training is half of a photograph on average. Codes must be read from the first one on, but nothing below the
//! crop is read, and only its own blocks are transformed, its own rows upsampled and converted. The arithmetic is that of
//! libjpeg-turbo (`jdmaster.c`, `jdsample.c`), with the vector routines of `libjpeg-turbo-rs`; a block more on each
//! side gives the smoothing of the colours its neighbours.
//!
//! This does what nearly every photograph is, interleaved and sequential Huffman codes of grey or YCbCr with the usual
//! subsamplings. All else, damage included, is `None` here and the general decoder's affair.

use std::ops::Range;
use std::rc::Rc;

use libjpeg_turbo_rs::common::types::ComponentInfo;
use libjpeg_turbo_rs::decode::idct_scaled::{idct_1x1, idct_2x2, idct_4x4};
use libjpeg_turbo_rs::decode::marker::JpegMetadata;
use libjpeg_turbo_rs::simd::{self, SimdRoutines};
use pulp::{Arch, Simd, WithSimd};

use super::huffman::{Bits, Table};

/// Below this side colours are smoothed in another way, which is not worth knowing.
const LEAST_SIDE: usize = 16;

/// Pixels passed over, from which on it is worth making tables for that.
const LEAPS_FROM: usize = 20_000;

/// Which pixels of an image: columns and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    pub columns: Range<usize>,
    pub rows: Range<usize>,
}

/// Decodes `area` of the image at `scale` eighths of its size (1, 2, 4 or 8), to `[rows, columns, 3]` bytes.
///
/// The area is in pixels of the scaled image and lies in it. `None` where the file is not of the kind that this is for.
pub fn decode(file: &[u8], header: &JpegMetadata, scale: usize, area: &Area) -> Option<Vec<u8>> {
    let frame = &header.frame;
    let sequential = frame.precision == 8 && !frame.is_progressive && !frame.is_lossless;
    let large = frame.width().min(frame.height()) * scale / 8 >= LEAST_SIDE;
    if !sequential || header.is_arithmetic || !large || area.columns.is_empty() || area.rows.is_empty() {
        return None;
    }
    let mut planes = planes(header, scale, area)?;
    Arch::new().dispatch(Scan { file, header, planes: &mut planes })?;
    let mut pixels = vec![0; area.columns.len() * area.rows.len() * 3];
    match &planes[..] {
        [grey] => grey.to_rgb(area, &mut pixels),
        [luma, blue, red] => to_rgb([luma, blue, red], area, &mut pixels),
        _ => return None,
    }
    Some(pixels)
}

/// One colour component: where its samples lie, and those that the area needs.
struct Plane {
    /// For the first coefficient of a block and for the others.
    tables: Rc<[Table; 2]>,
    table_names: [u8; 2],
    quantisation: [u16; 64],
    /// Blocks of a minimum coded unit: across, down.
    blocks: [usize; 2],
    /// Samples of a block along a side.
    side: usize,
    /// Pixels of the image for a sample of this component: across, down.
    factor: [usize; 2],
    /// Which blocks are kept.
    kept: Area,
    /// The samples that the image has in the kept blocks: those behind them are filling.
    area: Area,
    /// Samples in a row of the kept blocks.
    stride: usize,
    samples: Vec<u8>,
}

/// The components in their order, with room for the samples.
fn planes(header: &JpegMetadata, scale: usize, area: &Area) -> Option<Vec<Plane>> {
    let frame = &header.frame;
    let [scan] = &header.scans[..] else { return None };
    let whole_band = (scan.header.spec_start, scan.header.spec_end) == (0, 63);
    let exact = (scan.header.succ_high, scan.header.succ_low) == (0, 0);
    let is_rgb = header.saw_adobe_marker && header.adobe_transform == 0;
    if !whole_band || !exact || scan.header.components.len() != frame.components.len() {
        return None;
    }
    let sampling = |part: &ComponentInfo| [part.horizontal_sampling.into(), part.vertical_sampling.into()];
    // In the scan of one component alone, a unit is a block whatever its sampling says.
    let samplings: Vec<[usize; 2]> = match &frame.components[..] {
        [_] => vec![[1, 1]],
        [_, _, _] if is_rgb => return None,
        [luma, blue, red] => vec![sampling(luma), sampling(blue), sampling(red)],
        _ => return None,
    };
    let most = samplings[0];
    if !matches!(most, [1, 1] | [2, 1] | [2, 2]) || samplings[1..].iter().any(|one| *one != [1, 1]) {
        return None;
    }
    if most == [2, 1] && scale < 8 {
        return None;
    }
    let image = [frame.width() * scale, frame.height() * scale].map(|eighths| eighths.div_ceil(8));
    // Worth their making where enough is passed over.
    let passed = area.rows.end * image[0] - area.rows.len() * area.columns.len();
    let leaps = passed * 64 > LEAPS_FROM * scale * scale;
    let mut planes: Vec<Plane> = Vec::new();
    for ((part, selector), blocks) in frame.components.iter().zip(&scan.header.components).zip(samplings) {
        if part.id != selector.component_id {
            return None;
        }
        let names = [selector.dc_table_index, selector.ac_table_index];
        let same = planes.iter().find(|plane| plane.table_names == names);
        let tables = match same {
            Some(plane) => Rc::clone(&plane.tables),
            None => {
                let dc = scan.dc_huffman_tables.get(usize::from(names[0]))?.clone()?;
                let ac = scan.ac_huffman_tables.get(usize::from(names[1]))?.clone()?;
                Rc::new([Table::new(dc), if leaps { Table::with_leaps(ac) } else { Table::new(ac) }])
            }
        };
        let quantisation = header.quant_tables.get(usize::from(part.quant_table_index))?.as_ref()?.values;
        // Where every component of a smaller image can be made at its size, nothing is left to upsample.
        let side = if scale < 8 && most == [2, 2] && blocks == [1, 1] { 2 * scale } else { scale };
        let factor = [0, 1].map(|axis| most[axis] * scale / (blocks[axis] * side));
        let samples = [0, 1].map(|axis| image[axis].div_ceil(factor[axis]));
        let columns = needed(&area.columns, factor[0], samples[0]);
        let rows = needed(&area.rows, factor[1], samples[1]);
        let kept = Area { columns: blocks_of(&columns, side), rows: blocks_of(&rows, side) };
        let stride = kept.columns.len() * side;
        planes.push(Plane {
            tables,
            table_names: names,
            quantisation,
            blocks,
            side,
            factor,
            area: Area {
                columns: kept.columns.start * side..(kept.columns.end * side).min(samples[0]),
                rows: kept.rows.start * side..(kept.rows.end * side).min(samples[1]),
            },
            samples: vec![0; stride * kept.rows.len() * side],
            stride,
            kept,
        });
    }
    Some(planes)
}

/// The samples along an axis that these pixels are made of.
fn needed(pixels: &Range<usize>, factor: usize, samples: usize) -> Range<usize> {
    if factor == 1 {
        return pixels.clone();
    }
    (pixels.start / factor).saturating_sub(1)..(pixels.end.div_ceil(factor) + 1).min(samples)
}

fn blocks_of(samples: &Range<usize>, side: usize) -> Range<usize> {
    samples.start / side..samples.end.div_ceil(side)
}

/// [`read_scan`], compiled for the processor that it runs on: newer ones shift by any number of bits in one step.
struct Scan<'a> {
    file: &'a [u8],
    header: &'a JpegMetadata,
    planes: &'a mut [Plane],
}

impl WithSimd for Scan<'_> {
    type Output = Option<()>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Option<()> {
        read_scan(self.file, self.header, self.planes)
    }
}

/// Reads the scan down to the last block that is kept.
#[inline(always)]
fn read_scan(file: &[u8], header: &JpegMetadata, planes: &mut [Plane]) -> Option<()> {
    let most = planes[0].blocks;
    let across = header.frame.width().div_ceil(8 * most[0]);
    let last_row = planes.iter().map(|plane| (plane.kept.rows.end - 1) / plane.blocks[1]).max()?;
    let last_column = planes.iter().map(|plane| (plane.kept.columns.end - 1) / plane.blocks[0]).max()?;
    let interval = usize::from(header.scans[0].restart_interval);

    let routines = simd::detect();
    let mut bits = Bits::new(file.get(header.scans[0].data_offset..)?);
    let mut dc = [0; 3];
    let mut block = [0; 64];
    for unit in 0..=last_row * across + last_column {
        if interval > 0 && unit > 0 && unit % interval == 0 {
            bits.restart(((unit / interval - 1) % 8) as u8)?;
            dc = [0; 3];
        }
        let (row, column) = (unit / across, unit % across);
        for (plane, dc) in planes.iter_mut().zip(&mut dc) {
            for y in row * plane.blocks[1]..(row + 1) * plane.blocks[1] {
                for x in column * plane.blocks[0]..(column + 1) * plane.blocks[0] {
                    if plane.kept.rows.contains(&y) && plane.kept.columns.contains(&x) {
                        bits.block::<true>(&plane.tables, dc, &mut block)?;
                        plane.put(&block, x, y, &routines);
                    } else {
                        bits.block::<false>(&plane.tables, dc, &mut block)?;
                    }
                }
            }
        }
        if bits.is_beyond_the_end() {
            return None;
        }
    }
    Some(())
}

impl Plane {
    /// Puts the samples of a block in their place.
    #[inline(always)]
    fn put(&mut self, block: &[i16; 64], x: usize, y: usize, routines: &SimdRoutines) {
        let place =
            (y - self.kept.rows.start) * self.side * self.stride + (x - self.kept.columns.start) * self.side;
        let Some(target) = self.samples.get_mut(place..) else { return };
        let quantisation = &self.quantisation;
        match self.side {
            8 => {
                let mut samples = [0; 64];
                (routines.idct_islow)(block, quantisation, &mut samples);
                copy_rows::<8>(&samples, target, self.stride);
            }
            4 => {
                let mut samples = [0; 16];
                idct_4x4(block, quantisation, &mut samples);
                copy_rows::<4>(&samples, target, self.stride);
            }
            2 => {
                let mut samples = [0; 4];
                idct_2x2(block, quantisation, &mut samples);
                copy_rows::<2>(&samples, target, self.stride);
            }
            _ => target[0] = idct_1x1(block, quantisation),
        }
    }

    /// The samples of a row that the image has.
    fn row(&self, y: usize) -> &[u8] {
        &self.samples[(y - self.area.rows.start) * self.stride..][..self.area.columns.len()]
    }

    /// The samples of grey as pixels.
    fn to_rgb(&self, area: &Area, pixels: &mut [u8]) {
        let left = area.columns.start - self.area.columns.start;
        for (y, targets) in area.rows.clone().zip(pixels.chunks_exact_mut(area.columns.len() * 3)) {
            for (target, level) in targets.chunks_exact_mut(3).zip(&self.row(y)[left..]) {
                target.fill(*level);
            }
        }
    }

    /// The samples of row `y` of the image, brought to its width; `room` is where they are made if they must be.
    /// The first one is that of the pixel at `self.area.columns.start * self.factor[0]`.
    fn upsampled<'a>(&'a self, y: usize, room: &'a mut [u8], routines: &SimdRoutines) -> &'a [u8] {
        let width = self.area.columns.len();
        match self.factor {
            [1, _] => self.row(y),
            [_, 1] => {
                (routines.fancy_upsample_h2v1)(self.row(y), width, &mut room[..2 * width]);
                room
            }
            _ => {
                let near = y / 2;
                let far = if y.is_multiple_of(2) { near.saturating_sub(1) } else { near + 1 };
                let far = far.clamp(self.area.rows.start, self.area.rows.end - 1);
                Arch::new().dispatch(Smooth { near: self.row(near), far: self.row(far), target: room });
                room
            }
        }
    }
}

#[inline(always)]
fn copy_rows<const SIDE: usize>(samples: &[u8], target: &mut [u8], stride: usize) {
    for row in 0..SIDE {
        if let Some(target) = target.get_mut(row * stride..row * stride + SIDE) {
            target.copy_from_slice(&samples[row * SIDE..(row + 1) * SIDE]);
        }
    }
}

/// YCbCr to RGB, row by row.
fn to_rgb([luma, blue, red]: [&Plane; 3], area: &Area, pixels: &mut [u8]) {
    let routines = simd::detect();
    let width = area.columns.len();
    let left = |plane: &Plane| area.columns.start - plane.area.columns.start * plane.factor[0];
    let mut rooms = [blue, red].map(|plane| vec![0; 2 * plane.area.columns.len()]);
    let [blue_room, red_room] = &mut rooms;
    for (y, targets) in area.rows.clone().zip(pixels.chunks_exact_mut(width * 3)) {
        let y_row = &luma.row(y)[left(luma)..][..width];
        let blue_row = &blue.upsampled(y, blue_room, &routines)[left(blue)..][..width];
        let red_row = &red.upsampled(y, red_room, &routines)[left(red)..][..width];
        (routines.ycbcr_to_rgb_row)(y_row, blue_row, red_row, targets, width);
    }
}

/// Twice as many samples in a row, between two rows: weights of 9, 3, 3 and 1 sixteenths for the four nearest samples,
/// rounded up and down in turns (`jdsample.c`, `h2v2_fancy_upsample`).
struct Smooth<'a> {
    near: &'a [u8],
    far: &'a [u8],
    target: &'a mut [u8],
}

impl WithSimd for Smooth<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { near, far, target } = self;
        let last = near.len().min(far.len()) - 1;
        let sum = |x: usize| 3 * u16::from(near[x]) + u16::from(far[x]);
        let pairs = near.windows(3).zip(far.windows(3)).zip(target[2..].chunks_exact_mut(2));
        for ((near, far), target) in pairs {
            let sum = |x: usize| 3 * u16::from(near[x]) + u16::from(far[x]);
            target[0] = ((3 * sum(1) + sum(0) + 8) >> 4) as u8;
            target[1] = ((3 * sum(1) + sum(2) + 7) >> 4) as u8;
        }
        target[0] = ((4 * sum(0) + 8) >> 4) as u8;
        target[1] = ((3 * sum(0) + sum(1) + 7) >> 4) as u8;
        target[2 * last] = ((3 * sum(last) + sum(last - 1) + 8) >> 4) as u8;
        target[2 * last + 1] = ((4 * sum(last) + 7) >> 4) as u8;
    }
}
