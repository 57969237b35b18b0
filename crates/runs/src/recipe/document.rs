//! A recipe as it stands in a file.

use serde::{Deserialize, Serialize};

use super::error::Problem;
use super::{Average, Data, Evaluate, Keep, Model, Progressive, Recipe, Training, optimizer, rate};

/// The file; in two of its tables, keys depend on a `kind`, which the types of [`Recipe`] say better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub name: String,
    #[serde(default)]
    pub seed: u64,
    pub model: Model,
    pub data: Data,
    pub training: Training,
    pub optimizer: optimizer::Table,
    pub schedule: rate::Table,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<Average>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progressive: Option<Progressive>,
    #[serde(default)]
    pub evaluate: Evaluate,
    #[serde(default)]
    pub keep: Keep,
}

/// Keys without a default, each with its table; those of `progressive` count where there is such a table.
pub(super) const REQUIRED: [&str; 10] = [
    "name",
    "model.name",
    "data.train",
    "data.transform",
    "data.eval_transform",
    "data.batch_size",
    "training.epochs",
    "optimizer.kind",
    "schedule.rate",
    "progressive.stages",
];

impl TryFrom<Document> for Recipe {
    type Error = Problem;

    fn try_from(document: Document) -> Result<Self, Problem> {
        let Document { name, seed, model, data, training, optimizer, schedule, average, .. } = document;
        let Document { progressive, evaluate, keep, .. } = document;
        Ok(Self {
            name,
            seed,
            model,
            data,
            training,
            optimizer: optimizer.try_into()?,
            schedule: schedule.try_into()?,
            average,
            progressive,
            evaluate,
            keep,
        })
    }
}

impl From<Recipe> for Document {
    fn from(recipe: Recipe) -> Self {
        let Recipe { name, seed, model, data, training, optimizer, schedule, .. } = recipe;
        let Recipe { average, progressive, evaluate, keep, .. } = recipe;
        Self {
            name,
            seed,
            model,
            data,
            training,
            optimizer: optimizer.into(),
            schedule: schedule.into(),
            average,
            progressive,
            evaluate,
            keep,
        }
    }
}
