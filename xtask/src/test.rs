//! `cargo xtask test`: the whole workspace's tests, with each backend that works here compiled in and named to them.

mod arm;
mod kernels;
mod watched;

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::backend::{Backend, Selection, names};
use crate::build;
use crate::doctor::{self, Verdict};
use crate::error::{Context, Error, Result};
use crate::mpi;
use crate::process;
use crate::system::System;

pub use self::arm::arm;
pub use self::kernels::kernels;
pub use self::watched::{Watcher, watched};

/// The backends that the tests have to run, as a comma-separated list. One that is not compiled in fails its test.
pub const BACKENDS_VARIABLE: &str = "EFFICIENTNET_TEST_BACKENDS";
/// Set to `1` where training over several processes has to be tested: a build without it then fails its test.
pub const MPI_VARIABLE: &str = "EFFICIENTNET_TEST_MPI";
/// Set to `1`: the largest networks too.
pub const ALL_VARIABLE: &str = "EFFICIENTNET_TEST_ALL";

/// How OpenMP's threads wait for work.
const WAIT_VARIABLE: &str = "OMP_WAIT_POLICY";

/// What `cargo test` said, added up.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that are left out by `#[ignore]`.
    pub ignored: u64,
    /// Test programs (and crates' documentation) that had at least one test.
    pub programs: u64,
}

impl Tally {
    /// Adds one line of output, if it is a summary.
    fn add(&mut self, line: &str) {
        let Some(rest) = line.trim_start().strip_prefix("test result: ") else { return };
        let number = |word: &str| {
            let mut parts = rest.split([';', '.']).map(str::trim);
            parts.find_map(|part| part.strip_suffix(word)?.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        let (passed, failed, ignored) = (number("passed"), number("failed"), number("ignored"));
        self.passed += passed;
        self.failed += failed;
        self.ignored += ignored;
        self.programs += u64::from(passed + failed + ignored > 0);
    }
}

/// Runs the tests.
pub fn test(selection: Option<&Selection>, all: bool, arguments: &[String]) -> Result<()> {
    let system = System::here();
    let backends = match selection {
        Some(selection) => doctor::resolve(selection, &system)?,
        None => doctor::ready(&system),
    };
    // Who names the backends knows which are left out.
    let left_out: Vec<Verdict> = Backend::USUAL
        .into_iter()
        .filter(|backend| selection.is_none() && !backends.contains(backend))
        .map(|backend| doctor::verdict(backend, &system))
        .collect();
    let mpi = if system.mpi.works() { ", and training over MPI" } else { "" };
    println!("testing the backends {}{mpi}", names(&backends));
    report(&left_out, &system);

    let features = build::features(&backends, false, &system)?;
    let mut command = build::cargo("test", &features, &system)?;
    command.arg("--release").env(BACKENDS_VARIABLE, names(&backends));
    if system.mpi.works() {
        command.env(MPI_VARIABLE, "1");
    }
    if all {
        command.env(ALL_VARIABLE, "1");
    }
    // LibTorch's idle threads spin by default, and take the processors from every other test: 280 s where 14 do.
    if backends.contains(&Backend::Tch) && std::env::var_os(WAIT_VARIABLE).is_none() {
        command.env(WAIT_VARIABLE, "PASSIVE");
    }
    if std::io::stdout().is_terminal() {
        command.args(["--color", "always"]);
    }
    // Without it the first failing test program hides all that come after.
    command.args(["--no-fail-fast"]).args(arguments);
    let start = Instant::now();
    let (success, tally) = run(&mut command, &mut std::io::stdout())?;
    let seconds = start.elapsed().as_secs();
    println!(
        "\ntests: {} passed, {} failed, {} ignored in {} programs, {} min {:02} s with the build; backends: {}{mpi}",
        tally.passed,
        tally.failed,
        tally.ignored,
        tally.programs,
        seconds / 60,
        seconds % 60,
        names(&backends)
    );
    report(&left_out, &system);
    if !success {
        return Err(Error::failure(match tally.failed {
            0 => "the tests did not finish: see above".to_string(),
            failed => format!("{failed} tests failed"),
        }));
    }
    build::remember(&features)
}

fn report(left_out: &[Verdict], system: &System) {
    for verdict in left_out {
        println!("NOT tested: {}", doctor::sentence(verdict));
    }
    if !system.mpi.works() {
        println!("NOT tested: {} ({}; to mend it: {})", mpi::NAME, system.mpi.note(), mpi::REMEDY);
    }
}

/// Runs `command`, passes its standard output on to `terminal` line by line and adds the summaries up.
fn run(command: &mut Command, terminal: &mut dyn Write) -> Result<(bool, Tally)> {
    let mut child = command.stdout(Stdio::piped()).spawn().doing(|| "cannot start cargo".into())?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).doing(|| "cannot read from cargo".into())? > 0 {
            // A closed terminal is no reason to stop counting.
            let _ = terminal.write_all(&line);
            tally.add(&without_colours(&String::from_utf8_lossy(&line)));
            line.clear();
        }
    }
    let status = child.wait().doing(|| "cannot wait for cargo".into())?;
    if process::interrupted() {
        return Err(Error::interrupted());
    }
    Ok((status.success(), tally))
}

/// `text` without ANSI escape sequences.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.find(|c: char| c.is_ascii_alphabetic()).map_or("", |end| &after[end + 1..]);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test result: \u{1b}[31mFAILED\u{1b}[0m. 3 passed; 2 failed; 0 ignored; 0 measured; 4 filtered out",
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ] {
            tally.add(&without_colours(line));
        }
        assert_eq!(tally, Tally { passed: 15, failed: 2, ignored: 1, programs: 2 });
    }

    #[cfg(unix)]
    #[test]
    fn the_exit_code_decides() {
        let script = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured'; exit 101";
        let mut shown = Vec::new();
        let (success, tally) = run(Command::new("sh").args(["-c", script]), &mut shown).unwrap();
        assert!(!success);
        assert!(shown.starts_with(b"test result: ok."));
        assert_eq!(tally.passed, 2);
    }
}
