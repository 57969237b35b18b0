//! Published checkpoints without Python: read, recognised, renamed, checked, written, downloaded.
//!
//! Everything follows from one table: [`Naming::table`] says, for a network and a library, which tensor of the library's
//! checkpoint becomes which of [`ArchSpec::tensors`]. Reading, writing, recognising a file, and naming what is missing or
//! unused are loops over that table. This crate knows no Burn: it hands out `f32` values with their shapes.
//!
//! A trained network is more than its tensors. Padding, the epsilon of batch normalisation, mean and standard deviation,
//! crop, interpolation and the place of the background class are part of what was trained, and a file rarely says them;
//! [`Implied`] holds them, each with the reason why it is believed.
//!
//! ```no_run
//! use efficientnet_weights::{LoadOptions, load};
//!
//! let mut weights = load("efficientnet_b0_rwightman-7f5810bc.pth", &LoadOptions::default())?;
//! println!("{} in {} naming", weights.spec().name, weights.naming());
//! println!("{}", weights.implied().transform); // decode | resize(256, bicubic) | center_crop(224) | ...
//! let stem = weights.take("stem.conv.weight")?;
//! assert_eq!(stem.shape, [32, 3, 3, 3]);
//! # Ok::<(), efficientnet_weights::WeightsError>(())
//! ```
//!
//! [`ArchSpec::tensors`]: efficientnet_arch::ArchSpec::tensors

mod archive;
mod detect;
mod error;
mod fetch;
mod implied;
mod inspect;
mod load;
mod metadata;
mod naming;
pub mod registry;
mod save;
pub mod synthetic;
mod weights;

pub use archive::{Dtype, Format};
pub use error::{Difference, MisShaped, NotFinite, WeightsError};
pub use fetch::{FetchOptions, Progress, cache_dir, fetch, fetch_with};
pub use implied::{Fact, Implied};
pub use inspect::{Inspection, inspect};
pub use load::{LoadOptions, load};
pub use naming::{Layout, Mapping, Naming, Origin};
pub use save::{SaveOptions, save};
pub use weights::{HostTensor, Weights};
