//! Weights become a safetensors file in any naming.
//!
//! The header is known from the network's shapes, so the file is written tensor by tensor: into a temporary file in the
//! same folder, which takes the final name when it is complete. Whatever happens before that, nothing half-written is left
//! under the name that was asked for.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;

use crate::weights::no_names;
use crate::{Layout, Naming, Origin, Weights, WeightsError, metadata};

/// How to save.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SaveOptions {
    /// Whether a file with the name is replaced.
    pub overwrite: bool,
    /// Entries for the file's metadata beside those that describe the weights.
    pub metadata: BTreeMap<String, String>,
}

/// A tensor of the file.
struct Output {
    name: String,
    shape: Vec<usize>,
    content: Content,
}

enum Content {
    /// Our tensor's name, and how its values lie in the file.
    Tensor(String, Layout),
    /// `num_batches_tracked`, which PyTorch's strict loading asks for: an `i64` zero.
    Counter,
}

/// Writes weights as safetensors in a naming, with metadata that says everything about them. PyTorch's namings load with
/// `load_state_dict(strict=True)` in their library.
///
/// # Errors
/// [`WeightsError::NoNames`] where the naming has no names for the network or is one of folded weights,
/// [`WeightsError::Exists`] where the file is there and is not to be replaced, [`WeightsError::Io`] where it cannot be
/// written (a full disk leaves nothing behind).
pub fn save(
    weights: &mut Weights,
    naming: Naming,
    path: impl AsRef<Path>,
    options: &SaveOptions,
) -> Result<(), WeightsError> {
    let path = path.as_ref();
    if !options.overwrite && path.exists() {
        return Err(WeightsError::Exists(path.to_path_buf()));
    }
    let outputs = outputs(weights, naming)?;
    let mut about = options.metadata.clone();
    about.extend(metadata::write(weights.spec(), naming, weights.implied()));

    let io_error = |error| WeightsError::io(path, "written", error);
    let mut file = temporary(&folder(path)).map_err(io_error)?;
    write(weights, &outputs, &about, &mut file, path)?;
    file.as_file().sync_all().map_err(io_error)?;
    persist(file, path, options.overwrite)
}

fn outputs(weights: &Weights, naming: Naming) -> Result<Vec<Output>, WeightsError> {
    let spec = weights.spec();
    let table = naming.table(spec).filter(|_| naming != Naming::TfSlim);
    let table = table.ok_or_else(|| no_names(naming, spec))?;
    let mut outputs = Vec::with_capacity(table.len());
    for mapping in table {
        let ours = mapping.tensor.name();
        let is_last_of_norm = mapping.tensor.field == "running_var";
        if let Origin::File { name, layout, .. } = mapping.origin {
            // A file that is saved again keeps its spelling.
            let kept = weights.spelling(&ours).filter(|_| weights.naming() == naming);
            let name = kept.map_or(name, str::to_string);
            let counter = name.strip_suffix("running_var").map(|layer| format!("{layer}num_batches_tracked"));
            let shape = layout.external_shape(&mapping.tensor.shape);
            outputs.push(Output { name, shape, content: Content::Tensor(ours, layout) });
            if let (true, true, Some(name)) = (is_last_of_norm, naming.is_pytorch(), counter) {
                outputs.push(Output { name, shape: Vec::new(), content: Content::Counter });
            }
        }
    }
    // Wide values first: the format wants every tensor aligned to its values.
    outputs.sort_by_key(|output| matches!(output.content, Content::Tensor(..)));
    Ok(outputs)
}

fn write(
    weights: &mut Weights,
    outputs: &[Output],
    about: &BTreeMap<String, String>,
    file: &mut NamedTempFile,
    path: &Path,
) -> Result<(), WeightsError> {
    let io_error = |error| WeightsError::io(path, "written", error);
    let mut writer = BufWriter::with_capacity(1 << 18, file);
    let header = header(outputs, about);
    writer.write_all(&(header.len() as u64).to_le_bytes()).map_err(io_error)?;
    writer.write_all(&header).map_err(io_error)?;
    for output in outputs {
        match &output.content {
            Content::Counter => writer.write_all(&0i64.to_le_bytes()).map_err(io_error)?,
            Content::Tensor(name, layout) => {
                let tensor = weights.read(name)?;
                let values = layout.from_pytorch(tensor.values, &tensor.shape);
                values
                    .iter()
                    .try_for_each(|value| writer.write_all(&value.to_le_bytes()))
                    .map_err(io_error)?;
            }
        }
    }
    writer.flush().map_err(io_error)
}

/// The header's JSON, padded with blanks so that the values begin at a multiple of 8 bytes.
fn header(outputs: &[Output], about: &BTreeMap<String, String>) -> Vec<u8> {
    let mut entries = Map::new();
    entries.insert("__metadata__".to_string(), json!(about));
    let mut start = 0;
    for output in outputs {
        let (dtype, bytes) = match output.content {
            Content::Counter => ("I64", 8),
            Content::Tensor(..) => ("F32", 4 * output.shape.iter().product::<usize>()),
        };
        let entry = json!({ "dtype": dtype, "shape": output.shape, "data_offsets": [start, start + bytes] });
        entries.insert(output.name.clone(), entry);
        start += bytes;
    }
    let mut header = Value::Object(entries).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}

/// A temporary file is for its owner only, a file with weights for whoever may read files here.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".efficientnet-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn persist(file: NamedTempFile, path: &Path, overwrite: bool) -> Result<(), WeightsError> {
    let result = if overwrite { file.persist(path) } else { file.persist_noclobber(path) };
    result.map(drop).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => WeightsError::Exists(path.to_path_buf()),
        _ => WeightsError::io(path, "written", error.error),
    })
}
