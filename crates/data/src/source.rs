//! Where labelled images come from.
//!
//! A [`Source`] is a list: so many samples, each with a class and a key, read in any order and from several threads. What
//! is behind it (folders, tar files, binaries, nothing at all) is its own affair.

mod csv_manifest;
mod decoded;
mod labels;
mod names;
mod open;
mod records;
mod shapes;
mod shards;

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::image::RgbImage8;

pub use csv_manifest::{CsvError, CsvManifest};
pub use decoded::{Decoded, Room};
pub use labels::LabelError;
pub(crate) use names::Names;
pub use open::{OpenOptions, open, open_path};
pub use records::{Part, RecordError, Records};
pub use shapes::{Shapes, ShapesError};
pub use shards::{EntryError, TarError, TarShards};

/// Labelled images that can be read in any order, from several threads.
#[expect(clippy::len_without_is_empty, reason = "a source without samples does not open")]
pub trait Source: Send + Sync + fmt::Debug {
    /// How many samples there are; never 0.
    fn len(&self) -> usize;

    /// The names of the classes; a sample's class is an index into them. The order is the network's order of outputs.
    fn classes(&self) -> &[String];

    /// A sample's class.
    ///
    /// # Panics
    /// If there is no such sample.
    fn class(&self, index: usize) -> usize;

    /// What a sample is called in splits, journals and errors: no other one of the source has the same key, and it stays
    /// the same when the data are moved (`n01440764/ILSVRC2012_val_00000293.JPEG`, without the folder above).
    ///
    /// # Panics
    /// If there is no such sample.
    fn key(&self, index: usize) -> Cow<'_, str>;

    /// Reads a sample.
    ///
    /// # Errors
    /// [`SourceError`], one sentence that says which file, and what to do.
    ///
    /// # Panics
    /// If there is no such sample.
    fn read(&self, index: usize) -> Result<Content, SourceError>;
}

/// What a source holds of a sample.
#[derive(Debug, Clone)]
pub enum Content {
    /// An image file's bytes, not decoded.
    File(Vec<u8>),
    /// Pixels, where the source has no image files.
    Pixels(RgbImage8),
}

/// Why a source does not open, or a sample is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A folder of class folders that is none.
    #[error(transparent)]
    Folder(#[from] crate::folder::FolderError),
    /// An image file that cannot be read.
    #[error(transparent)]
    Image(#[from] crate::error::ImageError),
    /// Tar files that are none, or hold no samples.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// Binaries of records that are none.
    #[error(transparent)]
    Records(#[from] RecordError),
    /// A CSV file that lists no images, or an image that is not there.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// Pictures of shapes that cannot be drawn.
    #[error(transparent)]
    Shapes(#[from] ShapesError),
    /// A line for a built-in data set that does not parse.
    #[error(transparent)]
    Line(#[from] crate::syntax::TransformError),
    /// A path that is no source of any kind.
    #[error(
        "{path} is no data set; give a folder of class folders, a .tar of class folders or WebDataset pairs or a folder of \
         them, a .csv with the columns path and label, or a folder with CIFAR or IDX binaries",
        path = path.display()
    )]
    Unknown {
        /// The file or folder.
        path: PathBuf,
    },
    /// The part that was asked for is not there.
    #[error("{path} does not have the part that was asked for; it lies in a folder called train, val or test", path = path.display())]
    NoPart {
        /// The folder.
        path: PathBuf,
    },
    /// A class list with a name twice.
    #[error("the class list has `{name}` twice; every class has a name of its own")]
    RepeatedClass {
        /// The name.
        name: String,
    },
    /// A file could not be opened or read.
    #[error("{name} cannot be read: {source}; check the path and its permissions")]
    Read {
        /// The file, and the place in it where that helps.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Some samples of a source, in an order of their own: what a split takes.
#[derive(Debug, Clone)]
pub struct Subset {
    source: Arc<dyn Source>,
    indices: Vec<u32>,
}

impl Subset {
    /// The samples of `source` with these indices; `None` if there are none, or one is beyond its end.
    pub fn new(source: Arc<dyn Source>, indices: Vec<u32>) -> Option<Self> {
        let length = source.len();
        let fits = !indices.is_empty() && indices.iter().all(|index| (*index as usize) < length);
        fits.then_some(Self { source, indices })
    }

    /// The samples' places in the whole source.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }
}

impl Source for Subset {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn classes(&self) -> &[String] {
        self.source.classes()
    }

    fn class(&self, index: usize) -> usize {
        self.source.class(self.indices[index] as usize)
    }

    fn key(&self, index: usize) -> Cow<'_, str> {
        self.source.key(self.indices[index] as usize)
    }

    fn read(&self, index: usize) -> Result<Content, SourceError> {
        self.source.read(self.indices[index] as usize)
    }
}
