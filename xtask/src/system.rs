//! What this machine offers to the backends: libtorch, Vulkan, CUDA, compilers; and MPI.
//!
//! Facts only, gathered once; [`crate::doctor`] draws the conclusions and [`crate::environment`] the variables.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mpi::Mpi;
use crate::paths;
use crate::process::probe;

/// Folders that hold the Vulkan loader's driver manifests.
const ICD_FOLDERS: [&str; 3] = ["usr/share/vulkan/icd.d", "etc/vulkan/icd.d", "usr/local/share/vulkan/icd.d"];

/// Where browsers put SwiftShader, a Vulkan that runs on the CPU.
const SWIFTSHADER: [&str; 5] = [
    "usr/lib/chromium/vk_swiftshader_icd.json",
    "usr/lib/chromium-browser/vk_swiftshader_icd.json",
    "usr/lib64/chromium-browser/vk_swiftshader_icd.json",
    "opt/google/chrome/vk_swiftshader_icd.json",
    "opt/chromium.org/chromium/vk_swiftshader_icd.json",
];

/// What Vulkan programs would run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adapter {
    /// A real GPU; its maker.
    Gpu(String),
    /// SwiftShader's manifest.
    SwiftShader(PathBuf),
    /// The user has named a driver in `VK_ICD_FILENAMES` or `VK_DRIVER_FILES`.
    Named(String),
    /// Only Mesa's lavapipe, which crashes on our networks.
    Lavapipe,
    /// Nothing.
    None,
}

/// The facts.
#[derive(Debug, Clone)]
pub struct System {
    /// The libtorch to use.
    pub libtorch: Option<PathBuf>,
    /// A C++ compiler, which `torch-sys` needs.
    pub cxx: bool,
    /// The Vulkan loader, `libvulkan.so.1` (or a system that needs none).
    pub loader: bool,
    /// What Vulkan would run on.
    pub adapter: Adapter,
    /// NVIDIA's driver library.
    pub libcuda: bool,
    /// NVIDIA's run-time compiler.
    pub nvrtc: bool,
    /// The CUDA toolkit, whose headers the run-time compiler includes.
    pub cuda_toolkit: Option<PathBuf>,
    /// MPI, for training over several processes.
    pub mpi: Mpi,
}

impl System {
    /// Looks at this machine.
    pub fn here() -> Self {
        let libraries = Libraries::known();
        let toolkit =
            env::var_os("CUDA_PATH").map_or_else(|| PathBuf::from("/usr/local/cuda"), PathBuf::from);
        let named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"]
            .iter()
            .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
        Self {
            libtorch: paths::libtorch(),
            cxx: probe(Command::new("c++").arg("--version")).is_some(),
            loader: !cfg!(target_os = "linux") || libraries.have("libvulkan.so.1"),
            adapter: match named {
                Some(value) => Adapter::Named(value),
                None if cfg!(target_os = "linux") => adapter(Path::new("/")),
                None => Adapter::Gpu("the system's GPU".to_string()),
            },
            libcuda: libraries.have("libcuda.so.1"),
            nvrtc: libraries.have("libnvrtc.so") || toolkit.join("lib64").join("libnvrtc.so").exists(),
            cuda_toolkit: Some(toolkit).filter(|folder| folder.join("include").is_dir()),
            mpi: Mpi::here(),
        }
    }

    /// Whether a CubeCL backend would run on a real GPU.
    pub fn has_gpu(&self) -> bool {
        matches!(self.adapter, Adapter::Gpu(_)) || (self.libcuda && self.cuda_toolkit.is_some())
    }
}

/// The shared libraries that the loader knows.
pub(crate) struct Libraries {
    cached: String,
    folders: Vec<PathBuf>,
}

impl Libraries {
    pub fn known() -> Self {
        let cached =
            ["ldconfig", "/sbin/ldconfig"].iter().find_map(|name| probe(Command::new(name).arg("-p")));
        let named = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        Self { cached: cached.unwrap_or_default(), folders: env::split_paths(&named).collect() }
    }

    /// Whether a library of this name, or of this name and a version after it, is there.
    pub fn have(&self, name: &str) -> bool {
        let listed = self.cached.lines().any(|line| line.trim_start().starts_with(name));
        listed
            || self.folders.iter().any(|folder| file_names(folder).iter().any(|file| file.starts_with(name)))
    }
}

