//! What is to be done for an epoch, place by place; no word of who does it.

use std::sync::Arc;

use bytes::BytesMut;

use super::{Batch, LoaderError, LoaderOptions, OnError, Position, Skipped};
use crate::guard;
use crate::mix::Mix;
use crate::source::Source;
use crate::transform::Draw;

/// A stretch of an epoch.
pub(super) struct Work {
    pub source: Arc<dyn Source>,
    pub options: LoaderOptions,
    /// Which sample stands in each place.
    pub order: Vec<u32>,
    /// Where the stretch begins.
    pub position: Position,
    /// How many batches it has.
    pub batches: usize,
}

/// A place that somebody dealt with.
pub(super) struct Filled {
    /// `[height, width, 3]`
    pub levels: BytesMut,
    pub outcome: Result<(), LoaderError>,
}

impl Work {
    pub fn batch_size(&self) -> usize {
        self.options.batch_size
    }

    /// Room for a batch, `[batch, height, width, 3]`, cut into its images. [`BytesMut`] lets them be filled apart and put
    /// together again without copying.
    pub fn room(&self) -> Vec<BytesMut> {
        let length = self.options.transform.output_len();
        let mut room = BytesMut::zeroed(self.batch_size() * length);
        (0..self.batch_size()).map(|_| room.split_to(length)).collect()
    }

    /// Bytes of a batch's pixels.
    pub fn batch_bytes(&self) -> usize {
        self.batch_size() * self.options.transform.output_len()
    }

    /// Reads, decodes and transforms the image in one place of a batch; none where the epoch is over.
    pub fn fill(&self, batch: usize, slot: usize, mut levels: BytesMut) -> Filled {
        let place = self.place(batch, slot);
        let outcome = match self.sample(place) {
            Some(sample) => {
                let filled = guard::guarded(|| self.render(place, sample, &mut levels));
                filled.unwrap_or_else(|reason| Err(self.panicked(sample, reason)))
            }
            None => Ok(()),
        };
        Filled { levels, outcome }
    }

    /// Puts the images of a batch together.
    pub fn finish(&self, batch: usize, filled: Vec<Filled>) -> Result<Batch, LoaderError> {
        let mut levels = BytesMut::new();
        let (mut valid, mut skipped) = (Vec::new(), Vec::new());
        for (slot, filled) in filled.into_iter().enumerate() {
            levels.unsplit(filled.levels);
            let sample = self.sample(self.place(batch, slot));
            valid.push(sample.is_some() && filled.outcome.is_ok());
            match (filled.outcome, sample) {
                (Err(error), Some(sample)) if self.options.on_error == OnError::Skip => {
                    skipped.push(Skipped { sample, reason: error.to_string() });
                }
                (outcome, _) => outcome?,
            }
        }
        stand_in(&mut levels, &valid);
        let samples: Vec<usize> =
            (0..self.batch_size()).map(|slot| self.around(self.place(batch, slot))).collect();
        let labels = samples.iter().map(|sample| self.source.class(*sample)).collect();
        let [height, width] = self.options.transform.output_size();
        Ok(Batch {
            shape: [self.batch_size(), height, width, 3],
            levels: levels.into(),
            labels,
            samples,
            valid,
            skipped,
            mix: Mix::draw(&self.options.transform, self.draw(self.place(batch, 0)), self.batch_size()),
            start: self.at(batch),
            next: self.at(batch + 1),
        })
    }

    fn render(&self, place: u64, sample: usize, levels: &mut [u8]) -> Result<(), LoaderError> {
        let content = self.source.read(sample)?;
        Ok(self.options.transform.render(&content, &self.source.key(sample), self.draw(place), levels)?)
    }

    fn draw(&self, place: u64) -> Draw {
        Draw { seed: self.options.seed, epoch: self.position.epoch, index: place }
    }

    fn panicked(&self, sample: usize, reason: String) -> LoaderError {
        LoaderError::Panicked { name: self.source.key(sample).into_owned(), reason }
    }

    /// Where a batch of all ranks begins.
    fn at(&self, batch: usize) -> Position {
        let places_in_batch = self.batch_size() as u64 * self.options.shard.world as u64;
        Position { places: self.position.places + batch as u64 * places_in_batch, ..self.position }
    }

    /// The place of an image of our part of a batch.
    fn place(&self, batch: usize, slot: usize) -> u64 {
        self.at(batch).places + (self.options.shard.rank * self.batch_size() + slot) as u64
    }

    /// The sample in a place, unless the epoch is over there.
    fn sample(&self, place: u64) -> Option<usize> {
        self.order.get(place as usize).map(|sample| *sample as usize)
    }

    /// The sample in a place; behind the end it begins anew.
    fn around(&self, place: u64) -> usize {
        self.order[(place % self.order.len() as u64) as usize] as usize
    }
}

/// Copies the first image that counts over those that do not.
fn stand_in(levels: &mut [u8], valid: &[bool]) {
    let Some(first) = valid.iter().position(|valid| *valid) else { return };
    let length = levels.len() / valid.len();
    for (slot, _) in valid.iter().enumerate().filter(|(_, valid)| !**valid) {
        levels.copy_within(first * length..(first + 1) * length, slot * length);
    }
}
