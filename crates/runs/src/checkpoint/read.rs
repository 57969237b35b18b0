//! Bytes become a checkpoint again, or are refused.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::header::{BLANK, Fault, Header};
use super::write::hexadecimal;
use super::{CHUNK, Checkpoint, CheckpointError, State, Tensor};

/// Longest header that is read, the limit of the safetensors format.
const MAX_HEADER: u64 = 100_000_000;

pub(super) fn state(path: &Path) -> Result<State, CheckpointError> {
    let (file, length) = open(path)?;
    Opened::new(path, file, length)?.state()
}

pub(super) fn whole(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let (file, length) = open(path)?;
    whole_of(path, file, length)
}

/// A checkpoint from wherever its bytes come, `length` of them; `path` is what errors call it.
pub(super) fn whole_of(path: &Path, from: impl Read, length: u64) -> Result<Checkpoint, CheckpointError> {
    let mut opened = Opened::new(path, from, length)?;
    let blank = opened.header.encode(BLANK).unwrap_or_default();
    let mut hasher = Sha256::new_with_prefix(blank);
    let mut tensors = Vec::with_capacity(opened.header.tensors.len());
    for (name, shape) in std::mem::take(&mut opened.header.tensors) {
        let values = values(&mut opened.from, shape.iter().product(), &mut hasher)
            .map_err(|error| CheckpointError::io(path, "read", error))?;
        tensors.push(Tensor { name, shape, values });
    }
    if hexadecimal(hasher) != opened.header.digest {
        return Err(opened.damaged("its SHA-256 is not that of its content".to_string()));
    }
    Ok(Checkpoint { state: opened.state()?, tensors })
}

fn open(path: &Path) -> Result<(File, u64), CheckpointError> {
    let io_error = |error| CheckpointError::io(path, "read", error);
    let file = File::open(path).map_err(io_error)?;
    let about = file.metadata().map_err(io_error)?;
    if about.is_dir() {
        return Err(io_error(io::ErrorKind::IsADirectory.into()));
    }
    Ok((file, about.len()))
}

/// A file of the right length, read up to its first value.
struct Opened<'a, R> {
    path: &'a Path,
    from: R,
    header: Header,
}

impl<'a, R: Read> Opened<'a, R> {
    fn new(path: &'a Path, mut from: R, found: u64) -> Result<Self, CheckpointError> {
        let io_error = |error| CheckpointError::io(path, "read", error);
        let other = |reason: String| CheckpointError::NotACheckpoint { path: path.to_path_buf(), reason };
        let cut_off = |expected| CheckpointError::CutOff { path: path.to_path_buf(), found, expected };
        if found < 9 {
            return Err(cut_off(9));
        }
        let mut start = [0; 9];
        from.read_exact(&mut start).map_err(io_error)?;
        let [length @ .., first] = start;
        let length = u64::from_le_bytes(length);
        if first != b'{' || !(1..=MAX_HEADER).contains(&length) {
            return Err(other("it does not begin as a safetensors file does".to_string()));
        }
        if found - 8 < length {
            return Err(cut_off(8 + length));
        }
        let mut bytes = vec![first; length as usize];
        from.read_exact(&mut bytes[1..]).map_err(io_error)?;
        let header = Header::decode(&bytes).map_err(|fault| match fault {
            Fault::Other(reason) => other(reason),
            Fault::Damaged(reason) => CheckpointError::Damaged { path: path.to_path_buf(), reason },
        })?;
        let opened = Self { path, from, header };
        // The header was written again to be compared, so its sums do not overflow.
        let expected = opened.header.values_bytes().and_then(|values| values.checked_add(8 + length));
        match expected {
            Some(expected) if expected > found => Err(cut_off(expected)),
            Some(expected) if expected == found => Ok(opened),
            _ => Err(opened.damaged("something was written after its end".to_string())),
        }
    }

    fn state(&self) -> Result<State, CheckpointError> {
        let state = serde_json::from_str(&self.header.state);
        state.map_err(|error| self.damaged(format!("its state: {error}")))
    }

    fn damaged(&self, reason: String) -> CheckpointError {
        CheckpointError::Damaged { path: self.path.to_path_buf(), reason }
    }
}

/// Reads `count` values; the caller knows that there are as many.
fn values(from: &mut impl Read, count: usize, hasher: &mut Sha256) -> io::Result<Vec<f32>> {
    let mut values = Vec::with_capacity(count);
    let mut buffer = vec![0; 4 * CHUNK.min(count)];
    while values.len() < count {
        let bytes = &mut buffer[..4 * CHUNK.min(count - values.len())];
        from.read_exact(bytes)?;
        hasher.update(&*bytes);
        let (words, _) = bytes.as_chunks::<4>();
        values.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
    }
    Ok(values)
}
