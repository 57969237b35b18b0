//! A file of JSON lines that only ever grows, and can be cut back to where a checkpoint saw it.
//!
//! A process that is killed leaves at most one torn line, the last, which has no line's end: whoever reads drops it, and
//! whoever goes on with the run cuts the file at the checkpoint's [`Mark`] and writes the same bytes again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use efficientnet_download::io_reason;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How much of a file was written at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// Its length in bytes.
    pub bytes: u64,
    /// Its lines.
    pub entries: u64,
}

/// Why lines could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinesError {
    /// The operating system refused.
    #[error("{} cannot be {action}: {}", .path.display(), io_reason(.source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, as a participle: `read`, `written`.
        action: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("line {line} of {} is damaged ({reason}); restore the file from a copy", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// JSON has no word for infinities and for what is not a number.
    #[error("a number that is infinite or not a number was to be written to {} after {entries} lines", .path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Lines that are in it.
        entries: u64,
    },
    /// The file is not the one that the checkpoint saw.
    #[error(
        "{} is not the file that the checkpoint was made with: {reason}; restore it from a copy or start the run anew",
        .path.display()
    )]
    NotAtMark {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
}

/// A file of JSON lines that is being written.
#[derive(Debug)]
pub struct Lines<T> {
    path: PathBuf,
    out: BufWriter<File>,
    mark: Mark,
    entry: PhantomData<fn(&T)>,
}

impl<T: Serialize + DeserializeOwned> Lines<T> {
    /// Opens a file to go on at a mark; what stands after it is cut off. At `Mark::default()` a new file is begun.
    ///
    /// # Errors
    /// [`LinesError::NotAtMark`] where the file is shorter than the mark or has no such line's end, [`LinesError::Io`].
    pub fn open(path: impl Into<PathBuf>, at: Mark) -> Result<Self, LinesError> {
        let path = path.into();
        let mut options = OpenOptions::new();
        // Only a file of nothing is made here: one with a mark must be there.
        options.read(true).write(true).create(at == Mark::default());
        let mut file = options.open(&path).map_err(|error| read_error(&path, error))?;
        let found = count(&mut file, at.bytes).map_err(|error| read_error(&path, error))?;
        if let Some(reason) = difference(found, at) {
            return Err(LinesError::NotAtMark { path, reason });
        }
        let cut = file.set_len(at.bytes).and_then(|()| file.seek(SeekFrom::Start(at.bytes)));
        cut.map_err(|error| write_error(&path, error))?;
        Ok(Self { path, out: BufWriter::new(file), mark: at, entry: PhantomData })
    }

    /// Opens a file to go on at its last line's end. What a kill left after it is cut off; how many bytes these were is the
    /// second value. Where there is no file, one is begun.
    ///
    /// # Errors
    /// [`LinesError::Io`].
    pub fn append(path: impl Into<PathBuf>) -> Result<(Self, u64), LinesError> {
        let path = path.into();
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|error| write_error(&path, error))?;
        let length = file.metadata().map_err(|error| read_error(&path, error))?.len();
        let whole = count(&mut file, length).map_err(|error| read_error(&path, error))?;
        drop(file);
        Ok((Self::open(path, whole)?, length - whole.bytes))
    }

    /// Adds a line; it reaches the file with the next [`flush`](Self::flush) or before.
    ///
    /// # Errors
    /// [`LinesError::NotFinite`] where the line could not be read again, [`LinesError::Io`].
    pub fn push(&mut self, entry: &T) -> Result<(), LinesError> {
        let line = serde_json::to_vec(entry).map_err(|error| write_error(&self.path, error.into()))?;
        if serde_json::from_slice::<T>(&line).is_err() {
            return Err(LinesError::NotFinite { path: self.path.clone(), entries: self.mark.entries });
        }
        let written = self.out.write_all(&line).and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|error| write_error(&self.path, error))?;
        self.mark.bytes += line.len() as u64 + 1;
        self.mark.entries += 1;
        Ok(())
    }

    /// Hands everything to the operating system, so that other programs see it.
    ///
    /// # Errors
    /// [`LinesError::Io`], for example where the disk is full.
    pub fn flush(&mut self) -> Result<(), LinesError> {
        self.out.flush().map_err(|error| write_error(&self.path, error))
    }

    /// Where the file stands, for a checkpoint: everything until there is on the disk, not merely on its way.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn mark(&mut self) -> Result<Mark, LinesError> {
        self.flush()?;
        self.out.get_ref().sync_data().map_err(|error| write_error(&self.path, error))?;
        Ok(self.mark)
    }
}

