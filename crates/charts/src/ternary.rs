//! Three shares that sum up to one, as places in a triangle whose colour is a value.

use super::scale::Scale;
use super::sheet::{Key, Sheet, WIDTH};
use super::svg::{Drawing, Shape, escape};

const ACROSS: f64 = 620.0;
const DOWN: f64 = 470.0;
const SIDE: f64 = 440.0;
const LEFT: f64 = 90.0;
const TOP: f64 = 36.0;
/// Height of an equilateral triangle of side 1.
const RISE: f64 = 0.866_025_403_784_438_6;
/// Viridis (Smith, van der Walt and Firing 2015) at quarters: equal steps look equal, in grey and to every kind of eye.
const VIRIDIS: [[f64; 3]; 5] =
    [[68.0, 1.0, 84.0], [59.0, 82.0, 139.0], [33.0, 145.0, 140.0], [94.0, 201.0, 98.0], [253.0, 231.0, 37.0]];

/// A measured place.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Of the top, the left and the right corner.
    pub shares: [f64; 3],
    /// What its colour says.
    pub value: f64,
    /// What a pointer that rests on it is told.
    pub hint: String,
}

/// A place with a sign and a line in the legend.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Of the top, the left and the right corner.
    pub shares: [f64; 3],
    /// Its sign.
    pub shape: Shape,
    /// What it is.
    pub name: String,
}

/// The triangle.
#[derive(Debug, Clone)]
pub struct Ternary<'a> {
    /// What it is about.
    pub title: &'a str,
    /// What has all at the top, at the left, at the right.
    pub corners: [&'a str; 3],
    /// What the colour says, with its unit.
    pub unit: &'a str,
    /// What follows a number of the colour's scale.
    pub suffix: &'a str,
    /// The measured places.
    pub cells: Vec<Cell>,
    /// The places that are pointed out.
    pub marks: Vec<Mark>,
}

impl Ternary<'_> {
    /// For a page.
    pub fn html(&self) -> String {
        let keys: String = self.keys().iter().map(Key::html).collect();
        format!(
            "<figure class=\"chart ternary\"><figcaption><b>{}</b>{keys}</figcaption><svg viewBox=\"0 0 {ACROSS:.0} \
             {DOWN:.0}\" role=\"img\" aria-label=\"{}\">{}</svg></figure>\n",
            escape(self.title),
            escape(&self.spoken()),
            self.drawing().into_body()
        )
    }

    /// For a file of its own.
    pub fn svg(&self) -> String {
        let mut sheet = Sheet::new(self.title);
        sheet.keys(&self.keys());
        sheet.place(vec![((WIDTH - ACROSS) / 2.0, self.drawing())], DOWN);
        sheet.finish(&self.spoken())
    }

    fn drawing(&self) -> Drawing {
        let mut drawing = Drawing::fixed(ACROSS, DOWN);
        self.frame(&mut drawing);
        let (low, high) = self.range();
        for cell in self.cells.iter().filter(|cell| cell.value.is_finite()) {
            let colour = colour((cell.value - low) / (high - low));
            drawing.coloured("cell", place(cell.shares), 8.0, &colour, &cell.hint);
        }
        for mark in &self.marks {
            drawing.disc("halo", place(mark.shares), 6.5);
            drawing.sign("fill ink", place(mark.shares), mark.shape, &mark.name);
        }
        self.colours(&mut drawing, (low, high));
        drawing
    }

    fn frame(&self, drawing: &mut Drawing) {
        let [top, left, right] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(place);
        for quarter in [0.25, 0.5, 0.75] {
            let rest = 1.0 - quarter;
            let label = format!("{:.0}\u{a0}%", quarter * 100.0);
            // Along each line one share stays the same; its number stands where the line meets the corner's right-hand edge.
            drawing.line("grid", place([quarter, rest, 0.0]), place([quarter, 0.0, rest]));
            drawing.line("grid", place([0.0, quarter, rest]), place([rest, quarter, 0.0]));
            drawing.line("grid", place([rest, 0.0, quarter]), place([0.0, rest, quarter]));
            drawing.text("tick", moved(place([quarter, 0.0, rest]), 8.0, 4.0), "start", &label);
            drawing.text("tick", moved(place([rest, quarter, 0.0]), -8.0, 2.0), "end", &label);
            drawing.text("tick", moved(place([0.0, rest, quarter]), 0.0, 20.0), "middle", &label);
        }
        for (from, to) in [(top, left), (left, right), (right, top)] {
            drawing.line("edge", from, to);
        }
        drawing.text("corner", moved(top, 0.0, -16.0), "middle", self.corners[0]);
        drawing.text("corner", moved(left, -20.0, 44.0), "middle", self.corners[1]);
        drawing.text("corner", moved(right, 20.0, 44.0), "middle", self.corners[2]);
    }

    /// What the colours mean.
    fn colours(&self, drawing: &mut Drawing, (low, high): (f64, f64)) {
        let scale = Scale::exact(low, high, 3);
        let (left, width, top) = (430.0, 180.0, 26.0);
        for part in 0..30 {
            let share = f64::from(part) / 30.0;
            let (x, next) = (left + share * width, left + (share + 1.0 / 30.0) * width + 0.5);
            drawing.patch((x / ACROSS, top), (next / ACROSS, top + 12.0), &colour(share + 1.0 / 60.0));
        }
        drawing.text("tick", ((left + width) / ACROSS, top - 8.0), "end", self.unit);
        for tick in &scale.ticks {
            let x = (left + scale.place(*tick) * width) / ACROSS;
            drawing.line("edge", (x, top + 12.0), (x, top + 16.0));
            drawing.text(
                "tick",
                (x, top + 30.0),
                "middle",
                &format!("{}{}", scale.label(*tick), self.suffix),
            );
        }
    }

    /// The least and the greatest value, never the same.
    fn range(&self) -> (f64, f64) {
        let values = || self.cells.iter().map(|cell| cell.value).filter(|value| value.is_finite());
        let (low, high) =
            (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        if low < high {
            (low, high)
        } else if low == high {
            (low - 0.5, low + 0.5)
        } else {
            (0.0, 1.0)
        }
    }

    fn keys(&self) -> Vec<Key> {
        let key =
            |mark: &Mark| Key { name: mark.name.clone(), class: "ink", shape: Some(mark.shape), line: false };
        self.marks.iter().map(key).collect()
    }

    fn spoken(&self) -> String {
        let [top, left, right] = self.corners;
        let (low, high) = self.range();
        let mut text = format!(
            "{}: {} places in a triangle between {top}, {left} and {right}; {} from {low:.2}{} to {high:.2}{}.",
            self.title,
            self.cells.len(),
            self.unit,
            self.suffix,
            self.suffix
        );
        for mark in &self.marks {
            let [a, b, c] = mark.shares.map(|share| share * 100.0);
            text.push_str(&format!(" {}: {a:.0} %, {b:.0} % and {c:.0} %.", mark.name));
        }
        text
    }
}

