//! The ten shapes as signed distances: how far a point is from the edge, negative inside.
//!
//! A shape is centred on the origin, and its area is that of a disc of radius 1.

use std::f32::consts::PI;

/// A point or a vector.
pub type Point = [f32; 2];

/// A class of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outline {
    Arrow,
    Bowtie,
    Crescent,
    Cross,
    Disc,
    Heart,
    Ring,
    Square,
    Star,
    Triangle,
}

/// Cosines and sines of the five points of a star, from the top, clockwise; written out because a library's last digit
/// may differ.
const FIFTHS: [Point; 5] = [
    [0.0, -1.0],
    [0.951_056_5, -0.309_017],
    [0.587_785_25, 0.809_017],
    [-0.587_785_25, 0.809_017],
    [-0.951_056_5, -0.309_017],
];

impl Outline {
    /// In the order of the classes.
    pub const ALL: [Self; 10] = [
        Self::Arrow,
        Self::Bowtie,
        Self::Crescent,
        Self::Cross,
        Self::Disc,
        Self::Heart,
        Self::Ring,
        Self::Square,
        Self::Star,
        Self::Triangle,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Arrow => "arrow",
            Self::Bowtie => "bowtie",
            Self::Crescent => "crescent",
            Self::Cross => "cross",
            Self::Disc => "disc",
            Self::Heart => "heart",
            Self::Ring => "ring",
            Self::Square => "square",
            Self::Star => "star",
            Self::Triangle => "triangle",
        }
    }

    /// The shape, ready to be asked.
    pub fn figure(self) -> Figure {
        match self {
            Self::Disc => Figure::Disc,
            Self::Ring => Figure::Ring,
            Self::Crescent => Figure::Crescent,
            Self::Heart => Figure::Heart,
            Self::Arrow => Figure::polygon(&[
                [-1.5, -0.35],
                [0.1, -0.35],
                [0.1, -1.0],
                [1.5, 0.0],
                [0.1, 1.0],
                [0.1, 0.35],
                [-1.5, 0.35],
            ]),
            Self::Bowtie => Figure::polygon(&[
                [-1.4, -1.0],
                [0.0, -0.2],
                [1.4, -1.0],
                [1.4, 1.0],
                [0.0, 0.2],
                [-1.4, 1.0],
            ]),
            Self::Cross => Figure::polygon(&[
                [-1.3, -0.38],
                [-0.38, -0.38],
                [-0.38, -1.3],
                [0.38, -1.3],
                [0.38, -0.38],
                [1.3, -0.38],
                [1.3, 0.38],
                [0.38, 0.38],
                [0.38, 1.3],
                [-0.38, 1.3],
                [-0.38, 0.38],
                [-1.3, 0.38],
            ]),
            Self::Square => Figure::polygon(&[[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]),
            Self::Star => Figure::polygon(&star()),
            // Of sides 2, around its centre of mass; 3^0.5 is 1.7320508.
            Self::Triangle => {
                const HEIGHT: f32 = 1.732_050_8;
                Figure::polygon(&[[0.0, -HEIGHT * 2.0 / 3.0], [1.0, HEIGHT / 3.0], [-1.0, HEIGHT / 3.0]])
            }
        }
    }
}

/// Five points and the five notches between them, at 0.42 of their distance.
fn star() -> [Point; 10] {
    std::array::from_fn(|at| {
        let [x, y] = FIFTHS[at / 2];
        // A notch lies opposite to a point.
        let [u, v] = FIFTHS[(at / 2 + 3) % 5];
        if at % 2 == 0 { [x, y] } else { [-0.42 * u, -0.42 * v] }
    })
}

/// A shape with its numbers worked out.
#[derive(Debug, Clone)]
pub enum Figure {
    Polygon(Vec<Point>),
    Disc,
    Ring,
    Crescent,
    Heart,
}

/// The inner radius of the ring; the outer one follows from the area.
const HOLE: f32 = 0.8;
/// The crescent is a disc of this radius without another one.
const CRESCENT: f32 = 1.394;
/// What is cut from it: radius and distance.
const BITE: [f32; 2] = [1.179, 0.871];
/// Half the side of the heart's square: `(2 h)^2 (1 + pi / 4)` is pi.
const HEART: f32 = 0.663_4;

impl Figure {
    /// A polygon, scaled to the area of a disc of radius 1.
    fn polygon(corners: &[Point]) -> Self {
        let edges = corners.iter().zip(corners.iter().cycle().skip(1));
        let area = edges.map(|(a, b)| a[0] * b[1] - a[1] * b[0]).sum::<f32>() / 2.0;
        let scale = (PI / area.abs()).sqrt();
        Self::Polygon(corners.iter().map(|corner| corner.map(|c| c * scale)).collect())
    }

