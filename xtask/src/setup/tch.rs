//! `setup tch`: a CPU-only libtorch, taken out of the Python wheel.
//!
//! The wheel is what every package mirror has, while the archive that `torch-sys` would download by itself is on one
//! host only. The wheel is a CUDA build, so this takes the CPU half: `libtorch_cpu.so` and what it is linked against.
//! Two things differ from a plain copy:
//!
//! - The wheel's own `libtorch.so` pulls in CUDA, so an empty one stands in for it that is linked against `torch_cpu`.
//! - `libtorch_cuda.so` stays out: its presence would switch `torch-sys` to its CUDA build.
//!
//! All is assembled in a temporary folder beside the final one and renamed at the end, so that a libtorch is either
//! whole or absent.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::machine;
use crate::paths::{self, LIBTORCH_VERSION};
use crate::process;

const WHEEL_READER: &str = include_str!("wheel.py");

/// The two libraries outside the wheel that `libtorch_cpu.so` is linked against, by the package that brings each.
const CUDA_PARTS: [(&str, &str, &str); 2] = [
    ("nvidia-cuda-cupti", r"nvidia/cuda_cupti/lib/libcupti\.so\.12", "libcupti.so.12"),
    ("nvidia-cuda-runtime", r"nvidia/cuda_runtime/lib/libcudart\.so\.12", "libcudart.so.12"),
];

/// What the download and the finished folder take together, at the worst moment.
const DISK_BYTES: u64 = 1_600_000_000;

/// Fetches and assembles libtorch, unless there is one.
pub fn setup(force: bool) -> Result<()> {
    let folder = paths::cached_libtorch()?;
    if !force && let Some(present) = paths::libtorch() {
        println!("tch: libtorch is in {}", paths::display(&present));
        return Ok(());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(Error::usage(format!(
            "libtorch is fetched for x86-64 Linux only: get version {LIBTORCH_VERSION} for this system and set LIBTORCH to its folder"
        )));
    }
    check_tools()?;
    let cache = paths::cache()?;
    fs::create_dir_all(&cache).doing(|| format!("cannot make the folder {}", cache.display()))?;
    if let Some(free) = machine::free_disk(&cache)
        && free < DISK_BYTES
    {
        return Err(Error::usage(format!(
            "{} has {} free and libtorch needs {} to be assembled: name another folder with EFFICIENTNET_CACHE",
            cache.display(),
            machine::human_bytes(free),
            machine::human_bytes(DISK_BYTES)
        )));
    }
    let work = tempfile::Builder::new()
        .prefix(".setup-tch-")
        .tempdir_in(&cache)
        .doing(|| format!("cannot make a folder in {}", cache.display()))?;
    let assembled = assemble(work.path())?;
    if folder.exists() {
        let old = work.path().join("old");
        fs::rename(&folder, old).doing(|| format!("cannot replace {}", folder.display()))?;
    }
    fs::rename(&assembled, &folder).doing(|| format!("cannot move libtorch to {}", folder.display()))?;
    println!("tch: libtorch {LIBTORCH_VERSION} (CPU) is in {}", paths::display(&folder));
    Ok(())
}

fn check_tools() -> Result<()> {
    if process::probe(Command::new("python3").args(["-m", "pip", "--version"])).is_none() {
        return Err(Error::usage(
            "`python3 -m pip` does not work here: install it (Debian: `apt-get install -y python3-pip`)",
        ));
    }
    if process::probe(Command::new("c++").arg("--version")).is_none() {
        return Err(Error::usage("no C++ compiler `c++`: install one (Debian: `apt-get install -y g++`)"));
    }
    Ok(())
}

