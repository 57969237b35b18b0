//! Published checkpoints are downloaded once into a cache, as [`efficientnet_download`] does it: resumed, checked, whole.

use std::path::PathBuf;

use efficientnet_download::{DownloadError, Options, Published};

use crate::WeightsError;
use crate::registry::{self, Checkpoint};

pub use efficientnet_download::Progress;

/// How to download.
#[derive(Debug, Clone, Default)]
pub struct FetchOptions {
    /// The cache; [`cache_dir`] where it is left open.
    pub cache_dir: Option<PathBuf>,
    /// A mirror, what to show, how often to try.
    pub download: Options,
}

/// The cache: `$EFFICIENTNET_CACHE/weights`, or `efficientnet/weights` under `$XDG_CACHE_HOME` or `~/.cache`.
pub fn cache_dir() -> PathBuf {
    efficientnet_download::cache_dir("weights")
}

/// The file of a published checkpoint, by its name in the registry, downloaded where it is not in the cache.
///
/// # Errors
/// As [`fetch_with`], and [`WeightsError::UnknownCheckpoint`].
pub fn fetch(name: &str) -> Result<PathBuf, WeightsError> {
    fetch_with(registry::get(name)?, &FetchOptions::default())
}

/// The file of a checkpoint, downloaded where it is not in the cache. Two processes that want the same file download it
/// once.
///
/// # Errors
/// [`WeightsError::Download`] where the server cannot be reached or does not have the file, [`WeightsError::Tampered`]
/// where the file is not the published one (it is removed), [`WeightsError::Io`] where the cache cannot be written.
pub fn fetch_with(checkpoint: &Checkpoint, options: &FetchOptions) -> Result<PathBuf, WeightsError> {
    let cache = options.cache_dir.clone().unwrap_or_else(cache_dir);
    let folder = checkpoint.name.split('/').fold(cache, |folder, part| folder.join(part));
    let target = folder.join(checkpoint.file_name());
    efficientnet_download::fetch(&checkpoint.published(), &target, &options.download)?;
    Ok(target)
}

impl Checkpoint {
    fn published(&self) -> Published {
        Published {
            name: self.name.clone(),
            url: self.url.clone(),
            sha256: self.sha256.clone(),
            ..Published::default()
        }
    }
}

impl From<DownloadError> for WeightsError {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Io { path, action, source } => Self::Io { path, action, source },
            DownloadError::Failed { url, reason } => Self::Download { url, reason },
            DownloadError::Tampered { url, what, expected, found } => {
                Self::Tampered { url, what, expected, found }
            }
            DownloadError::Different { path, what, expected, found, .. } => {
                Self::Damaged { path, reason: format!("{what} is {found} and should be {expected}") }
            }
        }
    }
}
