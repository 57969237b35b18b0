//! `cargo xtask compare` from the command line to the report, with a stand-in for the measured binary.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test stops where something is unexpected")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn xtask(arguments: &[&str], out: &Path) -> Command {
    let stand_in = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/efficientnet.sh");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("compare").args(arguments).arg("--out").arg(out).env("EFFICIENTNET_BIN", stand_in);
    command
}

fn run(arguments: &[&str], out: &Path) -> Output {
    xtask(arguments, out).output().unwrap()
}

fn rows(out: &Path) -> Vec<Value> {
    let text = fs::read_to_string(out.join("rows.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn read(out: &Path, name: &str) -> String {
    fs::read_to_string(out.join(name)).unwrap()
}

#[test]
fn every_combination_is_a_row_whatever_happens() {
    let out = tempfile::tempdir().unwrap();
    let arguments = ["--models", "good,crash,garbage,refused,slow", "--batch", "1,4", "--timeout", "0.5"];
    let output = run(&arguments, out.path());
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{progress}");

    let rows = rows(out.path());
    assert_eq!(rows.len(), 5 * 2 * 2);
    let status = |model: &str, backend: &str| {
        let row = rows.iter().find(|row| row["model"] == model && row["backend"] == backend).unwrap();
        row["status"].as_str().unwrap().to_string()
    };
    assert_eq!(status("good", "flex"), "ok");
    assert_eq!(status("good", "ndarray"), "ok");
    assert_eq!(status("crash", "flex"), "ok");
    assert_eq!(status("crash", "ndarray"), "crashed");
    assert_eq!(status("garbage", "flex"), "unreadable");
    assert_eq!(status("refused", "flex"), "failed");
    assert_eq!(status("slow", "ndarray"), "timed-out");

    let agreement = &rows.iter().find(|row| row["backend"] == "ndarray").unwrap()["measure"]["agreement"];
    assert_eq!(agreement["reference"], "flex");
    assert!(
        rows.iter().filter(|row| row["backend"] == "flex").all(|row| row["measure"]["agreement"].is_null())
    );

    assert!(progress.contains("[ 1/20] good"), "{progress}");
    let page = read(out.path(), "report.html");
    for part in
        ["segmentation fault", "there is no network called", "still running after 0.5 s", "thinking about it"]
    {
        assert!(page.contains(part), "{part}");
        assert!(read(out.path(), "report.md").contains(part), "{part}");
    }
    assert!(!page.contains(".npy"), "the logits are nobody's business");
}

#[test]
fn ctrl_c_keeps_what_was_measured() {
    let out = tempfile::tempdir().unwrap();
    let mut child = xtask(&["--models", "good,slow", "--batch", "1"], out.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    let measured =
        |out: &Path| fs::read_to_string(out.join("rows.jsonl")).is_ok_and(|text| text.lines().count() == 2);
    while !measured(out.path()) && begin.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(begin.elapsed() < Duration::from_secs(45), "it waited for the slow child");
    assert_eq!(rows(out.path()).len(), 2);
    assert!(read(out.path(), "report.html").contains("Stopped early: 2 of 4 combinations were measured."));
}

#[test]
fn a_checkpoint_and_images_give_accuracy() {
    let folder = tempfile::tempdir().unwrap();
    let (weights, data, out) =
        (folder.path().join("w"), folder.path().join("images"), folder.path().join("out"));
    fs::write(&weights, "").unwrap();
    fs::create_dir(&data).unwrap();
    let paths = [weights.to_str().unwrap(), data.to_str().unwrap()];
    let output = run(&["--models", "good", "--batch", "1", "--weights", paths[0], "--data", paths[1]], &out);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(rows(&out).iter().filter(|row| row["kind"] == "eval").count(), 2);
    assert!(read(&out, "report.md").contains("| good | flex | 78.00 % | 94.00 % | 50 |"));

    let output = run(&["--weights", paths[0]], &out);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .starts_with("error: --weights is a checkpoint of one network")
    );
}

#[test]
fn nothing_measured_is_a_failure_with_a_report() {
    let out = tempfile::tempdir().unwrap();
    let output = run(&["--models", "refused", "--batch", "1"], out.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(read(out.path(), "report.md").contains("Nothing could be measured."));
}

#[test]
fn a_report_is_written_again_from_its_rows() {
    let out = tempfile::tempdir().unwrap();
    assert!(run(&["--models", "good", "--batch", "2"], out.path()).status.success());
    let page = read(out.path(), "report.html");
    fs::remove_file(out.path().join("report.html")).unwrap();
    let again = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["compare", "--render"])
        .arg(out.path())
        .output()
        .unwrap();
    assert!(again.status.success());
    assert_eq!(read(out.path(), "report.html"), page);
}
