//! Device names as text: `BACKEND[:KIND][:INDEX]`.

use std::{fmt, str::FromStr};

use crate::BackendError;

/// A compute backend of Burn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Backend {
    /// Pure Rust on the CPU; Burn's own.
    Flex,
    /// Pure Rust on the CPU, on `ndarray`. Deprecated in Burn 0.22.
    NdArray,
    /// LibTorch. Deprecated in Burn 0.22.
    Tch,
    /// WebGPU's native implementation, on whichever graphics API suits the machine.
    Wgpu,
    /// The same pinned to Vulkan, with SPIR-V shaders.
    Vulkan,
    /// NVIDIA GPUs.
    Cuda,
    /// CubeCL's CPU runtime (LLVM). Experimental.
    Cpu,
}

impl Backend {
    /// Every backend, those that need nothing of the machine first.
    pub const ALL: [Backend; 7] =
        [Self::Flex, Self::NdArray, Self::Tch, Self::Wgpu, Self::Vulkan, Self::Cuda, Self::Cpu];

    /// Its name and that of its cargo feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
            Self::Tch => "tch",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
        }
    }

    /// Whether its cargo feature is on.
    pub fn is_compiled(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::NdArray => cfg!(feature = "ndarray"),
            Self::Tch => cfg!(feature = "tch"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Cpu => cfg!(feature = "cpu"),
        }
    }

    /// The backends in this binary.
    pub fn compiled() -> impl Iterator<Item = Backend> {
        Self::ALL.into_iter().filter(|backend| backend.is_compiled())
    }

    /// The names that its devices can have.
    pub(crate) fn usage(self) -> &'static str {
        match self {
            Self::Flex => "`flex`",
            Self::NdArray => "`ndarray`",
            Self::Tch => "`tch`, `tch:cuda`, `tch:cuda:N` or `tch:mps`",
            Self::Wgpu => "`wgpu`, `wgpu:cpu`, `wgpu:discrete:N`, `wgpu:integrated:N` or `wgpu:virtual:N`",
            Self::Vulkan => {
                "`vulkan`, `vulkan:cpu`, `vulkan:discrete:N`, `vulkan:integrated:N` or `vulkan:virtual:N`"
            }
            Self::Cuda => "`cuda` or `cuda:N`",
            Self::Cpu => "`cpu`",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which of a backend's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The one that suits best: a GPU where there is one, else the CPU.
    Best,
    /// The CPU (for wgpu and Vulkan a software adapter).
    Cpu,
    /// The CUDA device with this index.
    Cuda(usize),
    /// Apple's Metal performance shaders.
    Mps,
    /// The discrete GPU with this index.
    Discrete(usize),
    /// The integrated GPU with this index.
    Integrated(usize),
    /// The virtual GPU with this index.
    Virtual(usize),
}

/// A parsed device name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceName {
    /// The backend.
    pub backend: Backend,
    /// Which of its devices.
    pub selector: Selector,
}

impl DeviceName {
    /// Whether the device computes in the memory that our own data are in, so that nothing is gained by sending it fewer
    /// bytes.
    pub fn computes_in_host_memory(self) -> bool {
        match self.backend {
            Backend::Flex | Backend::NdArray | Backend::Cpu => true,
            Backend::Tch => matches!(self.selector, Selector::Best | Selector::Cpu),
            Backend::Wgpu | Backend::Vulkan | Backend::Cuda => false,
        }
    }
}

impl FromStr for DeviceName {
    type Err = BackendError;

    fn from_str(name: &str) -> Result<Self, BackendError> {
        let lower = name.trim().to_ascii_lowercase();
        let mut parts = lower.split(':');
        let head = parts.next().unwrap_or_default();
        let backend = Backend::ALL
            .into_iter()
            .find(|backend| backend.name() == head)
            .ok_or_else(|| BackendError::Unknown { name: name.to_string(), nearest: nearest(head) })?;
        let rest: Vec<&str> = parts.collect();
        let selector = selector(backend, &rest)
            .ok_or_else(|| BackendError::Selector { name: name.to_string(), backend })?;
        Ok(Self { backend, selector })
    }
}

fn selector(backend: Backend, rest: &[&str]) -> Option<Selector> {
    use Backend::*;
    let index = |text: &str| text.parse::<usize>().ok();
    Some(match (backend, rest) {
        (_, []) => Selector::Best,
        (Tch | Wgpu | Vulkan, ["cpu"]) => Selector::Cpu,
        (Tch, ["cuda"]) => Selector::Cuda(0),
        (Tch, ["cuda", n]) | (Cuda, [n]) => Selector::Cuda(index(n)?),
        (Tch, ["mps"]) => Selector::Mps,
        (Wgpu | Vulkan, ["discrete"]) => Selector::Discrete(0),
        (Wgpu | Vulkan, ["discrete", n]) => Selector::Discrete(index(n)?),
        (Wgpu | Vulkan, ["integrated"]) => Selector::Integrated(0),
        (Wgpu | Vulkan, ["integrated", n]) => Selector::Integrated(index(n)?),
        (Wgpu | Vulkan, ["virtual"]) => Selector::Virtual(0),
        (Wgpu | Vulkan, ["virtual", n]) => Selector::Virtual(index(n)?),
        _ => return None,
    })
}

/// The spelling of other tools first, then the most alike.
fn nearest(head: &str) -> Option<Backend> {
    match head {
        "libtorch" | "torch" | "pytorch" => return Some(Backend::Tch),
        "gpu" | "webgpu" | "metal" => return Some(Backend::Wgpu),
        _ => {}
    }
    let likeness = |backend: &Backend| strsim::normalized_damerau_levenshtein(head, backend.name());
    let best = Backend::ALL.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) >= 0.5).then_some(best)
}
