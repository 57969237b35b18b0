//! Which way an operation takes.

use std::sync::atomic::{AtomicU8, Ordering};

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Tensor};

/// Chooses the path of a process that does not call [`set_path`]: `fused` (or unset) or `composed`.
pub const PATH_VARIABLE: &str = "EFFICIENTNET_OPS";

/// How the operations of this crate are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// By the backend extension, where the device has it.
    Fused,
    /// From Burn's own operations. For tests, for capture, and to tell whose mistake a wrong result is.
    Composed,
}

const UNSET: u8 = 0;
const FUSED: u8 = 1;
const COMPOSED: u8 = 2;

static CHOICE: AtomicU8 = AtomicU8::new(UNSET);

/// Chooses the path of the whole process from now on. A graph that was recorded before keeps its own.
pub fn set_path(path: Path) {
    let choice = match path {
        Path::Fused => FUSED,
        Path::Composed => COMPOSED,
    };
    CHOICE.store(choice, Ordering::Relaxed);
}

/// The path of this process: what [`set_path`] said last, else [`PATH_VARIABLE`], else [`Path::Fused`].
pub fn path() -> Path {
    match CHOICE.load(Ordering::Relaxed) {
        FUSED => Path::Fused,
        COMPOSED => Path::Composed,
        _ => {
            let composed = std::env::var(PATH_VARIABLE).is_ok_and(|word| word == "composed");
            let path = if composed { Path::Composed } else { Path::Fused };
            set_path(path);
            path
        }
    }
}

/// Whether an operation on `x` goes through the backend extension: [`Path::Fused`], a device with autodiff on a backend
/// that has the extension, and f32.
pub fn is_fused<const D: usize>(x: &Tensor<D>) -> bool {
    path() == Path::Fused && x.dtype() == DType::F32 && x.device().as_dispatch().is_extended()
}

/// As [`is_fused`] for a convolution: ATen's are for 16 bits, too.
pub(crate) fn is_convolution_fused(x: &Tensor<4>) -> bool {
    let half = path() == Path::Fused && matches!(x.dtype(), DType::BF16 | DType::F16);
    is_fused(x) || half && x.device().as_dispatch().is_extended_in_16_bits()
}

/// Devices that the extension serves.
trait Extended {
    fn is_extended(&self) -> bool;

    fn is_extended_in_16_bits(&self) -> bool;
}

impl Extended for DispatchDevice {
    fn is_extended(&self) -> bool {
        let Self::Autodiff(device) = self else { return false };
        match &**device {
            #[cfg(feature = "flex")]
            Self::Flex(_) => true,
            #[cfg(feature = "ndarray")]
            Self::NdArray(_) => true,
            #[cfg(feature = "tch")]
            Self::LibTorch(_) => true,
            _ => false,
        }
    }

    fn is_extended_in_16_bits(&self) -> bool {
        match self {
            #[cfg(feature = "tch")]
            Self::Autodiff(device) => matches!(&**device, Self::LibTorch(_)),
            _ => false,
        }
    }
}
