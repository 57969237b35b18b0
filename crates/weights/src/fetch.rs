//! Published checkpoints are downloaded once into a cache: resumed where the connection breaks, checked against the
//! published hash, and given their name only when they are complete and right.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::WeightsError;
use crate::registry::{self, Checkpoint};

mod progress;
mod transfer;

pub use progress::Progress;
use transfer::Transfer;

/// How to download.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// The cache; [`cache_dir`] where it is left open.
    pub cache_dir: Option<PathBuf>,
    /// Scheme, host and path that stand in for those of the published address, as `http://127.0.0.1:8080`: a mirror.
    pub mirror: Option<String>,
    /// What to show meanwhile.
    pub progress: Progress,
    /// How often a broken connection is taken up again without any progress in between.
    pub attempts: u32,
    /// Pause before the first of these; it doubles each time.
    pub pause: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            cache_dir: None,
            mirror: None,
            progress: Progress::default(),
            attempts: 5,
            pause: Duration::from_secs(1),
        }
    }
}

/// The cache: `$EFFICIENTNET_CACHE/weights`, or `efficientnet/weights` under `$XDG_CACHE_HOME` or `~/.cache`.
pub fn cache_dir() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let ours = set("EFFICIENTNET_CACHE");
    let base = ours.unwrap_or_else(|| {
        let caches = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        caches.unwrap_or_else(env::temp_dir).join("efficientnet")
    });
    base.join("weights")
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
    fs::create_dir_all(&folder).map_err(|error| WeightsError::io(&folder, "created", error))?;
    let target = folder.join(checkpoint.file_name());
    let place = Place { target, checkpoint };

    let lock_path = place.beside("lock");
    let lock = File::create(&lock_path).map_err(|error| WeightsError::io(&lock_path, "created", error))?;
    if lock.try_lock().is_err() {
        options.progress.say(&format!("waiting for another process that downloads {}", checkpoint.name));
        lock.lock().map_err(|error| WeightsError::io(&lock_path, "locked", error))?;
    }
    // Held until the function returns; the operating system lets go of it if the process dies.
    if place.is_there()? {
        return Ok(place.target);
    }
    let url = address(&checkpoint.url, options.mirror.as_deref());
    let part = place.beside("part");
    let mut transfer = Transfer::new(&url, &part, checkpoint, options);
    let announced = transfer.run()?;
    place.accept(&url, &part, announced.as_deref(), &options.progress)?;
    Ok(place.target)
}

/// The published address, or the same path at a mirror.
fn address(url: &str, mirror: Option<&str>) -> String {
    let Some(mirror) = mirror else { return url.to_string() };
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    format!("{}/{path}", mirror.trim_end_matches('/'))
}

/// A checkpoint's place in the cache.
struct Place<'a> {
    target: PathBuf,
    checkpoint: &'a Checkpoint,
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

    /// Whether the file is in the cache and still has the hash that it came with; one that has changed is removed.
    fn is_there(&self) -> Result<bool, WeightsError> {
        if !self.target.exists() {
            return Ok(false);
        }
        let hash = hash(&self.target)?;
        let recorded = self.recorded();
        let expected = recorded.as_deref().or(self.checkpoint.sha256.as_deref());
        if expected.is_none_or(|expected| hash.starts_with(expected)) {
            return Ok(true);
        }
        fs::remove_file(&self.target).map_err(|error| WeightsError::io(&self.target, "removed", error))?;
        Ok(false)
    }

    /// Gives a complete download its name, where its hash is right.
    fn accept(
        &self,
        url: &str,
        part: &Path,
        announced: Option<&str>,
        progress: &Progress,
    ) -> Result<(), WeightsError> {
        let found = hash(part)?;
        let recorded = self.recorded();
        let published = self.checkpoint.sha256.as_deref();
        match published.or(announced).or(recorded.as_deref()) {
            Some(expected) if !found.starts_with(expected) => {
                transfer::forget(part);
                let found = found[..expected.len().min(found.len())].to_string();
                let expected = expected.to_string();
                return Err(WeightsError::Tampered { url: url.into(), what: "its SHA-256", expected, found });
            }
            Some(_) => {}
            None => progress.say(&format!(
                "no hash of {} is published; from now on its SHA-256 has to be {found}",
                self.checkpoint.name
            )),
        }
        let record = self.beside("sha256");
        fs::write(&record, format!("{found}\n"))
            .map_err(|error| WeightsError::io(&record, "written", error))?;
        fs::rename(part, &self.target).map_err(|error| WeightsError::io(&self.target, "written", error))?;
        transfer::forget(part);
        Ok(())
    }
}

/// SHA-256 of a file, in hexadecimal.
fn hash(path: &Path) -> Result<String, WeightsError> {
    let io_error = |error: io::Error| WeightsError::io(path, "read", error);
    let mut file = File::open(path).map_err(io_error)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 18];
    loop {
        match file.read(&mut piece).map_err(io_error)? {
            0 => break,
            length => hasher.update(&piece[..length]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
