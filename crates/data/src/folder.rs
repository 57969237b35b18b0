//! A folder of class folders: `DIR/CLASS/anything/NAME.jpg`, as ImageNet and torchvision's `ImageFolder` have it.
//!
//! Files are found by their names and not opened: opening a million of them would take minutes. So a file counts as an
//! image where its extension is one of `EXTENSIONS`, or where it has none at all; a text file beside the images does
//! not. What a file really is shows when it is decoded, which goes by content. Names that begin with a dot are ignored.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The extensions of image files, in any case.
const EXTENSIONS: [&str; 10] = ["bmp", "gif", "jfif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

/// Images with their classes, in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    classes: Vec<String>,
    samples: Vec<Sample>,
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
        let found: Vec<(String, PathBuf)> = list(dir)?
            .into_iter()
            .filter(|path| path.is_dir())
            .map(|path| (file_name(&path), path))
            .collect();
        if found.is_empty() {
            return Err(FolderError::NoClass { path: dir.to_path_buf() });
        }
        let classes = match class_order {
            Some(order) => order.to_vec(),
            None => found.iter().map(|(name, _)| name.clone()).collect(),
        };
        let indices: HashMap<&str, usize> =
            classes.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
        let mut samples = Vec::new();
        for (name, path) in found {
            let Some(&class) = indices.get(name.as_str()) else {
                let first = classes.first().cloned().unwrap_or_default();
                return Err(FolderError::UnknownClass { path, classes: classes.len(), first });
            };
            add_images(&path, class, &mut samples)?;
        }
        if samples.is_empty() {
            return Err(FolderError::NoImage { path: dir.to_path_buf() });
        }
        samples.sort_by(|a, b| (a.class, &a.path).cmp(&(b.class, &b.path)));
        Ok(Self { classes, samples })
    }

    /// The names of the classes; a sample's class is an index into them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The images, by class and then by path.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// How many images there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a folder without images does not open")]
    pub fn len(&self) -> usize {
        self.samples.len()
    }
}

/// Adds the images below `dir`, at any depth.
fn add_images(dir: &Path, class: usize, samples: &mut Vec<Sample>) -> Result<(), FolderError> {
    for path in list(dir)? {
        if path.is_dir() {
            add_images(&path, class, samples)?;
        } else if is_named_like_an_image(&path) {
            samples.push(Sample { path, class });
        }
    }
    Ok(())
}

/// The entries of a folder by name, without hidden ones.
fn list(dir: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let read = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut paths = read().map_err(|source| FolderError::Read { path: dir.to_path_buf(), source })?;
    paths.retain(|path| !file_name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn is_named_like_an_image(path: &Path) -> bool {
    let Some(extension) = path.extension() else { return true };
    let extension = extension.to_string_lossy().to_ascii_lowercase();
    EXTENSIONS.contains(&extension.as_str())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
