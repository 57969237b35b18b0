//! `cargo xtask doctor`: which backends, and whether MPI, can be built and run here, and what would mend the others.

use std::process::Command;

use serde::Serialize;

use crate::backend::{Backend, Selection, names};
use crate::error::{Context, Error, Result};
use crate::machine::{Machine, free_disk, human_bytes};
use crate::mpi;
use crate::paths;
use crate::process::probe;
use crate::system::{Adapter, System};

/// What can be said of one backend.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// Which one.
    pub backend: Backend,
    /// It can be compiled here.
    pub builds: bool,
    /// It can be compiled and run here.
    pub runs: bool,
    /// What it runs on, or what is missing.
    pub note: String,
    /// The command that mends it.
    pub remedy: Option<String>,
}

/// The verdict on each backend.
pub fn verdicts(system: &System) -> Vec<Verdict> {
    Backend::ALL.into_iter().map(|backend| verdict(backend, system)).collect()
}

/// The verdict on one backend.
pub fn verdict(backend: Backend, system: &System) -> Verdict {
    let ready =
        |note: &str| Verdict { backend, builds: true, runs: true, note: note.to_string(), remedy: None };
    let lacking = |builds: bool, note: String, remedy: Option<&str>| Verdict {
        backend,
        builds,
        runs: false,
        note,
        remedy: remedy.map(str::to_string),
    };
    match backend {
        Backend::Flex => ready("pure Rust, on the CPU"),
        Backend::Ndarray => ready("pure Rust, on the CPU; Burn drops it after 0.22"),
        // Not even compiled in: with it, `wgpu` has SPIR-V kernels as well.
        Backend::Vulkan if system.loader && matches!(system.adapter, Adapter::SwiftShader(_)) => {
            lacking(true, "no GPU, and SwiftShader gets its SPIR-V kernels wrong: use wgpu".into(), None)
        }
        Backend::Wgpu | Backend::Vulkan => match graphics(system) {
            Ok(note) => ready(&note),
            Err(note) => lacking(true, note, Some("cargo xtask setup wgpu")),
        },
        Backend::Tch => match (&system.libtorch, system.cxx) {
            (Some(folder), true) => ready(&format!("libtorch in {}", paths::display(folder))),
            (Some(_), false) => {
                lacking(false, "no C++ compiler `c++`".into(), Some("apt-get install -y g++"))
            }
            (None, _) => lacking(false, "no libtorch".into(), Some("cargo xtask setup tch")),
        },
        Backend::Cuda => {
            let parts = [
                (system.libcuda, "the driver's libcuda.so.1"),
                (system.nvrtc, "libnvrtc"),
                (system.cuda_toolkit.is_some(), "the CUDA toolkit (CUDA_PATH or /usr/local/cuda)"),
            ];
            let missing: Vec<_> = parts.iter().filter(|(there, _)| !there).map(|(_, name)| *name).collect();
            if missing.is_empty() {
                ready("NVIDIA's driver and toolkit")
            } else {
                let remedy = "install NVIDIA's driver and the CUDA toolkit 12 (on Debian: `nvidia-driver`, \
                              `nvidia-cuda-toolkit`)";
                lacking(true, format!("lacks {}", missing.join(", ")), Some(remedy))
            }
        }
        Backend::Cpu => ready("experimental; its build downloads an LLVM"),
    }
}

fn graphics(system: &System) -> std::result::Result<String, String> {
    if !system.loader {
        return Err("no Vulkan loader (libvulkan.so.1)".into());
    }
    match &system.adapter {
        Adapter::Gpu(maker) => Ok(format!("GPU: {maker}")),
        Adapter::SwiftShader(_) => Ok("no GPU: SwiftShader, Vulkan on the CPU; right but slow".into()),
        Adapter::Named(files) => Ok(format!("the driver you named: {files}")),
        Adapter::Lavapipe => Err("no GPU, and Mesa's lavapipe crashes on these networks".into()),
        Adapter::None => Err("no GPU and no software Vulkan".into()),
    }
}

/// The backends that `selection` stands for here. A named backend that does not work is an error with its remedy.
pub fn resolve(selection: &Selection, system: &System) -> Result<Vec<Backend>> {
    match selection {
        Selection::All => Ok(ready(system)),
        Selection::These(list) => {
            list.iter().try_for_each(|&backend| require(&verdict(backend, system)))?;
            Ok(list.clone())
        }
    }
}

/// The usual backends that work here.
pub fn ready(system: &System) -> Vec<Backend> {
    Backend::USUAL.into_iter().filter(|&backend| verdict(backend, system).runs).collect()
}

fn require(verdict: &Verdict) -> Result<()> {
    if verdict.runs {
        return Ok(());
    }
    Err(Error::usage(sentence(verdict)))
}

/// Why a backend cannot be used, and what to do.
pub fn sentence(verdict: &Verdict) -> String {
    let remedy = verdict.remedy.as_deref().unwrap_or("see `cargo xtask doctor`");
    format!("backend `{}` cannot be used here: {}; to mend it: {remedy}", verdict.backend, verdict.note)
}