/// The place of three shares: a share of the width, pixels from the top.
fn place([top, _, right]: [f64; 3]) -> (f64, f64) {
    let x = LEFT + (right + top / 2.0) * SIDE;
    (x / ACROSS, TOP + (1.0 - top) * SIDE * RISE)
}

fn moved((x, y): (f64, f64), across: f64, down: f64) -> (f64, f64) {
    (x + across / ACROSS, y + down)
}

/// The colour of a share of the range, as `#rrggbb`.
fn colour(share: f64) -> String {
    let place = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let below = (place.floor() as usize).min(VIRIDIS.len() - 2);
    let rest = place - below as f64;
    let [r, g, b] = [0, 1, 2].map(|i| VIRIDIS[below][i] * (1.0 - rest) + VIRIDIS[below + 1][i] * rest);
    format!("#{:02x}{:02x}{:02x}", r.round() as u8, g.round() as u8, b.round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_triangle_is_equilateral_and_shares_weigh_its_corners() {
        let pixels = |shares| {
            let (x, y) = place(shares);
            (x * ACROSS, y)
        };
        let (top, left, right) = (pixels([1.0, 0.0, 0.0]), pixels([0.0, 1.0, 0.0]), pixels([0.0, 0.0, 1.0]));
        for (from, to) in [(top, left), (left, right), (right, top)] {
            assert!(((from.0 - to.0).hypot(from.1 - to.1) - SIDE).abs() < 1e-9);
        }
        let middle = pixels([1.0 / 3.0; 3]);
        assert!((middle.0 - (top.0 + left.0 + right.0) / 3.0).abs() < 1e-9);
        assert!((middle.1 - (top.1 + left.1 + right.1) / 3.0).abs() < 1e-9);
    }

    #[test]
    fn colours_go_from_violet_to_yellow() {
        assert_eq!(
            [-1.0, 0.0, 0.5, 1.0, 2.0].map(colour),
            ["#440154", "#440154", "#21918c", "#fde725", "#fde725"]
        );
    }
}
