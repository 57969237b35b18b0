//! One image's result.

use serde::{Deserialize, Deserializer, Serialize};

/// How many of the best classes an outcome keeps.
pub const TOP: usize = 5;

/// What a network said about one image, and what was right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The image's class.
    pub label: usize,
    /// The classes with the highest logits, best first, at most [`TOP`] of them; of equal ones the lower number first.
    /// Empty where the logits have no order, which counts as wrong.
    pub top: Vec<usize>,
    /// Softmax probability of the first of `top`; 0 where there is none.
    pub confidence: f32,
    /// Softmax probability of the label.
    pub label_probability: f32,
    /// Cross-entropy in nats, label smoothing included; not finite where the logits give none. JSON has no such number
    /// and says `null`.
    #[serde(deserialize_with = "null_is_nan")]
    pub loss: f32,
}

impl Outcome {
    /// The outcome of `logits`, one for each class.
    ///
    /// `smoothing` is the share of the target that is spread evenly over all classes (Szegedy et al. 2016, section 7);
    /// it changes the loss only. The softmax is computed in 64 bits from differences to the highest logit, so no finite
    /// logit overflows. A logit of minus infinity is a class that was ruled out. With a NaN or plus infinity among them
    /// there is no softmax: nothing is predicted.
    pub fn from_logits(logits: &[f32], label: usize, smoothing: f32) -> Self {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if !highest.is_finite() || logits.iter().any(|logit| logit.is_nan()) {
            return Self::undefined(label);
        }
        let highest = f64::from(highest);
        let total: f64 = logits.iter().map(|logit| (f64::from(*logit) - highest).exp()).sum();
        let log_total = highest + total.ln();
        let own = logits.get(label).map_or(f64::NEG_INFINITY, |logit| f64::from(*logit));
        let mut loss = log_total - own;
        if smoothing > 0.0 {
            let smoothing = f64::from(smoothing);
            let mean = logits.iter().map(|logit| f64::from(*logit)).sum::<f64>() / logits.len() as f64;
            loss = (1.0 - smoothing) * loss + smoothing * (log_total - mean);
        }
        Self {
            label,
            top: best(logits),
            confidence: total.recip() as f32,
            label_probability: (own - log_total).exp() as f32,
            loss: loss.max(0.0) as f32,
        }
    }

    fn undefined(label: usize) -> Self {
        Self { label, top: Vec::new(), confidence: 0.0, label_probability: 0.0, loss: f32::NAN }
    }

    /// The class that was predicted; `None` where the logits had no order.
    pub fn predicted(&self) -> Option<usize> {
        self.top.first().copied()
    }

    /// Whether the class with the highest logit is the image's.
    pub fn correct(&self) -> bool {
        self.predicted() == Some(self.label)
    }

    /// Whether the image's class is among the five highest logits.
    pub fn correct_top5(&self) -> bool {
        self.top.iter().take(TOP).any(|class| *class == self.label)
    }
}

/// Places of the `count` worst mistakes: wrong with the most confidence first, of equal ones the earlier first.
pub fn worst(outcomes: &[Outcome], count: usize) -> Vec<usize> {
    let mut wrong: Vec<usize> = (0..outcomes.len()).filter(|place| !outcomes[*place].correct()).collect();
    wrong.sort_by(|a, b| outcomes[*b].confidence.total_cmp(&outcomes[*a].confidence));
    wrong.truncate(count);
    wrong
}

/// The classes with the highest of `logits`, none of which is NaN.
fn best(logits: &[f32]) -> Vec<usize> {
    // Zero and minus zero are equal here, which they are not for `total_cmp`.
    let order = |a: &usize, b: &usize| {
        logits[*b].partial_cmp(&logits[*a]).unwrap_or(std::cmp::Ordering::Equal).then(a.cmp(b))
    };
    let mut classes: Vec<usize> = (0..logits.len()).collect();
    if classes.len() > TOP {
        classes.select_nth_unstable_by(TOP, order);
        classes.truncate(TOP);
    }
    classes.sort_unstable_by(order);
    classes
}

fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f32::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f32, b: f64) {
        assert!((f64::from(a) - b).abs() < 1e-6, "{a} is not {b}");
    }

    #[test]
    fn the_softmax_is_right() {
        // e^1, e^2, e^3 over their sum: 0.0900306, 0.2447285, 0.6652410.
        let outcome = Outcome::from_logits(&[1.0, 2.0, 3.0], 1, 0.0);
        assert_eq!(outcome.top, [2, 1, 0]);
        near(outcome.confidence, 0.665_240_96);
        near(outcome.label_probability, 0.244_728_47);
        near(outcome.loss, 1.407_605_96);
        assert!(!outcome.correct() && outcome.correct_top5());
    }

    #[test]
    fn smoothing_spreads_the_target() {
        // 0.9 of the label's loss and 0.1 of the mean of the three, 3.40760596 - 2.
        let outcome = Outcome::from_logits(&[1.0, 2.0, 3.0], 2, 0.1);
        near(outcome.loss, 0.9 * 0.407_605_96 + 0.1 * 1.407_605_96);
        near(outcome.label_probability, 0.665_240_96);
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        let outcome = Outcome::from_logits(&[3e38, -3e38, 3e38], 2, 0.1);
        assert_eq!(outcome.top, [0, 2, 1]);
        near(outcome.confidence, 0.5);
        assert!(outcome.loss > 1e37, "{}", outcome.loss);
        near(Outcome::from_logits(&[1000.0, 1001.0], 1, 0.0).loss, 0.313_261_69);
    }

    #[test]
    fn logits_without_an_order_are_wrong() {
        for logits in [&[f32::NAN, 1.0][..], &[1.0, f32::INFINITY], &[f32::NEG_INFINITY], &[]] {
            let outcome = Outcome::from_logits(logits, 0, 0.1);
            assert!(!outcome.correct() && outcome.top.is_empty() && outcome.confidence == 0.0, "{logits:?}");
            assert!(outcome.loss.is_nan());
        }
    }

    #[test]
    fn a_class_can_be_ruled_out() {
        let outcome = Outcome::from_logits(&[f32::NEG_INFINITY, 2.0, 2.0], 1, 0.0);
        assert_eq!(outcome.top, [1, 2, 0]);
        near(outcome.confidence, 0.5);
        assert_eq!(Outcome::from_logits(&[f32::NEG_INFINITY, 2.0], 0, 0.0).loss, f32::INFINITY);
        assert_eq!(Outcome::from_logits(&[0.0, 2.0], 7, 0.0).label_probability, 0.0);
    }

    #[test]
    fn of_equal_classes_the_lower_comes_first() {
        assert_eq!(Outcome::from_logits(&[-0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0], 0, 0.0).top, [2, 3, 0, 1, 4]);
    }

    #[test]
    fn mistakes_are_sorted_by_confidence() {
        let logits = [[0.0, 1.0], [0.0, 3.0], [2.0, 0.0], [f32::NAN, 0.0], [0.0, 3.0]];
        let outcomes: Vec<Outcome> = logits.iter().map(|l| Outcome::from_logits(l, 0, 0.0)).collect();
        assert_eq!(worst(&outcomes, 9), [1, 4, 0, 3]);
        assert_eq!(worst(&outcomes, 1), [1]);
    }

    #[test]
    fn an_outcome_survives_its_json() {
        let outcome = Outcome::from_logits(&[1.0, 2.0], 1, 0.0);
        let text = serde_json::to_string(&outcome).unwrap();
        assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome);
        let text = serde_json::to_string(&Outcome::undefined(3)).unwrap();
        assert!(text.contains(r#""loss":null"#), "{text}");
        assert!(serde_json::from_str::<Outcome>(&text).unwrap().loss.is_nan());
    }
}