/// Reads all lines; a last one without a line's end was torn by a kill and is dropped.
///
/// # Errors
/// [`LinesError::Line`] names the first line that cannot be understood; [`LinesError::Io`].
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, LinesError> {
    let bytes = std::fs::read(path).map_err(|error| read_error(path, error))?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &bytes[..end]);
    if whole.is_empty() {
        return Ok(Vec::new());
    }
    let lines = whole.split(|byte| *byte == b'\n').enumerate();
    let parsed = lines.map(|(index, line)| {
        serde_json::from_slice(line).map_err(|error| LinesError::Line {
            path: path.to_path_buf(),
            line: index + 1,
            reason: error.to_string(),
        })
    });
    parsed.collect()
}

/// Lines and bytes in the first `limit` bytes; bytes after the last line's end do not count.
fn count(file: &mut File, limit: u64) -> io::Result<Mark> {
    let (mut found, mut at) = (Mark::default(), 0);
    let mut buffer = vec![0; 1 << 16];
    let mut prefix = file.take(limit);
    loop {
        let read = prefix.read(&mut buffer)?;
        if read == 0 {
            return Ok(found);
        }
        for (index, _) in buffer[..read].iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            found = Mark { bytes: at + index as u64 + 1, entries: found.entries + 1 };
        }
        at += read as u64;
    }
}

fn difference(found: Mark, at: Mark) -> Option<String> {
    let Mark { bytes, entries } = at;
    (found != at).then(|| {
        format!(
            "the checkpoint saw {entries} lines in {bytes} bytes, and there are {} in {}",
            found.entries, found.bytes
        )
    })
}

fn read_error(path: &Path, source: io::Error) -> LinesError {
    LinesError::Io { path: path.to_path_buf(), action: "read", source }
}

fn write_error(path: &Path, source: io::Error) -> LinesError {
    LinesError::Io { path: path.to_path_buf(), action: "written", source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &Path, at: Mark, numbers: &[f32]) -> Mark {
        let mut lines = Lines::open(path, at).unwrap();
        numbers.iter().for_each(|number| lines.push(number).unwrap());
        lines.mark().unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mark = written(&path, Mark::default(), &[1.0, 0.1]);
        assert_eq!(mark, Mark { bytes: 8, entries: 2 });
        assert_eq!(std::fs::read(&path).unwrap(), b"1.0\n0.1\n");
        assert_eq!(read::<f32>(&path).unwrap(), [1.0, 0.1]);
    }

    #[test]
    fn going_on_at_a_mark_gives_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mark = written(&path, Mark::default(), &[1.0, 2.0]);
        written(&path, mark, &[3.0, 4.0]);
        let whole = std::fs::read(&path).unwrap();
        for end in mark.bytes as usize..=whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            written(&path, mark, &[3.0, 4.0]);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
        written(&path, Mark::default(), &[]);
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn appending_goes_on_at_the_last_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        for (content, torn, expected) in
            [("", 0, "3.0\n"), ("1.0\n", 0, "1.0\n3.0\n"), ("1.0\n2.", 2, "1.0\n3.0\n"), ("2.", 2, "3.0\n")]
        {
            std::fs::write(&path, content).unwrap();
            let (mut lines, dropped) = Lines::append(&path).unwrap();
            assert_eq!(dropped, torn, "{content:?}");
            lines.push(&3.0f32).unwrap();
            lines.flush().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "{content:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Lines::<f32>::append(&path).unwrap().1, 0);
        assert!(path.exists());
    }

    #[test]
    fn a_file_that_does_not_reach_the_mark_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mark = written(&path, Mark::default(), &[1.0, 2.0]);
        for content in ["1.0\n2.", "1.0\n2.00\n", "1.0 2.0\n", "\n\n1.0 2\n", ""] {
            std::fs::write(&path, content).unwrap();
            let error = Lines::<f32>::open(&path, mark).unwrap_err();
            assert!(matches!(error, LinesError::NotAtMark { .. }), "{content:?}: {error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(Lines::<f32>::open(&path, mark).unwrap_err(), LinesError::Io { .. }));
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_a_damaged_one_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        std::fs::write(&path, "1.0\n2.0\n3.").unwrap();
        assert_eq!(read::<f32>(&path).unwrap(), [1.0, 2.0]);
        std::fs::write(&path, "3.").unwrap();
        assert!(read::<f32>(&path).unwrap().is_empty());
        std::fs::write(&path, b"1.0\n\xff\n3.0\n").unwrap();
        let error = read::<f32>(&path).unwrap_err().to_string();
        assert!(error.starts_with("line 2 of "), "{error}");
        std::fs::write(&path, b"\n1.0\n").unwrap();
        assert!(matches!(read::<f32>(&path), Err(LinesError::Line { line: 1, .. })));
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut lines = Lines::open(&path, Mark::default()).unwrap();
        lines.push(&1.0f32).unwrap();
        assert!(matches!(lines.push(&f32::NAN), Err(LinesError::NotFinite { entries: 1, .. })));
        lines.flush().unwrap();
        assert_eq!(read::<f32>(&path).unwrap(), [1.0]);
    }
}
