//! Binaries of records of equal length: CIFAR-10, CIFAR-100, and IDX (MNIST and its kin).
//!
//! Labels are read at once, one byte a sample; pixels stay in the files until they are asked for.

mod cifar;
mod error;
mod idx;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::image::RgbImage8;
use crate::source::shards::read_exact_at;
use crate::source::{Content, Source, SourceError};

pub use cifar::is_file as is_cifar;
pub use error::RecordError;
pub use idx::is_images as is_idx;

/// Which of the two parts that a data set is published in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Part {
    /// What is trained on.
    #[default]
    Train,
    /// What is measured on: test, or validation.
    Test,
}

/// Images of one size in binary files.
///
/// A key is the file's name without its end, and the record's number in the file, from 0: `data_batch_1/00017`.
#[derive(Debug)]
pub struct Records {
    files: Vec<RecordFile>,
    width: usize,
    height: usize,
    layout: Layout,
    classes: Vec<String>,
    labels: Vec<u8>,
    /// The class of each label.
    class_of: Vec<u32>,
}

/// How a record has its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// All red, all green, all blue.
    Planes,
    /// One value a pixel, which is repeated.
    Grey,
}

#[derive(Debug)]
struct RecordFile {
    path: PathBuf,
    file: File,
    /// The number of its first record over all files.
    first: usize,
    /// Where the pixels of its first record begin.
    offset: u64,
    /// From one record's pixels to the next.
    stride: u64,
}

impl Records {
    /// Opens CIFAR-10 or CIFAR-100 in its binary version: the folder with `data_batch_1.bin` or `train.bin` in it.
    ///
    /// The names of the classes are in `batches.meta.txt` or, the fine ones, in `fine_label_names.txt`; without the
    /// file they are numbers. A `class_order` must have all of these names, and gives their indices.
    ///
    /// # Errors
    /// [`RecordError`] for a file that is missing, has another length than whole records, or a label beyond the classes.
    pub fn cifar(
        dir: impl AsRef<Path>,
        part: Part,
        class_order: Option<&[String]>,
    ) -> Result<Self, RecordError> {
        cifar::open(dir.as_ref(), part, class_order)
    }

    /// Opens images and labels in IDX files as MNIST has them: the folder with `train-images-idx3-ubyte` in it.
    ///
    /// The classes are called by their numbers, or as in `class_order`.
    ///
    /// # Errors
    /// [`RecordError`] for a file that is missing, compressed, no IDX file of bytes or of another length than its header
    /// says, or a label beyond the classes.
    pub fn idx(
        dir: impl AsRef<Path>,
        part: Part,
        class_order: Option<&[String]>,
    ) -> Result<Self, RecordError> {
        idx::open(dir.as_ref(), part, class_order)
    }

    fn place(&self, index: usize) -> (&RecordFile, usize) {
        assert!(index < self.labels.len(), "there is no sample {index} of {}", self.labels.len());
        let after = self.files.partition_point(|file| file.first <= index);
        let file = &self.files[after - 1];
        (file, index - file.first)
    }
}

impl Source for Records {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, index: usize) -> usize {
        self.class_of[self.labels[index] as usize] as usize
    }

    fn key(&self, index: usize) -> Cow<'_, str> {
        let (file, record) = self.place(index);
        let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
        Cow::Owned(format!("{stem}/{record:05}"))
    }

    fn read(&self, index: usize) -> Result<Content, SourceError> {
        let (file, record) = self.place(index);
        let pixels = self.width * self.height;
        let failed = |source: io::Error| SourceError::Read {
            name: format!("record {record} of {}", file.path.display()),
            source,
        };
        let mut bytes = vec![0; if self.layout == Layout::Planes { 3 * pixels } else { pixels }];
        read_exact_at(&file.file, &mut bytes, file.offset + record as u64 * file.stride).map_err(failed)?;
        let rgb = match self.layout {
            Layout::Grey => bytes.iter().flat_map(|level| [*level; 3]).collect(),
            Layout::Planes => (0..pixels).flat_map(|at| [0, 1, 2].map(|c| bytes[c * pixels + at])).collect(),
        };
        let image = RgbImage8::new(self.width, self.height, rgb);
        let image = image.ok_or_else(|| failed(io::Error::other("it has no pixels")))?;
        Ok(Content::Pixels(image))
    }
}

/// A file with its length.
fn open_file(path: &Path) -> Result<(File, u64), RecordError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => RecordError::Missing { path: path.to_path_buf() },
        _ => RecordError::Read { path: path.to_path_buf(), source },
    };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    Ok((file, length))
}

/// The byte at `offset` of each of `count` records of `stride` bytes.
fn column(path: &Path, file: &File, offset: u64, stride: u64, count: usize) -> Result<Vec<u8>, RecordError> {
    let failed = |source| RecordError::Read { path: path.to_path_buf(), source };
    let mut reader = BufReader::new(file);
    let mut column = Vec::with_capacity(count);
    let mut skip = offset as i64;
    for _ in 0..count {
        let mut byte = [0];
        reader.seek_relative(skip).and_then(|()| reader.read_exact(&mut byte)).map_err(failed)?;
        column.push(byte[0]);
        skip = stride as i64 - 1;
    }
    Ok(column)
}

/// The classes, and the class of each label, from the names of labels as far as they are known and the order that is
/// asked for.
fn classes(
    dir: &Path,
    names: Option<Vec<String>>,
    count: usize,
    order: Option<&[String]>,
) -> Result<(Vec<String>, Vec<u32>), RecordError> {
    let in_turn = |classes: Vec<String>| {
        let class_of = (0..classes.len() as u32).collect();
        Ok((classes, class_of))
    };
    match (names, order) {
        (None, None) => in_turn((0..count).map(|class| class.to_string()).collect()),
        (Some(names), None) => in_turn(names),
        (None, Some(order)) => in_turn(order.to_vec()),
        (Some(names), Some(order)) => {
            let place = |name: &String| {
                let place = order.iter().position(|listed| listed == name).map(|place| place as u32);
                place.ok_or_else(|| RecordError::NotListed {
                    path: dir.to_path_buf(),
                    name: name.clone(),
                    classes: order.len(),
                    first: order.first().cloned().unwrap_or_default(),
                })
            };
            let class_of = names.iter().map(place).collect::<Result<Vec<u32>, _>>()?;
            Ok((order.to_vec(), class_of))
        }
    }
}

/// Fails for the first label that is no class; `first` is the number of the first record in the file.
fn check_labels(path: &Path, labels: &[u8], classes: usize) -> Result<(), RecordError> {
    match labels.iter().position(|label| usize::from(*label) >= classes) {
        None => Ok(()),
        Some(record) => {
            let label = labels[record];
            Err(RecordError::Label { path: path.to_path_buf(), record, label, classes })
        }
    }
}
