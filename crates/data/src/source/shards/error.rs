//! What can be wrong with tar files.

use std::io;
use std::path::{Path, PathBuf};

use crate::source::LabelError;

/// Why tar files are no source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// A file or folder could not be read.
    #[error("{path} cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder without tars.
    #[error("{path} has no .tar files; give a tar, or a folder of them", path = path.display())]
    NoTar {
        /// The folder.
        path: PathBuf,
    },
    /// The first header is none.
    #[error("{path} is not a tar file; make one with `tar -cf`", path = path.display())]
    NotATar {
        /// The file.
        path: PathBuf,
    },
    /// Samples are read from the middle of the file, so it must not be compressed.
    #[error(
        "{path} is compressed with {with}; decompress it first, images hardly get smaller by it anyway",
        path = path.display()
    )]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The program that did it.
        with: &'static str,
    },
    /// The file ends inside an entry, or without the empty block that ends a tar.
    #[error("{path} is cut off: it has {length} bytes and ends {place}; fetch or make it again", path = path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// Where it ends: in which entry.
        place: String,
    },
    /// Something that is no header stands where one must be.
    #[error("{path} is damaged at byte {at} ({reason}); fetch or make it again", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the header begins.
        at: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No image in any of them.
    #[error("{path} has no images in it; their names must end in .jpg, .png or the like", path = path.display())]
    NoImage {
        /// The first file.
        path: PathBuf,
    },
    /// Some tars hold WebDataset pairs, others do not.
    #[error(
        "{path} has images with .cls files and {other} has images without; keep the two kinds in folders of their own",
        path = path.display(),
        other = other.display()
    )]
    Mixed {
        /// A tar with pairs.
        path: PathBuf,
        /// A tar without.
        other: PathBuf,
    },
    /// Something about one entry.
    #[error("{entry} in {path} {problem}", path = path.display())]
    Entry {
        /// The tar.
        path: PathBuf,
        /// The entry's path in it.
        entry: String,
        /// What is wrong.
        problem: EntryError,
    },
}

/// What is wrong with an entry of a tar; the sentence goes on behind its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Its zeros are left out.
    #[error("is stored with holes; make the tar without --sparse")]
    Sparse,
    /// It is a name for another file.
    #[error("is a link, not an image; make the tar with --dereference and --hard-dereference")]
    Link,
    /// It has a `..` in it.
    #[error("leads out of the tar with `..`; make the tar in the folder of the images")]
    Parent,
    /// It is no text.
    #[error("has a name that is not UTF-8; rename it and make the tar again")]
    NotUtf8,
    /// It is larger than any image that is decoded.
    #[error("has {length} bytes, more than the largest image file accepted ({limit} MiB)", limit = crate::MAX_FILE_BYTES >> 20)]
    TooLarge {
        /// Its length.
        length: u64,
    },
    /// It is there twice.
    #[error("is there twice; make the tar anew, without appending")]
    Repeated,
    /// It is in no folder, so it has no class.
    #[error(
        "lies in no class folder and has no .cls file; put the images of each class into a folder with its name"
    )]
    NoClass,
    /// It is one half of a pair.
    #[error("has no .cls file with its class, as other images of the tar have; add it")]
    NoLabel,
    /// A `.cls` file with more in it than a class.
    #[error("has {length} bytes, which is no class name; write a name or an index into it")]
    LongLabel {
        /// Its length.
        length: u64,
    },
    /// It is the other half.
    #[error("has no image with the same name; add it, or remove the .cls file")]
    NoImage,
    /// The class it gives is none.
    #[error("is no class: {0}")]
    Label(LabelError),
}

impl TarError {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_path_buf(), source }
    }

    pub(crate) fn entry(path: &Path, entry: &str, problem: EntryError) -> Self {
        Self::Entry { path: path.to_path_buf(), entry: entry.to_string(), problem }
    }
}
