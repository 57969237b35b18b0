//! How long what is left will take: by what trials cost, since the dearest of a search may take a hundred times as long as
//! the cheapest.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Row, Time, TrialId};

/// Seconds and the work done in them: multiply-adds of one image times epochs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Pace {
    seconds: f64,
    work: f64,
}

/// The work of so many epochs of a network with so many multiply-adds.
pub(super) fn work(macs: u64, epochs: u64) -> f64 {
    macs as f64 * epochs as f64
}

impl Pace {
    /// From what earlier runs left.
    pub fn of(rows: &[Row], times: &[Time]) -> Self {
        let seconds: BTreeMap<TrialId, f64> = times.iter().map(|time| (time.trial, time.seconds)).collect();
        let mut pace = Self::default();
        for row in rows {
            if let Some(seconds) = seconds.get(&row.trial) {
                pace.add(row, *seconds);
            }
        }
        pace
    }

    /// A trial took so long; one that failed says nothing.
    pub fn add(&mut self, row: &Row, seconds: f64) {
        if row.outcome.top1().is_some() {
            self.seconds += seconds;
            self.work += work(row.macs, row.trial.epochs);
        }
    }

    /// How long so much work will take, once something is known.
    pub fn left(self, work: f64) -> Option<Duration> {
        let seconds = work.max(0.0) * self.seconds / self.work;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;

    fn row(macs: u64, epochs: u64, outcome: Outcome) -> Row {
        let trial = serde_json::from_str(&format!(
            r#"{{"network":"00000000000000aa","epochs":{epochs},"seed":{macs}}}"#
        ));
        let (name, trial) = (String::new(), trial.unwrap());
        let (depth, width, resolution, params, activations, cost) = (1.0, 1.0, 32, 1, 1, 1.0);
        Row { trial, name, depth, width, resolution, blocks: None, macs, params, activations, cost, outcome }
    }

    #[test]
    fn time_goes_by_work_and_not_by_trials() {
        let measured = || Outcome::Measured { images: 2, correct: 1, loss: 1.0 };
        let failed = || Outcome::Failed { reason: String::new() };
        assert_eq!(Pace::default().left(1.0), None);
        let rows = [row(100, 2, measured()), row(300, 1, failed()), row(400, 2, measured())];
        let time = |row: &Row, seconds| Time { trial: row.trial, seconds, training_seconds: seconds };
        // The last one's time was lost.
        let pace = Pace::of(&rows, &[time(&rows[0], 10.0), time(&rows[1], 500.0)]);
        assert_eq!(pace.left(work(1000, 4)), Some(Duration::from_secs(200)));
        let mut pace = pace;
        pace.add(&rows[2], 90.0);
        assert_eq!(pace.left(work(1000, 4)), Some(Duration::from_secs(400)));
        assert_eq!(pace.left(-5.0), Some(Duration::ZERO));
    }
}
