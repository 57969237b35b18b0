//! Figures become words.

use std::fmt;
use std::time::Duration;

use crate::journal::{Epoch, Scores};

/// The figures of a line; its `Display` is the line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The epoch, from 0 (shown from 1).
    pub epoch: u64,
    /// Epochs of the run.
    pub epochs: u64,
    /// Updates so far.
    pub step: u64,
    /// Updates of the run.
    pub total_steps: u64,
    /// The learning rate.
    pub rate: f64,
    /// Mean training loss of the last steps.
    pub loss: f64,
    /// Mean share of right first answers of the last steps, 0 to 1.
    pub top1: f64,
    /// Images trained on a second, once it is known.
    pub images_per_second: Option<f64>,
    /// Time until the last update, once it is known.
    pub left: Option<Duration>,
}

/// What matters most comes first: a narrow terminal cuts the end off.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, epochs, step, total_steps, loss, top1, .. } = self;
        let (epoch, rate, top1) = (epoch + 1, rate(self.rate), 100.0 * top1);
        write!(f, "epoch {epoch}/{epochs}, step {step}/{total_steps}")?;
        if let Some(left) = self.left {
            write!(f, ", {} left", duration(left))?;
        }
        write!(f, ", loss {loss:.3}, top-1 {top1:.1} %, rate {rate}")?;
        if let Some(pace) = self.images_per_second {
            let decimals = if pace < 10.0 { 1 } else { 0 };
            write!(f, ", {pace:.decimals$} images/s")?;
        }
        Ok(())
    }
}

/// How an epoch went, as a line.
pub fn epoch_line(epoch: &Epoch, epochs: u64) -> String {
    let scores = |what: &str, Scores { loss, top1, .. }: &Scores| {
        format!("{what} loss {loss:.4}, top-1 {:.2} %", 100.0 * f64::from(*top1))
    };
    let train = scores("training", &epoch.train);
    let validation = epoch.validation.iter().map(|found| scores("validation", found));
    let averaged = epoch.averaged.iter().map(|found| scores("with averaged weights", found));
    let parts: Vec<String> = std::iter::once(train).chain(validation).chain(averaged).collect();
    format!("epoch {}/{epochs}: {}", epoch.epoch + 1, parts.join("; "))
}

/// A time in its two largest units, as `3 h 07 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (minutes, hours, days) {
        (0, ..) => format!("{seconds} s"),
        (_, 0, _) => format!("{minutes} min {:02} s", seconds % 60),
        (.., 0) => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{days} d {:02} h", hours % 24),
    }
}

/// A rate with three digits that count, without an exponent where that is short.
fn rate(rate: f64) -> String {
    if rate == 0.0 || rate >= 0.001 { format!("{rate:.4}") } else { format!("{rate:.2e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line() {
        let line = Line {
            epoch: 2,
            epochs: 10,
            step: 1234,
            total_steps: 12_340,
            rate: 0.016,
            loss: 2.345_67,
            top1: 0.4567,
            images_per_second: Some(123.4),
            left: Some(Duration::from_secs(3 * 3600 + 7 * 60 + 59)),
        };
        let expected = "epoch 3/10, step 1234/12340, 3 h 07 min left, loss 2.346, top-1 45.7 %, \
                        rate 0.0160, 123 images/s";
        assert_eq!(line.to_string(), expected);
        let early = Line { images_per_second: None, left: None, rate: 3.2e-5, ..line };
        let expected = "epoch 3/10, step 1234/12340, loss 2.346, top-1 45.7 %, rate 3.20e-5";
        assert_eq!(early.to_string(), expected);
    }

    #[test]
    fn an_epoch() {
        let scores = |loss, top1| Scores { images: 100, loss, top1, top5: None };
        let epoch = Epoch {
            epoch: 0,
            step: 7,
            train: scores(1.5, 0.5),
            validation: Some(scores(1.25, 0.625)),
            averaged: Some(scores(1.0, 0.75)),
        };
        let expected = "epoch 1/3: training loss 1.5000, top-1 50.00 %; validation loss 1.2500, top-1 62.50 %; \
                        with averaged weights loss 1.0000, top-1 75.00 %";
        assert_eq!(epoch_line(&epoch, 3), expected);
        let plain = Epoch { validation: None, averaged: None, ..epoch };
        assert_eq!(epoch_line(&plain, 3), "epoch 1/3: training loss 1.5000, top-1 50.00 %");
    }

    #[test]
    fn durations() {
        let shown = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(shown(0), "0 s");
        assert_eq!(shown(59), "59 s");
        assert_eq!(shown(200), "3 min 20 s");
        assert_eq!(shown(3600), "1 h 00 min");
        assert_eq!(shown(86_399), "23 h 59 min");
        assert_eq!(shown(100_000), "1 d 03 h");
    }
}
