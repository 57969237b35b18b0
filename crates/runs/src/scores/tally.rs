//! Many images' results, as whole numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calibration::{self, Bin, Calibration};
use super::class::{Confusion, share};
use super::outcome::{Outcome, TOP};
use crate::journal::Scores;

/// Bins of a reliability diagram (Guo et al. 2017, section 5).
pub const BINS: usize = 15;

/// A part of 2^32: what losses and confidences are counted in.
const UNIT: f64 = 4_294_967_296.0;

/// Why results cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    /// A class that does not exist.
    #[error(
        "class {class} is named and there are only {classes}, counted from 0; evaluate with the classes that the network was trained on"
    )]
    Class {
        /// The class, from 0.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// Tallies of different tasks.
    #[error(
        "results over {left} classes cannot be added to results over {right}; evaluate both with one class list"
    )]
    Classes {
        /// Classes of one tally.
        left: usize,
        /// Classes of the other.
        right: usize,
    },
    /// A stored tally whose counts do not fit together.
    #[error("the stored results contradict themselves: {what}; evaluate again")]
    Stored {
        /// The contradiction.
        what: &'static str,
    },
}

/// The results of many images.
///
/// ```
/// use efficientnet_runs::scores::{Outcome, Tally};
///
/// let mut one = Tally::new(2);
/// one.add(&Outcome::from_logits(&[2.0, 0.0], 0, 0.0))?;
/// let mut other = Tally::new(2);
/// other.add(&Outcome::from_logits(&[2.0, 0.0], 1, 0.0))?;
/// one.merge(&other)?;
/// assert_eq!((one.images(), one.top1()), (2, Some(0.5)));
/// # Ok::<(), efficientnet_runs::scores::ScoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Tally {
    /// Images of each class.
    support: Vec<u64>,
    /// Images of a class that were taken for a class. Sparse: most of a thousand classes are never confused.
    confusion: BTreeMap<(usize, usize), u64>,
    top5: u64,
    /// Sum of the finite losses, in units of 2^-32.
    loss: u64,
    /// Images without a finite loss.
    non_finite: u64,
    bins: [Bin; BINS],
}

/// A tally in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    support: Vec<u64>,
    /// `[label, predicted, images]`.
    confusion: Vec<(usize, usize, u64)>,
    top5: u64,
    loss: u64,
    non_finite: u64,
    bins: Vec<Bin>,
}

/// The measures of a tally, for JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// Images that counted.
    pub images: u64,
    /// Images whose class was predicted.
    pub correct: u64,
    /// Images whose logits had no order (a NaN among them); they count as wrong.
    pub undefined: u64,
    /// Share whose class had the highest logit.
    pub top1: Option<f64>,
    /// Share whose class was among the five highest logits; `None` where there are no more than five classes.
    pub top5: Option<f64>,
    /// Mean loss; `None` where one of them is not finite.
    pub loss: Option<f64>,
    /// Mean recall of the classes that have images, the balanced accuracy.
    pub mean_recall: Option<f64>,
    /// Mean F1 of the classes that have images or were predicted.
    pub mean_f1: Option<f64>,
    /// Expected calibration error over [`BINS`] bins.
    pub ece: Option<f64>,
}

impl Tally {
    /// Of no images, for a task of this many classes.
    pub fn new(classes: usize) -> Self {
        Self {
            support: vec![0; classes],
            confusion: BTreeMap::new(),
            top5: 0,
            loss: 0,
            non_finite: 0,
            bins: [Bin::default(); BINS],
        }
    }

    /// Adds an image.
    ///
    /// # Errors
    /// [`ScoreError::Class`] for a class that does not exist; nothing was added then.
    pub fn add(&mut self, outcome: &Outcome) -> Result<(), ScoreError> {
        let classes = self.classes();
        let named = outcome.top.iter().chain([&outcome.label]);
        if let Some(class) = named.copied().find(|class| *class >= classes) {
            return Err(ScoreError::Class { class, classes });
        }
        self.support[outcome.label] += 1;
        if let Some(predicted) = outcome.predicted() {
            *self.confusion.entry((outcome.label, predicted)).or_default() += 1;
        }
        self.top5 += u64::from(outcome.correct_top5());
        if outcome.loss.is_finite() {
            self.loss = self.loss.saturating_add(fixed(outcome.loss));
        } else {
            self.non_finite += 1;
        }
        let bin = &mut self.bins[calibration::bin_of(outcome.confidence)];
        bin.images += 1;
        bin.correct += u64::from(outcome.correct());
        bin.confidence += fixed(outcome.confidence.clamp(0.0, 1.0));
        Ok(())
    }

