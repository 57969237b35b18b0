//! Image files become normalised arrays, with the pixels that the reference pipelines give.
//!
//! A network is only as good as the preprocessing it gets: a published checkpoint expects one resize, one crop and one
//! normalisation, and loses accuracy with any other. So the pipeline is data, one line that is kept with the weights,
//! and every step gives the pixels of Pillow and torchvision (what the published accuracies were measured with).
//!
//! ```
//! use efficientnet_data::{RgbImage8, Transform};
//!
//! let transform: Transform =
//!     "decode | resize(256, bicubic) | center_crop(224) | normalize(imagenet)".parse()?;
//! assert_eq!(transform.output_size(), [224, 224]);
//!
//! // `Transform::load` starts from a file; here the image is made on the spot.
//! let image = RgbImage8::filled(500, 375, [124, 116, 104]);
//! let values = transform.apply(&image); // [channel, height, width]
//! assert_eq!(values.len(), 3 * 224 * 224);
//! assert!(values.iter().all(|value| value.abs() < 0.01));
//! # Ok::<(), efficientnet_data::TransformError>(())
//! ```
//!
//! Against Pillow and torchvision, decoder included, the 8-bit pixels before the normalisation are equal in every bit on
//! a hundred ImageNet photographs; `tests/` holds every operation and every kind of file to that.
//! `scripts/fixtures/preprocessing.py` made the reference.

mod atomic;
mod augment;
mod class_list;
mod decode;
mod error;
mod fetch;
mod folder;
mod geometry;
mod guard;
mod image;
pub mod inspect;
mod loader;
pub mod manifest;
pub mod matlab;
mod mix;
mod normalize;
pub mod npy;
mod preview;
mod random;
mod random_crop;
mod resample;
mod source;
mod split;
mod syntax;
#[cfg(feature = "burn")]
mod tensor;
mod transform;

pub use atomic::write as write_atomically;
pub use augment::{Augmentation, Canvas, Distance, Fill, Sampling};
pub use class_list::{ClassListError, read_class_list, write_class_list};
pub use decode::{DecodeOptions, MAX_FILE_BYTES, MAX_PIXELS, MAX_SIDE, decode, decode_bytes};
pub use efficientnet_download::DownloadError;
pub use error::ImageError;
pub use fetch::{FetchError, FetchOptions, FetchedSplit, Progress, dataset_dir, fetch};
pub use folder::{Folder, FolderError, Sample};
pub use guard::catches_panics;
pub use image::RgbImage8;
pub use loader::{
    Batch, Epoch, LastBatch, Loader, LoaderError, LoaderOptions, OnError, Order, Position, Shard, Skipped,
};
pub use manifest::{Manifest, ManifestError};
pub use mix::Mix;
pub use normalize::Normalization;
pub use preview::{PreviewOptions, preview};
pub use random::{Purpose, Random};
pub use resample::Interpolation;
pub use source::{
    Content, CsvError, CsvManifest, Decoded, EntryError, LabelError, OpenOptions, Part, RecordError, Records,
    Room, Shapes, ShapesError, Source, SourceError, Subset, TarError, TarShards, open, open_path,
};
pub use split::{MINIVAL, Split, SplitError, TRAIN};
pub use syntax::TransformError;
#[cfg(feature = "burn")]
pub use tensor::NormalizeOn;
pub use transform::{CropMode, Draw, Op, Transform};
