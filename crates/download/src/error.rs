//! What can go wrong with a download, each as one sentence to act on.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a file did not come.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// The operating system refused.
    #[error("{} cannot be {action}: {}", .path.display(), io_reason(.source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a participle: `read`, `written`.
        action: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The server cannot be reached, or does not have the file.
    #[error("{url} cannot be downloaded: {reason}")]
    Failed {
        /// The address.
        url: String,
        /// What went wrong and what to do.
        reason: String,
    },
    /// What came is not what was published.
    #[error(
        "{url} is not the published file: {what} is {found} and should be {expected}; \
        the download was thrown away, try again or report the address"
    )]
    Tampered {
        /// The address.
        url: String,
        /// Which quantity differs.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A file that somebody put there is not the published one; it is left as it is.
    #[error(
        "{} is not the published {name}: {what} is {found} and should be {expected}; copy or download it again",
        .path.display()
    )]
    Different {
        /// The file.
        path: PathBuf,
        /// What it should be.
        name: String,
        /// Which quantity differs.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
}

impl DownloadError {
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), action, source }
    }
}

/// The operating system's reason in words, without its number.
pub fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_string(),
        io::ErrorKind::PermissionDenied => "permission denied".to_string(),
        io::ErrorKind::IsADirectory => "it is a folder".to_string(),
        io::ErrorKind::StorageFull => "the disk is full".to_string(),
        _ => error.to_string(),
    }
}