    /// Adds all images of another tally.
    ///
    /// # Errors
    /// [`ScoreError::Classes`] where it is of another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<(), ScoreError> {
        if self.classes() != other.classes() {
            return Err(ScoreError::Classes { left: other.classes(), right: self.classes() });
        }
        for (own, added) in self.support.iter_mut().zip(&other.support) {
            *own += added;
        }
        for (pair, images) in &other.confusion {
            *self.confusion.entry(*pair).or_default() += images;
        }
        self.top5 += other.top5;
        self.loss = self.loss.saturating_add(other.loss);
        self.non_finite += other.non_finite;
        for (own, added) in self.bins.iter_mut().zip(&other.bins) {
            own.images += added.images;
            own.correct += added.correct;
            own.confidence += added.confidence;
        }
        Ok(())
    }

    /// How many classes the task has.
    pub fn classes(&self) -> usize {
        self.support.len()
    }

    /// Images that were added.
    pub fn images(&self) -> u64 {
        self.support.iter().sum()
    }

    /// Images of a class; 0 for one that does not exist.
    pub fn support(&self, class: usize) -> u64 {
        self.support.get(class).copied().unwrap_or(0)
    }

    /// Images of class `label` that were taken for class `predicted`.
    pub fn count(&self, label: usize, predicted: usize) -> u64 {
        self.confusion.get(&(label, predicted)).copied().unwrap_or(0)
    }

    /// Cells of the confusion matrix that are not 0, row by row (a row is a label).
    pub fn cells(&self) -> impl Iterator<Item = Confusion> + '_ {
        self.confusion.iter().map(|((label, predicted), images)| Confusion {
            label: *label,
            predicted: *predicted,
            images: *images,
        })
    }

    /// Images whose class was predicted.
    pub fn correct(&self) -> u64 {
        self.cells().filter(|cell| cell.label == cell.predicted).map(|cell| cell.images).sum()
    }

    /// Images whose logits had no order; they count as wrong.
    pub fn undefined(&self) -> u64 {
        self.images() - self.cells().map(|cell| cell.images).sum::<u64>()
    }

    /// Share whose class had the highest logit; `None` of no images.
    pub fn top1(&self) -> Option<f64> {
        share(self.correct(), self.images())
    }

    /// Share whose class was among the five highest logits; `None` of no images, and where there are no more than five
    /// classes.
    pub fn top5(&self) -> Option<f64> {
        if self.classes() > TOP { share(self.top5, self.images()) } else { None }
    }

    /// Mean loss; `None` of no images, and where the loss of one is not finite. Each loss was rounded to 2^-32.
    pub fn mean_loss(&self) -> Option<f64> {
        (self.images() > 0 && self.non_finite == 0).then(|| from_fixed(self.loss) / self.images() as f64)
    }

    /// The reliability diagram and its error; `None` of no images.
    pub fn calibration(&self) -> Option<Calibration> {
        calibration::calibration(&self.bins)
    }

    /// The measures in one, without those of single classes.
    pub fn measures(&self) -> Measures {
        let classes = self.per_class();
        Measures {
            images: self.images(),
            correct: self.correct(),
            undefined: self.undefined(),
            top1: self.top1(),
            top5: self.top5(),
            loss: self.mean_loss(),
            mean_recall: mean(classes.iter().filter_map(|class| class.recall)),
            mean_f1: mean(classes.iter().filter_map(|class| class.f1)),
            ece: self.calibration().map(|calibration| calibration.ece),
        }
    }

    /// What the journal says of it; a loss that is not finite is NaN. `None` of no images.
    pub fn scores(&self) -> Option<Scores> {
        Some(Scores {
            images: self.images(),
            loss: self.mean_loss().map_or(f32::NAN, |loss| loss as f32),
            top1: self.top1()? as f32,
            top5: self.top5().map(|top5| top5 as f32),
        })
    }
}

impl From<Tally> for Stored {
    fn from(tally: Tally) -> Self {
        let confusion = tally.cells().map(|cell| (cell.label, cell.predicted, cell.images)).collect();
        Self {
            support: tally.support,
            confusion,
            top5: tally.top5,
            loss: tally.loss,
            non_finite: tally.non_finite,
            bins: tally.bins.to_vec(),
        }
    }
}

impl TryFrom<Stored> for Tally {
    type Error = ScoreError;

    /// A file can say anything: sums that do not fit together would overflow later.
    fn try_from(stored: Stored) -> Result<Self, ScoreError> {
        let contradiction = |what| ScoreError::Stored { what };
        let Stored { support, confusion: cells, top5, loss, non_finite, bins } = stored;
        let classes = support.len();
        let images = total(support.iter().copied()).ok_or(contradiction("too many images"))?;
        let mut left = support.clone();
        let mut confusion = BTreeMap::new();
        for (label, predicted, images) in cells {
            let class = label.max(predicted);
            if class >= classes {
                return Err(ScoreError::Class { class, classes });
            }
            left[label] = left[label]
                .checked_sub(images)
                .ok_or(contradiction("a class has more predictions than images"))?;
            *confusion.entry((label, predicted)).or_default() += images;
        }
        let bins: [Bin; BINS] =
            bins.try_into().map_err(|_| contradiction("there are not 15 bins of confidence"))?;
        if total(bins.iter().map(|bin| bin.images)) != Some(images) || !bins.iter().all(Bin::fits) {
            return Err(contradiction("the bins of confidence do not hold the images"));
        }
        if top5 > images || non_finite > images {
            return Err(contradiction("more images were counted than there are"));
        }
        Ok(Self { support, confusion, top5, loss, non_finite, bins })
    }
}

/// The sum of counts, where it is below 2^31: then the confidences of two tallies add up without overflow, too.
fn total(mut counts: impl Iterator<Item = u64>) -> Option<u64> {
    counts.try_fold(0_u64, u64::checked_add).filter(|sum| *sum < 1 << 31)
}

fn fixed(value: f32) -> u64 {
    // Saturates, and a NaN becomes 0.
    (f64::from(value) * UNIT).round() as u64
}

pub(super) fn from_fixed(value: u64) -> f64 {
    value as f64 / UNIT
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests;
