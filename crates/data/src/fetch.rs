//! Brings a data set's files to this machine: downloaded, verified, unpacked, with the publisher's lists of images as
//! tables that a source reads.
//!
//! Whatever is in its place is whole: archives are unpacked beside it and renamed, and removed afterwards, so a second
//! call finds nothing to do. An interrupted call is continued by the next.

mod lists;
mod numbers;
mod unpack;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use efficientnet_download::{DownloadError, Published, io_reason, verify};
pub use efficientnet_download::{Options as FetchOptions, Progress};

use crate::class_list::ClassListError;
use crate::manifest::{DataFile, Manifest, Split, join};
use crate::matlab::MatlabError;

/// Why a data set is not here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A file did not come, or is not the published one.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The publisher does not give the files to programs.
    #[error("{title} has to be got by hand: {by_hand}; into {}", .folder.display())]
    ByHand {
        /// The data set.
        title: String,
        /// What to do.
        by_hand: String,
        /// Where to put it.
        folder: PathBuf,
    },
    /// The operating system refused.
    #[error("{} cannot be {action}: {}", .path.display(), io_reason(.source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a participle.
        action: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// An archive that cannot be read to its end.
    #[error("{} cannot be unpacked: {reason}; download it again", .archive.display())]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An archive with an entry that would be put elsewhere, or is more than a file. Nothing of it is kept.
    #[error("{} is not to be trusted: its entry `{entry}` {reason}; report the address that it came from", .archive.display())]
    Unsafe {
        /// The archive.
        archive: PathBuf,
        /// The entry's name.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A publisher's list of images with a line of another kind.
    #[error("{}: line {line} is not `{expected}`; the publisher has changed the list, report it", .path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What a line looks like.
        expected: &'static str,
    },
    /// A publisher's list in a MATLAB file that cannot be read.
    #[error(transparent)]
    Matlab(#[from] MatlabError),
    /// A publisher's list of numbers that do not fit the data set.
    #[error("{}: {reason}; the publisher has changed the list, report it", .path.display())]
    Numbers {
        /// The list.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The list of the classes cannot be written.
    #[error(transparent)]
    Classes(#[from] ClassListError),
}

impl FetchError {
    fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), action, source }
    }
}

/// A split that is on this machine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FetchedSplit {
    /// Its name: `train`.
    pub name: String,
    /// What to open for it.
    pub path: PathBuf,
}

/// Where data sets are kept: `datasets/NAME` in the cache.
pub fn dataset_dir(name: &str) -> PathBuf {
    efficientnet_download::cache_dir("datasets").join(name)
}

/// Brings a data set into the folder `into`, and says what to open for each split. What is there already stays; of a
/// data set that the program draws, nothing has to come. Two processes that want the same data set fetch it once.
///
/// # Errors
/// [`FetchError`]: a download that fails or is not what was published, an archive that is cut off or would leave its
/// place, a disk that is full, a publisher who wants to be asked.
pub fn fetch(
    manifest: &Manifest,
    into: &Path,
    options: &FetchOptions,
) -> Result<Vec<FetchedSplit>, FetchError> {
    fs::create_dir_all(into).map_err(|error| FetchError::io(into, "created", error))?;
    let _lock = lock(manifest, into, options.progress)?;
    match &manifest.by_hand {
        Some(by_hand) => check_by_hand(manifest, by_hand, into, options.progress)?,
        None => manifest.files.iter().try_for_each(|file| bring(manifest, file, into, options))?,
    }
    let listed = manifest.splits.iter().filter(|split| split.list.is_some());
    listed.into_iter().try_for_each(|split| lists::write_table(manifest, split, into))?;
    lists::write_classes(manifest, into)?;
    Ok(manifest.splits.iter().filter_map(|split| fetched(manifest, split, into)).collect())
}

/// Held until it is dropped, or the process dies.
fn lock(manifest: &Manifest, into: &Path, progress: Progress) -> Result<File, FetchError> {
    let path = into.join(".lock");
    let lock = File::create(&path).map_err(|error| FetchError::io(&path, "created", error))?;
    if lock.try_lock().is_err() {
        progress.say(&format!("waiting for another process that fetches {}", manifest.name));
        lock.lock().map_err(|error| FetchError::io(&path, "locked", error))?;
    }
    Ok(lock)
}

fn fetched(manifest: &Manifest, split: &Split, into: &Path) -> Option<FetchedSplit> {
    let inside = split.open.as_deref().or(manifest.layout.open.as_deref())?;
    Some(FetchedSplit { name: split.name.clone(), path: join(into, inside) })
}

/// One file, unpacked where it is an archive.
fn bring(
    manifest: &Manifest,
    file: &DataFile,
    into: &Path,
    options: &FetchOptions,
) -> Result<(), FetchError> {
    let target = into.join(file.file_name());
    let published = published(manifest, file);
    if !file.unpack {
        return Ok(efficientnet_download::fetch(&published, &target, options)?);
    }
    let folder = into.join(unpack::stem(file.file_name()));
    if folder.is_dir() {
        return Ok(());
    }
    efficientnet_download::fetch(&published, &target, options)?;
    unpack::unpack(&target, &folder, options.progress)?;
    fs::remove_file(&target).map_err(|error| FetchError::io(&target, "removed", error))
}

fn published(manifest: &Manifest, file: &DataFile) -> Published {
    Published {
        name: format!("{} ({})", manifest.name, file.file_name()),
        url: file.url.clone().unwrap_or_default(),
        bytes: file.bytes,
        sha256: file.sha256.clone(),
        md5: file.md5.clone(),
    }
}

/// Whether everything that was to be put there is there; where it is not, the archives that are there are at least held
/// against their hashes.
fn check_by_hand(
    manifest: &Manifest,
    by_hand: &str,
    into: &Path,
    progress: Progress,
) -> Result<(), FetchError> {
    let splits = manifest.splits.iter();
    if splits.filter_map(|split| fetched(manifest, split, into)).all(|split| split.path.exists()) {
        return Ok(());
    }
    for file in &manifest.files {
        let path = into.join(file.file_name());
        if path.is_file() {
            progress.say(&format!("checking {}", path.display()));
            verify(&published(manifest, file), &path)?;
        }
    }
    let (title, by_hand) = (manifest.title.clone(), by_hand.to_string());
    Err(FetchError::ByHand { title, by_hand, folder: into.to_path_buf() })
}
