//! What an operation does to an image's geometry, which is known before there are pixels.
//!
//! Sizes, windows and random numbers depend on an image's size alone, and that stands in a file's header. So the first
//! operation is worked out on the header, and only what it needs is decoded: the pixels are those of the whole image,
//! for less than half of the work.

use super::Op;
use super::steps::Drawing;
use crate::decode::{Area, Encoded, FULL};
use crate::error::ImageError;
use crate::geometry::{self, Window};
use crate::image::RgbImage8;
use crate::random_crop::{RandomWindow, padded_window};
use crate::resample::{self, Interpolation, Part, Resize, Span, visible};

/// A crop, a resize, or one after the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// What of the image is taken; it lies inside where a resize follows, and beyond the image all is black.
    source: Window,
    /// What is made of it, if it does not stay as it is.
    scaling: Option<Scaling>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Scaling {
    /// Width and height.
    size: (usize, usize),
    /// What is kept of that; all that is computed.
    window: Window,
    interpolation: Interpolation,
}

impl Cut {
    /// The cut that `op` makes of an image of `(width, height)`; `None` for operations of another kind. A resize computes
    /// only what the `crop` behind it keeps. That is all the memory it takes, too: the long side of a very thin image may
    /// become enormous.
    pub fn new(
        op: &Op,
        crop: Option<&Op>,
        size @ (width, height): (usize, usize),
        drawing: &mut Drawing,
    ) -> Option<Self> {
        let scaling = |size, interpolation, drawing: &mut Drawing| {
            let window = crop.and_then(|crop| window(crop, size, drawing)).unwrap_or(whole(size));
            Some(Self {
                source: whole((width, height)),
                scaling: Some(Scaling { size, window, interpolation }),
            })
        };
        match *op {
            Op::Resize { short, interpolation } => {
                scaling(geometry::resized_by_short_side(width, height, short), interpolation, drawing)
            }
            Op::Squash { height, width, interpolation } => scaling((width, height), interpolation, drawing),
            Op::RandomResizedCrop { height: rows, width: columns, area, ratio, interpolation } => {
                let random_window = RandomWindow { area, ratio, size: rows.min(columns) };
                let source = random_window.draw(width, height, &mut drawing.random);
                drawing.note(|| {
                    let Window { x, y, width, height } = source;
                    format!("random_resized_crop: {width} x {height} at {x}, {y}")
                });
                let size = (columns, rows);
                Some(Self { source, scaling: Some(Scaling { size, window: whole(size), interpolation }) })
            }
            _ => window(op, size, drawing).map(|source| Self { source, scaling: None }),
        }
    }

    pub fn apply(&self, image: &RgbImage8) -> RgbImage8 {
        let Some(scaling) = &self.scaling else { return resample::crop(image, self.source) };
        if self.source == whole((image.width(), image.height())) {
            return resample::resize(image, scaling.size, scaling.window, scaling.interpolation);
        }
        let cropped = resample::crop(image, self.source);
        resample::resize(&cropped, scaling.size, scaling.window, scaling.interpolation)
    }

    /// As [`Cut::apply`] to the whole image, of which only what is needed is decoded.
    ///
    /// With `scaled`, a JPEG of which more than twice the pixels would go into a resize is decoded smaller.
    pub fn decode(&self, file: &Encoded, scaled: bool) -> Result<RgbImage8, ImageError> {
        let (width, height) = file.size(FULL);
        let Some(scaling) = &self.scaling else {
            let Window { x, y, width: columns, height: rows } = self.source;
            let area = Area { columns: visible(x, columns, width), rows: visible(y, rows, height) };
            return Ok(file.decode(FULL, &area)?.into_image(self.source));
        };
        let scale = if scaled && file.is_scalable() { scaling.eighths(self.source) } else { FULL };
        if scale < FULL {
            return self.decode_smaller(file, scaling, scale);
        }
        // The resize counts from the corner of the window, as if it were an image.
        let resize = Resize::new(
            [Span::whole(self.source.width), Span::whole(self.source.height)],
            scaling.size,
            scaling.window,
            scaling.interpolation,
        );
        let (columns, rows) = resize.inputs();
        let (x, y) = (self.source.x as usize, self.source.y as usize);
        let area = Area { columns: x + columns.start..x + columns.end, rows: y + rows.start..y + rows.end };
        let part = file.decode(FULL, &area)?;
        Ok(resize.apply(&Part { columns, rows, ..part }))
    }

    fn decode_smaller(
        &self,
        file: &Encoded,
        scaling: &Scaling,
        scale: usize,
    ) -> Result<RgbImage8, ImageError> {
        let (width, height) = file.size(scale);
        let span = |start: isize, length: usize, whole: usize| {
            let [start, length] =
                [start as f64, length as f64].map(|pixels| pixels * scale as f64 / FULL as f64);
            let end = ((start + length).ceil() as usize).min(whole);
            Span { start, length, pixels: start.floor() as usize..end }
        };
        let Window { x, y, width: columns, height: rows } = self.source;
        let spans = [span(x, columns, width), span(y, rows, height)];
        let resize = Resize::new(spans, scaling.size, scaling.window, scaling.interpolation);
        let (columns, rows) = resize.inputs();
        Ok(resize.apply(&file.decode(scale, &Area { columns, rows })?))
    }
}

impl Scaling {
    /// In how many eighths of its size an image is decoded so that the window has still at least the pixels that it is
    /// brought to.
    fn eighths(&self, source: Window) -> usize {
        let times = (source.width / self.size.0).min(source.height / self.size.1);
        match times {
            0 | 1 => FULL,
            2 | 3 => FULL / 2,
            4..8 => FULL / 4,
            _ => FULL / 8,
        }
    }
}

fn whole((width, height): (usize, usize)) -> Window {
    Window { x: 0, y: 0, width, height }
}

/// What a crop keeps of an image of `(width, height)`; `None` where `op` is no crop.
fn window(op: &Op, (width, height): (usize, usize), drawing: &mut Drawing) -> Option<Window> {
    match *op {
        Op::CenterCrop { height: rows, width: columns } => {
            Some(geometry::center_crop(width, height, columns, rows))
        }
        Op::PaddedCenterCrop { size, padding } => {
            Some(geometry::padded_center_crop(width, height, size, padding))
        }
        Op::RandomCrop { height: rows, width: columns, padding } => {
            let window = padded_window((width, height), (columns, rows), padding, &mut drawing.random);
            drawing.note(|| format!("random_crop: at {}, {}", window.x, window.y));
            Some(window)
        }
        _ => None,
    }
}
