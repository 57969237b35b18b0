//! The variables that a child needs to build or run a set of backends.
//!
//! In one place, so that `build`, `test`, `bench`, `compare` and a user's own shell (`eval "$(cargo xtask env tch)"`)
//! cannot differ.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::system::{Adapter, System};

/// One variable and its whole value.
pub type Variable = (&'static str, String);

/// The variables for `backends` on this machine, given what the variables are now.
pub fn variables(
    backends: &[Backend],
    system: &System,
    current: impl Fn(&str) -> Option<String>,
) -> Vec<Variable> {
    let mut list = Vec::new();
    if backends.contains(&Backend::Tch)
        && let Some(folder) = &system.libtorch
    {
        list.push(("LIBTORCH", folder.display().to_string()));
        // 2.9.1 works as well, and a folder without a `build-version` file says nothing.
        list.push(("LIBTORCH_BYPASS_VERSION_CHECK", "1".to_string()));
        let path = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
        list.push((path, prepend(&folder.join("lib"), current(path))));
    }
    if backends.iter().any(|backend| matches!(backend, Backend::Wgpu | Backend::Vulkan))
        && let Adapter::SwiftShader(manifest) = &system.adapter
    {
        // Two names for one thing: the loader before and after 1.3.207.
        let manifest = manifest.display().to_string();
        list.push(("VK_DRIVER_FILES", manifest.clone()));
        list.push(("VK_ICD_FILENAMES", manifest));
        list.push(("CUBECL_WGPU_DEFAULT_DEVICE", "Cpu".to_string()));
        // Where no one is logged in, the EGL that wgpu asks as well complains on standard error for each adapter.
        if current("XDG_RUNTIME_DIR").is_none() {
            list.push(("XDG_RUNTIME_DIR", env::temp_dir().display().to_string()));
        }
    }
    list
}

/// [`variables`] with this process's own values.
pub fn here(backends: &[Backend], system: &System) -> Vec<Variable> {
    variables(backends, system, |name| env::var(name).ok())
}

/// Gives `command` the variables for `backends`.
pub fn apply(command: &mut Command, backends: &[Backend], system: &System) {
    command.envs(here(backends, system));
}

/// `cargo xtask env BACKEND...`: the variables as lines for a shell.
pub fn print(backends: &[Backend]) -> Result<()> {
    let system = System::here();
    if backends.contains(&Backend::Tch) && system.libtorch.is_none() {
        return Err(Error::usage("no libtorch here: run `cargo xtask setup tch` first"));
    }
    // The list of folders is continued by the shell that reads this: our own has Cargo's folders in it.
    for (name, value) in variables(backends, &system, |_| None) {
        let rest =
            if name.ends_with("LIBRARY_PATH") { format!("${{{name}:+:${name}}}") } else { String::new() };
        println!("export {name}={}{rest}", quote(&value));
    }
    Ok(())
}

/// `folder` in front of a list of folders, unless it is in it.
fn prepend(folder: &Path, list: Option<String>) -> String {
    let list = list.unwrap_or_default();
    let old: Vec<PathBuf> = env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect();
    if old.iter().any(|path| path == folder) {
        return list;
    }
    let all = std::iter::once(folder.to_path_buf()).chain(old);
    env::join_paths(all)
        .map_or_else(|_| folder.display().to_string(), |path| path.to_string_lossy().into_owned())
}

/// `value` as one word of a POSIX shell.
fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:+=,@".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_string()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpi::Mpi;

    fn system(adapter: Adapter) -> System {
        System {
            libtorch: Some("/opt/lib torch".into()),
            cxx: true,
            loader: true,
            adapter,
            libcuda: false,
            nvrtc: false,
            cuda_toolkit: None,
            mpi: Mpi { compiler: false, launcher: false, libclang: false },
        }
    }

    fn names(list: &[Variable]) -> Vec<&str> {
        list.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn the_built_in_backends_need_nothing() {
        let system = system(Adapter::SwiftShader("/s.json".into()));
        assert_eq!(variables(&Backend::BUILT_IN, &system, |_| None), []);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn tch_goes_in_front_of_the_library_path() {
        let system = system(Adapter::None);
        let list = variables(&[Backend::Tch], &system, |name| {
            (name == "LD_LIBRARY_PATH").then(|| "/a:/b".to_string())
        });
        assert_eq!(names(&list), ["LIBTORCH", "LIBTORCH_BYPASS_VERSION_CHECK", "LD_LIBRARY_PATH"]);
        assert_eq!(list[2].1, "/opt/lib torch/lib:/a:/b");
        let again = variables(&[Backend::Tch], &system, |_| Some(list[2].1.clone()));
        assert_eq!(again[2].1, list[2].1);
    }

    #[test]
    fn swiftshader_is_named_only_where_there_is_no_gpu() {
        let software = system(Adapter::SwiftShader("/s.json".into()));
        let list = variables(&[Backend::Vulkan], &software, |_| None);
        assert_eq!(
            names(&list),
            ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "CUBECL_WGPU_DEFAULT_DEVICE", "XDG_RUNTIME_DIR"]
        );
        let gpu = system(Adapter::Gpu("AMD".into()));
        assert_eq!(variables(&[Backend::Wgpu], &gpu, |_| None), []);
    }

    #[test]
    fn values_survive_a_shell() {
        assert_eq!(quote("/usr/lib:/x_1"), "/usr/lib:/x_1");
        assert_eq!(quote("/opt/lib torch"), "'/opt/lib torch'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }
}
