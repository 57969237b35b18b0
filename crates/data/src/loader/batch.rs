//! A batch: 8-bit pixels with their classes, and which of them count.

use super::Position;
use crate::mix::Mix;
use crate::normalize::Normalization;

/// Images of one size with their classes, not normalised yet.
///
/// Images that do not count, because the epoch ended or a file could not be read, are copies of the batch's first image
/// that does, so that statistics over the batch see nothing but real images; without one they are black.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub(super) shape: [usize; 4],
    pub(super) levels: Vec<u8>,
    pub(super) labels: Vec<usize>,
    pub(super) samples: Vec<usize>,
    pub(super) valid: Vec<bool>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) mix: Option<Mix>,
    pub(super) start: Position,
    pub(super) next: Position,
}

/// An image that could not be read, with [`OnError::Skip`](super::OnError::Skip).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Skipped {
    /// Its index in the source.
    pub sample: usize,
    /// One sentence that names it.
    pub reason: String,
}

impl Batch {
    /// `[batch, height, width, 3]`
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// Levels from 0 to 255, `[batch, height, width, 3]`.
    pub fn levels(&self) -> &[u8] {
        &self.levels
    }

    /// Levels from 0 to 255, `[batch, height, width, 3]`.
    pub fn into_levels(self) -> Vec<u8> {
        self.levels
    }

    /// Each image's class.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Each image's index in the source.
    pub fn samples(&self) -> &[usize] {
        &self.samples
    }

    /// Whether each image counts.
    pub fn valid(&self) -> &[bool] {
        &self.valid
    }

    /// The images as values, `[batch, 3, height, width]`: normalised, and mixed where the transform says so.
    pub fn values(&self, normalization: Normalization) -> Vec<f32> {
        let [_, height, width, channels] = self.shape;
        let image = height * width * channels;
        let mut values = vec![0.0; self.levels.len()];
        for (levels, values) in self.levels.chunks_exact(image).zip(values.chunks_exact_mut(image)) {
            normalization.apply(levels, values);
        }
        if let Some(mix) = &self.mix {
            mix.apply(&mut values, [height, width]);
        }
        values
    }

    /// How many images count.
    pub fn valid_count(&self) -> usize {
        self.valid.iter().filter(|valid| **valid).count()
    }

    /// The images that could not be read.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// How the transform's `mixup` or `cutmix` mixes this batch; the levels are not mixed yet.
    pub fn mix(&self) -> Option<&Mix> {
        self.mix.as_ref()
    }

    /// What the network is to say, `[batch, classes]`, mixed as the images are. `smoothing` is the share that is spread
    /// over all classes. Of a copy it is what is to be said of the image that it shows, since another may be mixed with it.
    ///
    /// # Panics
    /// If a label is not below `classes`.
    pub fn soft_targets(&self, classes: usize, smoothing: f32) -> Vec<f32> {
        Mix::targets(self.mix.as_ref(), &self.shown(), classes, smoothing)
    }

    /// The class of what each place shows.
    fn shown(&self) -> Vec<usize> {
        let first = self.valid.iter().position(|valid| *valid);
        let shown = |(place, valid): (usize, &bool)| if *valid { place } else { first.unwrap_or(place) };
        self.valid.iter().enumerate().map(shown).map(|place| self.labels[place]).collect()
    }

    /// Where in its epoch the batch (of all ranks together) begins.
    pub fn position(&self) -> Position {
        self.start
    }

    /// Where a run goes on that has had this batch: keep it in the checkpoint.
    pub fn next_position(&self) -> Position {
        self.next
    }
}
