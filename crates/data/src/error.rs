//! What can be wrong with an image file, each as one sentence with the file in front and what to do at the end.

use std::io;

use crate::decode::{MAX_FILE_BYTES, MAX_PIXELS, MAX_SIDE};

/// Why a file is not an image that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file could not be opened or read.
    #[error("{name} cannot be read: {source}; check the path and its permissions")]
    Read {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A directory stands where a file was expected.
    #[error("{name} is a directory, not an image; give the image files in it")]
    Directory {
        /// The directory.
        name: String,
    },
    /// The file has no content.
    #[error("{name} is empty (0 bytes); fetch or export it again")]
    Empty {
        /// The file.
        name: String,
    },
    /// More bytes than [`MAX_FILE_BYTES`].
    #[error("{name} has more than {limit} MiB, the largest image file accepted; scale the image down first", limit = MAX_FILE_BYTES >> 20)]
    FileTooLarge {
        /// The file.
        name: String,
    },
    /// More pixels than [`MAX_SIDE`] or [`MAX_PIXELS`].
    #[error(
        "{name} is {width} x {height} pixels; at most {MAX_SIDE} a side and {limit} megapixels are accepted, \
         scale it down first",
        limit = MAX_PIXELS / 1_000_000
    )]
    TooManyPixels {
        /// The file.
        name: String,
        /// Pixels in a row.
        width: u64,
        /// Rows.
        height: u64,
    },
    /// The content begins like no known image format.
    #[error(
        "{name} is not an image: its content is none of JPEG, PNG, GIF, WebP, BMP and TIFF; \
         convert it to one of them"
    )]
    NotAnImage {
        /// The file.
        name: String,
    },
    /// An image, but of a kind that is not read.
    #[error(
        "{name} is an image of a kind that is not supported ({reason}); convert it to PNG or baseline JPEG"
    )]
    Unsupported {
        /// The file.
        name: String,
        /// The decoder's words.
        reason: String,
    },
    /// An image whose data are damaged or end too early.
    #[error("{name} is a damaged {format} file ({reason}); fetch or export it again")]
    Damaged {
        /// The file.
        name: String,
        /// The format that its content begins with.
        format: &'static str,
        /// The decoder's words.
        reason: String,
    },
}
