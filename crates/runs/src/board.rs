//! The journal's figures as TensorBoard reads them.
//!
//! The crates that write event files were looked at and left: `tensorboard-rs` 0.5.9 panics where a file cannot be
//! written and brings an `image` and a `protobuf` of years ago; `tboard` 0.1.1 needs the program `protoc` to be built;
//! `tfrecord` 0.15.0 brings seventy crates, a second HTTP client among them; `syntaxdot-summary` 0.5.0 is small, but
//! stands still on `prost` 0.9. Today's `prost` would switch on features of crates below Burn. What remains is small:
//! nine fields of four messages (TensorFlow's `event.proto` and `summary.proto`), framed as TFRecord. The checksum is the
//! crate `crc32c`'s.
//!
//! A run that goes on begins a new file, which opens with the mark of a restart: TensorBoard then drops what older files
//! say of the steps from there on. Files are numbered, since TensorBoard reads them in the order of their names, and a
//! clock may have been set back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use efficientnet_download::io_reason;

use crate::journal::{Epoch, Scores, Step};

mod record;

/// Why an event file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {}", .path.display(), io_reason(.source))]
pub struct BoardError {
    /// The file or its folder.
    path: PathBuf,
    /// What the operating system says.
    source: io::Error,
}

/// An event file that is being written.
#[derive(Debug)]
pub struct Board {
    path: PathBuf,
    out: BufWriter<File>,
}

/// What every event file's name begins with; TensorBoard looks for `tfevents` in it.
const PREFIX: &str = "events.out.tfevents.";

impl Board {
    /// Begins the next event file of a folder. `first_step` is the first that will be written to it; older files' events
    /// from there on count no more.
    ///
    /// # Errors
    /// [`BoardError`] where it cannot be written.
    pub fn create(folder: &Path, first_step: u64) -> Result<Self, BoardError> {
        let failed = |path: &Path, source| BoardError { path: path.to_path_buf(), source };
        let number = numbers(folder)
            .map_err(|error| failed(folder, error))?
            .max()
            .map_or(1, |last| last.saturating_add(1));
        let path = folder.join(format!("{PREFIX}{number:06}"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let out = BufWriter::new(file.map_err(|error| failed(&path, error))?);
        let mut board = Self { path, out };
        board.event(&record::version(now()))?;
        board.event(&record::start(now(), first_step))?;
        board.flush()?;
        Ok(board)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes an update's rate, loss and top-1.
    ///
    /// # Errors
    /// [`BoardError`].
    pub fn step(&mut self, step: &Step) -> Result<(), BoardError> {
        let values = [("train/rate", step.rate as f32), ("train/loss", step.loss), ("train/top1", step.top1)];
        let norm = step.gradient_norm.map(|norm| ("train/gradient_norm", norm));
        self.scalars(step.step, values.into_iter().chain(norm))
    }

    /// Writes an epoch's scores on the validation data.
    ///
    /// # Errors
    /// [`BoardError`].
    pub fn epoch(&mut self, epoch: &Epoch) -> Result<(), BoardError> {
        let scores = |loss, top1, scores: &Option<Scores>| {
            scores.map(|scores| [(loss, scores.loss), (top1, scores.top1)])
        };
        let validation = scores("validation/loss", "validation/top1", &epoch.validation);
        let averaged = scores("averaged/loss", "averaged/top1", &epoch.averaged);
        self.scalars(epoch.step, validation.into_iter().chain(averaged).flatten())
    }

    /// Writes values of a step by their names; a name's slashes group it.
    ///
    /// # Errors
    /// [`BoardError`].
    pub fn scalars<'a>(
        &mut self,
        step: u64,
        values: impl IntoIterator<Item = (&'a str, f32)>,
    ) -> Result<(), BoardError> {
        let values: Vec<_> = values.into_iter().collect();
        if values.is_empty() {
            return Ok(());
        }
        self.event(&record::scalars(now(), step, &values))
    }

    /// Hands everything to the operating system, so that TensorBoard sees it.
    ///
    /// # Errors
    /// [`BoardError`].
    pub fn flush(&mut self) -> Result<(), BoardError> {
        self.out.flush().map_err(|source| BoardError { path: self.path.clone(), source })
    }

    fn event(&mut self, event: &[u8]) -> Result<(), BoardError> {
        let written = self.out.write_all(&record::framed(event));
        written.map_err(|source| BoardError { path: self.path.clone(), source })
    }
}

/// The numbers of the event files that are there.
fn numbers(folder: &Path) -> io::Result<impl Iterator<Item = u64>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    Ok(names.into_iter().filter_map(|name| name.to_str()?.strip_prefix(PREFIX)?.parse().ok()))
}

/// Seconds since 1970, which TensorBoard calls wall time.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests;
