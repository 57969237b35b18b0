//! `cargo xtask docs` on a workspace of its own, with a stand-in for the `efficientnet` command.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test stops where something is unexpected")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const README: &str =
    "# Title\n\n<!-- generated: models columns=model,params -->\n<!-- /generated -->\n\nafter\n";
const GUIDE: &str = "<!-- generated: parity -->\nstale\n<!-- /generated -->\n";
const SCALING: &str =
    "<!-- generated: scale-table where=kind:power columns=phi,macs_ratio -->\n<!-- /generated -->\n";

fn docs(root: &Path, arguments: &[&str]) -> Output {
    let stand_in = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/efficientnet.sh");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("docs").args(arguments).current_dir(root);
    command.env("EFFICIENTNET_BIN", stand_in).env("CARGO_MANIFEST_DIR", root.join("xtask"));
    command.output().unwrap()
}

#[test]
fn tables_are_checked_then_written_then_up_to_date() {
    let root = tempfile::tempdir().unwrap();
    let (readme, guide) = (root.path().join("README.md"), root.path().join("docs/guides/parity.md"));
    fs::create_dir_all(guide.parent().unwrap()).unwrap();
    fs::write(&readme, README).unwrap();
    fs::write(&guide, GUIDE).unwrap();
    let scaling = root.path().join("docs/scaling.md");
    fs::write(&scaling, SCALING).unwrap();
    fs::write(root.path().join("docs/parity.json"), r#"[{"model":"b0","max_abs":4.2e-6}]"#).unwrap();

    let check = docs(root.path(), &["--check"]);
    assert_eq!(check.status.code(), Some(1));
    let message = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(message.contains("README.md") && message.contains("cargo xtask docs"), "{message}");
    assert_eq!(fs::read_to_string(&readme).unwrap(), README, "--check writes nothing");

    assert!(docs(root.path(), &[]).status.success());
    let text = fs::read_to_string(&readme).unwrap();
    assert!(
        text.contains("| `resnet18` | 11,689,512 |") && text.ends_with("<!-- /generated -->\n\nafter\n"),
        "{text}"
    );
    let text = fs::read_to_string(&guide).unwrap();
    assert!(text.contains("| `b0` | 4.2e-6 |") && !text.contains("stale"), "{text}");

    let text = fs::read_to_string(&scaling).unwrap();
    assert!(text.contains("|---:|---:|\n| 1.0 | 2.57 |\n<!-- /generated -->"), "{text}");

    let check = docs(root.path(), &["--check"]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}

#[test]
fn a_mistake_is_told_with_its_file_and_line() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("README.md"), "x\n<!-- generated: moddels -->\n<!-- /generated -->\n")
        .unwrap();
    let output = docs(root.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("README.md: line 2: nothing makes a part called `moddels`"), "{message}");
}
