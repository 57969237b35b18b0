//! A weights file as a list of named tensors that are read one at a time, whatever its format.
//!
//! Only the list is read when the file is opened. Values come by plain reads into the vector that is handed out: no second
//! copy of the file is ever in memory, and a file that shrinks meanwhile is an error, where a memory map would be a crash.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::WeightsError;

mod convert;
mod names;
mod pytorch;
mod safetensors;

/// How a file is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A JSON header and the values.
    Safetensors,
    /// `torch.save`: a pickle and the values, since 1.6 in a zip archive. The pickle is read, never executed.
    Pytorch,
}

/// How values are stored. All become `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 64 bits, rounded to `f32`.
    F64,
    /// 32 bits.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of an `f32`.
    Bf16,
    /// Anything that is not a weight: integers, truth values, 8-bit floats.
    Other,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safetensors => "safetensors",
            Self::Pytorch => "PyTorch checkpoint",
        })
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Other => "other",
        })
    }
}

impl Dtype {
    /// Bytes of a value, 0 where it is not known.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Other => 0,
        }
    }
}

/// A tensor of the file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Its name in the file, before wrappers were taken off.
    raw: String,
}

/// An opened file.
#[derive(Debug)]
pub(crate) struct Archive {
    pub path: PathBuf,
    pub format: Format,
    /// Size of the file.
    pub bytes: u64,
    /// The tensors by name, without wrappers (`state_dict.`, `module.`) and without what is no weight of a network.
    pub entries: BTreeMap<String, Entry>,
    /// What the file says about itself.
    pub metadata: BTreeMap<String, String>,
    /// The wrapper that was taken off, where there was one.
    pub wrapper: Option<&'static str>,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Safetensors(safetensors::Reader),
    Pytorch(pytorch::Reader),
}

/// What a format's reader finds.
struct Listing {
    tensors: Vec<(String, Dtype, Vec<usize>)>,
    metadata: BTreeMap<String, String>,
    reader: Reader,
}

impl Archive {
    /// Reads the list of tensors.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let io_error = |error| WeightsError::io(path, "read", error);
        let mut file = File::open(path).map_err(io_error)?;
        let about = file.metadata().map_err(io_error)?;
        if about.is_dir() {
            return Err(io_error(io::ErrorKind::IsADirectory.into()));
        }
        let mut head = Vec::with_capacity(512);
        (&mut file).take(512).read_to_end(&mut head).map_err(io_error)?;
        let format = sniff(&head, path)?;
        let listing = match format {
            Format::Safetensors => safetensors::open(path, file, about.len())?,
            Format::Pytorch => pytorch::open(path, about.len())?,
        };
        let names = names::unwrapped(listing.tensors.iter().map(|(name, ..)| name.as_str()));
        let entries = names.kept.into_iter().map(|(name, index)| {
            let (raw, dtype, shape) = listing.tensors[index].clone();
            (name, Entry { dtype, shape, raw })
        });
        Ok(Self {
            path: path.to_path_buf(),
            format,
            bytes: about.len(),
            entries: entries.collect(),
            metadata: listing.metadata,
            wrapper: names.wrapper,
            reader: listing.reader,
        })
    }

    /// The values of a tensor, in the file's order.
    pub fn read(&mut self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let entry =
            self.entries.get(name).ok_or_else(|| WeightsError::NoTensor { name: name.to_string() })?;
        if entry.dtype == Dtype::Other {
            let reason = format!("tensor `{name}` does not hold floating-point numbers of 16, 32 or 64 bits");
            return Err(WeightsError::Damaged { path: self.path.clone(), reason });
        }
        let values = match &mut self.reader {
            Reader::Safetensors(reader) => reader.read(&entry.raw, entry.dtype),
            Reader::Pytorch(reader) => reader.read(&entry.raw, entry.dtype),
        };
        values.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                let reason = format!("it ends within the values of `{name}`");
                WeightsError::CutOff { path: self.path.clone(), reason }
            }
            io::ErrorKind::InvalidData => {
                WeightsError::Damaged { path: self.path.clone(), reason: error.to_string() }
            }
            _ => WeightsError::io(&self.path, "read", error),
        })
    }
}

/// What other files begin with, and what to say about them.
const OTHERS: &[(&[u8], &str)] = &[
    (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file, Keras' own format: save its variables as safetensors first"),
    (b"\x89PNG", "it is a PNG image"),
    (b"\xff\xd8\xff", "it is a JPEG image"),
    (b"\x1f\x8b", "it is compressed with gzip"),
    (b"\x93NUMPY", "it is a NumPy array"),
    (b"%PDF", "it is a PDF document"),
    (b"<", "it is a web page or XML, which a server sends in place of a file that it does not have"),
    (b"version https://git-lfs", "it is a Git LFS pointer: the file itself was not fetched"),
];

/// Tells the formats apart by their first bytes; names of files mean nothing.
fn sniff(head: &[u8], path: &Path) -> Result<Format, WeightsError> {
    let not_weights = |reason: &str| WeightsError::NotWeights { path: path.into(), reason: reason.into() };
    if head.is_empty() {
        return Err(not_weights("it is empty"));
    }
    if head.get(8) == Some(&b'{') {
        return Ok(Format::Safetensors);
    }
    if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(not_weights(what));
    }
    let is_tar = head.get(257..262) == Some(b"ustar");
    if head.starts_with(b"PK\x03\x04") || head[0] == 0x80 || is_tar {
        return Ok(Format::Pytorch);
    }
    let extension = path.extension().and_then(|extension| extension.to_str());
    if head.len() < 9 && extension == Some("safetensors") {
        let reason = format!("it has {} bytes, and the shortest file has more", head.len());
        return Err(WeightsError::CutOff { path: path.into(), reason });
    }
    Err(not_weights("its first bytes are those of no known format"))
}
