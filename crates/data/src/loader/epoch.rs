//! The batches of one epoch, in their order.

use std::fmt;
use std::sync::Arc;

use super::pool::Pool;
use super::work::Work;
use super::{Batch, LoaderError, LoaderOptions, Position};
use crate::source::Source;

/// An iterator over an epoch's batches.
///
/// Dropping it stops its workers: each one finishes the image that it is at, and no more. After an error there are no more
/// batches.
pub struct Epoch {
    work: Arc<Work>,
    pool: Pool,
    next: usize,
}

impl Epoch {
    pub(super) fn new(
        source: Arc<dyn Source>,
        options: LoaderOptions,
        position: Position,
        batches: usize,
    ) -> Self {
        let order = options.order.samples(&*source, options.seed, position.epoch, options.repeats);
        let workers = options.workers;
        let work = Arc::new(Work { source, options, order, position, batches });
        Self { pool: Pool::start(Arc::clone(&work), workers), work, next: 0 }
    }

    /// Batches of the whole stretch, from where it began.
    pub fn batches(&self) -> usize {
        self.work.batches
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.work.batches {
            return None;
        }
        let batch = self.pool.batch(self.next);
        self.next = if batch.is_ok() { self.next + 1 } else { self.work.batches };
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.work.batches - self.next))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch(batch {} of {})", self.next, self.work.batches)
    }
}