/// Downloads the wheels into `work` and returns the finished folder inside it.
fn assemble(work: &Path) -> Result<PathBuf> {
    let wheels = work.join("wheels");
    let folder = work.join("libtorch");
    println!("tch: downloading the Python wheel torch {LIBTORCH_VERSION} (about 900 MB)");
    let torch = download(&wheels, &format!("torch=={LIBTORCH_VERSION}"))?;
    let version = format!(r"torch-{}[^/]*\.dist-info", LIBTORCH_VERSION.replace('.', r"\."));
    println!("tch: taking the CPU library and the headers out of it");
    extract(
        &torch,
        &folder,
        &[
            ("torch/include/", "include"),
            (r"torch/lib/libtorch_cpu\.so", "lib/libtorch_cpu.so"),
            (r"torch/lib/libc10\.so", "lib/libc10.so"),
            (r"torch/lib/libgomp[^/]*\.so\.1[^/]*", "lib/libgomp.so.1"),
            (&format!("{version}/(licenses/)?LICENSE"), "LICENSE"),
            (&format!("{version}/(licenses/)?NOTICE"), "NOTICE"),
        ],
    )?;
    for (package, member, name) in CUDA_PARTS {
        let requirement = requirement(&torch, package)?;
        println!("tch: downloading {requirement}");
        let wheel = download(&wheels, &requirement)?;
        extract(&wheel, &folder, &[(member, &format!("lib/{name}"))])?;
    }
    finish(&folder)?;
    Ok(folder)
}

/// The links and the stand-in library; then a look at whether the loader finds everything.
fn finish(folder: &Path) -> Result<()> {
    let lib = folder.join("lib");
    #[cfg(unix)]
    std::os::unix::fs::symlink("libgomp.so.1", lib.join("libgomp.so"))
        .doing(|| "cannot link libgomp.so".into())?;
    fs::write(folder.join("build-version"), format!("{LIBTORCH_VERSION}+cpu\n"))
        .doing(|| "cannot write build-version".into())?;
    process::run(
        Command::new("c++")
            .args(["-shared", "-nostdlib", "-Wl,-soname,libtorch.so", "-Wl,-rpath,$ORIGIN"])
            .args(["-o", "libtorch.so", "-L.", "-Wl,--no-as-needed", "-ltorch_cpu", "-lc10"])
            .env("LD_LIBRARY_PATH", &lib)
            .current_dir(&lib),
    )?;
    let resolved =
        process::probe(Command::new("ldd").arg("libtorch.so").env("LD_LIBRARY_PATH", &lib).current_dir(&lib));
    let missing: Vec<_> =
        resolved.iter().flat_map(|text| text.lines()).filter(|l| l.contains("not found")).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::failure(format!("the assembled libtorch cannot be loaded: {}", missing.join("; ").trim())))
    }
}

/// Downloads one package into `folder` and returns the path of its wheel.
fn download(folder: &Path, requirement: &str) -> Result<PathBuf> {
    let before = list(folder);
    // The platform and Python version are named, so that the machine's own Python may be any: only C++ is taken.
    process::run_whole(
        Command::new("python3")
            .args(["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--only-binary=:all:"])
            .args(["--disable-pip-version-check", "--python-version", "3.12", "--implementation", "cp"])
            .args(["--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_17_x86_64"])
            .args(["--platform", "manylinux2014_x86_64", "--dest"])
            .arg(folder)
            .arg(requirement),
    )
    .map_err(|error| match error.code {
        1 => Error::failure(format!("pip cannot download {requirement} (its message is above)")),
        _ => error,
    })?;
    list(folder)
        .into_iter()
        .find(|path| !before.contains(path))
        .ok_or_else(|| Error::failure(format!("pip downloaded nothing for {requirement}")))
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "whl"))
        .collect()
}

/// The exact version of `package` that the wheel asks for.
fn requirement(wheel: &Path, package: &str) -> Result<String> {
    let text = process::probe(
        Command::new("python3").args(["-c", WHEEL_READER, "requires"]).arg(wheel).arg(package),
    );
    text.and_then(|text| text.lines().next().map(str::to_string))
        .ok_or_else(|| Error::failure(format!("the wheel {} does not ask for {package}", wheel.display())))
}

fn extract(wheel: &Path, target: &Path, rules: &[(&str, &str)]) -> Result<()> {
    process::run_whole(
        Command::new("python3")
            .args(["-c", WHEEL_READER, "extract"])
            .arg(wheel)
            .arg(target)
            .args(rules.iter().map(|(member, destination)| format!("{member}={destination}"))),
    )
}
