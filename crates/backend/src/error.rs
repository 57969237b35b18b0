//! Why a name gives no device, and what to type instead.

use thiserror::Error;

use crate::Backend;

/// A sentence for each way in which a device name can fail.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BackendError {
    /// No backend has this name.
    #[error("no backend is called `{name}`; {} (compiled in: {})", hint(.nearest), compiled_in())]
    Unknown {
        /// What was asked for.
        name: String,
        /// The backend that is spelled most alike, if any is near.
        nearest: Option<Backend>,
    },
    /// The backend is known, but what follows the colon is not.
    #[error("`{name}` names no device of {backend}; write {}", .backend.usage())]
    Selector {
        /// What was asked for.
        name: String,
        /// The backend.
        backend: Backend,
    },
    /// The backend's cargo feature is off.
    #[error(
        "this program was built without {backend}; use --device {} or build it in with \
         `cargo xtask build --backends {backend}`", instead(.backend)
    )]
    NotCompiled {
        /// The backend.
        backend: Backend,
    },
    /// The backend is compiled in, but the machine has no such device or its driver fails.
    #[error(
        "{name} cannot be used here: {reason}; use --device {} or see `cargo xtask doctor`", instead(.backend)
    )]
    Unusable {
        /// What was asked for.
        name: String,
        /// The backend.
        backend: Backend,
        /// What the backend said.
        reason: String,
    },
}

fn hint(nearest: &Option<Backend>) -> String {
    match nearest {
        Some(backend) => format!("did you mean `{backend}`?"),
        None => "known are flex, ndarray, tch, wgpu, vulkan, cuda and cpu".to_string(),
    }
}

fn compiled_in() -> String {
    let names: Vec<&str> = Backend::compiled().map(Backend::name).collect();
    if names.is_empty() { "none".to_string() } else { names.join(", ") }
}

/// The first compiled backend that needs nothing of the machine.
fn instead(failed: &Backend) -> String {
    let mut others = Backend::compiled().filter(|backend| backend != failed);
    others.next().map_or("NAME".to_string(), |backend| backend.name().to_string())
}
