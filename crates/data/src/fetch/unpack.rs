//! Archives become folders, or nothing at all.
//!
//! Names come from outside: an entry that is absolute, climbs with `..`, or is a link or a device ends it. Only contents
//! are taken over, neither owners nor permissions nor times.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use efficientnet_download::{Meter, Progress};
use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use super::FetchError;

/// Ends of the names of archives.
const TAR_GZ: [&str; 2] = [".tar.gz", ".tgz"];
const TAR: [&str; 1] = [".tar"];
const ZIP: [&str; 1] = [".zip"];

/// An archive's name without the ending that says its kind.
pub(super) fn stem(name: &str) -> &str {
    let endings = TAR_GZ.iter().chain(&TAR).chain(&ZIP);
    endings.into_iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// Unpacks an archive; `folder` appears when it is complete.
pub(super) fn unpack(archive: &Path, folder: &Path, progress: Progress) -> Result<(), FetchError> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = folder.with_file_name(format!(".unpacking-{}", stem(&name)));
    // What an interrupted call has left.
    remove(&beside)?;
    fs::create_dir_all(&beside).map_err(|error| FetchError::io(&beside, "created", error))?;
    let unpacking = Unpacking { archive, into: &beside };
    let is = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let unpacked = if is(&ZIP) {
        unpacking.zip(&name, progress)
    } else if is(&TAR_GZ) {
        unpacking.open(&name, progress).and_then(|file| unpacking.tar(&mut MultiGzDecoder::new(file)))
    } else if is(&TAR) {
        unpacking.open(&name, progress).and_then(|mut file| unpacking.tar(&mut file))
    } else {
        Err(unpacking.broken("it is neither .tar, .tar.gz, .tgz nor .zip"))
    };
    let moved = unpacked
        .and_then(|()| fs::rename(&beside, folder).map_err(|error| FetchError::io(folder, "written", error)));
    if moved.is_err() {
        // The error that is on its way says more than one about what is left.
        let _ = remove(&beside);
    }
    moved
}

fn remove(folder: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FetchError::io(folder, "removed", error))
        }
        _ => Ok(()),
    }
}

struct Unpacking<'a> {
    archive: &'a Path,
    into: &'a Path,
}

impl Unpacking<'_> {
    fn open(&self, name: &str, progress: Progress) -> Result<Metered<BufReader<File>>, FetchError> {
        let file = File::open(self.archive).map_err(|error| FetchError::io(self.archive, "read", error))?;
        let total = file.metadata().map(|about| about.len()).ok();
        let meter = progress.meter("unpacking", name, total, 0);
        Ok(Metered { inner: BufReader::with_capacity(1 << 17, file), meter, done: 0 })
    }

    fn tar(&self, reader: &mut impl Read) -> Result<(), FetchError> {
        let mut archive = tar::Archive::new(&mut *reader);
        let entries = archive.entries().map_err(|error| self.unreadable(&error))?;
        for entry in entries {
            let mut entry = entry.map_err(|error| self.unreadable(&error))?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let kind = entry.header().entry_type();
            if kind.is_dir() {
                self.create_folder(&self.place(&name)?)?;
            } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
                let place = self.place(&name)?;
                self.write(&mut entry, &place)?;
            } else if !kind.is_pax_global_extensions() {
                return Err(self.distrusted(&name, "is a link or a device"));
            }
        }
        // To the end of the compressed stream, where its checksum is.
        io::copy(reader, &mut io::sink()).map_err(|error| self.unreadable(&error))?;
        Ok(())
    }

    fn zip(&self, name: &str, progress: Progress) -> Result<(), FetchError> {
        let file = File::open(self.archive).map_err(|error| FetchError::io(self.archive, "read", error))?;
        let mut archive =
            ZipArchive::new(BufReader::new(file)).map_err(|error| self.broken(&error.to_string()))?;
        let total = archive.decompressed_size().and_then(|size| u64::try_from(size).ok());
        let mut meter = progress.meter("unpacking", name, total, 0);
        let mut done = 0;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(|error| self.broken(&error.to_string()))?;
            let name = entry.name().map_err(|error| self.broken(&error.to_string()))?.into_owned();
            if entry.is_symlink() {
                return Err(self.distrusted(&name, "is a link or a device"));
            }
            let place = self.place(&name)?;
            match entry.is_dir() {
                true => self.create_folder(&place)?,
                false => done += self.write(&mut entry, &place)?,
            }
            meter.at(done);
        }
        meter.finish(done);
        Ok(())
    }

    /// Where an entry goes.
    fn place(&self, name: &str) -> Result<PathBuf, FetchError> {
        let mut place = self.into.to_path_buf();
        for part in Path::new(name).components() {
            match part {
                // On Windows a colon or a backslash can hide in what is one part elsewhere.
                Component::Normal(part) if !part.to_string_lossy().contains([':', '\\', '\0']) => {
                    place.push(part)
                }
                Component::CurDir => {}
                _ => return Err(self.distrusted(name, "would be put outside of the folder")),
            }
        }
        Ok(place)
    }

    fn create_folder(&self, folder: &Path) -> Result<(), FetchError> {
        fs::create_dir_all(folder).map_err(|error| FetchError::io(folder, "created", error))
    }

    fn write(&self, content: &mut impl Read, place: &Path) -> Result<u64, FetchError> {
        if let Some(folder) = place.parent() {
            self.create_folder(folder)?;
        }
        let write_error = |error| FetchError::io(place, "written", error);
        let mut file = File::create(place).map_err(write_error)?;
        let mut piece = vec![0; 1 << 16];
        let mut length = 0;
        loop {
            match content.read(&mut piece) {
                Ok(0) => return Ok(length),
                Ok(count) => {
                    file.write_all(&piece[..count]).map_err(write_error)?;
                    length += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unreadable(&error)),
            }
        }
    }

    fn unreadable(&self, error: &io::Error) -> FetchError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.broken("it ends too early"),
            _ => self.broken(&error.to_string()),
        }
    }

    fn broken(&self, reason: &str) -> FetchError {
        FetchError::Archive { archive: self.archive.to_path_buf(), reason: reason.to_string() }
    }

    fn distrusted(&self, entry: &str, reason: &'static str) -> FetchError {
        FetchError::Unsafe {
            archive: self.archive.to_path_buf(),
            entry: entry.escape_debug().to_string(),
            reason,
        }
    }
}

/// Shows how much of a file was read.
struct Metered<R> {
    inner: R,
    meter: Meter,
    done: u64,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.done += count as u64;
        self.meter.at(self.done);
        Ok(count)
    }
}

impl<R> Drop for Metered<R> {
    fn drop(&mut self) {
        self.meter.finish(self.done);
    }
}
