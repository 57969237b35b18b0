//! Published checkpoints: where they are, what they are, what they are worth.
//!
//! The list is `registry.toml`, written by `scripts/registry.py` from the weight descriptions inside timm, torchvision and
//! efficientnet_pytorch. A hash is a published one: these libraries put the first 8 hexadecimal digits of a file's SHA-256
//! into its name. Where none is published, the server's own or that of the first download is kept (see [`crate::fetch`]).

use std::path::Path;
use std::sync::LazyLock;

use efficientnet_arch::Padding;
use serde::{Deserialize, Serialize};

use crate::{LoadOptions, Naming, WeightsError};

/// A published checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Publisher and name: `timm/tf_efficientnet_b0.aa_in1k`.
    pub name: String,
    /// The network, by its name in [`efficientnet_arch::models`].
    pub model: String,
    /// Naming of its tensors.
    pub naming: Naming,
    /// Address of the file.
    pub url: String,
    /// First digits of the file's SHA-256 as published, 8 to 64, lower-case hexadecimal.
    pub sha256: Option<String>,
    /// SPDX identifier of the weights' licence, where one is stated.
    pub licence: Option<String>,
    /// Border rule that it was trained with.
    pub padding: Padding,
    /// Epsilon of batch normalisation that it was trained with.
    pub bn_epsilon: f64,
    /// Number of logits.
    pub classes: usize,
    /// Preprocessing for evaluation, in the transform grammar.
    pub transform: String,
    /// Published top-1 accuracy on ImageNet's validation set in percent, under this preprocessing.
    pub top1: Option<f64>,
    /// Page that describes it.
    pub source: String,
}

#[derive(Deserialize)]
struct File {
    checkpoint: Vec<Checkpoint>,
}

static ALL: LazyLock<Vec<Checkpoint>> = LazyLock::new(|| {
    let file: Result<File, _> = toml::from_str(include_str!("../registry.toml"));
    #[allow(clippy::expect_used)]
    let file = file.expect("registry.toml is part of the program; a test reads it");
    file.checkpoint
});

/// Every published checkpoint, for each network the usual one first.
pub fn all() -> &'static [Checkpoint] {
    &ALL
}

/// The checkpoint with a name; the publisher may be left out where the rest is unique. Case does not matter.
pub fn find(name: &str) -> Option<&'static Checkpoint> {
    let wanted = name.trim();
    let exact = ALL.iter().find(|known| known.name.eq_ignore_ascii_case(wanted));
    exact.or_else(|| {
        let mut short = ALL.iter().filter(|known| known.id().eq_ignore_ascii_case(wanted));
        let found = short.next()?;
        short.next().is_none().then_some(found)
    })
}

/// As [`find`], with an error that offers the nearest names.
///
/// # Errors
/// [`WeightsError::UnknownCheckpoint`].
pub fn get(name: &str) -> Result<&'static Checkpoint, WeightsError> {
    find(name).ok_or_else(|| {
        let wanted = name.trim().to_ascii_lowercase();
        let likeness = |known: &&Checkpoint| {
            let full = strsim::normalized_damerau_levenshtein(&wanted, &known.name.to_ascii_lowercase());
            full.max(strsim::normalized_damerau_levenshtein(&wanted, &known.id().to_ascii_lowercase()))
        };
        let mut near: Vec<&Checkpoint> = ALL.iter().filter(|known| likeness(known) >= 0.6).collect();
        near.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
        let nearest = near.into_iter().take(3).map(|known| known.name.clone()).collect();
        WeightsError::UnknownCheckpoint { name: name.to_string(), nearest }
    })
}

/// The checkpoint that a file is called like: by the file's own name, or by a folder of the path (a download cache keeps
/// `tf_efficientnet_b0.aa_in1k` in the name of a folder and calls every file `model.safetensors`).
pub(crate) fn by_path(path: &Path) -> Option<&'static Checkpoint> {
    let file = path.file_name()?.to_str()?;
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let is_named = |known: &&Checkpoint| parts.iter().any(|part| is_called(part, known.id()));
    let of_file = || ALL.iter().filter(|known| file != GENERIC && known.file_name() == file);
    // A file that two publishers have is whose folder it lies in.
    let by_file = of_file().find(is_named).or_else(|| of_file().next());
    // Names without a tag are too common to mean anything.
    by_file.or_else(|| ALL.iter().filter(|known| known.id().contains('.')).find(is_named))
}

/// What a hub calls every file.
const GENERIC: &str = "model.safetensors";

fn is_called(part: &str, id: &str) -> bool {
    match part.strip_suffix(id) {
        Some("") => true,
        Some(before) => before.ends_with("--"),
        None => part.strip_prefix(id).is_some_and(|rest| [".safetensors", ".pth", ".bin"].contains(&rest)),
    }
}

/// The first checkpoint of a network in a naming, and with a padding where one is given.
pub(crate) fn usual(naming: Naming, model: &str, padding: Option<Padding>) -> Option<&'static Checkpoint> {
    ALL.iter().find(|known| {
        known.naming == naming
            && known.model == model
            && padding.is_none_or(|padding| known.padding == padding)
    })
}

impl Checkpoint {
    /// The name without the publisher.
    pub fn id(&self) -> &str {
        self.name.split_once('/').map_or(self.name.as_str(), |(_, id)| id)
    }

    /// Last segment of the address.
    pub fn file_name(&self) -> &str {
        let path = self.url.split(['?', '#']).next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    /// What is known of the file before it is opened, for [`crate::load`].
    pub fn load_options(&self) -> LoadOptions {
        LoadOptions {
            model: Some(self.model.clone()),
            naming: Some(self.naming),
            padding: Some(self.padding),
            bn_epsilon: Some(self.bn_epsilon),
            transform: Some(self.transform.clone()),
            ..LoadOptions::default()
        }
    }
}

pub(crate) fn suggestion(nearest: &[String]) -> String {
    match nearest {
        [] => "`efficientnet weights list` shows them all".to_string(),
        names => format!("did you mean {}?", names.join(", ")),
    }
}
