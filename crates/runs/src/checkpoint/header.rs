//! The JSON at the beginning of the file, which can be written in one way only.

use serde_json::{Map, Value, json};

const METADATA: &str = "__metadata__";
const KIND: &str = "efficientnet training checkpoint";
/// To be raised when an older release could not read what a newer one writes.
const VERSION: &str = "1";

/// What the header says. The digest covers the header with [`BLANK`] in the digest's place, then all values.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub digest: String,
    pub state: String,
    pub tensors: Vec<(String, Vec<usize>)>,
}

/// Stands for the digest in what the digest is computed of.
pub(super) const BLANK: &str = "";

/// Why a header was refused.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is another kind of file.
    Other(String),
    /// It was a header once.
    Damaged(String),
}

impl Header {
    /// Bytes of the values after the header; `None` for more than a file can hold.
    pub fn values_bytes(&self) -> Option<u64> {
        self.tensors.iter().try_fold(0u64, |sum, (_, shape)| sum.checked_add(bytes(shape)?))
    }

    /// The header's bytes, blanks at the end included, so that the values begin at a multiple of 8. `None` for shapes that
    /// no file can hold.
    pub fn encode(&self, digest: &str) -> Option<Vec<u8>> {
        let about = json!({ "kind": KIND, "version": VERSION, "sha256": digest, "state": self.state });
        let mut entries = Map::new();
        entries.insert(METADATA.to_string(), about);
        let mut start = 0u64;
        for (name, shape) in &self.tensors {
            let end = start.checked_add(bytes(shape)?)?;
            let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] });
            entries.insert(name.clone(), entry);
            start = end;
        }
        let mut header = Value::Object(entries).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        Some(header)
    }

    /// Understands a header, and refuses one that this module would have written otherwise.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let damaged = |reason: &str| Fault::Damaged(reason.to_string());
        let entries: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|error| Fault::Damaged(format!("its header: {error}")))?;
        let about = |key: &str| entries.get(METADATA)?.get(key)?.as_str();
        if about("kind") != Some(KIND) {
            return Err(Fault::Other("it holds tensors, but no state of a training run".to_string()));
        }
        if about("version") != Some(VERSION) {
            let version = about("version").unwrap_or("unknown");
            return Err(Fault::Other(format!("its version is {version}, this release reads {VERSION}")));
        }
        let (Some(digest), Some(state)) = (about("sha256"), about("state")) else {
            return Err(damaged("its header lacks the state or the SHA-256"));
        };
        let tensors = entries.iter().filter(|(name, _)| *name != METADATA);
        let tensors = tensors.map(|(name, entry)| Some((name.clone(), shape(entry)?)));
        let tensors =
            tensors.collect::<Option<Vec<_>>>().ok_or_else(|| damaged("its header has no shapes"))?;
        let header = Self { digest: digest.to_string(), state: state.to_string(), tensors };
        match header.encode(&header.digest) {
            Some(canonical) if canonical == bytes => Ok(header),
            _ => Err(damaged("its header is not as it was written")),
        }
    }
}

/// Whether a tensor can have the name.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name != METADATA
}

fn bytes(shape: &[usize]) -> Option<u64> {
    shape.iter().try_fold(4u64, |product, side| product.checked_mul(*side as u64))
}

fn shape(entry: &Value) -> Option<Vec<usize>> {
    let sides = entry.get("shape")?.as_array()?;
    sides.iter().map(|side| usize::try_from(side.as_u64()?).ok()).collect()
}
