//! `cargo xtask bench --peers` from the command line to the table, with a stand-in for both sides that are programs.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test stops where something is unexpected")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// PyTorch alone is the peer: the others would be built.
fn bench(arguments: &[&str], missing: &str) -> Output {
    let stand_in = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/peers.sh");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["bench", "--peers", "torch", "--threads", "1", "--seconds", "0"]).args(arguments);
    command.env("EFFICIENTNET_BIN", &stand_in).env("EFFICIENTNET_PYTHON", &stand_in);
    command.env("STAND_IN_MISSING", missing).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn rows(path: &Path) -> Vec<Value> {
    let report: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    report["rows"].as_array().unwrap().clone()
}

#[test]
fn both_sides_have_a_row_for_each_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.json");
    let options = ["--models", "efficientnet-b0", "--batch", "1,16", "--rounds", "2", "--json"];
    let output = bench(&[&options[..], &[path.to_str().unwrap()]].concat(), "\"onnxruntime\"");
    assert!(output.status.success(), "{}", said(&output));
    let rows = rows(&path);
    let sides: Vec<_> = rows.iter().map(|row| (row["side"].as_str().unwrap(), &row["batch"])).collect();
    assert_eq!(
        format!("{sides:?}"),
        r#"[("torch", Number(1)), ("ours", Number(1)), ("torch", Number(16)), ("ours", Number(16))]"#
    );
    assert_eq!(rows[1]["rounds_ms"], serde_json::json!([10.0, 10.0]));
    assert_eq!(rows[1]["ratio"], serde_json::json!({"median": 0.5, "least": 0.5, "most": 0.5}));
    assert_eq!((&rows[0]["difference"], &rows[1]["difference"]), (&Value::Null, &serde_json::json!(0.0)));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("0.50 (0.50, 0.50)") && table.contains("torch: stand-in 1.0"), "{table}");
}

/// Steps are of one image, so a network has them once for all of its batches.
#[test]
fn a_page_has_the_steps_of_each_network() {
    let folder = tempfile::tempdir().unwrap();
    let [page, json] = ["page.html", "rows.json"].map(|name| folder.path().join(name));
    let paths = ["--html", page.to_str().unwrap(), "--json", json.to_str().unwrap()];
    let options = ["--models", "efficientnet-b0", "--batch", "1,16", "--rounds", "1"];
    let output = bench(&[&options[..], &paths].concat(), "");
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    let layers = report["layers"].as_array().unwrap();
    assert_eq!((layers.len(), &layers[0]["layers"]["steps"][0]["name"]), (1, &Value::from("stem")));
    let page = fs::read_to_string(&page).unwrap();
    for present in [
        "takes 0.50 times as long as PyTorch: less in 2 of 2",
        "stem → 112×112: 6.00 of 10.0 µs above the bound (arithmetic)",
    ] {
        assert!(page.contains(present), "{present} in {page}");
    }
}

#[test]
fn other_logits_fail_the_run_after_the_table() {
    let output = bench(&["--models", "efficientnet-b1", "--rounds", "1"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("3.3e-1"));
    let said = said(&output);
    assert!(
        said.contains("error: logits differ") && said.contains("ours on efficientnet-b1, batch 1"),
        "{said}"
    );
}

#[test]
fn a_peer_that_fails_is_a_row_with_its_reason() {
    let output = bench(&["--models", "efficientnet-b2", "--rounds", "2"], "");
    assert!(output.status.success(), "{}", said(&output));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("not measured: out of luck (it ended with exit code 1)"), "{table}");
    assert!(table.contains("10.0 (10.0, 10.0)"), "{table}");
    assert_eq!(said(&output).matches("out of luck").count(), 1, "tried once, then left alone");
}

#[test]
fn what_is_missing_or_unknown_is_a_sentence() {
    let output = bench(&["--models", "efficientnet-b0"], "\"torch\", \"timm\"");
    assert_eq!(output.status.code(), Some(2));
    let said_missing = said(&output);
    assert!(
        said_missing.contains("lacks torch and timm") && said_missing.contains("pip install"),
        "{said_missing}"
    );
    let output = bench(&["--models", "efficientnet-b99"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("no network is called efficientnet-b99"), "{}", said(&output));
}
