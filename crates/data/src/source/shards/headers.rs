//! The headers of a tar, one after the other.
//!
//! The fields are read by the `tar` crate. Its own iterator is not used: it takes a long name of any length that a header
//! claims, ends quietly where a file is cut off between two entries, and after the empty blocks in the middle of two tars
//! that were written one behind the other; a data set must not get smaller without a word.

use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use tar::{EntryType, Header, PaxExtensions};

use super::error::{EntryError, TarError};

const BLOCK: u64 = 512;
/// Headers of small images lie close together: one read brings several.
const BUFFER: usize = 1 << 16;
/// No name is longer, whatever a header says.
const MAX_EXTENSION: u64 = 1 << 20;

/// A file in a tar.
#[derive(Debug)]
pub struct Member {
    /// Its path, without `.` and leading `/`.
    pub path: String,
    /// Where its bytes begin.
    pub offset: u64,
    /// How many there are, inside the tar.
    pub length: u64,
    pub is_link: bool,
}

/// Goes from header to header.
pub struct Headers<'a, R> {
    path: &'a Path,
    reader: BufReader<R>,
    /// Where the reader is.
    at: u64,
    length: u64,
    extended: Extended,
}

/// What extension headers say of the entry behind them.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl<'a, R: Read + Seek> Headers<'a, R> {
    /// The headers of a tar of `length` bytes, with the reader at its beginning; errors name `path`.
    pub fn new(path: &'a Path, reader: R, length: u64) -> Self {
        Self {
            path,
            reader: BufReader::with_capacity(BUFFER, reader),
            at: 0,
            length,
            extended: Extended::default(),
        }
    }

    /// The next file or link; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Member>, TarError> {
        let mut ended = false;
        loop {
            if self.at == self.length && ended {
                return Ok(None);
            }
            let at = self.at;
            let block = self.block(ended)?;
            // An empty block ends a tar. Behind it there may be more of them, and another tar.
            ended = block.iter().all(|byte| *byte == 0);
            if !ended && let Some(member) = self.entry(Header::from_byte_slice(&block), at)? {
                return Ok(Some(member));
            }
        }
    }

    /// The file or link of a header at `at`; `None` for what is neither.
    fn entry(&mut self, header: &Header, at: u64) -> Result<Option<Member>, TarError> {
        if !is_checked(header) {
            return Err(if at == 0 {
                self.not_a_tar(header.as_bytes())
            } else {
                self.damaged(at, "no header is there")
            });
        }
        let size = header.entry_size().map_err(|_| self.damaged(at, "its size is no number"))?;
        match header.entry_type() {
            EntryType::GNULongName => {
                let mut path = self.extension(size, at)?;
                path.truncate(path.iter().position(|byte| *byte == 0).unwrap_or(path.len()));
                self.extended.path = Some(path);
            }
            EntryType::XHeader => {
                let records = self.extension(size, at)?;
                self.extended.add(&records).ok_or_else(|| self.damaged(at, "its pax records are wrong"))?;
            }
            EntryType::XGlobalHeader | EntryType::GNULongLink => self.skip(size, "an extension header")?,
            kind => return self.member(header, kind, size),
        }
        Ok(None)
    }

    fn member(&mut self, header: &Header, kind: EntryType, size: u64) -> Result<Option<Member>, TarError> {
        let extended = std::mem::take(&mut self.extended);
        let raw = extended.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let problem = |problem| TarError::entry(self.path, &String::from_utf8_lossy(&raw), problem);
        let text = std::str::from_utf8(&raw).map_err(|_| problem(EntryError::NotUtf8))?;
        let is_link = matches!(kind, EntryType::Link | EntryType::Symlink);
        // The oldest tars tell a folder from a file by the slash behind its name.
        let is_file = matches!(kind, EntryType::Regular | EntryType::Continuous) && !text.ends_with('/');
        if kind == EntryType::GNUSparse || extended.sparse {
            return Err(problem(EntryError::Sparse));
        }
        if text.split('/').any(|part| part == "..") {
            return Err(problem(EntryError::Parent));
        }
        let parts = text.split('/').filter(|part| !part.is_empty() && *part != ".");
        let path = parts.collect::<Vec<_>>().join("/");
        // Links, folders and devices have no bytes, whatever their size says.
        let length = if is_file { extended.size.unwrap_or(size) } else { 0 };
        let offset = self.at;
        self.skip(length, &path)?;
        Ok((is_file || is_link).then_some(Member { path, offset, length, is_link }))
    }

    fn block(&mut self, ended: bool) -> Result<[u8; BLOCK as usize], TarError> {
        let mut block = [0; BLOCK as usize];
        let left = self.length - self.at;
        if left < BLOCK && self.at == 0 {
            let begin = &mut block[..left as usize];
            self.reader.read_exact(begin).map_err(|source| TarError::read(self.path, source))?;
            return Err(self.not_a_tar(begin));
        }
        if left < BLOCK {
            let place = if ended { "in its end blocks" } else { "without the empty blocks of a tar's end" };
            return Err(self.cut_off(place.to_string()));
        }
        self.reader.read_exact(&mut block).map_err(|source| TarError::read(self.path, source))?;
        self.at += BLOCK;
        Ok(block)
    }

    /// What an extension header at `at` says.
    fn extension(&mut self, size: u64, at: u64) -> Result<Vec<u8>, TarError> {
        if size > MAX_EXTENSION {
            return Err(self.damaged(at, "its name has more than a mebibyte"));
        }
        let begin = self.at;
        let mut bytes = vec![0; size as usize];
        if self.length - begin < size {
            return Err(self.cut_off("in an extension header".to_string()));
        }
        self.reader.read_exact(&mut bytes).map_err(|source| TarError::read(self.path, source))?;
        self.at += size;
        self.pad(begin)?;
        Ok(bytes)
    }

    /// Goes behind the bytes of an entry.
    fn skip(&mut self, size: u64, entry: &str) -> Result<(), TarError> {
        if self.length - self.at < size {
            return Err(self.cut_off(format!("in {entry}")));
        }
        let begin = self.at;
        self.forward(size)?;
        self.pad(begin)
    }

    /// Goes to the next whole block after `begin`, or to the end of a file that has no more.
    fn pad(&mut self, begin: u64) -> Result<(), TarError> {
        let odd = (self.at - begin) % BLOCK;
        let rest = if odd == 0 { 0 } else { BLOCK - odd };
        self.forward(rest.min(self.length - self.at))
    }

    fn forward(&mut self, bytes: u64) -> Result<(), TarError> {
        let moved = i64::try_from(bytes).map_err(io::Error::other);
        let moved = moved.and_then(|bytes| self.reader.seek_relative(bytes));
        moved.map_err(|source| TarError::read(self.path, source))?;
        self.at += bytes;
        Ok(())
    }

    fn not_a_tar(&self, begin: &[u8]) -> TarError {
        let path = self.path.to_path_buf();
        match compression(begin) {
            Some(with) => TarError::Compressed { path, with },
            None => TarError::NotATar { path },
        }
    }

    fn cut_off(&self, place: String) -> TarError {
        TarError::CutOff { path: self.path.to_path_buf(), length: self.length, place }
    }

    fn damaged(&self, at: u64, reason: &'static str) -> TarError {
        TarError::Damaged { path: self.path.to_path_buf(), at, reason }
    }
}

impl Extended {
    /// Takes over pax records; `None` if they are none.
    fn add(&mut self, records: &[u8]) -> Option<()> {
        for record in PaxExtensions::new(records) {
            let record = record.ok()?;
            match record.key_bytes() {
                b"path" => self.path = Some(record.value_bytes().to_vec()),
                b"size" => self.size = Some(record.value().ok()?.parse().ok()?),
                key => self.sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
        Some(())
    }
}

/// Whether a header's checksum, the sum of its bytes with the field itself as spaces, is right.
fn is_checked(header: &Header) -> bool {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let field = &header.as_old().cksum;
    let expected = sum(header.as_bytes()) - sum(field) + sum(&[b' '; 8]);
    header.cksum().is_ok_and(|found| found == expected)
}

/// The program whose files begin like this.
pub fn compression(begin: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 6] = [
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"PK\x03\x04", "zip"),
    ];
    MAGIC.iter().find(|(magic, _)| begin.starts_with(magic)).map(|(_, name)| *name)
}
