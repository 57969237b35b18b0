//! With what and where a run was made.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// With what and where a run was made. [`of_this_machine`](Self::of_this_machine) fills what can be seen from here; the
/// rest is the caller's, who knows how it was built and what it computes on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Environment {
    /// The program's version.
    pub version: String,
    /// The commit that the program was built from, where it is known.
    pub git_commit: Option<String>,
    /// The compiler, as `rustc --version` says it, where it is known.
    pub rustc: Option<String>,
    /// The operating system, as `linux`.
    pub os: String,
    /// The processor's kind, as `x86_64`.
    pub architecture: String,
    /// The processor's name, where the system tells it.
    pub processor: Option<String>,
    /// Threads that the system would run at a time for this process.
    pub cores: Option<usize>,
    /// The compute backend, as `flex`.
    pub backend: String,
    /// The device, in the backend's words.
    pub device: String,
    /// Processes that train together.
    pub ranks: usize,
    /// The command line.
    pub command: Vec<String>,
}

impl Environment {
    /// What can be seen from here, for a program of this version.
    pub fn of_this_machine(version: &str) -> Self {
        Self {
            version: version.to_string(),
            os: std::env::consts::OS.to_string(),
            architecture: std::env::consts::ARCH.to_string(),
            processor: fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| processor(&text)),
            cores: std::thread::available_parallelism().ok().map(usize::from),
            ranks: 1,
            command: command(std::env::args_os()),
            ..Self::default()
        }
    }

    /// What is known of it, with names for people; the command line is not among it.
    pub fn facts(&self) -> Vec<(String, String)> {
        let facts = [
            ("version", Some(self.version.clone())),
            ("commit", self.git_commit.clone()),
            ("compiler", self.rustc.clone()),
            ("system", Some(format!("{}, {}", self.os, self.architecture))),
            ("processor", self.processor.clone()),
            ("cores", self.cores.map(|cores| cores.to_string())),
            ("backend", Some(self.backend.clone())),
            ("device", Some(self.device.clone())),
            ("ranks", Some(self.ranks.to_string())),
        ];
        facts.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect()
    }
}

/// The command line as one would type it elsewhere: where the program lies here is nobody's business.
fn command(words: impl Iterator<Item = OsString>) -> Vec<String> {
    let mut words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(program) = words.first_mut() {
        let name = Path::new(program.as_str()).file_name().map(|name| name.to_string_lossy().into_owned());
        *program = name.unwrap_or_default();
    }
    words
}

/// The first processor's name in Linux's list.
fn processor(cpuinfo: &str) -> Option<String> {
    let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(key, _)| key.trim() == "model name").map(|(_, name)| name.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_named_without_its_folder() {
        let words = ["/home/somebody/bin/efficientnet", "train", "/data/a.toml"];
        assert_eq!(command(words.map(OsString::from).into_iter()), ["efficientnet", "train", "/data/a.toml"]);
        assert!(command([].into_iter()).is_empty());
    }

    #[test]
    fn the_processor_has_a_name() {
        let text = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2 GHz\n\nmodel name\t: Other\n";
        assert_eq!(processor(text).as_deref(), Some("Some CPU @ 2 GHz"));
        assert_eq!(processor("BogoMIPS: 50.00\n"), None);
    }

    #[test]
    fn this_machine_is_described() {
        let environment = Environment::of_this_machine("0.1.0");
        assert_eq!(environment.os, std::env::consts::OS);
        assert!(!environment.command.is_empty());
        assert!(environment.cores.unwrap() > 0);
    }
}
