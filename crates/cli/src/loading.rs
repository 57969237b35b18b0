//! What the commands share: weights by file or name, images, a forward pass.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use efficientnet_arch::ArchSpec;
use efficientnet_data::npy::Array;
use efficientnet_data::{Folder, ImageError, Transform};
use efficientnet_weights::{LoadOptions, Weights, registry};

use crate::commands;
use crate::error::CliError;
use crate::run_folder::{self, Which};

/// What training writes the classes' names under, one a line.
pub const CLASSES: &str = "efficientnet.classes";

/// Weights with what they imply.
pub struct Loaded {
    pub weights: Weights,
    /// Their file.
    pub path: PathBuf,
}

impl Loaded {
    /// The preprocessing that the weights were trained with.
    pub fn transform(&self) -> Result<Transform, CliError> {
        let line = &self.weights.implied().transform;
        line.parse()
            .map_err(|error| CliError::Failure(format!("the weights' transform does not parse: {error}")))
    }

    /// Logits in front of the first class: 1 where logit 0 is the background.
    pub fn class_offset(&self) -> usize {
        self.weights.implied().class_offset
    }

    /// The classes' names, where the file says as many as the network has: those of our training do.
    pub fn class_names(&self) -> Option<Vec<String>> {
        let names: Vec<String> =
            self.weights.metadata().get(CLASSES)?.split('\n').map(String::from).collect();
        (names.len() + self.class_offset() == self.weights.spec().num_classes).then_some(names)
    }
}

/// Reads a weights file or the chosen one of a run's folder, or downloads the published checkpoint with this name first.
pub fn weights(source: &str, which: Option<Which>, model: Option<&str>) -> Result<Loaded, CliError> {
    let path = Path::new(source);
    let (path, options) = match registry::find(source) {
        Some(published) if !path.exists() && which.is_none() => {
            (commands::weights::fetch(source)?, published.load_options())
        }
        _ => (run_folder::weights_file(path, which)?, LoadOptions::default()),
    };
    let options = match model {
        Some(name) => LoadOptions { model: Some(name.to_string()), ..options },
        None => options,
    };
    Ok(Loaded { weights: efficientnet_weights::load(&path, &options)?, path })
}

/// How many threads decode images.
fn decoders() -> NonZeroUsize {
    NonZeroUsize::new(efficientnet_backend::threads()).unwrap_or(NonZeroUsize::MIN)
}

/// Normalised images, one behind the other: `[paths, 3, height, width]`. Where a path's result is an error, its values are
/// zeros.
pub fn batch<P: AsRef<Path> + Sync>(
    paths: &[P],
    transform: &Transform,
) -> (Vec<f32>, Vec<Result<(), ImageError>>) {
    let mut values = vec![0.0; paths.len() * transform.output_len()];
    let results = transform.load_batch(paths, &mut values, decoders());
    (values, results)
}

/// `count` images at even distances below a folder, again and again where it has fewer.
pub fn images(folder: &Path, transform: &Transform, count: usize) -> Result<Vec<f32>, CliError> {
    let folder = Folder::open(folder, None)?;
    let step = (folder.len() / count).max(1);
    let chosen = folder.samples().step_by(step).cycle().take(count);
    let paths: Vec<PathBuf> = chosen.map(|sample| sample.path).collect();
    let (values, results) = batch(&paths, transform);
    results.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(values)
}

/// `[channels, height, width]` of what the transform puts out.
///
/// # Errors
/// [`CliError::Usage`] where the network takes another number of channels than a photograph has.
pub fn input_shape(spec: &ArchSpec, transform: &Transform) -> Result<[usize; 3], CliError> {
    let channels = spec.in_channels;
    if channels != 3 {
        let sentence = format!(
            "{} takes {channels} channels and a photograph has 3; give its input with --npy",
            spec.name
        );
        return Err(CliError::Usage(sentence));
    }
    let [height, width] = transform.output_size();
    Ok([channels, height, width])
}

/// # Errors
/// [`CliError::Usage`] where the array read from `path` is no batch of images for the network.
pub fn check_input(array: &Array, path: &Path, spec: &ArchSpec) -> Result<(), CliError> {
    let expected = spec.in_channels;
    if array.shape[1] == expected && !array.shape.contains(&0) {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "{}: its shape is {:?}; {} takes [N, {expected}, height, width] with every size above 0",
        path.display(),
        array.shape,
        spec.name
    )))
}

/// The `count` classes with the highest logits, best first; of equal ones the lower number first.
pub fn best(logits: &[f32], count: usize) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..logits.len()).collect();
    let count = count.min(classes.len());
    let order = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b));
    classes.sort_unstable_by(order);
    classes.truncate(count);
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first() {
        assert_eq!(best(&[0.1, 3.0, -1.0, 3.0, 2.0], 3), [1, 3, 4]);
        assert_eq!(best(&[1.0], 5), [0]);
    }
}