    /// The distance of a point from the edge, negative inside. Inside a crescent or a heart it may be smaller than it
    /// should; at the edge it is right.
    pub fn distance(&self, [x, y]: Point) -> f32 {
        match self {
            Self::Polygon(corners) => polygon_distance(corners, [x, y]),
            Self::Disc => length([x, y]) - 1.0,
            Self::Ring => {
                let outer = (1.0 + HOLE * HOLE).sqrt();
                let (middle, half) = ((outer + HOLE) / 2.0, (outer - HOLE) / 2.0);
                (length([x, y]) - middle).abs() - half
            }
            Self::Crescent => {
                let [radius, shift] = BITE;
                // Moved so that what is left lies around the origin.
                let x = x - 0.46;
                (length([x, y]) - CRESCENT).max(radius - length([x - shift, y]))
            }
            Self::Heart => {
                // A square on its corner, with a disc on each of the upper sides.
                let y = y - 0.25;
                let turned = [(x + y) * 0.707_106_77, (y - x) * 0.707_106_77];
                let square = (turned[0].abs().max(turned[1].abs())) - HEART;
                let left = length([turned[0] + HEART, turned[1]]) - HEART;
                let right = length([turned[0], turned[1] + HEART]) - HEART;
                square.min(left).min(right)
            }
        }
    }
}

fn length([x, y]: Point) -> f32 {
    (x * x + y * y).sqrt()
}

fn polygon_distance(corners: &[Point], [x, y]: Point) -> f32 {
    let mut nearest = f32::MAX;
    let mut inside = false;
    let mut before = corners[corners.len() - 1];
    for &corner in corners {
        let edge = [corner[0] - before[0], corner[1] - before[1]];
        let from = [x - before[0], y - before[1]];
        let along = (from[0] * edge[0] + from[1] * edge[1]) / (edge[0] * edge[0] + edge[1] * edge[1]);
        let along = along.clamp(0.0, 1.0);
        let off = [from[0] - along * edge[0], from[1] - along * edge[1]];
        nearest = nearest.min(off[0] * off[0] + off[1] * off[1]);
        // A ray to the right crosses the edges an odd number of times from inside.
        if (before[1] > y) != (corner[1] > y) && from[0] < edge[0] * from[1] / edge[1] {
            inside = !inside;
        }
        before = corner;
    }
    if inside { -nearest.sqrt() } else { nearest.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Area and centre of mass on a fine grid.
    fn measure(figure: &Figure) -> (f32, Point) {
        let steps = 600;
        let (mut count, mut sum) = (0.0, [0.0, 0.0]);
        for row in 0..steps {
            for column in 0..steps {
                let point = [column, row].map(|at| (at as f32 + 0.5) * 6.0 / steps as f32 - 3.0);
                if figure.distance(point) < 0.0 {
                    count += 1.0;
                    sum = [sum[0] + point[0], sum[1] + point[1]];
                }
            }
        }
        (count * 36.0 / (steps * steps) as f32, sum.map(|sum: f32| sum / count))
    }

    #[test]
    fn all_have_the_area_of_a_disc_and_lie_around_the_origin() {
        for outline in Outline::ALL {
            let (area, centre) = measure(&outline.figure());
            assert!((area / PI - 1.0).abs() < 0.02, "{outline:?} has {area}");
            assert!(length(centre) < 0.2, "{outline:?} lies around {centre:?}");
        }
    }

    #[test]
    fn distances_are_those_of_geometry() {
        let square = Outline::Square.figure();
        let half = PI.sqrt() / 2.0;
        assert!((square.distance([0.0, 0.0]) + half).abs() < 1e-6);
        assert!((square.distance([half + 3.0, half + 4.0]) - 5.0).abs() < 1e-5);
        assert!((Outline::Disc.figure().distance([0.0, 3.0]) - 2.0).abs() < 1e-6);
        assert!(Outline::Ring.figure().distance([0.0, 0.0]) > 0.7);
    }

    #[test]
    fn the_fifths_are_on_a_circle() {
        for (at, [x, y]) in FIFTHS.iter().enumerate() {
            let angle = std::f64::consts::TAU * at as f64 / 5.0;
            assert!((f64::from(*x) - angle.sin()).abs() < 1e-6 && (f64::from(*y) + angle.cos()).abs() < 1e-6);
        }
    }
}
