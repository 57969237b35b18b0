//! Arrays in and out as `.npy`, the format that NumPy reads.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use npyz::{NpyFile, Order, WriterBuilder};

use crate::error::CliError;

/// An f32 array in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Values.
    pub values: Vec<f32>,
}

/// Reads an f32 array of `rank` dimensions.
pub fn read(path: &Path, rank: usize) -> Result<Array, CliError> {
    let bad = |reason: String| CliError::Usage(format!("{}: {reason}", path.display()));
    let metadata = std::fs::metadata(path).map_err(|error| CliError::reading(path, &error))?;
    if metadata.is_dir() {
        return Err(bad("this is a folder; an .npy file is needed".into()));
    }
    let file = File::open(path).map_err(|error| CliError::reading(path, &error))?;
    let npy =
        NpyFile::new(BufReader::new(file)).map_err(|error| bad(format!("not an .npy file ({error})")))?;
    let shape = npy.shape().iter().map(|size| usize::try_from(*size)).collect::<Result<Vec<_>, _>>();
    let shape = shape.map_err(|_| bad("its shape does not fit into memory".into()))?;
    if shape.len() != rank || npy.order() != Order::C {
        return Err(bad(format!("needed are {rank} dimensions in C order, found {shape:?}")));
    }
    // A header can claim any size: only believe it as far as the file's length goes.
    let claimed = shape.iter().try_fold(4u64, |bytes, size| bytes.checked_mul(*size as u64));
    if claimed.is_none_or(|bytes| bytes > metadata.len()) {
        return Err(bad(format!(
            "the file is cut off: {} bytes are too few for f32 {shape:?}",
            metadata.len()
        )));
    }
    let values = npy.into_vec::<f32>().map_err(|error| bad(format!("its values are not f32 ({error})")))?;
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        return Err(bad(format!("value {index} is {}; every value must be finite", values[index])));
    }
    Ok(Array { shape, values })
}

/// Writes an array in one piece: a full disk leaves nothing behind.
pub fn write(path: &Path, array: &Array) -> Result<(), CliError> {
    let failed = |error: io::Error| CliError::writing(path, &error);
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
    encode(&mut BufWriter::new(temporary.as_file_mut()), array).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn encode(out: &mut impl Write, array: &Array) -> io::Result<()> {
    let shape: Vec<u64> = array.shape.iter().map(|size| *size as u64).collect();
    let mut writer =
        npyz::WriteOptions::<f32>::new().default_dtype().shape(&shape).writer(&mut *out).begin_nd()?;
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
            assert!(matches!(read(&path, 1), Err(CliError::Usage(_))), "{length} bytes");
        }
        assert!(matches!(read(folder.path(), 1), Err(CliError::Usage(_))));
        assert!(matches!(read(&folder.path().join("none.npy"), 1), Err(CliError::Usage(_))));
    }
}
