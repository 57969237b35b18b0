//! The backends by name, lists of them, and which Cargo features a list needs.
//!
//! Each new set of features rebuilds Burn (eight minutes to half an hour on two cores), so there are only two sets:
//! the pure-Rust CPU backends, and everything that this machine can build. A list of backends picks one of the two.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::mpi;

/// A compute backend of the `efficientnet` binary; also the name of its Cargo feature and of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Pure Rust on the CPU; needs nothing
    Flex,
    /// Pure Rust on the CPU, older; needs nothing
    Ndarray,
    /// Any GPU through WebGPU (Vulkan, Metal, DirectX), or a software Vulkan
    Wgpu,
    /// Vulkan with SPIR-V kernels
    Vulkan,
    /// LibTorch
    Tch,
    /// NVIDIA GPUs
    Cuda,
    /// CubeCL's just-in-time compiler for the CPU; experimental
    Cpu,
}

impl Backend {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 7] =
        [Self::Flex, Self::Ndarray, Self::Wgpu, Self::Vulkan, Self::Tch, Self::Cuda, Self::Cpu];

    /// What `all` may stand for. `vulkan` runs the same adapter as `wgpu`, and `cpu` is experimental: they are used when
    /// named.
    pub const USUAL: [Self; 5] = [Self::Flex, Self::Ndarray, Self::Wgpu, Self::Tch, Self::Cuda];

    /// The backends that every machine has.
    pub const BUILT_IN: [Self; 2] = [Self::Flex, Self::Ndarray];

    /// The name, as typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Tch => "tch",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
        }
    }

    /// Whether it needs nothing but Rust.
    pub fn is_built_in(self) -> bool {
        Self::BUILT_IN.contains(&self)
    }

    /// Whether its kernels come from CubeCL, which autotunes.
    pub fn is_cube(self) -> bool {
        matches!(self, Self::Wgpu | Self::Vulkan | Self::Cuda | Self::Cpu)
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|backend| backend.name() == text)
            .ok_or_else(|| format!("no backend is called `{text}`: there are {}", names(&Self::ALL)))
    }
}

/// A list as given to `--backends`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Whatever of [`Backend::USUAL`] works here.
    All,
    /// Exactly these, each once, in this order.
    These(Vec<Backend>),
}

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "all" {
            return Ok(Self::All);
        }
        let mut list = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let backend = name.parse()?;
            if !list.contains(&backend) {
                list.push(backend);
            }
        }
        if list.is_empty() {
            return Err(format!("name at least one backend, or `all`: there are {}", names(&Backend::ALL)));
        }
        Ok(Self::These(list))
    }
}

/// `flex,ndarray`.
pub fn names(backends: &[Backend]) -> String {
    backends.iter().map(|backend| backend.name()).collect::<Vec<_>>().join(",")
}

/// Cargo features of the package `efficientnet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// The backends that are compiled in.
    pub backends: Vec<Backend>,
    /// Kernel fusion and autotuning.
    pub tuned: bool,
    /// Training over several processes. No third set: it rebuilds two crates of ours.
    #[serde(default)]
    pub mpi: bool,
}

impl Features {
    /// The smaller of the two sets that holds `wanted`; `worth_building` says which backends would run here.
    pub fn for_backends(wanted: &[Backend], worth_building: impl Fn(Backend) -> bool, tuned: bool) -> Self {
        let extra = wanted.iter().any(|backend| !backend.is_built_in());
        let belongs = |backend: Backend| {
            let of_full_set = match backend {
                Backend::Wgpu | Backend::Vulkan | Backend::Tch | Backend::Cuda => worth_building(backend),
                Backend::Cpu => false,
                Backend::Flex | Backend::Ndarray => true,
            };
            backend.is_built_in() || wanted.contains(&backend) || (extra && of_full_set)
        };
        let backends: Vec<_> = Backend::ALL.into_iter().filter(|&backend| belongs(backend)).collect();
        // Without a CubeCL backend there is nothing to tune, and the flag would only make a third set.
        let tuned = tuned && backends.iter().any(|backend| backend.is_cube());
        Self { backends, tuned, mpi: false }
    }

