//! One file over HTTP into its place: resumed where the connection breaks, checked against the published hash, and given
//! its name only when it is complete and right.
//!
//! Checkpoints and data sets both come this way. This crate knows neither: it is given an address, what is published
//! about the file behind it, and a path.
//!
//! ```no_run
//! use efficientnet_download::{Options, Published, cache_dir, fetch};
//!
//! let file = Published {
//!     name: "cifar10".into(),
//!     url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz".into(),
//!     md5: Some("c32a1d4ab5d03f1284b67883e8d87530".into()),
//!     ..Published::default()
//! };
//! fetch(&file, &cache_dir("datasets").join("cifar-10-binary.tar.gz"), &Options::default())?;
//! # Ok::<(), efficientnet_download::DownloadError>(())
//! ```

mod cache;
mod checksum;
mod error;
mod fetch;
mod progress;
mod transfer;

pub use cache::cache_dir;
pub use error::{DownloadError, io_reason};
pub use fetch::{Options, Published, fetch, verify};
pub use progress::{Meter, Progress};
