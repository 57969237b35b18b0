//! Splits as numbers of images, in MATLAB files: what Oxford Flowers-102 has in place of a list.

use std::path::Path;

use super::FetchError;
use crate::manifest::{Manifest, Split, join};
use crate::matlab;

/// The names of a split's images, without their ending, and those of their classes.
pub(super) fn images(
    manifest: &Manifest,
    split: &Split,
    list_path: &Path,
    into: &Path,
) -> Result<Vec<(String, String)>, FetchError> {
    let Some(labels_in) = &manifest.layout.labels_in else { return Ok(Vec::new()) };
    let labels_path = join(into, labels_in);
    let labels = matlab::read(&labels_path, "labels")?;
    let mut numbers = Vec::new();
    for variable in &split.variables {
        numbers.extend(matlab::read(list_path, variable)?);
    }
    if numbers.len() as u64 != split.images {
        let (found, expected, name) = (numbers.len(), split.images, &split.name);
        return Err(misfit(list_path, format!("{found} images for {name} instead of {expected}")));
    }
    let names = &manifest.classes.names;
    let image = |number: u32| {
        let label = counted(&labels, number).ok_or_else(|| {
            misfit(list_path, format!("image {number} in a list of {} labels", labels.len()))
        })?;
        let class = counted(names, *label).ok_or_else(|| {
            misfit(&labels_path, format!("image {number} has class {label} of {}", names.len()))
        })?;
        Ok((format!("image_{number:05}"), class.clone()))
    };
    numbers.into_iter().map(image).collect()
}

/// The element with this number, counted from 1.
fn counted<T>(all: &[T], number: u32) -> Option<&T> {
    all.get((number as usize).checked_sub(1)?)
}

fn misfit(path: &Path, reason: String) -> FetchError {
    FetchError::Numbers { path: path.to_path_buf(), reason }
}
