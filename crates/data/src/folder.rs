//! A folder of class folders: `DIR/CLASS/anything/NAME.jpg`, as ImageNet and torchvision's `ImageFolder` have it.
//!
//! Files are found by their names and not opened: opening a million of them would take minutes. So a file counts as an
//! image where its extension is one of `EXTENSIONS`, or where it has none at all; a text file beside the images does
//! not. What a file really is shows when it is decoded, which goes by content. Names that begin with a dot are ignored.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::decode;
use crate::source::{Content, Names, Source, SourceError};

/// The extensions of image files, in any case.
const EXTENSIONS: [&str; 10] = ["bmp", "gif", "jfif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

/// Images with their classes, in a fixed order: by class, then by path.
///
/// An image takes 12 bytes and the length of its path below the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    dir: PathBuf,
    classes: Vec<String>,
    /// Paths below `dir`, with `/`.
    keys: Names,
    /// The class of each.
    labels: Vec<u32>,
}

/// An image with its class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sample {
    /// The file.
    pub path: PathBuf,
    /// Its class, an index into [`Folder::classes`].
    pub class: usize,
}

/// Why a folder is no folder of class folders.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// It could not be listed.
    #[error("{path} cannot be listed: {source}; give a folder with one folder for each class", path = path.display())]
    Read {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are no class folders in it.
    #[error("{path} has no class folders; put the images of each class into a folder with its name", path = path.display())]
    NoClass {
        /// The folder.
        path: PathBuf,
    },
    /// There are class folders, but no images in them.
    #[error("{path} has class folders, but no image in any of them", path = path.display())]
    NoImage {
        /// The folder.
        path: PathBuf,
    },
    /// A class folder that the class list does not name.
    #[error(
        "{path} is not in the class list of {classes} classes, which begins with `{first}`; \
         rename or remove the folder, or give the list that belongs to it",
        path = path.display()
    )]
    UnknownClass {
        /// The class folder.
        path: PathBuf,
        /// Length of the class list.
        classes: usize,
        /// Its first name.
        first: String,
    },
    /// A name that is no text: keys of samples are written into files.
    #[error("{path} has a name that is not UTF-8; rename it", path = path.display())]
    NotUtf8 {
        /// The file or folder.
        path: PathBuf,
    },
    /// A link to a folder that it lies in.
    #[error("{path} is a link to a folder above it, so the images would have no end; remove it", path = path.display())]
    Circle {
        /// The link.
        path: PathBuf,
    },
}

impl Folder {
    /// Lists the images of a folder of class folders.
    ///
    /// With a `class_order`, a class folder's index is its place there, and a class without a folder keeps its place;
    /// without one, the class folders in the order of their names are the classes. Links to folders are followed.
    /// The samples are in the order of class, then path.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn open(dir: impl AsRef<Path>, class_order: Option<&[String]>) -> Result<Self, FolderError> {
        let dir = dir.as_ref();
        let mut found = class_folders(dir)?;
        let classes = match class_order {
            Some(order) => order.to_vec(),
            None => found.iter().map(|(name, _)| name.clone()).collect(),
        };
        let indices: HashMap<&str, usize> =
            classes.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
        if let Some((_, path)) = found.iter().find(|(name, _)| !indices.contains_key(name.as_str())) {
            let first = classes.first().cloned().unwrap_or_default();
            return Err(FolderError::UnknownClass { path: path.clone(), classes: classes.len(), first });
        }
        found.sort_by_key(|(name, _)| indices.get(name.as_str()));

        let mut walk = Walk::default();
        let mut labels = Vec::new();
        for (name, path) in found {
            walk.add_images(&path, &name)?;
            labels.resize(walk.keys.len(), indices.get(name.as_str()).map_or(0, |class| *class as u32));
        }
        if labels.is_empty() {
            return Err(FolderError::NoImage { path: dir.to_path_buf() });
        }
        walk.keys.shrink();
        labels.shrink_to_fit();
        Ok(Self { dir: dir.to_path_buf(), classes, keys: walk.keys, labels })
    }

    /// All images below a folder, at any depth, as of one class without a name: where nobody asks for labels. There may be none.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn unlabelled(dir: impl AsRef<Path>) -> Result<Self, FolderError> {
        let dir = dir.as_ref();
        let mut walk = Walk::default();
        walk.add_images(dir, ".")?;
        let labels = vec![0; walk.keys.len()];
        Ok(Self { dir: dir.to_path_buf(), classes: vec![String::new()], keys: walk.keys, labels })
    }

    /// The names of the classes; a sample's class is an index into them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The images, by class and then by path.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Sample> + Clone {
        (0..self.labels.len()).map(|index| self.sample(index))
    }

    /// One of the images.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn sample(&self, index: usize) -> Sample {
        Sample { path: self.dir.join(self.keys.get(index)), class: self.labels[index] as usize }
    }

    /// How many images there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a folder without images does not open")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }
}

