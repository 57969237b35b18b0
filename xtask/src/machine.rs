//! What this machine is: processor, memory, system, disk.
//!
//! Read from `/proc` and from small standard commands; whatever cannot be told is left out rather than guessed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde::{Deserialize, Serialize};

use crate::process::probe;

/// The machine that a report was measured on, or that `doctor` looks at.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: Option<String>,
    /// Threads that the system lets this process run at once.
    pub cores: usize,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// The system's name and version, and the processor's architecture.
    pub os: String,
    /// `rustc --version`.
    pub rustc: Option<String>,
}

impl Machine {
    /// Looks at this machine.
    pub fn here() -> Self {
        Self {
            cpu: cpu(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory(),
            os: os(),
            rustc: probe(Command::new("rustc").arg("--version")),
        }
    }
}

fn cpu() -> Option<String> {
    if cfg!(target_os = "macos") {
        return probe(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]));
    }
    field(&fs::read_to_string("/proc/cpuinfo").ok()?, "model name", ':')
}

fn memory() -> Option<u64> {
    if cfg!(target_os = "macos") {
        return probe(Command::new("sysctl").args(["-n", "hw.memsize"]))?.parse().ok();
    }
    let text = field(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal", ':')?;
    Some(text.strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn os() -> String {
    let name = fs::read_to_string("/etc/os-release").ok().and_then(|text| field(&text, "PRETTY_NAME", '='));
    let name =
        name.map_or_else(|| std::env::consts::OS.to_string(), |name| name.trim_matches('"').to_string());
    format!("{name} ({})", std::env::consts::ARCH)
}

/// The value of the first line `KEY<separator>VALUE`.
fn field(text: &str, key: &str, separator: char) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim().to_string())
}

/// Bytes free for this user on the file system of `folder`.
pub fn free_disk(folder: &Path) -> Option<u64> {
    let folder = folder.ancestors().find(|folder| folder.is_dir())?;
    let text = probe(Command::new("df").args(["-Pk"]).arg(folder))?;
    Some(text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()? * 1024)
}

/// `1.5 GiB`: three digits at most before the unit.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        assert_eq!(human_bytes(0), "0 B");
        assert_eq!(human_bytes(1536), "1.5 KiB");
        assert_eq!(human_bytes(430 * 1024 * 1024), "430 MiB");
        assert_eq!(human_bytes(24 * 1024 * 1024 * 1024), "24.0 GiB");
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 85\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other\n";
        assert_eq!(field(text, "model name", ':').as_deref(), Some("Some CPU @ 2 GHz"));
        assert_eq!(field(text, "absent", ':'), None);
    }

    #[test]
    fn the_current_folder_has_a_disk() {
        if cfg!(unix) {
            assert!(free_disk(Path::new("/")).is_some());
        }
        assert!(Machine::here().cores >= 1);
    }
}
