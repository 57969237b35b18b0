//! Which sample stands in which place of an epoch.

use serde::{Deserialize, Serialize};

use crate::random::{Purpose, Random};
use crate::source::Source;

/// The order of the samples in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As the source has them: for evaluation.
    #[default]
    Sequential,
    /// Each once, in an order of the epoch's own.
    Shuffled,
    /// Every class equally often: in each round of classes each one gives a sample, in an order of the round's own, and
    /// begins anew, shuffled, when all its samples were had. The epoch keeps its length, so samples of large classes are
    /// left out and those of small ones come several times.
    ClassBalanced,
}

impl Order {
    /// The samples of an epoch, place by place: as many as the source has.
    pub(super) fn samples(self, source: &dyn Source, seed: u64, epoch: u64, repeats: usize) -> Vec<u32> {
        let mut random = Random::new(seed, epoch, 0, Purpose::Order);
        // As many as the repetition leaves room for.
        let places = source.len();
        let distinct = places.div_ceil(repeats);
        let mut samples: Vec<u32> = match self {
            Self::Sequential => (0..places as u32).collect(),
            Self::Shuffled => {
                let mut samples: Vec<u32> = (0..places as u32).collect();
                random.shuffle(&mut samples);
                samples
            }
            Self::ClassBalanced => balanced(source, distinct, &mut random),
        };
        if repeats > 1 {
            samples.truncate(distinct);
            samples = samples.into_iter().flat_map(|sample| std::iter::repeat_n(sample, repeats)).collect();
            samples.truncate(places);
        }
        samples
    }
}

fn balanced(source: &dyn Source, places: usize, random: &mut Random) -> Vec<u32> {
    let mut classes = vec![Class::default(); source.classes().len()];
    for sample in 0..source.len() {
        classes[source.class(sample)].samples.push(sample as u32);
    }
    classes.retain(|class| !class.samples.is_empty());
    let mut round: Vec<usize> = (0..classes.len()).collect();
    let mut samples = Vec::with_capacity(places);
    while samples.len() < places {
        random.shuffle(&mut round);
        for class in round.iter().take(places - samples.len()) {
            samples.push(classes[*class].next(random));
        }
    }
    samples
}

/// A class's samples, and how many of them were had in this turn.
#[derive(Clone, Default)]
struct Class {
    samples: Vec<u32>,
    had: usize,
}

impl Class {
    fn next(&mut self, random: &mut Random) -> u32 {
        if self.had == 0 {
            random.shuffle(&mut self.samples);
        }
        let sample = self.samples[self.had];
        self.had = (self.had + 1) % self.samples.len();
        sample
    }
}
