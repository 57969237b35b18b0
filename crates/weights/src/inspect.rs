//! What a weights file is, without reading its values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use efficientnet_arch::ArchSpec;
use serde::Serialize;

use crate::load::recognise;
use crate::{Dtype, Format, Implied, LoadOptions, Naming, WeightsError};

/// What a weights file is and implies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// How it is built.
    pub format: Format,
    /// Its size.
    pub bytes: u64,
    /// The naming of its tensors.
    pub naming: Naming,
    /// The network's published name, or what the file calls it.
    pub model: String,
    /// The network with the constants that the weights imply.
    #[serde(skip)]
    pub spec: ArchSpec,
    /// Number of the network's tensors that the file holds.
    pub tensors: usize,
    /// Number of values in them.
    pub values: u64,
    /// How they are stored.
    pub dtypes: Vec<Dtype>,
    /// Number of logits.
    pub num_classes: usize,
    /// Channels of the input image.
    pub in_channels: usize,
    /// Under which key of a training checkpoint the weights were found (`state_dict_ema`, `model`...).
    pub wrapper: Option<&'static str>,
    /// What the weights imply, with reasons.
    pub implied: Implied,
    /// Networks and namings that fit the file as well, where there are any.
    pub others: Vec<(String, Naming)>,
    /// What the file says about itself.
    pub metadata: BTreeMap<String, String>,
}

/// Recognises a weights file. Values are not read, so neither are they checked: [`crate::load`] does that.
///
/// # Errors
/// As [`crate::load`], except for values that are not finite.
pub fn inspect(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Inspection, WeightsError> {
    let found = recognise(path.as_ref(), options)?;
    let (archive, spec) = (found.archive, found.fit.spec);
    let dtypes: BTreeSet<Dtype> = archive.entries.values().map(|entry| entry.dtype).collect();
    let values = archive.entries.values().map(|entry| entry.shape.iter().product::<usize>() as u64).sum();
    Ok(Inspection {
        path: archive.path,
        format: archive.format,
        bytes: archive.bytes,
        naming: found.fit.naming,
        model: spec.name.clone(),
        tensors: archive.entries.len(),
        values,
        dtypes: dtypes.into_iter().collect(),
        num_classes: spec.num_classes,
        in_channels: spec.in_channels,
        wrapper: archive.wrapper,
        implied: found.implied,
        others: found.others,
        metadata: archive.metadata,
        spec,
    })
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dtypes: Vec<String> = self.dtypes.iter().map(ToString::to_string).collect();
        writeln!(f, "file: {} ({}, {} bytes)", self.path.display(), self.format, self.bytes)?;
        writeln!(f, "network: {}", self.model)?;
        writeln!(f, "naming: {}", self.naming)?;
        if let Some(wrapper) = self.wrapper {
            writeln!(f, "kept under: {wrapper}")?;
        }
        writeln!(f, "tensors: {} ({} values, {})", self.tensors, self.values, dtypes.join(", "))?;
        writeln!(f, "classes: {}", self.num_classes)?;
        writeln!(f, "input channels: {}", self.in_channels)?;
        for fact in &self.implied.facts {
            writeln!(f, "{fact}")?;
        }
        for (model, naming) in &self.others {
            writeln!(f, "fits as well: {model} in {naming} naming")?;
        }
        Ok(())
    }
}
