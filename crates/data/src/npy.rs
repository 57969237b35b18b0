//! Arrays in and out as `.npy`, the format that NumPy reads: how numbers are compared with other programs.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use npyz::{NpyFile, Order, WriterBuilder};

use crate::atomic;

/// As long as a header of version 1 can be, of which an f32 array needs a hundred bytes.
const MAX_HEADER: u32 = 0xFFFF;
/// The header of an f32 array is a dictionary with a tuple in it; those of structures have a few brackets more.
const MAX_DEPTH: usize = 5;

/// An f32 array in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Values.
    pub values: Vec<f32>,
}

/// Why an array is not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpyError {
    /// The file could not be read.
    #[error("{path} cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not the array that was expected.
    #[error("{name}: {reason}")]
    Unfit {
        /// The file.
        name: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// The file could not be written; nothing is left behind.
    #[error("{path} cannot be written: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads a file of a finite f32 array with `rank` dimensions.
///
/// # Errors
/// [`NpyError::Read`] and [`NpyError::Unfit`].
pub fn read(path: impl AsRef<Path>, rank: usize) -> Result<Array, NpyError> {
    let path = path.as_ref();
    let unread = |source| NpyError::Read { path: path.to_path_buf(), source };
    let file = File::open(path).map_err(unread)?;
    let about = file.metadata().map_err(unread)?;
    let name = path.display().to_string();
    if about.is_dir() {
        return Err(NpyError::Unfit { name, reason: "this is a folder; an .npy file is needed".to_string() });
    }
    decode(BufReader::new(file), about.len(), rank).map_err(|reason| NpyError::Unfit { name, reason })
}

/// Reads an array from `length` bytes; says what is wrong with them.
///
/// # Errors
/// One phrase, for behind the file's name.
pub fn decode(bytes: impl Read, length: u64, rank: usize) -> Result<Array, String> {
    let bytes = with_plain_header(bytes)?;
    let npy = NpyFile::new(bytes).map_err(|error| format!("not an .npy file ({error})"))?;
    let shape = npy.shape().iter().map(|size| usize::try_from(*size)).collect::<Result<Vec<_>, _>>();
    let shape = shape.map_err(|_| "its shape does not fit into memory".to_string())?;
    if shape.len() != rank || npy.order() != Order::C {
        return Err(format!("needed are {rank} dimensions in C order, found {shape:?}"));
    }
    // A header can claim any size: only believe it as far as the file's length goes.
    let claimed = shape.iter().try_fold(4u64, |bytes, size| bytes.checked_mul(*size as u64));
    if claimed.is_none_or(|bytes| bytes > length) {
        return Err(format!("the file is cut off: {length} bytes are too few for f32 {shape:?}"));
    }
    let values = npy.into_vec::<f32>().map_err(|error| format!("its values are not f32 ({error})"))?;
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(Array { shape, values }),
        Some(index) => Err(format!("value {index} is {}; every value must be finite", values[index])),
    }
}

/// The same bytes, unless their header is longer than [`MAX_HEADER`] or deeper than [`MAX_DEPTH`].
///
/// `npyz` 0.9 makes room for the length that stands there, up to 4 GB, before it reads; and for each bracket in another one
/// its parser, `py_literal` 0.4, takes twice the time and some of the stack.
fn with_plain_header(mut bytes: impl Read) -> Result<impl Read, String> {
    let failed = |error| format!("not an .npy file ({error})");
    let mut begin = Vec::new();
    bytes.by_ref().take(12).read_to_end(&mut begin).map_err(failed)?;
    let (start, length) = match begin[..] {
        [_, _, _, _, _, _, (2..), _, a, b, c, d] => (12, u32::from_le_bytes([a, b, c, d])),
        [_, _, _, _, _, _, _, _, a, b, ..] => (10, u16::from_le_bytes([a, b]).into()),
        _ => (0, 0),
    };
    if length > MAX_HEADER {
        return Err(format!("not an .npy file (a header of more than {MAX_HEADER} bytes)"));
    }
    bytes.by_ref().take(length.into()).read_to_end(&mut begin).map_err(failed)?;
    if depth(begin[start..].iter().take(length as usize)) > MAX_DEPTH {
        return Err("not an .npy file (a header of brackets in brackets)".to_string());
    }
    Ok(io::Cursor::new(begin).chain(bytes))
}

