//! Two colours and how they alternate.

use super::outline::Point;
use crate::random::Random;

/// Red, green and blue from 0 to 1.
pub type Colour = [f32; 3];

/// A pattern of two colours over the whole plane.
#[derive(Debug, Clone)]
pub struct Texture {
    colours: [Colour; 2],
    pattern: Pattern,
    /// Cosine and sine of the pattern's direction.
    turn: Point,
    /// Repetitions over the side of a picture.
    frequency: f32,
    shift: Point,
}

#[derive(Debug, Clone)]
enum Pattern {
    Plain,
    Gradient,
    Stripes,
    Checks,
    Dots,
    /// Random values on a grid.
    Blotches(Box<[f32; GRID * GRID]>),
}

/// The values repeat after so many.
const GRID: usize = 16;
/// How far the two colours are apart at most, in each of red, green and blue.
const CONTRAST: f64 = 0.22;

impl Texture {
    /// A random texture around a colour.
    pub fn new(colour: Colour, random: &mut Random) -> Self {
        let other = colour.map(|c| (c + random.between(-CONTRAST, CONTRAST) as f32).clamp(0.0, 1.0));
        let pattern = match random.below(6) {
            0 => Pattern::Plain,
            1 => Pattern::Gradient,
            2 => Pattern::Stripes,
            3 => Pattern::Checks,
            4 => Pattern::Dots,
            _ => Pattern::Blotches(Box::new(std::array::from_fn(|_| random.unit() as f32))),
        };
        let frequency = random.between(3.0, 6.0) as f32;
        let shift = [random.unit() as f32, random.unit() as f32];
        Self { colours: [colour, other], pattern, turn: direction(random), frequency, shift }
    }

    /// The colour at a point; a picture's sides go from 0 to 1.
    pub fn at(&self, [x, y]: Point) -> Colour {
        let [cos, sin] = self.turn;
        let [u, v] = [x * cos + y * sin, y * cos - x * sin];
        let [s, t] = [u * self.frequency + self.shift[0], v * self.frequency + self.shift[1]];
        let share = match &self.pattern {
            Pattern::Plain => 0.0,
            Pattern::Gradient => (u * 0.7 + self.shift[0]).clamp(0.0, 1.0),
            Pattern::Stripes => wave(s),
            Pattern::Checks => {
                let (a, b) = (wave(s), wave(t));
                a + b - 2.0 * a * b
            }
            Pattern::Dots => {
                let [dx, dy] = [s - s.floor() - 0.5, t - t.floor() - 0.5];
                ((0.35 - (dx * dx + dy * dy).sqrt()) * 6.0).clamp(0.0, 1.0)
            }
            Pattern::Blotches(values) => blotches(values, [s + 8.0, t + 8.0]),
        };
        mix(self.colours[0], self.colours[1], share)
    }
}

/// From `a` to `b` as the share of `b` goes from 0 to 1.
pub fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    std::array::from_fn(|c| a[c] + (b[c] - a[c]) * share)
}

/// Cosine and sine of a random angle, without either function: the direction of a random point in a disc.
pub fn direction(random: &mut Random) -> Point {
    loop {
        let [x, y] = [random.between(-1.0, 1.0), random.between(-1.0, 1.0)];
        let square = x * x + y * y;
        if (0.01..1.0).contains(&square) {
            let length = square.sqrt();
            return [(x / length) as f32, (y / length) as f32];
        }
    }
}

/// 0 and 1 in turns, once up and down from one whole number to the next, with slopes between.
fn wave(x: f32) -> f32 {
    let triangle = 2.0 * (x - x.floor() - 0.5).abs();
    ((triangle - 0.5) * 3.0 + 0.5).clamp(0.0, 1.0)
}

/// Between the four values around a point, without corners.
fn blotches(values: &[f32; GRID * GRID], [s, t]: Point) -> f32 {
    let (column, row) = (s.floor(), t.floor());
    let [a, b] = [s - column, t - row].map(|x| x * x * (3.0 - 2.0 * x));
    let place = |x: f32| (x as i32).rem_euclid(GRID as i32) as usize;
    let value = |dx: f32, dy: f32| values[place(row + dy) * GRID + place(column + dx)];
    let above = value(0.0, 0.0) + (value(1.0, 0.0) - value(0.0, 0.0)) * a;
    let below = value(0.0, 1.0) + (value(1.0, 1.0) - value(0.0, 1.0)) * a;
    above + (below - above) * b
}
