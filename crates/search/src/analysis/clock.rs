//! Where the time went.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Time, TrialId};

/// Time of all trials.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Clock {
    /// Trials whose time is known.
    pub trials: usize,
    /// From their starts to their ends, in seconds.
    pub seconds: f64,
    /// In training and measuring alone.
    pub training_seconds: f64,
    /// Share of the time that went into anything else; none where nothing took time.
    pub overhead: Option<f64>,
    /// The largest such share of a single trial.
    pub largest_overhead: Option<f64>,
    /// The longest trial, in seconds.
    pub longest: f64,
}

impl Clock {
    /// Sums up; of a trial that ended more than once the first time counts, and times that are none do not.
    pub fn of(times: &[Time]) -> Self {
        let mut known: BTreeMap<TrialId, (f64, f64)> = BTreeMap::new();
        for time in times.iter().filter(|time| time.seconds >= 0.0 && time.training_seconds >= 0.0) {
            if time.seconds.is_finite() {
                known.entry(time.trial).or_insert((time.seconds, time.training_seconds.min(time.seconds)));
            }
        }
        let rest = |seconds: f64, training: f64| (seconds > 0.0).then(|| 1.0 - training / seconds);
        let sum = |of: fn(&(f64, f64)) -> f64| known.values().map(of).sum();
        let (seconds, training_seconds) = (sum(|time| time.0), sum(|time| time.1));
        Self {
            trials: known.len(),
            seconds,
            training_seconds,
            overhead: rest(seconds, training_seconds),
            largest_overhead: known.values().filter_map(|time| rest(time.0, time.1)).reduce(f64::max),
            longest: known.values().map(|time| time.0).fold(0.0, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::id;

    #[test]
    fn time_is_summed_once_a_trial() {
        let time =
            |network, seconds, training_seconds| Time { trial: id(network, 4, 0), seconds, training_seconds };
        let times = [time(1, 100.0, 99.0), time(2, 50.0, 45.0), time(1, 900.0, 0.0), time(3, f64::NAN, 1.0)];
        let clock = Clock::of(&times);
        assert_eq!(
            (clock.trials, clock.seconds, clock.training_seconds, clock.longest),
            (2, 150.0, 144.0, 100.0)
        );
        assert!((clock.overhead.unwrap() - 0.04).abs() < 1e-12);
        assert!((clock.largest_overhead.unwrap() - 0.1).abs() < 1e-12);
        assert_eq!(Clock::of(&[]), Clock::default());
    }
}