/// How many brackets are open at most.
fn depth<'a>(text: impl Iterator<Item = &'a u8>) -> usize {
    let (mut open, mut most) = (0usize, 0);
    for byte in text {
        match byte {
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// Writes an array in one piece: a full disk leaves nothing behind.
///
/// # Errors
/// [`NpyError::Write`]
pub fn write(path: impl AsRef<Path>, array: &Array) -> Result<(), NpyError> {
    let path = path.as_ref();
    let failed = |source| NpyError::Write { path: path.to_path_buf(), source };
    atomic::write(path, |out| encode(out, array)).map_err(failed)
}

fn encode(mut out: impl Write, array: &Array) -> io::Result<()> {
    let shape: Vec<u64> = array.shape.iter().map(|size| *size as u64).collect();
    let mut writer =
        npyz::WriteOptions::<f32>::new().default_dtype().shape(&shape).writer(&mut out).begin_nd()?;
    writer.extend(array.values.iter().copied())?;
    writer.finish()?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let array = Array { shape: vec![2, 3], values: vec![1.0, -2.0, 3.5, 0.0, 1e-9, 7.0] };
        write(&path, &array).unwrap();
        assert_eq!(read(&path, 2).unwrap(), array);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
        assert!(read(&path, 4).is_err());
    }

    #[test]
    fn a_cut_or_foreign_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        write(&path, &Array { shape: vec![8], values: vec![0.5; 8] }).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 5, 64, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(matches!(read(&path, 1), Err(NpyError::Unfit { .. })), "{length} bytes");
        }
        assert!(matches!(read(folder.path(), 1), Err(NpyError::Unfit { .. })));
        assert!(matches!(read(folder.path().join("none.npy"), 1), Err(NpyError::Read { .. })));
    }

    /// By the fuzz target `npy`: 12 bytes that made `npyz` ask for 4 GB.
    #[test]
    fn a_header_is_not_as_long_as_it_says() {
        for version in [2, 3] {
            let claim = |length: u32| {
                let begin = [b"\x93NUMPY", &[version, 0][..], &length.to_le_bytes()].concat();
                decode(&begin[..], begin.len() as u64, 1).unwrap_err()
            };
            let too_long = "not an .npy file (a header of more than 65535 bytes)";
            assert_eq!([claim(u32::MAX), claim(0x1_0000)], [too_long, too_long]);
            assert_ne!(claim(0xFFFF), too_long);
        }
    }

    /// By the fuzz target `npy`: two dozen brackets took more than ten seconds, and many more would end the stack.
    #[test]
    fn brackets_in_brackets_are_not_read() {
        for (brackets, text) in [(22, "{"), (60_000, "("), (6, "[")] {
            let header = text.repeat(brackets) + "'descr': '<f4'";
            let bytes =
                [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
            let reason = decode(&bytes[..], bytes.len() as u64, 1).unwrap_err();
            assert_eq!(reason, "not an .npy file (a header of brackets in brackets)");
        }
        assert_eq!(depth(b"{'shape': (1, 2), 'descr': [('a', '<f4')]}".iter()), 3);
    }

    #[test]
    fn values_must_be_finite() {
        let mut bytes = Vec::new();
        encode(&mut bytes, &Array { shape: vec![2], values: vec![1.0, f32::NAN] }).unwrap();
        let reason = decode(&bytes[..], bytes.len() as u64, 1).unwrap_err();
        assert_eq!(reason, "value 1 is NaN; every value must be finite");
    }
}
