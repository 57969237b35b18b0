//! A published file and its place: what is there already, what came, and whether it is right.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::DownloadError;
use crate::checksum::Checksums;
use crate::progress::Progress;
use crate::transfer::{self, Transfer};

/// A file that somebody publishes, and what they say about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// What progress and sentences call it.
    pub name: String,
    /// Its address, `http://` or `https://`.
    pub url: String,
    /// Its length, where that is published.
    pub bytes: Option<u64>,
    /// First digits of its SHA-256, 8 to 64, lower-case hexadecimal, where it is published.
    pub sha256: Option<String>,
    /// Its MD5, 32 digits, lower-case hexadecimal, where it is published. Enough against a broken transfer.
    pub md5: Option<String>,
}

/// How to download.
#[derive(Debug, Clone)]
pub struct Options {
    /// Scheme, host and path that stand in for those of the published address, as `http://127.0.0.1:8080`: a mirror.
    pub mirror: Option<String>,
    /// What to show meanwhile.
    pub progress: Progress,
    /// How often a broken connection is taken up again without any progress in between.
    pub attempts: u32,
    /// Pause before the first of these; it doubles each time.
    pub pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { mirror: None, progress: Progress::default(), attempts: 5, pause: Duration::from_secs(1) }
    }
}

/// Brings a file to `target`, unless it is there and right. Folders above it are made. Two processes that want the same
/// file download it once.
///
/// Without a published hash, the one that the server announces counts, and without that the first download's: it is kept
/// beside the file, and later changes are found.
///
/// # Errors
/// [`DownloadError::Failed`] where the server cannot be reached or does not have the file, [`DownloadError::Tampered`]
/// where what came is not the published file (it is removed), [`DownloadError::Io`] where the place cannot be written.
pub fn fetch(file: &Published, target: &Path, options: &Options) -> Result<(), DownloadError> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(|error| DownloadError::io(folder, "created", error))?;
    }
    let place = Place { target, file };
    let lock_path = place.beside("lock");
    let lock = File::create(&lock_path).map_err(|error| DownloadError::io(&lock_path, "created", error))?;
    if lock.try_lock().is_err() {
        options.progress.say(&format!("waiting for another process that downloads {}", file.name));
        lock.lock().map_err(|error| DownloadError::io(&lock_path, "locked", error))?;
    }
    // Held until the function returns; the operating system lets go of it if the process dies.
    if place.is_there()? {
        return Ok(());
    }
    let url = address(&file.url, options.mirror.as_deref());
    let part = place.beside("part");
    let announced = Transfer::new(&url, &part, file, options).run()?;
    place.accept(&url, &part, announced.as_deref(), options.progress)
}

/// Holds a file that somebody put at `path` against what is published.
///
/// # Errors
/// [`DownloadError::Different`], or [`DownloadError::Io`] where it cannot be read.
pub fn verify(file: &Published, path: &Path) -> Result<(), DownloadError> {
    let found = checksums(path, file)?;
    match file.difference(&found) {
        None => Ok(()),
        Some(Difference { what, expected, found }) => Err(DownloadError::Different {
            path: path.into(),
            name: file.name.clone(),
            what,
            expected,
            found,
        }),
    }
}

fn checksums(path: &Path, file: &Published) -> Result<Checksums, DownloadError> {
    Checksums::of(path, file.md5.is_some()).map_err(|error| DownloadError::io(path, "read", error))
}

/// The published address, or the same path at a mirror.
fn address(url: &str, mirror: Option<&str>) -> String {
    let Some(mirror) = mirror else { return url.to_string() };
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    format!("{}/{path}", mirror.trim_end_matches('/'))
}

/// Something that is not as published.
struct Difference {
    what: &'static str,
    expected: String,
    found: String,
}

impl Difference {
    fn of_sha256(expected: &str, found: &str) -> Option<Self> {
        let is_same = found.starts_with(expected);
        let found = || found[..expected.len().min(found.len())].to_string();
        (!is_same).then(|| Self { what: "its SHA-256", expected: expected.to_string(), found: found() })
    }
}

impl Published {
    /// Whether a hash is published, so that a part of unknown origin is worth continuing.
    pub(crate) fn has_hash(&self) -> bool {
        self.sha256.is_some() || self.md5.is_some()
    }

    fn difference(&self, found: &Checksums) -> Option<Difference> {
        let length = self.bytes.filter(|bytes| *bytes != found.bytes).map(|bytes| Difference {
            what: "its length in bytes",
            expected: bytes.to_string(),
            found: found.bytes.to_string(),
        });
        let md5 = || {
            let (expected, found) = (self.md5.as_ref()?, found.md5.as_ref()?);
            let difference =
                || Difference { what: "its MD5", expected: expected.clone(), found: found.clone() };
            (expected != found).then(difference)
        };
        let sha256 = || Difference::of_sha256(self.sha256.as_deref()?, &found.sha256);
        length.or_else(sha256).or_else(md5)
    }
}

/// A file's place.
struct Place<'a> {
    target: &'a Path,
    file: &'a Published,
}

impl Place<'_> {
    fn beside(&self, extension: &str) -> PathBuf {
        let mut name = self.target.as_os_str().to_owned();
        name.push(".");
        name.push(extension);
        PathBuf::from(name)
    }

    /// The hash that the file had when it came.
    fn recorded(&self) -> Option<String> {
        let text = fs::read_to_string(self.beside("sha256")).ok()?;
        Some(text.trim().to_string()).filter(|hash| !hash.is_empty())
    }

    /// Whether the file is there and still has the hash that it came with, or else the published one; a file that has
    /// changed is removed.
    fn is_there(&self) -> Result<bool, DownloadError> {
        if !self.target.exists() {
            return Ok(false);
        }
        let found = checksums(self.target, self.file)?;
        let is_right = match self.recorded() {
            Some(recorded) => found.sha256 == recorded,
            None => self.file.difference(&found).is_none(),
        };
        if !is_right {
            fs::remove_file(self.target).map_err(|error| DownloadError::io(self.target, "removed", error))?;
        }
        Ok(is_right)
    }

    /// Gives a complete download its name, where it is the published file.
    fn accept(
        &self,
        url: &str,
        part: &Path,
        announced: Option<&str>,
        progress: Progress,
    ) -> Result<(), DownloadError> {
        let found = checksums(part, self.file)?;
        let recorded = self.recorded();
        let believed = announced.or(recorded.as_deref()).filter(|_| self.file.sha256.is_none());
        let difference = self.file.difference(&found);
        let difference =
            difference.or_else(|| believed.and_then(|hash| Difference::of_sha256(hash, &found.sha256)));
        if let Some(Difference { what, expected, found }) = difference {
            transfer::forget(part);
            return Err(DownloadError::Tampered { url: url.into(), what, expected, found });
        }
        if !self.file.has_hash() && believed.is_none() {
            progress.say(&format!(
                "no hash of {} is published; from now on its SHA-256 has to be {}",
                self.file.name, found.sha256
            ));
        }
        let record = self.beside("sha256");
        fs::write(&record, format!("{}\n", found.sha256))
            .map_err(|error| DownloadError::io(&record, "written", error))?;
        fs::rename(part, self.target).map_err(|error| DownloadError::io(self.target, "written", error))?;
        transfer::forget(part);
        Ok(())
    }
}
