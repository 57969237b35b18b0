//! Recognises the network and the naming of a file: every known network under every naming has a set of names and shapes,
//! and the file's set is compared with each. The number of classes and of input channels is free, it is read off the file.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::LazyLock;

use efficientnet_arch::{ArchSpec, Block, Residual, TensorKind, models};

use crate::archive::Entry;
use crate::{Difference, Mapping, MisShaped, Naming, Origin};

/// A network under a naming, as it fits a file.
#[derive(Debug)]
pub(crate) struct Fit {
    pub spec: ArchSpec,
    pub naming: Naming,
    pub table: Vec<Mapping>,
    pub difference: Difference,
}

/// The tensors of a file.
pub(crate) type Entries = BTreeMap<String, Entry>;

/// Every network of the list under every naming of the list that fits exactly; namings in the order of [`Naming::ALL`].
pub(crate) fn exact(entries: &Entries, specs: &[&ArchSpec], namings: &[Naming]) -> Vec<Fit> {
    let path = Path::new("");
    let mut found = Vec::new();
    for naming in namings {
        for &spec in specs {
            // Most networks are out by the number of their tensors, before a name is made.
            if may_fit(entries, spec, *naming) {
                found.extend(fit(entries, spec, *naming, path).filter(|fit| fit.difference.is_empty()));
            }
        }
    }
    found
}

fn may_fit(entries: &Entries, spec: &ArchSpec, naming: Naming) -> bool {
    let (units, others) = tensor_counts(spec);
    match naming {
        // A folded unit is a weight and a bias.
        Naming::TfSlim => entries.len() == 2 * units + others,
        _ => entries.len() == 5 * units + others,
    }
}

/// Number of convolutions with normalisation, which have five tensors each, and number of all other tensors: what
/// `spec.tensors().len()` is without making the names.
fn tensor_counts(spec: &ArchSpec) -> (usize, usize) {
    let is_projection = |block: &&Block| matches!(block.residual, Residual::Projection(_));
    let in_blocks: usize = spec.blocks().map(|block| block.units.len()).sum();
    let shortcuts = spec.blocks().filter(is_projection).count();
    let gates = spec.blocks().filter(|block| block.se.is_some()).count();
    (1 + in_blocks + shortcuts + usize::from(spec.head.is_some()), 4 * gates + 2)
}

/// The network and naming that come nearest, for the sentence that says what does not fit: those with the fewest
/// tensors missing, unused or of another shape.
pub(crate) fn nearest(
    entries: &Entries,
    specs: &[&ArchSpec],
    namings: &[Naming],
    path: &Path,
) -> Option<Difference> {
    let fits = namings.iter().flat_map(|naming| {
        specs.iter().filter_map(|spec| fit(entries, spec, *naming, path)).map(|fit| fit.difference)
    });
    fits.min_by_key(Difference::len)
}

/// Compares a network under a naming with a file; `None` where the naming has no names for the network.
pub(crate) fn fit(entries: &Entries, spec: &ArchSpec, naming: Naming, path: &Path) -> Option<Fit> {
    let table = naming.table(spec)?;
    let spec = with_sizes(spec.clone(), &table, entries);
    let table = naming.table(&spec)?;
    let mut difference = Difference {
        path: path.to_path_buf(),
        model: spec.name.clone(),
        naming,
        asked: false,
        missing: Vec::new(),
        unused: Vec::new(),
        mis_shaped: Vec::new(),
    };
    let mut used = HashSet::new();
    for mapping in &table {
        let Some((name, expected)) = mapping.external() else { continue };
        match find(entries, &mapping.origin) {
            None => difference.missing.push((name.to_string(), expected)),
            Some((name, entry)) => {
                used.insert(name);
                if entry.shape != expected {
                    let found = entry.shape.clone();
                    difference.mis_shaped.push(MisShaped { name: name.to_string(), expected, found });
                }
            }
        }
    }
    let unused = entries.iter().filter(|(name, _)| !used.contains(name.as_str()));
    difference.unused = unused.map(|(name, entry)| (name.clone(), entry.shape.clone())).collect();
    Some(Fit { spec, naming, table, difference })
}

fn find<'a>(entries: &'a Entries, origin: &Origin) -> Option<(&'a str, &'a Entry)> {
    let Origin::File { name, also, .. } = origin else { return None };
    let found = entries.get_key_value(name).or_else(|| entries.get_key_value(also.as_ref()?));
    found.map(|(name, entry)| (name.as_str(), entry))
}

/// The network for the file's number of classes (of its classifier's bias) and of input channels (of its stem).
fn with_sizes(spec: ArchSpec, table: &[Mapping], entries: &Entries) -> ArchSpec {
    let bias = table.iter().find(|mapping| mapping.tensor.kind == TensorKind::LinearBias);
    let classes = bias.and_then(|mapping| find(entries, &mapping.origin)).and_then(|(_, entry)| {
        let [classes] = entry.shape[..] else { return None };
        Some(classes)
    });
    let stem = table.first();
    let channels = stem.and_then(|mapping| {
        let (_, entry) = find(entries, &mapping.origin)?;
        let Origin::File { layout, .. } = mapping.origin else { return None };
        // The place of the input channels in the file's layout.
        let marked = layout.external_shape(&[0, 1, 0, 0]).iter().position(|size| *size == 1)?;
        entry.shape.get(marked).copied()
    });
    let spec = match classes {
        Some(classes) if classes > 0 => spec.with_classes(classes),
        _ => spec,
    };
    match channels {
        Some(channels) if channels > 0 => spec.with_in_channels(channels),
        _ => spec,
    }
}

/// Every published network.
pub(crate) static PUBLISHED: LazyLock<Vec<ArchSpec>> =
    LazyLock::new(|| models().iter().map(|model| model.spec()).collect());
