//! Sizes of images, from how often each occurs.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

/// How many of the most frequent sizes a report lists.
const LISTED: usize = 5;

/// Sizes of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Of the widths.
    pub width: Range,
    /// Of the heights.
    pub height: Range,
    /// How many different sizes there are.
    pub different: usize,
    /// The most frequent ones, most frequent first.
    pub frequent: Vec<Size>,
}

/// Pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The smallest.
    pub min: usize,
    /// The one in the middle; the lower one of two.
    pub median: usize,
    /// The largest.
    pub max: usize,
}

/// A size and how often it occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// How many images have it.
    pub images: u64,
}

/// `counts` has `(width, height)`.
pub(super) fn of(counts: &HashMap<(usize, usize), u64>) -> Option<Sizes> {
    let mut frequent: Vec<Size> =
        counts.iter().map(|(&(width, height), &images)| Size { width, height, images }).collect();
    frequent.sort_by_key(|size| (u64::MAX - size.images, size.width, size.height));
    let width = range(frequent.iter().map(|size| (size.width, size.images)))?;
    let height = range(frequent.iter().map(|size| (size.height, size.images)))?;
    let different = frequent.len();
    frequent.truncate(LISTED);
    Some(Sizes { width, height, different, frequent })
}

fn range(lengths: impl Iterator<Item = (usize, u64)>) -> Option<Range> {
    let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
    for (length, count) in lengths {
        *counts.entry(length).or_default() += count;
    }
    let middle = counts.values().sum::<u64>().div_ceil(2);
    let mut before = 0;
    let median = counts.iter().find_map(|(length, count)| {
        before += count;
        (before >= middle).then_some(*length)
    })?;
    Some(Range { min: *counts.first_key_value()?.0, median, max: *counts.last_key_value()?.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_no_image() {
        assert_eq!(of(&HashMap::new()), None);
    }

    #[test]
    fn widths_and_heights_apart() {
        let counts = HashMap::from([((10, 5), 1), ((20, 4), 3), ((30, 4), 2), ((1, 900), 1)]);
        let sizes = of(&counts).unwrap();
        assert_eq!(sizes.width, Range { min: 1, median: 20, max: 30 });
        assert_eq!(sizes.height, Range { min: 4, median: 4, max: 900 });
        assert_eq!(sizes.different, 4);
        assert_eq!(sizes.frequent[0], Size { width: 20, height: 4, images: 3 });
    }

    #[test]
    fn the_lower_one_of_two_in_the_middle() {
        assert_eq!(range([(7, 1), (3, 1)].into_iter()).unwrap().median, 3);
        assert_eq!(range([(7, 2), (3, 1)].into_iter()).unwrap().median, 7);
    }
}
