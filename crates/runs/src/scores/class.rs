//! How well each class is told from the others.

use serde::Serialize;

use super::Tally;

/// One class among the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassMeasures {
    /// The class.
    pub class: usize,
    /// Images of this class.
    pub support: u64,
    /// Images that were taken for this class.
    pub predicted: u64,
    /// Images of this class that were taken for it.
    pub correct: u64,
    /// Share of `predicted` that is correct; `None` where nothing was taken for this class.
    pub precision: Option<f64>,
    /// Share of `support` that is correct; `None` where there are no images of this class.
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall, `2 correct / (support + predicted)`; `None` where both of them are 0.
    pub f1: Option<f64>,
    /// What its images are taken for most often, where they are not recognised.
    pub confused_with: Option<Confusion>,
}

/// Images of one class that were taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// Their class.
    pub label: usize,
    /// What they were taken for.
    pub predicted: usize,
    /// How many there are.
    pub images: u64,
}

impl Tally {
    /// Every class, in order.
    pub fn per_class(&self) -> Vec<ClassMeasures> {
        let mut predicted = vec![0_u64; self.classes()];
        let mut correct = vec![0_u64; self.classes()];
        let mut confused: Vec<Option<Confusion>> = vec![None; self.classes()];
        for cell in self.cells() {
            predicted[cell.predicted] += cell.images;
            if cell.label == cell.predicted {
                correct[cell.label] += cell.images;
            } else if confused[cell.label].is_none_or(|most| most.images < cell.images) {
                confused[cell.label] = Some(cell);
            }
        }
        let measures = |class: usize| ClassMeasures {
            class,
            support: self.support(class),
            predicted: predicted[class],
            correct: correct[class],
            precision: share(correct[class], predicted[class]),
            recall: share(correct[class], self.support(class)),
            // The sum of two counts is taken of floats: no two `u64`s overflow it.
            f1: ratio(2.0 * correct[class] as f64, self.support(class) as f64 + predicted[class] as f64),
            confused_with: confused[class],
        };
        (0..self.classes()).map(measures).collect()
    }

    /// Pairs of different classes, the most often confused first; of equal ones in the order of the classes.
    pub fn confusions(&self) -> Vec<Confusion> {
        let mut pairs: Vec<Confusion> = self.cells().filter(|cell| cell.label != cell.predicted).collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.images));
        pairs
    }
}

/// `part` of `whole`; `None` of nothing.
pub fn share(part: u64, whole: u64) -> Option<f64> {
    ratio(part as f64, whole as f64)
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