/// Names of a folder's entries; none where it cannot be read.
pub(crate) fn file_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// What Vulkan would run on, on a Linux whose files are under `root`.
///
/// A driver manifest alone proves nothing: Mesa installs the ones of every maker. A GPU counts when both are there, the
/// device and a manifest of its maker.
fn adapter(root: &Path) -> Adapter {
    let manifests: Vec<String> =
        ICD_FOLDERS.iter().flat_map(|folder| file_names(&root.join(folder))).collect();
    let has = |words: &[&str]| manifests.iter().any(|file| words.iter().any(|word| file.contains(word)));
    for (maker, words) in makers(root) {
        if has(&words) {
            return Adapter::Gpu(maker.to_string());
        }
    }
    if let Some(manifest) = SWIFTSHADER.iter().map(|path| root.join(path)).find(|path| path.is_file()) {
        return Adapter::SwiftShader(manifest);
    }
    if has(&["lvp"]) { Adapter::Lavapipe } else { Adapter::None }
}

/// The makers of the GPUs that are there, and words in the names of their manifests.
fn makers(root: &Path) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut makers = Vec::new();
    let drm = root.join("sys/class/drm");
    for node in file_names(&drm).iter().filter(|name| name.starts_with("renderD")) {
        let vendor = fs::read_to_string(drm.join(node).join("device/vendor")).unwrap_or_default();
        match vendor.trim() {
            "0x10de" => makers.push(("NVIDIA", vec!["nvidia", "nouveau"])),
            "0x1002" => makers.push(("AMD", vec!["radeon", "amd"])),
            "0x8086" => makers.push(("Intel", vec!["intel"])),
            "0x1af4" => makers.push(("a virtual GPU", vec!["virtio"])),
            "" => makers.push(("a GPU of this board", vec!["asahi", "broadcom", "freedreno", "panfrost"])),
            _ => {}
        }
    }
    if root.join("dev/nvidia0").exists() {
        makers.push(("NVIDIA", vec!["nvidia"]));
    }
    if root.join("dev/dxg").exists() {
        makers.push(("a GPU of the Windows host", vec!["dzn"]));
    }
    makers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn manifests_without_a_device_are_no_gpu() {
        let files = [
            ("usr/share/vulkan/icd.d/intel_icd.x86_64.json", ""),
            ("usr/share/vulkan/icd.d/radeon_icd.x86_64.json", ""),
            ("usr/share/vulkan/icd.d/lvp_icd.x86_64.json", ""),
            ("usr/lib/chromium/vk_swiftshader_icd.json", ""),
        ];
        assert_eq!(adapter(root(&files[..3]).path()), Adapter::Lavapipe);
        assert_eq!(adapter(root(&files[..2]).path()), Adapter::None);
        let all = root(&files);
        assert_eq!(adapter(all.path()), Adapter::SwiftShader(all.path().join(files[3].0)));
    }

    #[test]
    fn a_device_with_its_manifest_is_a_gpu() {
        let files = [
            ("sys/class/drm/renderD128/device/vendor", "0x1002\n"),
            ("usr/share/vulkan/icd.d/intel_icd.x86_64.json", ""),
            ("usr/lib/chromium/vk_swiftshader_icd.json", ""),
            ("etc/vulkan/icd.d/amd_icd64.json", ""),
        ];
        assert!(matches!(adapter(root(&files[..3]).path()), Adapter::SwiftShader(_)));
        assert_eq!(adapter(root(&files).path()), Adapter::Gpu("AMD".to_string()));
    }

    #[test]
    fn libraries_are_found_by_the_start_of_their_names() {
        let folder = root(&[("libnvrtc.so.12.8", "")]);
        let libraries = Libraries {
            cached: "\tlibvulkan.so.1 (libc6,x86-64) => /lib/libvulkan.so.1\n".to_string(),
            folders: vec![folder.path().to_path_buf()],
        };
        assert!(
            libraries.have("libvulkan.so.1")
                && libraries.have("libnvrtc.so")
                && !libraries.have("libcuda.so.1")
        );
    }
}
