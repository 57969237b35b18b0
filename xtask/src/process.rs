//! Starting other programs, so that Ctrl-C and time-outs leave nothing behind.
//!
//! A signal handler only sets a flag. Whoever waits for a child looks at the flag, ends the child and returns, and
//! temporary folders are removed by their destructors on the way out.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// How often a waiting parent looks at its child, the flag and the clock.
const POLL: Duration = Duration::from_millis(10);

/// From here on Ctrl-C (and SIGTERM) is noticed by [`wait`] instead of ending the program on the spot.
pub fn watch_interrupts() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))
        .doing(|| "cannot watch for Ctrl-C".into())
}

/// Whether Ctrl-C was pressed.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// How a child ended.
#[derive(Debug)]
pub enum End {
    /// By itself.
    Exited(ExitStatus),
    /// It was still running after its time, and was ended.
    TimedOut,
    /// Ctrl-C; the child was ended.
    Interrupted,
}

/// Everything a captured child said.
#[derive(Debug)]
pub struct Captured {
    /// How it ended.
    pub end: End,
    /// Its standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Its standard error, invalid UTF-8 replaced.
    pub stderr: String,
    /// Wall-clock time from start to end.
    pub elapsed: Duration,
}

/// Runs `command` with the terminal's own output, and fails unless it succeeds.
pub fn run(command: &mut Command) -> Result<()> {
    let child = spawn(command, false)?;
    conclude(command, wait(child, None)?)
}

/// [`run`] for a command that is itself a script around another: all of its processes end with it.
pub fn run_whole(command: &mut Command) -> Result<()> {
    let child = spawn(command.stdin(Stdio::null()), true)?;
    conclude(command, wait(child, None)?)
}

fn conclude(command: &Command, end: End) -> Result<()> {
    match end {
        End::Exited(status) if status.success() => Ok(()),
        End::Exited(status) => Err(Error::failure(format!("`{}` {}", name_of(command), describe(status)))),
        End::TimedOut | End::Interrupted => Err(Error::interrupted()),
    }
}

/// Runs `command` silently and returns what it printed, or `None` when it is absent or fails.
pub fn probe(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// Runs `command`, keeps both its outputs and ends it after `limit`.
pub fn capture(command: &mut Command, limit: Option<Duration>) -> Result<Captured> {
    let start = Instant::now();
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(command, true)?;
    let stdout = drain(child.process.stdout.take());
    let stderr = drain(child.process.stderr.take());
    let end = wait(child, limit)?;
    let elapsed = start.elapsed();
    // A killed child may leave a grandchild that holds the pipe: do not wait for that one.
    let patience =
        if matches!(end, End::Exited(_)) { Duration::from_secs(5) } else { Duration::from_millis(200) };
    Ok(Captured { end, stdout: collect(stdout, patience), stderr: collect(stderr, patience), elapsed })
}

/// How an exit status reads in a sentence.
pub fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            4 => " (illegal instruction)",
            6 => " (abort)",
            9 => " (killed; out of memory?)",
            11 => " (segmentation fault)",
            _ => "",
        };
        return format!("was ended by signal {signal}{name}");
    }
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => "ended without an exit code".to_string(),
    }
}

/// A started child.
struct Started {
    process: Child,
    /// Whether it leads a process group of its own.
    group: bool,
}

/// Starts a child, in a process group of its own where `group` says so. All of the group can be ended together; in turn
/// the terminal's Ctrl-C does not reach it, and it must not read from the terminal.
fn spawn(command: &mut Command, group: bool) -> Result<Started> {
    #[cfg(unix)]
    if group {
        std::os::unix::process::CommandExt::process_group(command, 0);
    }
    let process = command.spawn().doing(|| format!("cannot start `{}`", name_of(command)))?;
    Ok(Started { process, group })
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn wait(mut child: Started, limit: Option<Duration>) -> Result<End> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.process.try_wait().doing(|| "cannot wait for a child".into())? {
            // The terminal sends Ctrl-C to a child in our group too: it may be gone before the flag was looked at.
            return Ok(if interrupted() { End::Interrupted } else { End::Exited(status) });
        }
        let end = if interrupted() {
            End::Interrupted
        } else if limit.is_some_and(|limit| start.elapsed() >= limit) {
            End::TimedOut
        } else {
            thread::sleep(POLL);
            continue;
        };
        child.end();
        return Ok(end);
    }
}

impl Started {
    /// Ends the child, and its group where it has one.
    fn end(&mut self) {
        if cfg!(unix) && self.group {
            // The standard library can signal one process only; `kill` is a part of every Unix.
            probe(Command::new("kill").args(["-KILL", "--", &format!("-{}", self.process.id())]));
        }
        // An error here only says that the child has just ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

type Drain = Option<JoinHandle<Vec<u8>>>;

fn drain(pipe: Option<impl Read + Send + 'static>) -> Drain {
    pipe.map(|mut pipe| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.read_to_end(&mut bytes);
            bytes
        })
    })
}

fn collect(drain: Drain, patience: Duration) -> String {
    let Some(handle) = drain else { return String::new() };
    let start = Instant::now();
    while !handle.is_finished() && start.elapsed() < patience {
        thread::sleep(POLL);
    }
    if !handle.is_finished() {
        return String::new();
    }
    handle.join().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_outputs_are_kept() {
        let captured = capture(&mut shell("echo out; echo err >&2; exit 3"), None).unwrap();
        assert_eq!((captured.stdout.as_str(), captured.stderr.as_str()), ("out\n", "err\n"));
        assert!(matches!(captured.end, End::Exited(status) if describe(status) == "ended with exit code 3"));
    }

    #[test]
    fn a_child_that_takes_too_long_is_ended() {
        let captured =
            capture(&mut shell("echo early; exec sleep 60"), Some(Duration::from_millis(200))).unwrap();
        assert!(matches!(captured.end, End::TimedOut));
        assert!(captured.elapsed < Duration::from_secs(10));
        assert_eq!(captured.stdout, "early\n");
    }

    #[test]
    fn a_script_ends_with_what_it_started() {
        let start = Instant::now();
        // The pipe stays open as long as the inner `sleep` lives.
        let captured =
            capture(&mut shell("echo early; sleep 60; true"), Some(Duration::from_millis(200))).unwrap();
        assert!(matches!(captured.end, End::TimedOut));
        assert_eq!(captured.stdout, "early\n");
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_signal_is_named() {
        let captured = capture(&mut shell("kill -SEGV $$"), None).unwrap();
        assert!(
            matches!(captured.end, End::Exited(status) if describe(status).contains("segmentation fault"))
        );
    }

    #[test]
    fn an_absent_program_is_a_sentence() {
        let error = run(&mut Command::new("no-such-program-anywhere")).unwrap_err();
        assert!(error.message.starts_with("cannot start `no-such-program-anywhere`"), "{error}");
        assert_eq!(probe(&mut Command::new("no-such-program-anywhere")), None);
    }
}
