//! Splits of a source into parts, the same on every machine and every day.
//!
//! Samples are ranked by random numbers that depend on the seed and their key and on nothing else: not on the order in
//! which files were listed, not on the classes' indices, not on the other samples. So a split does not change when the data
//! are moved or packed into a tar, and a sample that is added later moves at most one other into or out of a hold-out.
//!
//! All splits are stratified: each class is split by itself. The hold-out is what the official code calls minival
//! (tensorflow/tpu, `models/official/efficientnet/main.py`, `holdout_shards`), which takes whole shards instead.

mod error;
mod file;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::random::{Purpose, Random};
use crate::source::{Source, Subset};

pub use error::SplitError;

/// A source in parts; every sample is in one of them.
///
/// ```
/// use std::sync::Arc;
/// use efficientnet_data::{Shapes, Source, Split};
///
/// let source: Arc<dyn Source> = Arc::new(Shapes::new(1000, 32, 0)?);
/// let split = Split::holdout(&source, 0.1, 7)?;
/// assert_eq!(split.recipe(), "holdout(fraction=0.1, seed=7)");
/// assert_eq!(split.parts(), ["train", "minival"]);
/// assert_eq!(split.subset("minival")?.len(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Split {
    source: Arc<dyn Source>,
    recipe: String,
    parts: Vec<String>,
    /// The part of each sample.
    part_of: Vec<u16>,
    short_classes: Vec<usize>,
}

/// A hold-out's larger part.
pub const TRAIN: &str = "train";
/// A hold-out's smaller part.
pub const MINIVAL: &str = "minival";

impl Split {
    /// Holds a part of every class out: [`MINIVAL`] gets `fraction` of it to the nearest sample, at least one and not
    /// all, and [`TRAIN`] the rest. A class of one sample stays in [`TRAIN`] and is one of [`Split::short_classes`].
    ///
    /// # Errors
    /// [`SplitError::Fraction`] unless the fraction lies between 0 and 1.
    pub fn holdout(source: &Arc<dyn Source>, fraction: f64, seed: u64) -> Result<Self, SplitError> {
        if !(fraction > 0.0 && fraction < 1.0) {
            return Err(SplitError::Fraction { fraction });
        }
        let mut split =
            Self::new(source, format!("holdout(fraction={fraction}, seed={seed})"), [TRAIN, MINIVAL])?;
        for (class, samples) in ranked(source, seed).into_iter().enumerate() {
            if samples.len() == 1 {
                split.short_classes.push(class);
            }
            let most = samples.len().saturating_sub(1);
            let held_out = ((samples.len() as f64 * fraction).round() as usize).max(1).min(most);
            split.put(&samples[..held_out], 1);
        }
        Ok(split)
    }

    /// Deals every class out to `folds` parts, `fold0` and so on, for cross-validation: [`Split::subset`] of a fold is what
    /// is measured on, [`Split::subset_without`] what is trained on. Folds differ by at most one sample, over all and in
    /// every class. A class of fewer samples than folds is one of [`Split::short_classes`].
    ///
    /// # Errors
    /// [`SplitError::Folds`] for fewer than 2 folds, or more than samples.
    pub fn k_fold(source: &Arc<dyn Source>, folds: usize, seed: u64) -> Result<Self, SplitError> {
        let most = source.len().min(usize::from(u16::MAX));
        if !(2..=most).contains(&folds) {
            return Err(SplitError::Folds { folds, most });
        }
        let names = (0..folds).map(|fold| format!("fold{fold}"));
        let mut split = Self::new(source, format!("k_fold(folds={folds}, seed={seed})"), names)?;
        let ranked = ranked(source, seed);
        // Dealing goes on from class to class, by name: their indices must not count.
        let mut classes: Vec<usize> = (0..ranked.len()).filter(|class| !ranked[*class].is_empty()).collect();
        split.short_classes.extend(classes.iter().filter(|class| ranked[**class].len() < folds));
        classes.sort_by_key(|class| &source.classes()[*class]);
        let samples = classes.iter().flat_map(|class| &ranked[*class]);
        for (sample, fold) in samples.zip((0..folds as u16).cycle()) {
            split.part_of[*sample as usize] = fold;
        }
        Ok(split)
    }

    /// Takes the first `count` samples of every class by their keys into the part `first`; the others are the `rest`. A
    /// class of fewer samples is one of [`Split::short_classes`].
    ///
    /// # Errors
    /// [`SplitError::PerClass`] for a `count` of 0.
    pub fn first_n_per_class(source: &Arc<dyn Source>, count: usize) -> Result<Self, SplitError> {
        if count == 0 {
            return Err(SplitError::PerClass);
        }
        let mut split = Self::new(source, format!("first_n_per_class(count={count})"), ["first", "rest"])?;
        let mut taken = vec![0; source.classes().len()];
        split.part_of.fill(1);
        for (_, sample) in sorted_keys(source.as_ref()) {
            let taken = &mut taken[source.class(sample as usize)];
            if *taken < count {
                *taken += 1;
                split.part_of[sample as usize] = 0;
            }
        }
        let short = taken.iter().enumerate().filter(|(_, taken)| (1..count).contains(*taken));
        split.short_classes = short.map(|(class, _)| class).collect();
        Ok(split)
    }

