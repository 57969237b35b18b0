//! From a file to [`Weights`]: opened, recognised, checked.

use std::path::{Path, PathBuf};

use efficientnet_arch::{ArchSpec, Padding};

use crate::archive::Archive;
use crate::detect::{self, Fit};
use crate::implied::Evidence;
use crate::metadata::Ours;
use crate::registry::{self, Checkpoint};
use crate::{Implied, Naming, NotFinite, Origin, Weights, WeightsError};

/// What the caller knows better than the file. Everything may be left open.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadOptions {
    /// The network, by its published name.
    pub model: Option<String>,
    /// The network, where it has no published name (another width or depth). Stands before `model`. Its padding and
    /// epsilon count where the naming leaves a choice (timm and ours); its classes and input channels are the file's.
    pub spec: Option<ArchSpec>,
    /// The naming.
    pub naming: Option<Naming>,
    /// Border rule of the convolutions.
    pub padding: Option<Padding>,
    /// Epsilon of batch normalisation.
    pub bn_epsilon: Option<f64>,
    /// The preprocessing, in the transform grammar.
    pub transform: Option<String>,
    /// Index of the logit of the first class.
    pub class_offset: Option<usize>,
}

/// A file whose network has been found.
pub(crate) struct Recognised {
    pub archive: Archive,
    pub fit: Fit,
    pub implied: Implied,
    /// Other networks and namings that fit as well.
    pub others: Vec<(String, Naming)>,
}

/// Opens a weights file, recognises its naming and its network, and checks every tensor. The values stay in the file until
/// they are taken.
///
/// # Errors
/// [`WeightsError`] with one sentence: the file cannot be read, is cut off, damaged or no weights file; its tensors are
/// not those of the network that was asked for or of any known one; values are not finite.
pub fn load(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Weights, WeightsError> {
    let Recognised { mut archive, fit, implied, .. } = recognise(path.as_ref(), options)?;
    check_values(&mut archive, &fit)?;
    Ok(Weights::from_archive(fit.spec, fit.naming, implied, fit.table, archive))
}

/// Finds the network and what the weights imply; reads no values.
pub(crate) fn recognise(path: &Path, options: &LoadOptions) -> Result<Recognised, WeightsError> {
    let archive = Archive::open(path)?;
    let ours = Ours::read(&archive.metadata);
    let full_path: PathBuf = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let published = registry::by_path(&full_path);

    let mut fits = candidates(&archive, options, &ours)?;
    let best = fits.iter().position(|fit| is_likely(fit, &ours, published)).unwrap_or(0);
    let fit = fits.swap_remove(best);
    let others = fits.into_iter().map(|fit| (fit.spec.name, fit.naming));
    // A published network of our own file fits twice, by its name and by its design.
    let others = others.filter(|other| *other != (fit.spec.name.clone(), fit.naming)).collect();

    let published = published.filter(|known| known.naming == fit.naming && known.model == fit.spec.name);
    let evidence =
        Evidence { options, ours: &ours, spec: &fit.spec, naming: fit.naming, published, path: &full_path };
    let implied = Implied::decide(&evidence);
    let spec = fit.spec.with_padding(implied.padding).with_bn_epsilon(implied.bn_epsilon);
    // The table of a folded file depends on the epsilon.
    let table = fit.naming.table(&spec).unwrap_or(fit.table);
    Ok(Recognised { archive, fit: Fit { spec, table, ..fit }, implied, others })
}

/// All networks and namings that fit the file exactly; an error that names the nearest where there is none.
fn candidates(archive: &Archive, options: &LoadOptions, ours: &Ours) -> Result<Vec<Fit>, WeightsError> {
    let path = &archive.path;
    if archive.entries.is_empty() {
        let reason = "there are no tensors in it".to_string();
        return Err(WeightsError::NotWeights { path: path.clone(), reason });
    }
    let asked = match (&options.spec, &options.model) {
        (Some(spec), _) => Some(spec.clone()),
        (None, Some(name)) => Some(ArchSpec::named(name)?),
        (None, None) => None,
    };
    let namings = match options.naming {
        Some(naming) => vec![naming],
        None => Naming::ALL.to_vec(),
    };
    let is_asked = asked.is_some();
    let specs: Vec<&ArchSpec> = match &asked {
        Some(spec) => vec![spec],
        None => ours.spec.iter().chain(detect::PUBLISHED.iter()).collect(),
    };
    let fits = detect::exact(&archive.entries, &specs, &namings);
    if !fits.is_empty() {
        return Ok(fits);
    }
    match detect::nearest(&archive.entries, &specs, &namings, path) {
        Some(difference) => {
            let difference = crate::Difference { asked: is_asked, ..difference };
            Err(WeightsError::Mismatch(Box::new(difference)))
        }
        None => Err(crate::weights::no_names(namings[0], specs[0])),
    }
}

/// Among networks that fit equally: the one that the file, or its name, speaks of.
fn is_likely(fit: &Fit, ours: &Ours, published: Option<&Checkpoint>) -> bool {
    match (&ours.model, ours.naming, published) {
        (Some(model), Some(naming), _) => fit.spec.name == *model && fit.naming == naming,
        (_, _, Some(known)) => fit.spec.name == known.model && fit.naming == known.naming,
        _ => fit.naming != Naming::Timm || fit.spec.baseline.family != efficientnet_arch::Family::ResNet,
    }
}

/// Reads every tensor once. At the speed of the memory this costs a few milliseconds and spares a network that answers
/// `NaN` to everything.
fn check_values(archive: &mut Archive, fit: &Fit) -> Result<(), WeightsError> {
    let mut bad = Vec::new();
    for mapping in &fit.table {
        let Origin::File { name, also, .. } = &mapping.origin else { continue };
        let name = match also {
            Some(also) if !archive.entries.contains_key(name) => also,
            _ => name,
        };
        let values = archive.read(name)?;
        let count = values.iter().filter(|value| !value.is_finite()).count();
        if count > 0 {
            bad.push(NotFinite { name: name.clone(), count, of: values.len() });
        }
    }
    match bad.is_empty() {
        true => Ok(()),
        false => Err(WeightsError::NotFinite { path: archive.path.clone(), tensors: bad }),
    }
}
