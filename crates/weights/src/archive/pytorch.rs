//! PyTorch checkpoints: the `pytorch-reader` crate parses the pickle without executing anything and reads a tensor's bytes
//! when they are asked for.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use pytorch_reader::{DType as Stored, PytorchError, PytorchReader, Tensor};

use super::{Dtype, Listing, convert};
use crate::WeightsError;

/// A tensor is refused where it claims more than this times the file: `torch.save` does not compress, so only a hostile
/// file has a large tensor in a few bytes (a zip bomb, or a view that repeats one value).
const MAX_RATIO: u64 = 4;

#[derive(Debug)]
pub(super) struct Reader {
    tensors: HashMap<String, Tensor>,
}

pub(super) fn open(path: &Path, bytes: u64) -> Result<Listing, WeightsError> {
    let reader = PytorchReader::new(path).map_err(|error| explain(path, bytes, error))?;
    let tensors = reader.into_tensors();
    let listed = tensors.iter().map(|(name, tensor)| {
        let dtype = match tensor.dtype() {
            Stored::F64 => Dtype::F64,
            Stored::F32 => Dtype::F32,
            Stored::F16 => Dtype::F16,
            Stored::BF16 => Dtype::Bf16,
            _ => Dtype::Other,
        };
        (name.clone(), dtype, tensor.shape().to_vec())
    });
    let listed = listed.collect();
    let large = tensors.values().find(|tensor| tensor.byte_len() as u64 / MAX_RATIO > bytes);
    if let Some(tensor) = large {
        let reason = format!("tensor `{}` claims {} bytes", tensor.name, tensor.byte_len());
        return Err(WeightsError::Damaged { path: path.into(), reason });
    }
    let reader = super::Reader::Pytorch(Reader { tensors });
    Ok(Listing { tensors: listed, metadata: BTreeMap::new(), reader })
}

impl Reader {
    pub fn read(&self, name: &str, dtype: Dtype) -> io::Result<Vec<f32>> {
        let bytes = self.tensors.get(name).ok_or(io::ErrorKind::InvalidData)?.read()?;
        let mut values = Vec::with_capacity(bytes.len() / dtype.size().max(1));
        convert::append(&bytes, dtype, &mut values);
        Ok(values)
    }
}

/// The reader's errors speak of pickles and archives; a cut-off download is what people have.
fn explain(path: &Path, bytes: u64, error: PytorchError) -> WeightsError {
    let path = path.to_path_buf();
    let is_cut_off = match &error {
        PytorchError::Zip(_) => !has_directory(&path, bytes).unwrap_or(true),
        other => ends_early(other),
    };
    if is_cut_off {
        let reason = "what stands at the end of a PyTorch checkpoint is missing".to_string();
        return WeightsError::CutOff { path, reason };
    }
    match error {
        PytorchError::Io(source) => WeightsError::Io { path, action: "read", source },
        other => WeightsError::NotWeights { path, reason: format!("it is no PyTorch checkpoint: {other}") },
    }
}

/// Whether an error says that there was nothing left to read: by its kind, somewhere down its chain of causes, or only by
/// its words, where the reader has kept no more of the cause.
fn ends_early(error: &(dyn Error + 'static)) -> bool {
    let words = error.to_string();
    let here = error.downcast_ref::<io::Error>();
    ["bytes, found", "fill whole buffer", "beyond the end of the file"]
        .iter()
        .any(|part| words.contains(part))
        || here.is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
        || error.source().is_some_and(ends_early)
}

/// Whether a zip archive's table of contents, which stands at its end, is there.
fn has_directory(path: &Path, bytes: u64) -> io::Result<bool> {
    // The end record has 22 bytes and a comment of up to 65,535.
    let start = bytes.saturating_sub(22 + 65_535);
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(tail.windows(4).any(|window| window == b"PK\x05\x06"))
}
