//! What was found, and what is said of it.

use serde::Serialize;

use super::side::Side;

/// What is run by each side alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Workload {
    /// The network, by our name.
    pub model: String,
    /// Height and width of the images in pixels.
    pub resolution: usize,
    /// Images in a forward pass.
    pub batch: usize,
    /// Threads.
    pub threads: usize,
}

impl Workload {
    /// For a line of progress or an error.
    pub fn text(&self) -> String {
        let plural = if self.threads == 1 { "" } else { "s" };
        format!("{}, batch {}, {} thread{plural}", self.model, self.batch, self.threads)
    }
}

/// Of several numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even count the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// `None` of no numbers.
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { median: low.midpoint(high), least, most })
    }

    /// The quotient of the medians, with the least and the most of the quotients of each round.
    pub fn ratio(numbers: &[f64], to: &[f64]) -> Option<Self> {
        let rounds: Vec<f64> = numbers.iter().zip(to).map(|(number, to)| number / to).collect();
        let median = Self::of(numbers)?.median / Self::of(to)?.median;
        Self::of(&rounds).map(|rounds| Self { median, ..rounds })
    }
}

/// One side of one workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What was run.
    #[serde(flatten)]
    pub workload: Workload,
    /// Who ran it.
    pub side: Side,
    /// The library and its version, in its own words.
    pub description: Option<String>,
    /// Why there are no times.
    pub reason: Option<String>,
    /// The median milliseconds of each round's process.
    pub rounds_ms: Vec<f64>,
    /// Of the rounds.
    pub ms: Option<Spread>,
    /// This side's time over the first peer's.
    pub ratio: Option<Spread>,
    /// The most memory that one of the processes held, in bytes.
    pub peak_bytes: Option<u64>,
    /// The largest difference of a logit from the reference's, over the reference's largest; absent for the reference.
    pub difference: Option<f64>,
}

impl Row {
    /// A row without a process yet.
    pub fn new(workload: &Workload, side: Side) -> Self {
        Self {
            workload: workload.clone(),
            side,
            description: None,
            reason: None,
            rounds_ms: Vec::new(),
            ms: None,
            ratio: None,
            peak_bytes: None,
            difference: None,
        }
    }

    /// Gives the side up: what was measured before does not count.
    pub fn fail(&mut self, reason: String) {
        *self = Self { reason: Some(reason), ..Self::new(&self.workload, self.side) };
    }
}

/// Fills in what follows from the times of all rounds: spreads, and ratios to the side `first`.
pub fn conclude(rows: &mut [Row], first: Option<Side>) {
    let to = rows.iter().find(|row| Some(row.side) == first).map(|row| row.rounds_ms.clone());
    for row in rows {
        row.ms = Spread::of(&row.rounds_ms);
        row.ratio = to.as_ref().and_then(|to| Spread::ratio(&row.rounds_ms, to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload {
        Workload { model: "m".into(), resolution: 32, batch: 1, threads: 1 }
    }

    #[test]
    fn medians_of_odd_and_even_counts() {
        let spread = |numbers: &[f64]| Spread::of(numbers).map(|s| [s.median, s.least, s.most]);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some([2.0, 1.0, 3.0]));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 8.0]), Some([3.0, 1.0, 8.0]));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn a_ratio_pairs_the_rounds() {
        let ratio = Spread::ratio(&[2.0, 3.0, 10.0], &[4.0, 4.0, 5.0]).unwrap();
        assert_eq!([ratio.median, ratio.least, ratio.most], [0.75, 0.5, 2.0]);
        assert_eq!(Spread::ratio(&[], &[1.0]), None);
        assert_eq!(Spread::ratio(&[1.0], &[]), None);
    }

    #[test]
    fn ratios_are_to_the_first_peer_or_there_are_none() {
        let row = |side, times: &[f64]| Row { rounds_ms: times.to_vec(), ..Row::new(&workload(), side) };
        let rows = [row(Side::Ort, &[4.0, 4.0]), row(Side::Ours, &[2.0, 3.0]), row(Side::Tract, &[])];
        let mut with = rows.clone();
        conclude(&mut with, Some(Side::Ort));
        assert_eq!(with[0].ratio.unwrap().median, 1.0);
        assert_eq!(with[1].ratio.unwrap(), Spread { median: 0.625, least: 0.5, most: 0.75 });
        assert_eq!((with[2].ms, with[2].ratio), (None, None));
        let mut without = rows[1..].to_vec();
        conclude(&mut without, Some(Side::Ort));
        assert!(without[0].ms.is_some() && without[0].ratio.is_none());
    }

    #[test]
    fn a_side_that_fails_has_no_times() {
        let mut row = Row { rounds_ms: vec![1.0], peak_bytes: Some(1), ..Row::new(&workload(), Side::Ours) };
        row.fail("no".into());
        assert_eq!(row, Row { reason: Some("no".into()), ..Row::new(&workload(), Side::Ours) });
    }
}
