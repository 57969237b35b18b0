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
