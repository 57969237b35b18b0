//! A checkpoint becomes bytes, some thousand values at a time.

use std::collections::HashSet;
use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::header::{self, BLANK, Header};
use super::{CHUNK, Checkpoint, CheckpointError, State, Tensor};

/// A checkpoint whose header is made, ready to be written anywhere.
#[derive(Debug)]
pub(crate) struct Encoded<'a> {
    header: Vec<u8>,
    tensors: &'a [Tensor],
}

impl<'a> Encoded<'a> {
    /// Checks what is to be written and computes its SHA-256.
    pub fn new(checkpoint: &'a Checkpoint) -> Result<Self, CheckpointError> {
        let Checkpoint { state, tensors } = checkpoint;
        let unfit = |reason: String| CheckpointError::Unfit { step: state.step, reason };
        check(tensors).map_err(unfit)?;
        let state = text(state).map_err(unfit)?;
        let shapes = tensors.iter().map(|tensor| (tensor.name.clone(), tensor.shape.clone())).collect();
        let header = Header { digest: String::new(), state, tensors: shapes };

        let too_large = || unfit("its tensors are larger than a file can be".to_string());
        let mut hasher = Sha256::new();
        hasher.update(header.encode(BLANK).ok_or_else(too_large)?);
        // Hashing into memory cannot fail.
        let _ = values(tensors, |bytes| {
            hasher.update(bytes);
            Ok(())
        });
        let header = header.encode(&hexadecimal(hasher)).ok_or_else(too_large)?;
        Ok(Self { header, tensors })
    }

    /// Writes all of it.
    pub fn write<W: Write + ?Sized>(&self, out: &mut W) -> io::Result<()> {
        out.write_all(&(self.header.len() as u64).to_le_bytes())?;
        out.write_all(&self.header)?;
        values(self.tensors, |bytes| out.write_all(bytes))
    }
}

/// Hands out the values of all tensors as little-endian bytes.
fn values(tensors: &[Tensor], mut sink: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut bytes = vec![0; 4 * CHUNK];
    for chunk in tensors.iter().flat_map(|tensor| tensor.values.chunks(CHUNK)) {
        for (bytes, value) in bytes.chunks_exact_mut(4).zip(chunk) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        sink(&bytes[..4 * chunk.len()])?;
    }
    Ok(())
}

fn check(tensors: &[Tensor]) -> Result<(), String> {
    let mut names = HashSet::new();
    for Tensor { name, shape, values } in tensors {
        if !header::is_name(name) {
            return Err(format!("a tensor cannot be called `{name}`"));
        }
        if !names.insert(name) {
            return Err(format!("two tensors are called `{name}`"));
        }
        let wanted = shape.iter().try_fold(1usize, |product, side| product.checked_mul(*side));
        if wanted != Some(values.len()) {
            return Err(format!("tensor `{name}` of shape {shape:?} was given {} values", values.len()));
        }
    }
    Ok(())
}

/// The state's JSON, which says the same when it is read again.
fn text(state: &State) -> Result<String, String> {
    let text =
        serde_json::to_string(state).map_err(|error| format!("its state has no JSON form: {error}"))?;
    match serde_json::from_str::<State>(&text) {
        Ok(same) if same == *state => Ok(text),
        Ok(_) => Err("its state would be read as another one (is a number not finite?)".to_string()),
        Err(error) => Err(format!("its state could not be read again (is a number not finite?): {error}")),
    }
}

pub(super) fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
