//! A recipe: everything that makes a training run what it is, in one TOML file.
//!
//! What is not said has a default, and [`Recipe::to_toml`] says all of it, so that the file beside a result leaves nothing to
//! the release that made it. A key that is unknown, a value of another type and numbers that cannot be are refused with the
//! line and the key. `docs/recipes.md` lists the keys; the official numbers in their descriptions are those of
//! tensorflow/tpu, `models/official/efficientnet` (`main.py`, `utils.py`), and for V2 of google/automl, `efficientnetv2`
//! (`hparams.py`, `effnetv2_configs.py`).

mod check;
mod document;
mod error;
mod fields;
mod identity;
mod named;
mod network;
mod optimizer;
mod progress;
mod rate;
mod read;
mod set;
mod tables;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use error::{Place, RecipeError};
pub use identity::Difference;
pub use named::{NAMED, Named};
pub use optimizer::{Optimizer, OptimizerKind};
pub use progress::InEpoch;
pub use rate::{Decay, LearningRate};
pub use tables::{Average, Data, Evaluate, Freeze, Keep, Model, Precision, Progressive, Training};

use document::Document;
use error::Problem;
use read::Reader;

/// Largest file that is read: a recipe is a page of text.
const MOST_BYTES: u64 = 1 << 20;

/// What a training run is.
///
/// Reading it with serde alone gives one that nobody has [checked](Recipe::check).
///
/// ```
/// use efficientnet_runs::recipe::{OptimizerKind, Recipe};
///
/// let official = Recipe::named("official")?;
/// assert!(matches!(official.optimizer.kind, OptimizerKind::RmsPropTf { epsilon: 0.001, .. }));
/// assert_eq!(official.schedule.peak(4096), 0.256);
///
/// let small = official.with_all(["data.batch_size=256", "model.name=efficientnet-lite0"])?;
/// assert_eq!(Recipe::parse(&small.to_toml()?, "dump")?, small);
///
/// let error = official.with("schedule.rtae=0.1").unwrap_err();
/// assert_eq!(error.to_string(), "`schedule.rtae=0.1`: there is no `schedule.rtae`; did you mean `schedule.rate`?");
/// # Ok::<(), efficientnet_runs::recipe::RecipeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct Recipe {
    /// What the run is called, and its folder. Required. Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Everything random follows from it: first weights, order and transforms of images, dropout, the hold-out. Default 0.
    pub seed: u64,
    /// Which network, and from where it starts.
    pub model: Model,
    /// Which images, and what is done to them.
    pub data: Data,
    /// How long, and how a step is computed.
    pub training: Training,
    /// How gradients become an update.
    pub optimizer: Optimizer,
    /// The learning rate: the table `[schedule]`.
    pub schedule: LearningRate,
    /// The moving average that is evaluated, if there is one.
    pub average: Option<Average>,
    /// What grows from stage to stage, if anything does.
    pub progressive: Option<Progressive>,
    /// When the run is measured.
    pub evaluate: Evaluate,
    /// Which checkpoints stay.
    pub keep: Keep,
}

impl Recipe {
    /// Reads and checks a recipe; `origin` is what errors call the text.
    ///
    /// # Errors
    /// [`RecipeError`] with the line, the key and what was expected.
    pub fn parse(text: &str, origin: &str) -> Result<Self, RecipeError> {
        let reader = Reader::new(text, origin)?;
        let recipe: Self = reader.document()?.try_into().map_err(|problem| reader.locate(problem))?;
        check::check(&recipe).map_err(|problem| reader.locate(problem))?;
        Ok(recipe)
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`RecipeError::Read`] where there is no text to be had, else as [`Recipe::parse`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, RecipeError> {
        let shown = path.as_ref().display().to_string();
        let unreadable = |reason: String| RecipeError::Read { path: shown.clone(), reason };
        let file = File::open(path.as_ref()).map_err(|error| unreadable(error.to_string()))?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(unreadable(format!(
                "it has more than {MOST_BYTES} bytes, and a recipe is a page of text"
            )));
        }
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is no UTF-8 text".to_string()))?;
        Self::parse(&text, &shown)
    }

    /// A file, where there is one of this name, and else a committed recipe.
    ///
    /// # Errors
    /// As [`Recipe::load`] and [`Recipe::named`].
    pub fn open(name: &str) -> Result<Self, RecipeError> {
        let is_path = name.ends_with(".toml") || Path::new(name).is_file();
        if is_path { Self::load(name) } else { Self::named(name) }
    }

    /// Checks what the types do not say, as reading a file does.
    ///
    /// # Errors
    /// [`RecipeError::Key`] with the key and what was expected.
    pub fn check(&self) -> Result<(), RecipeError> {
        check::check(self).map_err(|problem| problem.of(&self.name))
    }

    /// All of it as TOML, defaults written out; it reads back as the same recipe. Keys of `[model]` that are left to the
    /// network, and tables that there are not, do not stand in it.
    ///
    /// # Errors
    /// [`RecipeError::Key`] where a number is larger than TOML can write, which [`Recipe::check`] refuses, too.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        toml::to_string(self).map_err(|error| Problem::new("name", error).of(&self.name))
    }
}

/// Every key with its table, `schedule.rate`, in the order of the file.
pub fn keys() -> Vec<String> {
    fields::all()
}
