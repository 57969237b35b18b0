//! EXIF orientations: where a part of the turned image lies in the one that is stored.

use std::ops::Range;

use image::metadata::Orientation;

use super::region::Area;

/// Whether width and height change places.
fn is_quarter(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// Width and height after turning, and, as that is its own inverse, before.
pub fn size(orientation: Orientation, (width, height): (usize, usize)) -> (usize, usize) {
    if is_quarter(orientation) { (height, width) } else { (width, height) }
}

/// The part of the stored image, of `(width, height)`, that `area` of the turned one is made of.
pub fn back(orientation: Orientation, (width, height): (usize, usize), area: &Area) -> Area {
    let mirror = |range: &Range<usize>, side: usize| side - range.end..side - range.start;
    let (x, y) = (&area.columns, &area.rows);
    let (columns, rows) = match orientation {
        Orientation::NoTransforms => (x.clone(), y.clone()),
        Orientation::FlipHorizontal => (mirror(x, width), y.clone()),
        Orientation::Rotate180 => (mirror(x, width), mirror(y, height)),
        Orientation::FlipVertical => (x.clone(), mirror(y, height)),
        Orientation::Rotate90FlipH => (y.clone(), x.clone()),
        Orientation::Rotate90 => (y.clone(), mirror(x, height)),
        Orientation::Rotate270FlipH => (mirror(y, width), mirror(x, height)),
        Orientation::Rotate270 => (mirror(y, width), x.clone()),
    };
    Area { columns, rows }
}
