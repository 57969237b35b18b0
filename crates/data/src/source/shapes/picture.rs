//! One picture: a textured shape somewhere on a textured background, in some light, with noise.

use super::outline::{Figure, Outline, Point};
use super::texture::{Colour, Texture, direction, mix};
use crate::image::RgbImage8;
use crate::random::Random;

/// The radius of the disc with the shape's area, as a part of the picture's side.
const RADIUS: (f64, f64) = (0.17, 0.27);
/// How far the colours of shape and background are apart at least, as a distance in the cube of colours.
const APART: f32 = 0.5;
/// The noise of each value, up to this on both sides.
const NOISE: (f64, f64) = (0.01, 0.08);

/// Draws `outline` in a picture of `size` x `size`.
pub fn draw(outline: Outline, size: usize, random: &mut Random) -> RgbImage8 {
    let scene = Scene::new(outline, random);
    let mut image = RgbImage8::filled(size, size, [0; 3]);
    let step = 1.0 / size as f32;
    for y in 0..size {
        let v = (y as f32 + 0.5) * step;
        for (x, pixel) in image.row_mut(y).chunks_exact_mut(3).enumerate() {
            let colour = scene.at([(x as f32 + 0.5) * step, v], size as f32);
            let noise = random.bits().to_le_bytes();
            for ((value, level), noise) in pixel.iter_mut().zip(colour).zip(noise) {
                let noise = (f32::from(noise) - 127.5) / 127.5 * scene.noise;
                *value = ((level + noise) * 255.0 + 0.5).clamp(0.0, 255.0) as u8;
            }
        }
    }
    image
}

struct Scene {
    figure: Figure,
    radius: f32,
    centre: Point,
    /// Cosine and sine of the shape's rotation.
    turn: Point,
    fill: Texture,
    background: Texture,
    /// Change of brightness from the middle to each side.
    light: Point,
    noise: f32,
}

impl Scene {
    fn new(outline: Outline, random: &mut Random) -> Self {
        let radius = random.between(RADIUS.0, RADIUS.1);
        // Tips may reach over the edge, the middle of the shape stays inside.
        let margin = 1.2 * radius;
        let centre = [(); 2].map(|()| random.between(margin, 1.0 - margin) as f32);
        let turn = direction(random);
        let [front, back] = two_colours(random);
        Self {
            figure: outline.figure(),
            radius: radius as f32,
            centre,
            turn,
            fill: Texture::new(front, random),
            background: Texture::new(back, random),
            light: [(); 2].map(|()| random.between(-0.25, 0.25) as f32),
            noise: random.between(NOISE.0, NOISE.1) as f32,
        }
    }

    /// The colour at a point, of a picture with `size` pixels a side.
    fn at(&self, point: Point, size: f32) -> Colour {
        let [x, y] = [(point[0] - self.centre[0]) / self.radius, (point[1] - self.centre[1]) / self.radius];
        let [cos, sin] = self.turn;
        let distance = self.figure.distance([x * cos + y * sin, y * cos - x * sin]) * self.radius * size;
        // A pixel that the edge goes through has something of both.
        let share = (0.5 - distance).clamp(0.0, 1.0);
        let colour = match share {
            0.0 => self.background.at(point),
            1.0 => self.fill.at(point),
            share => mix(self.background.at(point), self.fill.at(point), share),
        };
        let light = 1.0 + (point[0] - 0.5) * self.light[0] + (point[1] - 0.5) * self.light[1];
        colour.map(|level| level * light)
    }
}

/// Two colours that can be told apart; either may be the brighter one.
fn two_colours(random: &mut Random) -> [Colour; 2] {
    let mut colour = || -> Colour { [(); 3].map(|()| random.between(0.05, 0.95) as f32) };
    loop {
        let [a, b] = [colour(), colour()];
        let square: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
        if square >= APART * APART {
            return [a, b];
        }
    }
}
