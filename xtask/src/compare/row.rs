//! One row of a comparison: what was asked, how it ended, what was measured.
//!
//! A combination that cannot be measured is a row too, with its reason, so that a report never silently covers less
//! than what was asked for.

use serde::{Deserialize, Serialize};

/// One line of `rows.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was asked for.
    pub kind: Kind,
    /// The network's name.
    pub model: String,
    /// The backend's name.
    pub backend: String,
    /// Images in a batch; 0 for an evaluation, which chooses by itself.
    pub batch: usize,
    /// How it ended.
    pub status: Status,
    /// Why there is no measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds that the child ran, all told.
    pub wall_seconds: f64,
    /// The measurement of speed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<Measure>,
    /// The measurement of accuracy, in an evaluation's row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval: Option<Eval>,
}

/// What a child is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `efficientnet measure`: speed, memory, agreement.
    Measure,
    /// `efficientnet eval`: accuracy on labelled images.
    Eval,
}

/// How a row ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Measured.
    Ok,
    /// The backend cannot be used on this machine, so nothing was started.
    Unavailable,
    /// The child gave up with a sentence.
    Failed,
    /// The child was ended by a signal.
    Crashed,
    /// The child was ended by us after its time.
    TimedOut,
    /// The child said that all is well, and its output is not what it should be.
    Unreadable,
}

impl Status {
    /// Its name in a report.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed out",
            Self::Unreadable => "unreadable output",
        }
    }
}

/// What `efficientnet measure --json` prints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measure {
    /// The device, in the words of its driver.
    pub device_description: Option<String>,
    /// Height and width of the input, in pixels.
    pub resolution: u32,
    /// Parameters of the network.
    pub params: u64,
    /// Multiply-adds for one image at this resolution.
    pub macs: u64,
    /// Threads that the backend uses.
    pub threads: Option<u64>,
    /// Milliseconds to make the network and its weights.
    pub load_ms: f64,
    /// Milliseconds of the first forward pass: compiling, tuning and allocating included.
    pub first_call_ms: f64,
    /// Forward passes before the clock started.
    pub warmup_runs: u64,
    /// Forward passes that were timed.
    pub runs: u64,
    /// Median milliseconds of a batch.
    pub median_ms: f64,
    /// The fastest batch.
    pub min_ms: f64,
    /// The 10th percentile.
    pub p10_ms: f64,
    /// The 90th percentile.
    pub p90_ms: f64,
    /// Images a second at the median.
    pub images_per_second: f64,
    /// The most memory that the process held.
    pub peak_rss_bytes: Option<u64>,
    /// How the logits compare with the reference's.
    pub agreement: Option<Agreement>,
}

/// How far two backends' logits for the same weights and images lie apart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Agreement {
    /// The backend compared with.
    pub reference: String,
    /// The largest absolute difference; absent when it is not a number.
    pub max_abs: Option<f64>,
    /// The largest difference relative to the largest logit; absent when it is not a number.
    pub max_rel: Option<f64>,
    /// Images whose first class is the same.
    pub top1_same: u64,
    /// Images compared.
    pub images: u64,
}

impl Agreement {
    /// Differences up to this, relative to the largest logit, are rounding.
    pub const TOLERANCE: f64 = 1e-4;

    /// Whether the difference is rounding only.
    pub fn agrees(&self) -> bool {
        self.max_rel.is_some_and(|difference| difference <= Self::TOLERANCE)
    }
}

/// What `efficientnet eval --json` prints, as far as it is used here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Eval {
    /// Share of images whose first class is right, from 0 to 1.
    pub top1: f64,
    /// Share of images whose class is among the first five.
    pub top5: f64,
    /// Images.
    pub images: u64,
    /// Images a second, reading and decoding included.
    pub images_per_second: f64,
}

impl Row {
    /// Milliseconds for one image at the median.
    pub fn ms_per_image(&self) -> Option<f64> {
        self.per_image(|measure| measure.median_ms)
    }

    /// Some time of the measurement, divided by the batch.
    pub fn per_image(&self, time: impl Fn(&Measure) -> f64) -> Option<f64> {
        self.measure.as_ref().map(|measure| time(measure) / self.batch.max(1) as f64)
    }

    /// The agreement with the reference, if it was looked at.
    pub fn agreement(&self) -> Option<&Agreement> {
        self.measure.as_ref()?.agreement.as_ref()
    }

    /// One line for the terminal.
    pub fn line(&self) -> String {
        let head = if self.kind == Kind::Eval {
            format!("{:<18} {:<8} evaluation", self.model, self.backend)
        } else {
            format!("{:<18} {:<8} batch {:<3}", self.model, self.backend, self.batch)
        };
        if let Some(eval) = &self.eval {
            return format!("{head}  top-1 {:.2} %  top-5 {:.2} %", eval.top1 * 100.0, eval.top5 * 100.0);
        }
        let (Some(measure), Some(time)) = (&self.measure, self.ms_per_image()) else {
            return format!(
                "{head}  {}: {}",
                self.status.label(),
                self.reason.as_deref().unwrap_or("no reason given")
            );
        };
        let agreement = self.agreement().map_or(String::new(), |agreement| match agreement.max_rel {
            Some(difference) if agreement.agrees() => format!("  agrees ({difference:.1e})"),
            Some(difference) => format!("  DISAGREES ({difference:.1e})"),
            None => "  DISAGREES (not a number)".to_string(),
        });
        format!("{head}  {time:>9.2} ms/image  {:>8.2} images/s{agreement}", measure.images_per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_survives_its_file() {
        let row = Row {
            kind: Kind::Measure,
            model: "efficientnet-b0".into(),
            backend: "tch".into(),
            batch: 8,
            status: Status::TimedOut,
            reason: Some("still running after 60 s".into()),
            wall_seconds: 60.0,
            measure: None,
            eval: None,
        };
        let text = serde_json::to_string(&row).unwrap();
        assert!(text.contains("\"timed-out\"") && !text.contains("\"measure\":"), "{text}");
        assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), row);
    }

    #[test]
    fn a_difference_that_is_not_a_number_disagrees() {
        let agreement: Agreement =
            serde_json::from_str(r#"{"max_abs":null,"max_rel":null,"images":1}"#).unwrap();
        assert!(!agreement.agrees());
        assert!(Agreement { max_rel: Some(9e-5), ..agreement.clone() }.agrees());
        assert!(!Agreement { max_rel: Some(2e-4), ..agreement }.agrees());
    }
}
