//! The instruction sets, which of them this processor has, and which one to use.

use std::fmt;
use std::str::FromStr;

use crate::PlanError;
use crate::simd::Task;
#[cfg(target_arch = "aarch64")]
use crate::simd::neon::Neon;
use crate::simd::portable::Portable;
#[cfg(target_arch = "x86_64")]
use crate::simd::{avx2::Avx2, avx512::Avx512};

/// Name of the environment variable that forces an instruction set.
const VARIABLE: &str = "EFFICIENTNET_ISA";

/// An instruction set that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// What every processor of the target has (on x86-64: SSE2), as the compiler sees fit.
    Portable,
    /// NEON: every 64-bit ARM processor.
    Neon,
    /// AVX2 with FMA: x86-64 since 2013.
    Avx2,
    /// AVX-512F.
    Avx512,
}

impl Isa {
    /// All of them, slowest first.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Neon, Self::Avx2, Self::Avx512];

    /// Those that this processor has, slowest first.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.detect().is_some()).collect()
    }

    /// The one named by `EFFICIENTNET_ISA`, or the fastest that this processor has.
    ///
    /// # Errors
    /// Where the variable names none, or one that the processor lacks.
    pub fn chosen() -> Result<Self, PlanError> {
        let Some(name) = std::env::var_os(VARIABLE) else {
            return Ok(Self::available().last().copied().unwrap_or(Self::Portable));
        };
        let isa: Self = name.to_string_lossy().parse()?;
        isa.detect().map(|_| isa).ok_or(PlanError::IsaMissing(isa))
    }

    /// The proof that kernels need.
    pub(crate) fn detect(self) -> Option<Detected> {
        match self {
            Self::Portable => Some(Detected::Portable(Portable)),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::detect().map(Detected::Avx2),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::detect().map(Detected::Avx512),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Neon::detect().map(Detected::Neon),
            _ => None,
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

impl FromStr for Isa {
    type Err = PlanError;

    fn from_str(name: &str) -> Result<Self, PlanError> {
        Self::ALL
            .into_iter()
            .find(|isa| isa.to_string() == name.trim().to_ascii_lowercase())
            .ok_or_else(|| PlanError::IsaUnknown(name.to_owned()))
    }
}

/// An instruction set with the proof that it is there.
#[derive(Clone, Copy)]
pub(crate) enum Detected {
    Portable(Portable),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Detected {
    /// Runs the task, generic code that enters the instruction set where it computes.
    pub fn dispatch<T: Task>(self, task: T) -> T::Output {
        match self {
            Self::Portable(simd) => task.run(simd),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => task.run(simd),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => task.run(simd),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => task.run(simd),
        }
    }

    /// Channels in a block.
    pub fn lanes(self) -> usize {
        struct Lanes;
        impl Task for Lanes {
            type Output = usize;
            #[inline(always)]
            fn run<S: crate::simd::Simd>(self, _: S) -> usize {
                S::LANES
            }
        }
        self.dispatch(Lanes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_printed() {
        for isa in Isa::ALL {
            assert_eq!(isa.to_string().parse(), Ok(isa));
        }
        let error = "sse9".parse::<Isa>().unwrap_err();
        assert!(error.to_string().contains("portable, neon, avx2 or avx512"), "{error}");
    }

    #[test]
    fn the_portable_path_is_always_there() {
        assert_eq!(Isa::available().first(), Some(&Isa::Portable));
    }
}
