//! The one place that knows the names of compute backends: `flex`, `tch:cuda:0` or `wgpu` become a Burn [`Device`].
//!
//! Each backend stands behind a cargo feature of the same name and several fit in one binary, so choosing one is a matter
//! of a string at run time. A name that cannot be served says what to type instead; [`Device::default`] is never asked,
//! since its answer depends on what else was compiled in.
//!
//! ```
//! # fn main() -> Result<(), efficientnet_backend::BackendError> {
//! # if cfg!(feature = "flex") {
//! let device = efficientnet_backend::device("flex")?;
//! # }
//! # Ok(())
//! # }
//! ```

mod error;
mod name;
mod open;

pub use burn::tensor::Device;
pub use error::BackendError;
pub use name::{Backend, DeviceName, Selector};
pub use open::{description, device, open, threads};
