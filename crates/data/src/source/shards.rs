//! Images inside tar files, read where they lie: one `.tar`, or a folder of them.
//!
//! A tar is a list of files behind one another, each with a header in front. The headers are read once, and every image
//! is later one read at its place, from any thread; nothing is unpacked. Three layouts are known:
//!
//! - class folders inside, `CLASS/NAME.jpg`, as in a folder; a folder that everything lies in (`train/CLASS/NAME.jpg`)
//!   is a wrapper and no class, unless the class list names it;
//! - WebDataset pairs, `KEY.jpg` beside `KEY.cls` with a class name or an index, where `KEY` ends at the first dot of
//!   the file's name;
//! - one tar a class with the images on its top level, `n01440764.tar`, as ImageNet's training images are published.
//!
//! An image takes the length of its key and 28 bytes. Its key is its path inside the tar and, where there are several tars,
//! the tar's name in front of it.

mod error;
mod headers;
mod layout;
mod position;

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::source::{Content, Names, Source, SourceError};

pub use error::{EntryError, TarError};
pub(super) use headers::compression;
pub(super) use position::read_exact_at;

/// So many files stay open; systems allow a process 256 or more. Beyond, a file is opened for each read.
const KEPT_OPEN: usize = 128;

/// Images in tar files, in the order in which they lie there.
#[derive(Debug)]
pub struct TarShards {
    shards: Vec<Shard>,
    classes: Vec<String>,
    keys: Names,
    labels: Vec<u32>,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    /// `None` where there are too many.
    file: Option<File>,
}

/// Where an image lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    length: u32,
    shard: u32,
}

impl TarShards {
    /// Reads the headers of a tar, or of every `.tar` in a folder in the order of their names.
    ///
    /// With a `class_order`, a class's index is its place there; without one, class names are sorted, and WebDataset's
    /// numbers are indices.
    ///
    /// # Errors
    /// [`TarError`]: for what is no tar, is compressed, cut off or damaged, holds no images, or holds one that cannot be
    /// told its class.
    pub fn open(path: impl AsRef<Path>, class_order: Option<&[String]>) -> Result<Self, TarError> {
        let path = path.as_ref();
        let about = fs::metadata(path).map_err(|source| TarError::read(path, source))?;
        if !about.is_dir() {
            return Self::of_files(vec![path.to_path_buf()], false, class_order);
        }
        let files = tars_in(path).map_err(|source| TarError::read(path, source))?;
        if files.is_empty() {
            return Err(TarError::NoTar { path: path.to_path_buf() });
        }
        let several = files.len() > 1;
        Self::of_files(files, several, class_order)
    }

    /// As [`TarShards::open`], of these tars; the tar's name goes in front of the keys if they are `named`.
    pub(crate) fn of_files(
        files: Vec<PathBuf>,
        named: bool,
        class_order: Option<&[String]>,
    ) -> Result<Self, TarError> {
        let mut gathered = layout::Gathered::new(class_order);
        let mut shards = Vec::new();
        for path in files {
            let file = File::open(&path).map_err(|source| TarError::read(&path, source))?;
            gathered.add(&path, &file, named)?;
            let file = (shards.len() < KEPT_OPEN).then_some(file);
            shards.push(Shard { path, file });
        }
        let paths: Vec<&Path> = shards.iter().map(|shard| shard.path.as_path()).collect();
        let listing = gathered.finish(&paths)?;
        let layout::Listing { classes, keys, labels, places } = listing;
        Ok(Self { shards, classes, keys, labels, places })
    }
}

impl Source for TarShards {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, index: usize) -> usize {
        self.labels[index] as usize
    }

    fn key(&self, index: usize) -> Cow<'_, str> {
        Cow::Borrowed(self.keys.get(index))
    }

    fn read(&self, index: usize) -> Result<Content, SourceError> {
        let place = self.places[index];
        let shard = &self.shards[place.shard as usize];
        let mut bytes = vec![0; place.length as usize];
        let read = match &shard.file {
            Some(file) => read_exact_at(file, &mut bytes, place.offset),
            None => File::open(&shard.path).and_then(|file| read_exact_at(&file, &mut bytes, place.offset)),
        };
        let failed = |source: io::Error| SourceError::Read {
            name: format!("{} in {}", self.keys.get(index), shard.path.display()),
            source,
        };
        read.map_err(failed)?;
        Ok(Content::File(bytes))
    }
}

/// The tars in a folder by name, without hidden ones.
pub fn tars_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        !hidden && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
    });
    paths.sort_unstable();
    Ok(paths)
}