    /// Reads a split that [`Split::save`] has written, of the same source: the same keys, in any order and any place.
    ///
    /// # Errors
    /// [`SplitError`] for a file that is no split, is cut off, names a sample that the source lacks, or lacks one of its.
    pub fn load(path: impl AsRef<Path>, source: &Arc<dyn Source>) -> Result<Self, SplitError> {
        file::load(path.as_ref(), source)
    }

    /// Writes the split as text: a line with what made it, then each sample's part and key, by key. An old file stays
    /// until the new one is complete.
    ///
    /// # Errors
    /// [`SplitError::Write`]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SplitError> {
        file::save(self, path.as_ref())
    }

    /// What made the split: `holdout(fraction=0.1, seed=7)`.
    pub fn recipe(&self) -> &str {
        &self.recipe
    }

    /// The names of the parts.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Classes that have samples, but too few for every part to get what it should. Not kept in files.
    pub fn short_classes(&self) -> &[usize] {
        &self.short_classes
    }

    /// A part's samples: their indices in the source, in its order.
    ///
    /// # Errors
    /// [`SplitError::NoPart`]
    pub fn indices(&self, part: &str) -> Result<Vec<u32>, SplitError> {
        let part = self.number(part)?;
        Ok(self.samples(|of| of == part))
    }

    /// A part as a source of its own.
    ///
    /// # Errors
    /// [`SplitError::NoPart`], and [`SplitError::EmptyPart`] where nothing is in it.
    pub fn subset(&self, part: &str) -> Result<Subset, SplitError> {
        let number = self.number(part)?;
        self.subset_of(part, |of| of == number)
    }

    /// All other parts as one source.
    ///
    /// # Errors
    /// As [`Split::subset`].
    pub fn subset_without(&self, part: &str) -> Result<Subset, SplitError> {
        let number = self.number(part)?;
        self.subset_of(&format!("all but {part}"), |of| of != number)
    }

    /// A split with everything in the first part.
    fn new<Name: Into<String>>(
        source: &Arc<dyn Source>,
        recipe: String,
        parts: impl IntoIterator<Item = Name>,
    ) -> Result<Self, SplitError> {
        let samples = source.len();
        u32::try_from(samples).map_err(|_| SplitError::TooLarge { samples })?;
        let parts = parts.into_iter().map(Into::into).collect();
        Ok(Self {
            source: Arc::clone(source),
            recipe,
            parts,
            part_of: vec![0; samples],
            short_classes: Vec::new(),
        })
    }

    fn put(&mut self, samples: &[u32], part: u16) {
        for sample in samples {
            self.part_of[*sample as usize] = part;
        }
    }

    fn number(&self, part: &str) -> Result<u16, SplitError> {
        let number = self.parts.iter().position(|name| name == part);
        let found = number.map(|number| number as u16);
        found.ok_or_else(|| SplitError::NoPart { part: part.to_string(), parts: self.parts.join(", ") })
    }

    fn samples(&self, is_in: impl Fn(u16) -> bool) -> Vec<u32> {
        let samples = self.part_of.iter().zip(0..).filter(|(part, _)| is_in(**part));
        samples.map(|(_, index)| index).collect()
    }

    fn subset_of(&self, name: &str, is_in: impl Fn(u16) -> bool) -> Result<Subset, SplitError> {
        let subset = Subset::new(Arc::clone(&self.source), self.samples(is_in));
        subset.ok_or_else(|| SplitError::EmptyPart { part: name.to_string() })
    }
}

/// The samples of each class in the order that the seed gives them.
fn ranked(source: &Arc<dyn Source>, seed: u64) -> Vec<Vec<u32>> {
    let mut classes: Vec<Vec<(u64, u32)>> = vec![Vec::new(); source.classes().len()];
    for index in 0..source.len() {
        classes[source.class(index)].push((rank(&source.key(index), seed), index as u32));
    }
    let in_order = |mut samples: Vec<(u64, u32)>| {
        samples.sort_unstable_by(|a, b| {
            let key = |sample: &(u64, u32)| source.key(sample.1 as usize);
            a.0.cmp(&b.0).then_with(|| key(a).cmp(&key(b)))
        });
        samples.into_iter().map(|(_, index)| index).collect()
    };
    classes.into_iter().map(in_order).collect()
}

fn rank(key: &str, seed: u64) -> u64 {
    let digest = Sha256::digest(key);
    let name = digest.iter().take(8).fold(0, |name, byte| name << 8 | u64::from(*byte));
    Random::new(seed, 0, name, Purpose::Split).bits()
}

/// Keys with their samples' indices, by key.
fn sorted_keys(source: &dyn Source) -> Vec<(Cow<'_, str>, u32)> {
    let mut keys: Vec<_> = (0..source.len()).map(|index| (source.key(index), index as u32)).collect();
    keys.sort_unstable();
    keys
}
