//! Steps become the figures of a line.

use std::time::{Duration, Instant};

use super::text::Line;
use crate::journal::Step;

/// How much of a mean stays when a step's value is added: it looks back some fifty steps.
const KEPT: f64 = 0.98;
/// Seconds after which a measurement of the pace counts half.
const HALF_LIFE: f64 = 20.0;
/// Seconds of training after which the pace is shown: the first steps of a run say little.
const SETTLED: f64 = 0.5;

/// Steps become the figures of a line.
#[derive(Debug)]
pub struct Meter {
    total_steps: u64,
    epochs: u64,
    last: Option<Step>,
    loss: Mean,
    top1: Mean,
    pace: Pace,
    since: Instant,
}

/// What was done in a time, the longer ago the less.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    seconds: f64,
    steps: f64,
    images: f64,
}

/// A mean in which a value counts less with every one that follows.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Meter {
    /// For a run of so many steps in so many epochs; the clock runs from `now`.
    pub fn new(total_steps: u64, epochs: u64, now: Instant) -> Self {
        let (loss, top1) = (Mean::default(), Mean::default());
        Self { total_steps, epochs, last: None, loss, top1, pace: Pace::default(), since: now }
    }

    /// Epochs of the run.
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// Takes in a step of so many images, of which one hears at `now`. Of several heard of at once the first has all the
    /// time and the others none, which is as good for the pace.
    pub fn add(&mut self, step: &Step, images: u64, now: Instant) {
        self.loss.add(f64::from(step.loss));
        self.top1.add(f64::from(step.top1));
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        let kept = 0.5f64.powf(seconds / HALF_LIFE);
        self.pace = Pace {
            seconds: kept * self.pace.seconds + seconds,
            steps: kept * self.pace.steps + 1.0,
            images: kept * self.pace.images + images as f64,
        };
        self.since = now;
        self.last = Some(step.clone());
    }

    /// The time since the last step was spent on something else than training.
    pub fn pause(&mut self, now: Instant) {
        self.since = now;
    }

    /// The figures; `None` before the first step.
    pub fn line(&self) -> Option<Line> {
        let step = self.last.as_ref()?;
        let Pace { seconds, steps, images } = self.pace;
        let known = seconds >= SETTLED;
        let remaining = self.total_steps.saturating_sub(step.step) as f64;
        let left = known.then(|| Duration::try_from_secs_f64(remaining * seconds / steps).ok()).flatten();
        Some(Line {
            epoch: step.epoch,
            epochs: self.epochs,
            step: step.step,
            total_steps: self.total_steps,
            rate: step.rate,
            loss: self.loss.value(),
            top1: self.top1.value(),
            images_per_second: known.then_some(images / seconds),
            left,
        })
    }
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum = KEPT * self.sum + value;
        self.weight = KEPT * self.weight + 1.0;
    }

    /// The sum by the weights that were given, so that the first values are not drawn towards zero.
    fn value(self) -> f64 {
        self.sum / self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64, loss: f32) -> Step {
        Step { step, epoch: 0, rate: 0.016, loss, top1: 0.25, gradient_norm: None }
    }

    #[test]
    fn pace_and_time_left_come_from_the_clock_that_is_given() {
        let start = Instant::now();
        let mut meter = Meter::new(100, 10, start);
        assert_eq!(meter.line(), None);
        meter.add(&step(0, 2.0), 0, start);
        assert_eq!(meter.line().unwrap().images_per_second, None);
        let mut meter = Meter::new(100, 10, start);
        // Twenty steps are heard of at once.
        (1..=20).for_each(|number| meter.add(&step(number, 2.0), 32, start + Duration::from_secs(10)));
        let line = meter.line().unwrap();
        assert_eq!(line.images_per_second, Some(64.0));
        assert_eq!(line.left, Some(Duration::from_secs(40)));
        assert_eq!((line.step, line.total_steps), (20, 100));
    }

    #[test]
    fn a_pause_is_not_the_pace_of_training() {
        let start = Instant::now();
        let mut meter = Meter::new(100, 10, start);
        meter.add(&step(1, 2.0), 10, start + Duration::from_secs(1));
        meter.pause(start + Duration::from_secs(600));
        meter.add(&step(2, 2.0), 10, start + Duration::from_secs(601));
        let pace = meter.line().unwrap().images_per_second.unwrap();
        assert!((pace - 10.0).abs() < 1e-9, "{pace}");
    }

    #[test]
    fn a_new_pace_soon_counts_most() {
        let start = Instant::now();
        let mut meter = Meter::new(1_000_000, 1, start);
        for second in 1..=240 {
            let images = if second <= 120 { 10 } else { 100 };
            meter.add(&step(second, 2.0), images, start + Duration::from_secs(second));
        }
        let pace = meter.line().unwrap().images_per_second.unwrap();
        assert!((95.0..100.0).contains(&pace), "{pace}");
    }

    #[test]
    fn the_mean_of_equal_values_is_that_value_from_the_first_on() {
        let mut mean = Mean::default();
        for _ in 0..3 {
            mean.add(2.0);
            assert!((mean.value() - 2.0).abs() < 1e-12);
        }
        (0..500).for_each(|_| mean.add(1.0));
        assert!((mean.value() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn no_step_left_and_more_than_were_planned() {
        let start = Instant::now();
        let mut meter = Meter::new(1, 1, start);
        (1..=3).for_each(|number| meter.add(&step(number, 2.0), 1, start + Duration::from_secs(number)));
        let line = meter.line().unwrap();
        assert_eq!(line.left, Some(Duration::ZERO));
    }
}
