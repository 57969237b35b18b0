//! The parts of a data set on the disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::NamedSource;
use crate::source::{OpenOptions, Part, RecordError, Source, SourceError, open, open_path};

/// What parts are called, in the order in which they are shown.
const NAMES: [&str; 7] = ["train", "training", "val", "valid", "validation", "minival", "test"];
/// Ends of the names of files that are sources.
const FILES: [&str; 2] = ["tar", "csv"];

/// Opens what `spec` says, as [`open`] does, in all of its parts where it has such: those of a folder with `train`, `val` and
/// `test` inside (folders, tars or CSV files; nothing else that could be a class), or the two of binaries and shards.
///
/// # Errors
/// As [`open`].
pub fn open_splits(spec: &str, classes: Option<Vec<String>>) -> Result<Vec<NamedSource>, SourceError> {
    let options = |part| OpenOptions { classes: classes.clone(), part };
    let found = splits_in(Path::new(spec));
    if !found.is_empty() {
        let open = |(name, path)| Ok(named(name, open_path(path, &options(Part::Train))?));
        return found.into_iter().map(open).collect();
    }
    let train = open(spec, &options(Part::Train));
    if !is_flat(Path::new(spec)) {
        return Ok(vec![named("", train?)]);
    }
    let missing = |error: &SourceError| matches!(error, SourceError::Records(RecordError::Missing { .. }));
    match (train, open(spec, &options(Part::Test))) {
        // A source that is not in parts is the same for both.
        (Ok(all), Ok(test)) if all.len() == test.len() && all.key(0) == test.key(0) => {
            Ok(vec![named("", all)])
        }
        (Ok(train), Ok(test)) => Ok(vec![named("train", train), named("test", test)]),
        (Ok(train), Err(error)) if missing(&error) => Ok(vec![named("train", train)]),
        (Err(error), Ok(test)) if missing(&error) => Ok(vec![named("test", test)]),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn named(name: &str, source: Arc<dyn Source>) -> NamedSource {
    NamedSource { name: name.to_string(), source }
}

/// Whether a folder has files and no folders, as binaries and shards lie.
fn is_flat(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|entries| entries.flatten().all(|entry| !entry.path().is_dir()))
}

/// The parts in a folder, in the order of [`NAMES`]: files, or else folders where there are no others, which would be
/// classes.
fn splits_in(path: &Path) -> Vec<(&'static str, PathBuf)> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let (mut files, mut folders, mut others) = (BTreeMap::new(), BTreeMap::new(), false);
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_dir = path.is_dir();
        let name = if is_dir { path.file_name() } else { path.file_stem() };
        let name = name.unwrap_or_default().to_string_lossy().into_owned();
        let is_source = || path.extension().is_some_and(|end| FILES.iter().any(|known| end == *known));
        match NAMES.iter().position(|known| *known == name) {
            Some(place) if is_dir => drop(folders.insert(place, path)),
            Some(place) if is_source() => drop(files.insert(place, path)),
            _ => others |= is_dir && !name.starts_with('.'),
        }
    }
    let found = match (files.is_empty(), others) {
        (false, _) => files,
        (true, false) => folders,
        (true, true) => BTreeMap::new(),
    };
    found.into_iter().map(|(place, path)| (NAMES[place], path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str]) -> Vec<&'static str> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        splits_in(folder.path()).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn parts_are_recognised() {
        assert_eq!(
            found(&["test/cat/1.jpg", "train/cat/1.jpg", ".cache/x", "readme.txt"]),
            ["train", "test"]
        );
        assert_eq!(found(&["train.tar", "test.tar", "val.tar.gz"]), ["train", "test"]);
        // What `fetch` leaves: tables, and folders of images and labels beside them.
        assert_eq!(found(&["train.csv", "test.csv", "images/1.jpg", "annotations/x"]), ["train", "test"]);
    }

    #[test]
    fn classes_are_no_parts() {
        assert!(found(&["cat/1.jpg", "train/1.jpg"]).is_empty());
        assert!(found(&["cat.tar", "train.txt"]).is_empty());
        assert!(splits_in(Path::new("no/such/folder")).is_empty());
    }
}