/// Prints the table, or JSON.
pub fn print(json: bool) -> Result<()> {
    let system = System::here();
    let machine = Machine::here();
    let verdicts = verdicts(&system);
    let disk = paths::target().ok().and_then(|folder| free_disk(&folder));
    if json {
        let text = serde_json::json!({
            "machine": machine, "free_disk_bytes": disk, "gpu": system.has_gpu(), "backends": verdicts,
            "mpi": { "works": system.mpi.works(), "note": system.mpi.note() },
        });
        let text = serde_json::to_string_pretty(&text).doing(|| "cannot write JSON".into())?;
        println!("{text}");
        return Ok(());
    }
    print_machine(&machine, disk);
    println!("\n{:<9}{:<8}{:<7}note", "backend", "builds", "runs");
    for verdict in &verdicts {
        let mark = |yes: bool| if yes { "yes" } else { "no" };
        println!(
            "{:<9}{:<8}{:<7}{}",
            verdict.backend,
            mark(verdict.builds),
            mark(verdict.runs),
            verdict.note
        );
        if let Some(remedy) = &verdict.remedy {
            println!("{:<24}-> {remedy}", "");
        }
    }
    println!("\n{:<9}{:<15}{}", mpi::NAME, if system.mpi.works() { "yes" } else { "no" }, system.mpi.note());
    if !system.mpi.works() {
        println!("{:<24}-> {}", "", mpi::REMEDY);
    }
    println!("\n`all` here means: {}", names(&ready(&system)));
    Ok(())
}

fn print_machine(machine: &Machine, disk: Option<u64>) {
    println!("system   {}", machine.os);
    println!("cpu      {}, {} threads", machine.cpu.as_deref().unwrap_or("unknown"), machine.cores);
    println!("memory   {}", machine.memory_bytes.map_or("unknown".into(), human_bytes));
    let small = disk.is_some_and(|free| free < 6_000_000_000);
    let advice = if small { "; a build of every backend takes about 6 GB" } else { "" };
    println!("disk     {} free for the target folder{advice}", disk.map_or("unknown".into(), human_bytes));
    let old = machine.rustc.as_deref().and_then(minor_version).is_some_and(|minor| minor < 95);
    let advice = if old { "  -> too old, 1.95 is needed: rustup update stable" } else { "" };
    println!(
        "rustc    {}{advice}",
        machine.rustc.as_deref().unwrap_or("not found  -> install it with rustup")
    );
    let pip = probe(Command::new("python3").args(["-m", "pip", "--version"]));
    println!("pip      {}", pip.map_or("none (only `cargo xtask setup tch` needs it)", |_| "there"));
}

/// 95 of `rustc 1.95.0 (...)`.
fn minor_version(text: &str) -> Option<u32> {
    text.split_whitespace().nth(1)?.split('.').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpi::Mpi;

    fn bare() -> System {
        System {
            libtorch: None,
            cxx: true,
            loader: true,
            adapter: Adapter::None,
            libcuda: false,
            nvrtc: false,
            cuda_toolkit: None,
            mpi: Mpi { compiler: false, launcher: false, libclang: false },
        }
    }

    #[test]
    fn a_bare_machine_has_the_built_in_backends() {
        assert_eq!(ready(&bare()), Backend::BUILT_IN);
        for verdict in verdicts(&bare()) {
            assert_eq!(verdict.runs, verdict.remedy.is_none(), "{verdict:?}");
        }
    }

    #[test]
    fn the_remedy_is_in_the_error() {
        let error = resolve(&Selection::These(vec![Backend::Flex, Backend::Tch]), &bare()).unwrap_err();
        assert_eq!(error.code, 2);
        assert!(
            error.message.contains("`tch`") && error.message.contains("cargo xtask setup tch"),
            "{error}"
        );
    }

    #[test]
    fn lavapipe_is_refused_with_its_reason() {
        let system = System { adapter: Adapter::Lavapipe, ..bare() };
        let verdict = verdict(Backend::Wgpu, &system);
        assert!(!verdict.runs && verdict.builds && verdict.note.contains("lavapipe"));
    }

    #[test]
    fn cuda_says_each_missing_part() {
        let system = System { libcuda: true, ..bare() };
        let note = verdict(Backend::Cuda, &system).note;
        assert!(note.contains("libnvrtc") && !note.contains("libcuda"), "{note}");
    }

    #[test]
    fn a_full_machine_has_them_all() {
        let system = System {
            libtorch: Some("/t".into()),
            adapter: Adapter::Gpu("NVIDIA".into()),
            libcuda: true,
            nvrtc: true,
            cuda_toolkit: Some("/usr/local/cuda".into()),
            ..bare()
        };
        assert_eq!(ready(&system), Backend::USUAL);
        assert!(verdicts(&system).iter().all(|verdict| verdict.runs));
    }

    #[test]
    fn the_compiler_version_is_read() {
        assert_eq!(minor_version("rustc 1.95.0 (59807616e 2026-04-14)"), Some(95));
        assert_eq!(minor_version("nonsense"), None);
    }
}
