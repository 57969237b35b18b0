//! A CSV file that lists images with their labels: a header with the columns `path` and `label`, then one image a line.
//!
//! ```csv
//! path,label
//! photographs/0001.jpg,cat
//! ```
//!
//! Other columns are ignored. Paths are taken from the CSV's folder on. A label is a class name or an index. Opening reads
//! the CSV and nothing else: a million files are not looked for, and one that is missing shows when it is read.
//!
//! An image takes the length of its path and 16 bytes; while opening, up to twice that for what grows, and 16 bytes more to
//! find repeated paths. A million lines with paths of 31 letters open in 0.3 s on one core of a small virtual machine, take
//! 47 bytes each, and at most 64 MB with everything else in the process (`examples/sources.rs`).

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::decode;
use crate::error::ImageError;
use crate::source::labels::{LabelError, Labels, Numbers};
use crate::source::{Content, Names, Source, SourceError};

/// The images of a CSV file, in its order; a key is a path as it stands there.
#[derive(Debug)]
pub struct CsvManifest {
    path: PathBuf,
    classes: Vec<String>,
    keys: Names,
    labels: Vec<u32>,
    /// Where each stands in the file, from 1, empty lines in front included.
    lines: Vec<u32>,
}

/// Why a CSV file is no list of images, or what it lists is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// The file could not be read.
    #[error("{path} cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read {
        /// The CSV file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The header lacks a column.
    #[error("{path} has no column `{column}`, its first line is `{header}`; write `path,label` there", path = path.display())]
    NoColumn {
        /// The CSV file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The first line.
        header: String,
    },
    /// There are no lines behind the header.
    #[error("{path} lists no images; write one `path,label` a line behind the header", path = path.display())]
    NoImage {
        /// The CSV file.
        path: PathBuf,
    },
    /// Other columns than in the header.
    #[error("{path}: line {line} has {found} columns, but the header {expected}; put quotes around text with a comma", path = path.display())]
    Columns {
        /// The CSV file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// Columns of this line.
        found: u64,
        /// Columns of the header.
        expected: u64,
    },
    /// A path or label is no text.
    #[error("{path}: line {line} is not UTF-8; save the file as UTF-8", path = path.display())]
    NotUtf8 {
        /// The CSV file.
        path: PathBuf,
        /// From 1.
        line: u64,
    },
    /// A line without a path.
    #[error("{path}: line {line} has no path; write the image's, from the CSV's folder on", path = path.display())]
    NoPath {
        /// The CSV file.
        path: PathBuf,
        /// From 1.
        line: u64,
    },
    /// A label that is no class.
    #[error("{path}: line {line}: {problem}", path = path.display())]
    Label {
        /// The CSV file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong with it.
        problem: LabelError,
    },
    /// A path twice.
    #[error("{path}: line {line} repeats {image} of line {first}; list every image once", path = path.display())]
    Repeated {
        /// The CSV file.
        path: PathBuf,
        /// The second line, from 1.
        line: u64,
        /// The first line, from 1.
        first: u64,
        /// The image.
        image: String,
    },
    /// More lines than can be counted in 32 bits.
    #[error("{path} has more than {max} lines; split it", path = path.display(), max = u32::MAX)]
    TooLong {
        /// The CSV file.
        path: PathBuf,
    },
    /// An image that is not there.
    #[error("{image} is missing, which {path} lists in line {line}; paths are taken from the CSV's folder on", path = path.display(), image = image.display())]
    Missing {
        /// The CSV file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// Where the image was looked for.
        image: PathBuf,
    },
}

impl CsvManifest {
    /// Reads a CSV file.
    ///
    /// With a `class_order`, a label is a name in it or an index into it; without one, labels that are all numbers are
    /// indices, and others names, the classes being in the order of their names.
    ///
    /// # Errors
    /// [`CsvError`], with the line.
    pub fn open(path: impl AsRef<Path>, class_order: Option<&[String]>) -> Result<Self, CsvError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| CsvError::Read { path: path.to_path_buf(), source })?;
        Lines::new(path, file)?.read(class_order)
    }
}

