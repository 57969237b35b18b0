//! CIFAR-10 and CIFAR-100, binary version (Krizhevsky 2009, <https://www.cs.toronto.edu/~kriz/cifar.html>): a record is
//! one label byte, or a coarse and a fine one, then 32 x 32 red, green and blue values.

use std::path::{Path, PathBuf};

use super::error::RecordError;
use super::{Layout, Part, RecordFile, Records};
use crate::class_list::read_class_list;

/// Train, then test.
const CIFAR10_FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
/// Train, then test.
const CIFAR100_FILES: [&str; 2] = ["train.bin", "test.bin"];

const SIDE: usize = 32;
const PIXEL_BYTES: u64 = (3 * SIDE * SIDE) as u64;

/// What differs between the two data sets.
struct Kind {
    files: &'static [&'static str],
    names: &'static str,
    classes: usize,
    /// Bytes in front of the pixels, the last of which is the label that counts.
    label_bytes: u64,
}

const CIFAR10: Kind = Kind { files: &CIFAR10_FILES, names: "batches.meta.txt", classes: 10, label_bytes: 1 };
const CIFAR100: Kind =
    Kind { files: &CIFAR100_FILES, names: "fine_label_names.txt", classes: 100, label_bytes: 2 };

/// Whether a file's name is that of one of their files.
pub fn is_file(name: &str) -> bool {
    CIFAR10_FILES.contains(&name) || CIFAR100_FILES.contains(&name)
}

pub fn open(dir: &Path, part: Part, order: Option<&[String]>) -> Result<Records, RecordError> {
    let there = |kind: &&Kind| kind.files.iter().any(|file| dir.join(file).is_file());
    let kind = [&CIFAR10, &CIFAR100].into_iter().find(there).ok_or_else(|| RecordError::None {
        path: dir.to_path_buf(),
        expected: "data_batch_1.bin (CIFAR-10) or train.bin (CIFAR-100)",
    })?;
    let (classes, class_of) = super::classes(dir, names(dir, kind)?, kind.classes, order)?;
    let (test, train) = (kind.files.len() - 1, 0..kind.files.len() - 1);
    let chosen = if part == Part::Train { train } else { test..test + 1 };
    let mut files = Vec::new();
    let mut labels = Vec::new();
    for name in &kind.files[chosen] {
        let path = dir.join(name);
        let (file, found) = open_records(path, kind, class_of.len(), labels.len())?;
        files.push(file);
        labels.extend(found);
    }
    Ok(Records { files, width: SIDE, height: SIDE, layout: Layout::Planes, classes, labels, class_of })
}

/// A file of records and their labels.
fn open_records(
    path: PathBuf,
    kind: &Kind,
    classes: usize,
    first: usize,
) -> Result<(RecordFile, Vec<u8>), RecordError> {
    let (file, length) = super::open_file(&path)?;
    let stride = kind.label_bytes + PIXEL_BYTES;
    if length == 0 || length % stride != 0 {
        let expected = format!(
            "records of {stride} bytes make {} or {}",
            length / stride * stride,
            (length / stride + 1) * stride
        );
        return Err(RecordError::Length { path, length, expected });
    }
    let labels = super::column(&path, &file, kind.label_bytes - 1, stride, (length / stride) as usize)?;
    super::check_labels(&path, &labels, classes.min(kind.classes))?;
    Ok((RecordFile { path, file, first, offset: kind.label_bytes, stride }, labels))
}

/// The names of the classes, where they are beside the records.
fn names(dir: &Path, kind: &Kind) -> Result<Option<Vec<String>>, RecordError> {
    let path = dir.join(kind.names);
    if !path.exists() {
        return Ok(None);
    }
    let names = read_class_list(&path)?;
    if names.len() != kind.classes {
        return Err(RecordError::NameCount { path, found: names.len(), expected: kind.classes });
    }
    Ok(Some(names))
}
