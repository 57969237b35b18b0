//! The work itself: samples are read and decoded on several threads, each with its own sums, which are added up at the
//! end. Whole numbers only, so that no order of adding changes them.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use sha2::{Digest, Sha256};

use super::{Levels, NamedSource, Place};
use crate::decode::{decode_bytes, format_of};
use crate::image::RgbImage8;
use crate::source::Content;

/// What is known of some of the samples.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub images: u64,
    pub bytes: u64,
    /// Images by `(width, height)`.
    pub sizes: HashMap<(usize, usize), u64>,
    pub formats: HashMap<&'static str, u64>,
    pub sums: Sums,
    pub broken: Vec<(Place, String)>,
    pub hashes: Vec<(u128, Place)>,
}

/// Sums over pixels.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sums {
    pixels: u64,
    /// Of the levels. With their squares there is room for 2.8e14 pixels, a thousand times ImageNet's.
    levels: [u64; 3],
    squares: [u64; 3],
}

pub(super) fn gather(
    parts: &[NamedSource],
    threads: NonZeroUsize,
    watch: &(dyn Fn(u64) -> ControlFlow<()> + Sync),
) -> Found {
    let places = |part: usize| (0..parts[part].source.len()).map(move |index| (part as u32, index as u32));
    let places: Vec<Place> = (0..parts.len()).flat_map(places).collect();
    let (next, done, stopped) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        let mut found = Found::default();
        while !stopped.load(Ordering::Relaxed) {
            let Some(&place) = places.get(next.fetch_add(1, Ordering::Relaxed) as usize) else { break };
            found.look_at(parts, place);
            if watch(done.fetch_add(1, Ordering::Relaxed) + 1).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
        }
        found
    };
    let mut all = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.get().min(places.len())).map(|_| scope.spawn(work)).collect();
        let first = work();
        others.into_iter().fold(first, |all, other| match other.join() {
            Ok(found) => all.and(found),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    });
    all.broken.sort();
    all
}

impl Found {
    fn look_at(&mut self, parts: &[NamedSource], place: Place) {
        let (part, index) = super::source(parts, place);
        self.images += 1;
        let content = match part.source.read(index) {
            Ok(content) => content,
            Err(error) => return self.broken.push((place, error.to_string())),
        };
        match content {
            Content::File(bytes) => {
                self.bytes += bytes.len() as u64;
                self.hashes.push((hash(&[&bytes]), place));
                if let Some(format) = format_of(&bytes) {
                    *self.formats.entry(format).or_default() += 1;
                }
                match decode_bytes(&bytes, &part.source.key(index)) {
                    Ok(image) => self.measure(&image),
                    Err(error) => self.broken.push((place, error.to_string())),
                }
            }
            Content::Pixels(image) => {
                self.bytes += image.pixels().len() as u64;
                let size = [image.width() as u64, image.height() as u64].map(u64::to_le_bytes);
                self.hashes.push((hash(&[&size[0], &size[1], image.pixels()]), place));
                *self.formats.entry("pixels").or_default() += 1;
                self.measure(&image);
            }
        }
    }

    fn measure(&mut self, image: &RgbImage8) {
        *self.sizes.entry((image.width(), image.height())).or_default() += 1;
        self.sums.add(image.pixels());
    }

    fn and(mut self, other: Self) -> Self {
        self.images += other.images;
        self.bytes += other.bytes;
        for (size, count) in other.sizes {
            *self.sizes.entry(size).or_default() += count;
        }
        for (format, count) in other.formats {
            *self.formats.entry(format).or_default() += count;
        }
        self.sums = self.sums.and(other.sums);
        self.broken.extend(other.broken);
        self.hashes.extend(other.hashes);
        self
    }
}

impl Sums {
    /// `pixels` has red, green and blue in turn.
    fn add(&mut self, pixels: &[u8]) {
        // Of so many pixels the squares fit into 32 bits, which is several times faster.
        const PIECE: usize = 1 << 14;
        for piece in pixels.chunks(3 * PIECE) {
            let mut levels = [0u32; 3];
            let mut squares = [0u32; 3];
            for pixel in piece.chunks_exact(3) {
                for channel in 0..3 {
                    let level = u32::from(pixel[channel]);
                    levels[channel] += level;
                    squares[channel] += level * level;
                }
            }
            for channel in 0..3 {
                self.levels[channel] += u64::from(levels[channel]);
                self.squares[channel] += u64::from(squares[channel]);
            }
        }
        self.pixels += pixels.len() as u64 / 3;
    }

    fn and(self, other: Self) -> Self {
        let sum = |a: [u64; 3], b: [u64; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        Self {
            pixels: self.pixels + other.pixels,
            levels: sum(self.levels, other.levels),
            squares: sum(self.squares, other.squares),
        }
    }

    pub fn levels(&self) -> Option<Levels> {
        let count = u128::from(self.pixels);
        let mean = |channel: usize| self.levels[channel] as f64 / count as f64 / 255.0;
        // n * sum of squares - square of sum, as whole numbers: nothing cancels.
        let std = |channel: usize| {
            let (sum, squares) = (u128::from(self.levels[channel]), u128::from(self.squares[channel]));
            ((count * squares - sum * sum) as f64).sqrt() / count as f64 / 255.0
        };
        (count > 0).then(|| Levels {
            mean: [0, 1, 2].map(mean),
            std: [0, 1, 2].map(std),
            pixels: self.pixels,
        })
    }
}

/// The first 128 bits of the SHA-256 of pieces behind each other.
fn hash(pieces: &[&[u8]]) -> u128 {
    let mut hasher = Sha256::new();
    pieces.iter().for_each(|piece| hasher.update(piece));
    let hash = hasher.finalize();
    hash.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_does_not_overflow() {
        let mut sums = Sums::default();
        sums.add(&vec![255; 3 * 100_000]);
        let levels = sums.levels().unwrap();
        assert_eq!((levels.mean, levels.std, levels.pixels), ([1.0; 3], [0.0; 3], 100_000));
    }

    #[test]
    fn half_black_half_white() {
        let mut sums = Sums::default();
        sums.add(&[0, 0, 51, 255, 255, 51]);
        let levels = sums.levels().unwrap();
        assert_eq!(levels.mean, [0.5, 0.5, 0.2]);
        assert_eq!(levels.std, [0.5, 0.5, 0.0]);
        assert_eq!(Sums::default().levels(), None);
    }
}