impl Source for Folder {
    fn len(&self) -> usize {
        self.labels.len()
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
        Ok(Content::File(decode::read(&self.sample(index).path)?))
    }
}

/// The folders in `dir` by name, without hidden ones.
fn class_folders(dir: &Path) -> Result<Vec<(String, PathBuf)>, FolderError> {
    let mut folders = Vec::new();
    for entry in list(dir)?.into_iter().filter(Entry::is_dir) {
        let path = dir.join(&entry.name);
        folders.push((entry.into_text(dir)?, path));
    }
    if folders.is_empty() { Err(FolderError::NoClass { path: dir.to_path_buf() }) } else { Ok(folders) }
}

/// Gathers the keys of images.
#[derive(Default)]
struct Walk {
    keys: Names,
    /// The real paths behind the links that were followed to here.
    links: Vec<PathBuf>,
}

impl Walk {
    /// Adds the images below `dir`, at any depth; `key` is the folder's.
    fn add_images(&mut self, dir: &Path, key: &str) -> Result<(), FolderError> {
        for entry in list(dir)? {
            let (is_dir, is_link) = (entry.is_dir(), entry.link.is_some());
            if !is_dir && !is_named_like_an_image(Path::new(&entry.name)) {
                continue;
            }
            let path = dir.join(&entry.name);
            let key = format!("{key}/{}", entry.into_text(dir)?);
            match (is_dir, is_link) {
                (false, _) => self.keys.push(&key),
                (true, false) => self.add_images(&path, &key)?,
                (true, true) => self.follow(dir, &path, &key)?,
            }
        }
        Ok(())
    }

    /// Adds the images behind a link in `dir`.
    fn follow(&mut self, dir: &Path, link: &Path, key: &str) -> Result<(), FolderError> {
        let real = |path: &Path| {
            fs::canonicalize(path).map_err(|source| FolderError::Read { path: path.to_path_buf(), source })
        };
        let target = real(link)?;
        if real(dir)?.starts_with(&target) || self.links.contains(&target) {
            return Err(FolderError::Circle { path: link.to_path_buf() });
        }
        self.links.push(target);
        let added = self.add_images(link, key);
        self.links.pop();
        added
    }
}

/// What a folder lists.
struct Entry {
    name: OsString,
    is_dir: bool,
    /// Of a link, whether it leads to a folder.
    link: Option<bool>,
}

impl Entry {
    fn new(entry: &fs::DirEntry) -> io::Result<Self> {
        // The listing says of most files what they are; only behind a link is a question of its own.
        let kind = entry.file_type()?;
        let link = kind.is_symlink().then(|| entry.path().is_dir());
        Ok(Self { name: entry.file_name(), is_dir: kind.is_dir(), link })
    }

    fn is_dir(&self) -> bool {
        self.link.unwrap_or(self.is_dir)
    }

    fn into_text(self, dir: &Path) -> Result<String, FolderError> {
        self.name.into_string().map_err(|name| FolderError::NotUtf8 { path: dir.join(name) })
    }
}

/// The entries of a folder by name, without hidden ones.
fn list(dir: &Path) -> Result<Vec<Entry>, FolderError> {
    let read = || -> io::Result<Vec<Entry>> {
        fs::read_dir(dir)?.map(|entry| entry.and_then(|entry| Entry::new(&entry))).collect()
    };
    let mut entries = read().map_err(|source| FolderError::Read { path: dir.to_path_buf(), source })?;
    entries.retain(|entry| !entry.name.as_encoded_bytes().starts_with(b"."));
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Whether a file counts as an image by its name.
pub fn is_named_like_an_image(path: &Path) -> bool {
    let Some(extension) = path.extension() else { return true };
    let extension = extension.to_string_lossy().to_ascii_lowercase();
    EXTENSIONS.contains(&extension.as_str())
}