impl Source for CsvManifest {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, index: usize) -> usize {
        self.labels[index] as usize
    }

    fn key(&self, index: usize) -> Cow<'_, str> {
        Cow::Borrowed(self.keys.get(index))
    }

    fn read(&self, index: usize) -> Result<Content, SourceError> {
        let image = self.path.with_file_name("").join(self.keys.get(index));
        match decode::read(&image) {
            Ok(bytes) => Ok(Content::File(bytes)),
            Err(ImageError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let (path, line) = (self.path.clone(), line_of(&self.path, self.lines[index].into()));
                Err(CsvError::Missing { path, line, image }.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether this is the first line of such a file.
pub fn is_header(line: &str) -> bool {
    let columns: Vec<&str> = line.split(',').map(|column| column.trim().trim_matches('"')).collect();
    columns.contains(&PATH) && columns.contains(&LABEL)
}

const PATH: &str = "path";
const LABEL: &str = "label";

/// A CSV file while it is read.
struct Lines<'a> {
    path: &'a Path,
    reader: Reader<File>,
    /// The columns of the path and the label.
    columns: [usize; 2],
}

impl<'a> Lines<'a> {
    /// Reads the header.
    fn new(path: &'a Path, file: File) -> Result<Self, CsvError> {
        let mut reader = ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(file);
        let header = reader.byte_headers().map_err(|error| explain(path, error))?.clone();
        let names: Vec<_> = header.iter().map(|name| String::from_utf8_lossy(name.trim_ascii())).collect();
        let column = |column: &'static str| {
            let found = names.iter().position(|name| name == column);
            found.ok_or_else(|| {
                let header = names.join(",").chars().take(80).collect();
                CsvError::NoColumn { path: path.to_path_buf(), column, header }
            })
        };
        let columns = [column(PATH)?, column(LABEL)?];
        Ok(Self { path, reader, columns })
    }

    fn read(mut self, order: Option<&[String]>) -> Result<CsvManifest, CsvError> {
        let path = || self.path.to_path_buf();
        let mut labels = Labels::new(order, Numbers::Indices);
        let (mut keys, mut ids, mut lines) = (Names::default(), Vec::new(), Vec::new());
        let mut record = ByteRecord::new();
        while self.reader.read_byte_record(&mut record).map_err(|error| explain(self.path, error))? {
            let at = record.position().map_or(0, csv::Position::line);
            let line = || line_of(self.path, at);
            let text = |column: usize| {
                let text = std::str::from_utf8(record.get(column).unwrap_or_default());
                text.map_err(|_| CsvError::NotUtf8 { path: path(), line: line() })
            };
            let key = text(self.columns[0])?;
            if key.is_empty() {
                return Err(CsvError::NoPath { path: path(), line: line() });
            }
            let id = labels.add(text(self.columns[1])?);
            ids.push(id.map_err(|problem| CsvError::Label { path: path(), line: line(), problem })?);
            keys.push(key);
            lines.push(u32::try_from(at).map_err(|_| CsvError::TooLong { path: path() })?);
        }
        if ids.is_empty() {
            return Err(CsvError::NoImage { path: path() });
        }
        if let Some((first, again)) = keys.repeated() {
            let [first, line] = [first, again].map(|index| line_of(self.path, lines[index].into()));
            let image = keys.get(again).to_string();
            return Err(CsvError::Repeated { path: path(), line, first, image });
        }
        let resolved = labels.resolve().map_err(|(id, problem)| {
            let line = ids.iter().position(|label| *label == id).map_or(0, |index| lines[index].into());
            let line = line_of(self.path, line);
            CsvError::Label { path: path(), line, problem }
        })?;
        let mut labels = ids;
        labels.iter_mut().for_each(|id| *id = resolved.class_of[*id as usize]);
        keys.shrink();
        labels.shrink_to_fit();
        lines.shrink_to_fit();
        Ok(CsvManifest { path: path(), classes: resolved.classes, keys, labels, lines })
    }
}

/// The line of a record that begins at `line` or, as the reader counts them, behind the empty lines there. Only an error
/// asks for it.
fn line_of(path: &Path, line: u64) -> u64 {
    let Ok(file) = File::open(path) else { return line };
    let lines = BufReader::new(file).split(b'\n').skip(line.saturating_sub(1) as usize);
    let is_empty = |text: &io::Result<Vec<u8>>| text.as_ref().is_ok_and(|text| text.trim_ascii().is_empty());
    line + lines.take_while(is_empty).count() as u64
}

fn explain(path: &Path, error: csv::Error) -> CsvError {
    let line_at = |place: Option<csv::Position>| place.map_or(0, |place| line_of(path, place.line()));
    let path = path.to_path_buf();
    match error.into_kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len: expected, len: found } => {
            CsvError::Columns { path, line: line_at(pos), found, expected }
        }
        csv::ErrorKind::Io(source) => CsvError::Read { path, source },
        kind => CsvError::Read { path, source: io::Error::other(format!("{kind:?}")) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_takes_its_path_and_16_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.csv");
        let lines: String = (0..1000).map(|line| format!("folder/{line:04}.jpg,{}\n", line % 10)).collect();
        std::fs::write(&path, format!("path,label\n{lines}")).unwrap();
        let source = CsvManifest::open(&path, None).unwrap();
        let words = source.labels.capacity() + source.lines.capacity();
        assert_eq!(source.keys.bytes() + 4 * words, 1000 * ("folder/0000.jpg".len() + 16));
    }
}
