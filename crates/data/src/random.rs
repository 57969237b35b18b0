//! Random numbers that depend on nothing but their name: a seed, an epoch, an index and a purpose.
//!
//! A stream is ChaCha with 8 rounds keyed by seed, epoch and purpose, whose nonce is the index. Any stream can be had at
//! any time on any thread, so what is drawn for an image depends on no other image, no worker and no order, and a run
//! that goes on in mid-epoch needs no generator's state. The conversions to floats and ranges are our own few lines: a
//! seed means the same images in the next release of any library.

use std::convert::Infallible;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng as _, SeedableRng, TryRng};

/// What random numbers are for; each purpose has streams of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// The order of the samples in an epoch; the index is 0.
    Order = 1,
    /// The transform of one image; the index is its place in the epoch.
    Image = 2,
    /// MixUp and CutMix of one batch; the index is the batch's place in the epoch.
    Batch = 3,
    /// Which samples a split takes; the index is the first 64 bits of the SHA-256 of the sample's key.
    Split = 4,
    /// A picture of the built-in data set; the index is the sample.
    Picture = 5,
    /// Dropout and stochastic depth of one forward pass: what a device draws is seeded with the first bits. The epoch is the
    /// pass's number in the run, the index the rank.
    Dropout = 6,
    /// Parents and mutations of an evolution; the epoch is the round, the index the child.
    Evolution = 20,
    /// A network of a random search; the index is its place.
    RandomSearch = 21,
    /// Drawing again from what was measured, for an interval; the index is the draw.
    Resample = 22,
}

/// A stream of random numbers.
#[derive(Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of this name; equal names give equal streams.
    pub fn new(seed: u64, epoch: u64, index: u64, purpose: Purpose) -> Self {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([seed, epoch, purpose as u64]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(index);
        Self(generator)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 up to but not 1, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From `low` up to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `count`, each equally likely (Lemire's multiplication with rejection).
    ///
    /// # Panics
    /// If `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        assert!(count > 0, "there is no number below 0");
        let count = count as u64;
        let uneven = count.wrapping_neg() % count;
        loop {
            let product = u128::from(self.bits()) * u128::from(count);
            if product as u64 >= uneven {
                return (product >> 64) as usize;
            }
        }
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Brings the items into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}

/// For the distributions of `rand_distr`.
impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(seed: u64, epoch: u64, index: u64, purpose: Purpose) -> u64 {
        Random::new(seed, epoch, index, purpose).bits()
    }

    #[test]
    fn every_part_of_the_name_counts() {
        let names = [(0, 0, 0, Purpose::Image), (1, 0, 0, Purpose::Image), (0, 1, 0, Purpose::Image)];
        let names = names.into_iter().chain([(0, 0, 1, Purpose::Image), (0, 0, 0, Purpose::Order)]);
        let mut firsts: Vec<u64> =
            names.map(|(seed, epoch, index, purpose)| first(seed, epoch, index, purpose)).collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 5);
    }

    /// A seed that is written in somebody's paper must mean the same numbers for ever. These were computed apart, from
    /// the definition of ChaCha: key 7, 3, 2, 0 as four 64-bit words, nonce 11, 8 rounds.
    #[test]
    fn the_numbers_never_change() {
        let mut random = Random::new(7, 3, 11, Purpose::Image);
        assert_eq!(random.bits(), 7_745_417_709_696_704_427);
        assert_eq!(random.below(1000), 771);
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut random = Random::new(0, 0, 0, Purpose::Order);
        let mut counts = [0; 7];
        for _ in 0..70_000 {
            counts[random.below(7)] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        let mean = (0..10_000).map(|_| random.between(2.0, 4.0)).sum::<f64>() / 10_000.0;
        assert!((mean - 3.0).abs() < 0.02, "{mean}");
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<usize> = (0..100).collect();
        Random::new(1, 2, 0, Purpose::Order).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
