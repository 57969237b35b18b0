//! safetensors: 8 bytes of length, a JSON header, the values. The `safetensors` crate checks the header (offsets without
//! gaps or overlaps, shapes that fit their bytes); only the header is read before a tensor is asked for.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use ::safetensors::Dtype as Stored;
use ::safetensors::tensor::Metadata;

use super::{Dtype, Listing, convert};
use crate::WeightsError;

/// The format's own limit.
const MAX_HEADER: u64 = 100_000_000;
/// Values are read in pieces of this size, so that there is no second copy of a tensor.
const PIECE: usize = 1 << 18;

#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    /// First byte and length of a tensor in the file.
    places: HashMap<String, (u64, usize)>,
}

pub(super) fn open(path: &Path, mut file: File, bytes: u64) -> Result<Listing, WeightsError> {
    let io_error = |error| WeightsError::io(path, "read", error);
    let damaged = |reason| WeightsError::Damaged { path: path.into(), reason };
    let cut_off = |reason| WeightsError::CutOff { path: path.into(), reason };

    file.rewind().map_err(io_error)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(io_error)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return Err(damaged(format!("its header claims to have {length} bytes")));
    }
    if length > bytes - 8 {
        return Err(cut_off(format!("its header has {length} bytes, of which {} are there", bytes - 8)));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(io_error)?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| damaged(format!("its header is wrong: {error}")))?;

    let start = 8 + length;
    let expected = start.saturating_add(metadata.data_len() as u64);
    if bytes < expected {
        return Err(cut_off(format!("it has {bytes} bytes and should have {expected}")));
    }
    if bytes > expected {
        return Err(damaged(format!("it has {bytes} bytes and its header accounts for {expected}")));
    }
    let mut tensors = Vec::new();
    let mut places = HashMap::new();
    for (name, info) in metadata.tensors() {
        let (first, end) = info.data_offsets;
        places.insert(name.clone(), (start + first as u64, end - first));
        tensors.push((name, dtype(info.dtype), info.shape.clone()));
    }
    let about = metadata.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok(Listing { tensors, metadata: about, reader: super::Reader::Safetensors(Reader { file, places }) })
}

fn dtype(stored: Stored) -> Dtype {
    match stored {
        Stored::F64 => Dtype::F64,
        Stored::F32 => Dtype::F32,
        Stored::F16 => Dtype::F16,
        Stored::BF16 => Dtype::Bf16,
        _ => Dtype::Other,
    }
}

impl Reader {
    pub fn read(&mut self, name: &str, dtype: Dtype) -> io::Result<Vec<f32>> {
        let (first, length) = *self.places.get(name).ok_or(io::ErrorKind::InvalidData)?;
        self.file.seek(SeekFrom::Start(first))?;
        let mut values = Vec::with_capacity(length / dtype.size().max(1));
        let mut piece = vec![0; PIECE.min(length)];
        let mut left = length;
        while left > 0 {
            let piece = &mut piece[..PIECE.min(left)];
            self.file.read_exact(piece)?;
            convert::append(piece, dtype, &mut values);
            left -= piece.len();
        }
        Ok(values)
    }
}
