//! Starting runs, waiting for them no longer than a bound, and reading what they leave.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

pub const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny.toml");
const BINARY: &str = env!("CARGO_BIN_EXE_efficientnet");

/// Longer than any run of this file takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long the others may live when one is gone.
pub const BOUND: Duration = Duration::from_secs(20);

/// `efficientnet train WORDS --out OUT`, on `ranks` processes; on 1 without a launcher.
pub fn start(ranks: usize, words: &[&str], out: &Path) -> Job {
    start_by(|_| {}, ranks, words, out)
}

/// As [`start`], with a launcher that waits three seconds between asking its ranks to stop and killing them, and not one.
pub fn start_patiently(ranks: usize, words: &[&str], out: &Path) -> Job {
    let patient = |command: &mut Command| {
        command.env("OMPI_MCA_odls_base_sigkill_timeout", "3");
    };
    start_by(patient, ranks, words, out)
}

/// One process, told that it is one of several by a launcher that MPI knows nothing of.
pub fn start_strangers(ranks: usize, words: &[&str], out: &Path) -> Job {
    let stranger = |command: &mut Command| {
        command.env("PMI_SIZE", ranks.to_string()).env("OMPI_MCA_ess_singleton_isolated", "1");
    };
    start_by(stranger, 1, words, out)
}

fn start_by(change: impl Fn(&mut Command), ranks: usize, words: &[&str], out: &Path) -> Job {
    let mut command = match ranks {
        1 => Command::new(BINARY),
        _ => mpirun(ranks),
    };
    command.arg("train").args(words).arg("--out").arg(out);
    // With more threads, sums of floating point numbers may come out in another order.
    command.env("RAYON_NUM_THREADS", "1");
    change(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Job { child: Some(command.spawn().unwrap()), out: out.to_path_buf() }
}

/// `efficientnet eval WORDS --json` on `ranks` processes: its one report.
pub fn evaluate(ranks: usize, words: &[&str]) -> Value {
    let output = mpirun(ranks).arg("eval").args(words).arg("--json").output().unwrap();
    assert!(output.status.success(), "{words:?} on {ranks}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn mpirun(ranks: usize) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["--oversubscribe", "--bind-to", "none"]);
    command.args(["-n", &ranks.to_string(), BINARY]);
    // In a container the tests may be root's, and may not look into another process' memory.
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
    command
}

/// A run, and its launcher where it has one.
pub struct Job {
    child: Option<Child>,
    out: PathBuf,
}

impl Job {
    pub fn launcher(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits for the end. One that does not come within `bound` is a failure.
    pub fn end(mut self, bound: Duration) -> Output {
        let mut child = self.child.take().unwrap();
        let begin = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begin.elapsed() > bound {
                signal("TERM", child.id());
                let output = child.wait_with_output().unwrap();
                panic!("no end after {bound:?}: {}", said(&output));
            }
            sleep(Duration::from_millis(10));
        }
        let output = child.wait_with_output().unwrap();
        // A rank that was killed may outlive the launcher by a moment.
        let ended = Instant::now();
        let mut left: Vec<u32> = processes(&self.out).collect();
        while !left.is_empty() && ended.elapsed() < bound {
            sleep(Duration::from_millis(10));
            left = processes(&self.out).collect();
        }
        assert!(left.is_empty(), "{left:?} are left over: {}", said(&output));
        output
    }

    /// Process number of a rank.
    pub fn rank(&self, rank: usize) -> u32 {
        let variable = format!("OMPI_COMM_WORLD_RANK={rank}");
        let is_rank = |process: &u32| {
            let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
        };
        processes(&self.out).find(is_rank).unwrap()
    }

    /// Waits until the run has left a checkpoint.
    pub fn wait_for_checkpoint(&mut self) {
        let folder = self.out.join("checkpoints");
        let begin = Instant::now();
        while fs::read_dir(&folder).map_or(0, |entries| entries.count()) == 0 {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && begin.elapsed() < PATIENCE, "{ended:?}");
            sleep(Duration::from_millis(5));
        }
    }
}

/// Processes of our binary that work on a folder.
fn processes(out: &Path) -> impl Iterator<Item = u32> {
    let out = out.to_str().unwrap().to_string();
    let entries = fs::read_dir("/proc").unwrap();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter(move |process| {
        let words = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let mut words = words.split(|byte| *byte == 0);
        words.next() == Some(BINARY.as_bytes()) && words.any(|word| word == out.as_bytes())
    })
}

pub fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(sent.unwrap().success());
}

pub fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A run from beginning to end.
pub fn succeed(ranks: usize, words: &[&str], out: &Path) {
    let output = start(ranks, words, out).end(PATIENCE);
    assert!(output.status.success(), "{words:?} on {ranks}: {}", said(&output));
}

/// The journal's lines of steps, and of epochs.
pub fn journal(out: &Path) -> [Vec<Value>; 2] {
    let text = fs::read_to_string(out.join("journal.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (steps, epochs) = lines.partition(|line| line["event"] == "step");
    [steps, epochs]
}

/// A file of weights by name, as the format says: the length of its header, the header, little-endian values.
pub fn weights(out: &Path, file: &str) -> BTreeMap<String, Vec<f32>> {
    let bytes = fs::read(out.join(file)).unwrap();
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
    let header: BTreeMap<String, Value> = serde_json::from_slice(&rest[..length]).unwrap();
    let tensors = header.into_iter().filter(|(name, _)| name != "__metadata__");
    tensors
        .map(|(name, entry)| {
            assert_eq!(entry["dtype"], "F32");
            let at = |end: usize| entry["data_offsets"][end].as_u64().unwrap() as usize;
            let values = rest[length..][at(0)..at(1)].chunks_exact(4);
            (name, values.map(|value| f32::from_le_bytes(value.try_into().unwrap())).collect())
        })
        .collect()
}

/// What has to be equal, byte for byte, where nothing but a restart lies between two runs.
pub fn results(out: &Path) -> Vec<Vec<u8>> {
    ["journal.jsonl", "last.safetensors", "averaged.safetensors", "best.safetensors"]
        .iter()
        .map(|name| fs::read(out.join(name)).unwrap())
        .collect()
}
