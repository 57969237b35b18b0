//! What can be wrong with binaries of records.

use std::io;
use std::path::PathBuf;

use crate::class_list::ClassListError;

/// Why binary files are no source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A file or folder could not be read.
    #[error("{path} cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the data set is not there.
    #[error("{path} is missing; all files of the data set belong into one folder", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Records are read from the middle of the file, so it must not be compressed.
    #[error("{path} is compressed; decompress it first, with `gunzip`", path = path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
    },
    /// Several data sets in one folder.
    #[error(
        "{path} and {other} are both there; put the files of each data set into a folder of its own",
        path = path.display(),
        other = other.display()
    )]
    Several {
        /// The images of one.
        path: PathBuf,
        /// The images of another.
        other: PathBuf,
    },
    /// A folder without such files.
    #[error("{path} has no {expected}; give the folder with the data set's binary files", path = path.display())]
    None {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        expected: &'static str,
    },
    /// A file that begins with something else than its format says.
    #[error("{path} is not an IDX file of {expected}: it begins with {found:02x?}; fetch it again", path = path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// Its first bytes.
        found: Vec<u8>,
    },
    /// Sides of 0, or enormous ones.
    #[error("{path} says that its images are {width} x {height} pixels; that is no image, fetch it again", path = path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Not as long as its records are.
    #[error("{path} has {length} bytes, but {expected}; fetch it again", path = path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        length: u64,
        /// What it should be.
        expected: String,
    },
    /// Images and labels are not equally many.
    #[error("{path} has {labels} labels for {images} images; fetch both files again", path = path.display())]
    Count {
        /// The file of labels.
        path: PathBuf,
        /// How many labels there are.
        labels: usize,
        /// How many images there are.
        images: usize,
    },
    /// A label that is no class.
    #[error(
        "{path}: record {record} has label {label}, but {classes} classes have the labels 0 to {last}; \
         fetch the file again, or give the class list that belongs to it",
        path = path.display(),
        last = classes.saturating_sub(1)
    )]
    Label {
        /// The file.
        path: PathBuf,
        /// From 0.
        record: usize,
        /// The label.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },
    /// A class of the data set that the class list does not have.
    #[error(
        "{path} has the class `{name}`, which the class list of {classes} classes that begins with `{first}` has not; \
         give the list that belongs to it",
        path = path.display()
    )]
    NotListed {
        /// The folder.
        path: PathBuf,
        /// The class.
        name: String,
        /// Length of the class list.
        classes: usize,
        /// Its first name.
        first: String,
    },
    /// The file with the names of the classes.
    #[error(transparent)]
    Names(#[from] ClassListError),
    /// As many names as the format has labels.
    #[error("{path} names {found} classes, but the format has {expected}; fetch it again", path = path.display())]
    NameCount {
        /// The file with the names.
        path: PathBuf,
        /// How many it has.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
}