    /// With training over several processes, or without.
    pub fn with_mpi(self, mpi: bool) -> Self {
        Self { mpi, ..self }
    }

    /// Whether a binary with these features can stand in for one with `other`.
    pub fn covers(&self, other: &Self) -> bool {
        let has_cube = other.backends.iter().any(|backend| backend.is_cube());
        other.backends.iter().all(|backend| self.backends.contains(backend))
            && (self.tuned == other.tuned || !has_cube)
            && (self.mpi || !other.mpi)
    }

    /// The value of `--features` for `package`.
    pub fn to_flag(&self, package: &str) -> String {
        let extras = [(self.tuned, "tuned"), (self.mpi, mpi::NAME)]
            .into_iter()
            .filter_map(|(on, name)| on.then_some(name));
        let names = self.backends.iter().map(|backend| backend.name()).chain(extras);
        names.map(|name| format!("{package}/{name}")).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra = |on: bool, text: &'static str| if on { text } else { "" };
        write!(f, "{}{}{}", names(&self.backends), extra(self.tuned, ",tuned"), extra(self.mpi, ",mpi"))
    }
}

#[cfg(test)]
mod tests {
    use super::Backend::*;
    use super::*;

    #[test]
    fn lists_are_parsed_in_order_and_once() {
        assert_eq!("tch, flex,tch,".parse(), Ok(Selection::These(vec![Tch, Flex])));
        assert_eq!("all".parse(), Ok(Selection::All));
        let error = "flex,troch".parse::<Selection>().unwrap_err();
        assert!(error.contains("`troch`") && error.contains("flex,ndarray,wgpu"), "{error}");
        assert!(",".parse::<Selection>().is_err());
    }

    #[test]
    fn every_name_parses_back() {
        for backend in Backend::ALL {
            assert_eq!(backend.name().parse(), Ok(backend));
            assert_eq!(serde_json::to_value(backend).unwrap(), backend.name());
        }
    }

    #[test]
    fn there_are_two_sets() {
        let here = |backend: Backend| !matches!(backend, Vulkan | Cuda);
        let set = |wanted: &[Backend]| names(&Features::for_backends(wanted, here, false).backends);
        assert_eq!(set(&[Flex]), "flex,ndarray");
        assert_eq!(set(&[Ndarray, Flex]), "flex,ndarray");
        for wanted in [vec![Tch], vec![Wgpu], vec![Wgpu, Flex]] {
            assert_eq!(set(&wanted), "flex,ndarray,wgpu,tch");
        }
        assert_eq!(set(&[Cpu]), "flex,ndarray,wgpu,tch,cpu");
        let with_gpu = Features::for_backends(&[Wgpu], |backend| backend != Cuda, false);
        assert_eq!(names(&with_gpu.backends), "flex,ndarray,wgpu,vulkan,tch");
    }

    #[test]
    fn what_cannot_be_built_stays_out() {
        let set = Features::for_backends(&[Wgpu], |backend| backend == Wgpu, true);
        assert_eq!(set.to_string(), "flex,ndarray,wgpu,tuned");
        let flag = "efficientnet/flex,efficientnet/ndarray,efficientnet/wgpu,efficientnet/tuned";
        assert_eq!(set.to_flag("efficientnet"), flag);
    }

    #[test]
    fn a_richer_binary_stands_in_for_a_plainer_one() {
        let small = Features::for_backends(&[Flex], |_| true, false);
        let full = Features::for_backends(&[Wgpu], |_| true, false);
        let tuned = Features::for_backends(&[Wgpu], |_| true, true);
        assert!(full.covers(&small) && tuned.covers(&small) && !small.covers(&full));
        assert!(!full.covers(&tuned) && !tuned.covers(&full));
        assert!(!Features::for_backends(&[Flex], |_| true, true).tuned);
        let several = small.clone().with_mpi(true);
        assert!(several.covers(&small) && !small.covers(&several));
        assert_eq!(several.to_string(), "flex,ndarray,mpi");
        assert_eq!(several.to_flag("x"), "x/flex,x/ndarray,x/mpi");
    }
}
