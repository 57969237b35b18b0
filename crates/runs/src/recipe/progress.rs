//! Progressive learning: what an epoch's images and dropout are.
//!
//! As google/automl's `efficientnetv2/main_tf2.py` does it: stage `s` of `n` begins with epoch `floor(s * epochs / n)`. Its
//! image side is `floor(from + (to - from) * (s + 1) / n)`, so the first stage has a little more than `from`; all else is
//! `from + (to - from) * s / (n - 1)`, so the first stage has `from` itself.

use efficientnet_data::{Op, Transform, TransformError};

use super::error::{Problem, RecipeError};
use super::read::transform_problem;
use super::{Progressive, Recipe};

/// What an epoch is trained with.
#[derive(Debug, Clone, PartialEq)]
pub struct InEpoch {
    /// The stage of progressive learning, from 0; 0 without it.
    pub stage: u64,
    /// From a training image to the network's input.
    pub transform: Transform,
    /// Probability of dropout before the classifier; `None` for the network's own.
    pub dropout: Option<f64>,
}

impl Recipe {
    /// What an epoch, from 0, is trained with: `[data]` and `[model]`, and for progressive learning its stage's settings.
    ///
    /// # Errors
    /// [`RecipeError::Key`] where a recipe that was never checked asks for the impossible.
    pub fn in_epoch(&self, epoch: u64) -> Result<InEpoch, RecipeError> {
        match &self.progressive {
            None => {
                Ok(InEpoch { stage: 0, transform: self.data.transform.clone(), dropout: self.model.dropout })
            }
            Some(progressive) => {
                let stage = progressive.stage_of(epoch, self.training.epochs);
                self.in_stage(progressive, stage).map_err(|problem| problem.of(&self.name))
            }
        }
    }

    pub(super) fn in_stage(&self, progressive: &Progressive, stage: u64) -> Result<InEpoch, Problem> {
        let ramp = |pair: [f64; 2]| progressive.ramp(pair, stage);
        let mut ops = self.data.transform.ops();
        let settings = [
            ("randaugment", progressive.randaugment),
            ("mixup", progressive.mixup),
            ("cutmix", progressive.cutmix),
        ];
        for (name, pair) in settings {
            let Some(value) = pair.map(ramp) else { continue };
            if !ops.iter_mut().any(|op| set(op, name, value)) {
                let what = format!("needs a `{name}` in `data.transform` whose strength it sets");
                return Err(Problem::new(&format!("progressive.{name}"), what));
            }
        }
        let wrong = |key| move |error: TransformError| transform_problem(key, &error);
        let mut transform = Transform::new(&ops).map_err(wrong("progressive.randaugment"))?;
        if let Some(pair) = progressive.size {
            let size = progressive.size_in(pair, stage);
            transform = transform.with_size(size).map_err(wrong("progressive.size"))?;
        }
        let dropout = progressive.dropout.map(ramp).or(self.model.dropout);
        Ok(InEpoch { stage, transform, dropout })
    }
}

impl Progressive {
    /// The stage of an epoch, both from 0; the last one for epochs behind the end.
    pub fn stage_of(&self, epoch: u64, epochs: u64) -> u64 {
        let (epoch, stages, epochs) = (u128::from(epoch), u128::from(self.stages), u128::from(epochs.max(1)));
        // The largest stage whose first epoch, floor(stage * epochs / stages), is not behind this one.
        let stage = ((epoch + 1) * stages).div_ceil(epochs).saturating_sub(1);
        stage.min(stages.saturating_sub(1)) as u64
    }

    fn ramp(&self, [from, to]: [f64; 2], stage: u64) -> f64 {
        match self.stages {
            0 | 1 => to,
            stages => from + (to - from) * stage as f64 / (stages - 1) as f64,
        }
    }

    fn size_in(&self, [from, to]: [usize; 2], stage: u64) -> usize {
        let (from, to) = (from as f64, to as f64);
        (from + (to - from) * (stage + 1) as f64 / self.stages.max(1) as f64) as usize
    }
}

/// Sets the strength of an operation that is called so.
fn set(op: &mut Op, name: &str, value: f64) -> bool {
    match (op, name) {
        (Op::RandAugment { magnitude: strength, .. }, "randaugment")
        | (Op::MixUp { alpha: strength, .. }, "mixup")
        | (Op::CutMix { alpha: strength, .. }, "cutmix") => {
            *strength = value;
            true
        }
        _ => false,
    }
}
