//! MPI, which training over several processes is built with and started by: a cargo feature of its own beside the
//! backends', compiled in wherever it can be. It changes nothing in Burn, so it makes no further set of features.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::probe;
use crate::system::{Libraries, file_names};

/// The cargo feature, and what `setup` calls it.
pub const NAME: &str = "mpi";
/// What Debian calls it: headers and compiler, launcher, and what the bindings are made with.
pub const PACKAGES: [&str; 3] = ["libopenmpi-dev", "openmpi-bin", "libclang-dev"];
/// The command that mends it.
pub const REMEDY: &str = "cargo xtask setup mpi";

/// The parts that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mpi {
    /// `mpicc`, which knows where headers and libraries are.
    pub compiler: bool,
    /// `mpirun`.
    pub launcher: bool,
    /// The library that `bindgen` reads headers with.
    pub libclang: bool,
}

impl Mpi {
    /// Looks at this machine.
    pub fn here() -> Self {
        let answers = |name: &str| probe(Command::new(name).arg("--version")).is_some();
        Self {
            compiler: answers("mpicc"),
            launcher: answers("mpirun"),
            libclang: Libraries::known().have("libclang.so") || has_libclang(&folders(Path::new("/"))),
        }
    }

    /// Whether it can be built and run.
    pub fn works(self) -> bool {
        self.compiler && self.launcher && self.libclang
    }

    /// What is there, or what is missing.
    pub fn note(self) -> String {
        let parts = [(self.compiler, "mpicc"), (self.launcher, "mpirun"), (self.libclang, "libclang")];
        let missing: Vec<&str> = parts.iter().filter(|(there, _)| !there).map(|(_, name)| *name).collect();
        match missing.is_empty() {
            true => "mpicc, mpirun and libclang are there".to_string(),
            false => format!("no {}", missing.join(", no ")),
        }
    }
}

/// Where `clang-sys` looks: what the user names, and LLVM's own folders.
fn folders(root: &Path) -> Vec<PathBuf> {
    let llvm = root.join("usr/lib");
    let versions = file_names(&llvm).into_iter().filter(|name| name.starts_with("llvm"));
    let named = env::var_os("LIBCLANG_PATH").map(PathBuf::from);
    named.into_iter().chain(versions.map(|name| llvm.join(name).join("lib"))).collect()
}

/// `libclang.so` or `libclang-14.so.1`, and neither `libclang-cpp.so` nor `libclangAST.a`.
fn has_libclang(folders: &[PathBuf]) -> bool {
    let is_it = |name: &String| {
        let rest = name.strip_prefix("libclang").unwrap_or_default();
        let is_version = |c: char| c.is_ascii_digit() || c == '-';
        let rest = rest.trim_start_matches(is_version);
        rest.starts_with(".so") || rest == ".dylib"
    };
    folders.iter().any(|folder| file_names(folder).iter().any(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn libclang_is_told_from_its_relatives() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("usr/lib/llvm-14/lib");
        fs::create_dir_all(&folder).unwrap();
        for other in ["libclang-cpp.so.14", "libclangAST.a", "libclang-14.a"] {
            fs::write(folder.join(other), "").unwrap();
        }
        let folders = [folder.clone()];
        assert!(!has_libclang(&folders));
        for name in ["libclang.so", "libclang.so.1", "libclang-14.so.1", "libclang-14.so", "libclang.dylib"] {
            fs::write(folder.join(name), "").unwrap();
            assert!(has_libclang(&folders), "{name}");
            fs::remove_file(folder.join(name)).unwrap();
        }
        fs::write(folder.join("libclang.so"), "").unwrap();
        assert!(super::folders(root.path()).contains(&folder));
    }

    #[test]
    fn what_is_missing_is_named() {
        let mpi = Mpi { compiler: true, launcher: false, libclang: false };
        assert!(!mpi.works());
        assert_eq!(mpi.note(), "no mpirun, no libclang");
    }
}
