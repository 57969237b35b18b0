//! Arrays in and out as `.npy`.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use npyz::{NpyFile, Order, WriterBuilder};

/// Normalised images.
pub struct Images {
    /// `[batch, channels, height, width]`.
    pub shape: [usize; 4],
    /// Values in C order.
    pub values: Vec<f32>,
}

impl Images {
    /// Reads a file of f32 in C order.
    pub fn read(path: &Path) -> Result<Self> {
        let name = || format!("{} cannot be read", path.display());
        let npy = NpyFile::new(BufReader::new(File::open(path).with_context(name)?)).with_context(name)?;
        let shape: Vec<usize> = npy.shape().iter().map(|size| *size as usize).collect();
        let shape: Option<[usize; 4]> = shape.try_into().ok().filter(|_| npy.order() == Order::C);
        let shape =
            shape.with_context(|| format!("{}: four dimensions in C order are needed", path.display()))?;
        Ok(Self { shape, values: npy.into_vec().with_context(name)? })
    }
}

/// Writes the logits of `count` images.
pub fn write_logits(path: &Path, logits: &[f32], count: usize) -> Result<()> {
    ensure!(!logits.is_empty() && logits.len() % count == 0, "{} logits for {count} images", logits.len());
    ensure!(logits.iter().all(|value| value.is_finite()), "the logits are not finite");
    let name = || format!("{} cannot be written", path.display());
    let file = BufWriter::new(File::create(path).with_context(name)?);
    let shape = [count as u64, (logits.len() / count) as u64];
    let options = npyz::WriteOptions::<f32>::new().default_dtype().shape(&shape);
    let mut writer = options.writer(file).begin_nd().with_context(name)?;
    writer.extend(logits.iter().copied()).with_context(name)?;
    writer.finish().with_context(name)
}
