//! The command as people type it: what it prints, and how it fails.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use efficientnet_data::npy::{self, Array};
use serde_json::Value;

fn efficientnet(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_efficientnet")).args(args).output().unwrap()
}

fn json(args: &[&str]) -> Value {
    let output = efficientnet(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs what must fail with one sentence, and gives the exit status and the sentence.
fn failure(args: &[&str]) -> (i32, String) {
    let output = efficientnet(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{args:?}: {text}");
    assert!(output.stdout.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
    (output.status.code().unwrap(), text)
}

#[test]
fn summary_of_b0() {
    let summary = json(&["summary", "efficientnet-b0", "--json"]);
    assert_eq!(summary["params"], 5_288_548);
    assert_eq!(summary["macs"], 385_825_092);
    assert_eq!(summary["macs_fvcore"], 399_300_484);
    assert_eq!(summary["activations"], 6_748_036);
    assert_eq!(summary["resolution"], 224);
    assert_eq!(summary["model"], "efficientnet-b0");
    assert_eq!(summary["peak_activation_bytes"], 6_021_120);
    assert_eq!(summary["stages"].as_array().unwrap().len(), 9);
    assert!(summary.get("layers").is_none());
}

#[test]
fn summary_at_another_scale() {
    let scaled = json(&[
        "summary",
        "efficientnet-b0",
        "--width",
        "1.1",
        "--depth",
        "1.2",
        "--resolution",
        "260",
        "--json",
    ]);
    let b2 = json(&["summary", "efficientnet-b2", "--json"]);
    for key in ["params", "macs", "macs_fvcore", "activations", "peak_activation_bytes"] {
        assert_eq!(scaled[key], b2[key], "{key}");
    }
    let ten = json(&["summary", "efficientnet-b0", "--classes", "10", "--json", "--layers"]);
    assert_eq!(ten["params"], 5_288_548 - 990 * 1281);
    assert!(ten["layers"].as_array().unwrap().len() > 200);
}

#[test]
fn text_is_for_people() {
    let output = efficientnet(&["summary", "efficientnet-b0"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("5,288,548") && text.contains("r4_k5_s22_e6_i112_o192_se0.25"), "{text}");
    let output = efficientnet(&["models"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().any(|line| line.starts_with("efficientnetv2-xl")), "{text}");
    assert_eq!(json(&["models", "--json"]).as_array().unwrap().len(), 33);
}

#[test]
fn an_unknown_model_offers_the_nearest() {
    let (status, text) = failure(&["summary", "efficientnet-b9"]);
    assert_eq!(status, 2);
    assert!(
        text.contains("no network is called `efficientnet-b9`") && text.contains("efficientnet-b0"),
        "{text}"
    );
}

#[test]
fn impossible_scales_are_refused() {
    for scale in [["--width", "0"], ["--depth", "NaN"], ["--resolution", "0"], ["--classes", "0"]] {
        let (status, text) = failure(&["summary", "efficientnet-b0", scale[0], scale[1]]);
        assert_eq!((status, text.lines().count()), (2, 1), "{scale:?}: {text}");
    }
}

#[test]
fn a_missing_device_says_what_to_type() {
    let (status, text) = failure(&["measure", "efficientnet-b0", "--device", "rocm"]);
    assert_eq!(status, 2);
    assert!(text.contains("no backend is called `rocm`"), "{text}");
    let (status, text) = failure(&["measure", "efficientnet-b0", "--device", "cuda:7"]);
    assert_eq!(status, 2);
    assert!(text.contains("use --device"), "{text}");
}

/// A tiny checkpoint is not published, so a small network is measured instead: it must agree with itself.
#[test]
fn a_measurement_agrees_with_itself() {
    let folder = tempfile::tempdir().unwrap();
    let logits = folder.path().join("logits.npy");
    let logits = logits.to_str().unwrap();
    let run = |extra: &[&str]| {
        let common = ["measure", "mobilenetv2", "--device", "flex", "--resolution", "32", "--batch", "2"];
        let short = ["--seconds", "0", "--warmup-seconds", "0", "--json"];
        json(&[&common, &short[..], extra].concat())
    };
    let first = run(&["--out", logits]);
    assert_eq!(first["agreement"], Value::Null);
    assert!(first["runs"].as_u64().unwrap() >= 3 && first["median_ms"].as_f64().unwrap() > 0.0);
    let second = run(&["--reference", logits]);
    assert_eq!(second["agreement"]["max_abs"], 0.0);
    assert_eq!(second["agreement"]["top1_same"], 2);
}

/// Batch and size come from the array, and the compiled network gives the logits of Burn's modules.
#[test]
fn the_compiled_network_is_measured_on_an_array() {
    let broken = Broken::new();
    let logits = broken.path().join("logits.npy");
    let values: Vec<f32> = (0..2 * 3 * 32 * 32).map(|index| (index as f32 * 0.37).sin()).collect();
    let input = broken.path().join("input.npy");
    npy::write(&input, &Array { shape: vec![2, 3, 32, 32], values }).unwrap();
    let (input, logits) = (input.to_str().unwrap(), logits.to_str().unwrap());
    let measure = ["measure", "mobilenetv2", "--device", "flex", "--input", input];
    let short = ["--seconds", "0", "--warmup-seconds", "0", "--json"];
    let run = |extra: &[&str]| json(&[&measure, &short[..], extra].concat());
    let burn = run(&["--out", logits]);
    assert!(burn["batch"] == 2 && burn["resolution"] == 32, "{burn}");
    let compiled = run(&["--compiled", "--reference", logits]);
    assert!(compiled["device_description"].as_str().unwrap().starts_with("CompiledNetwork(mobilenetv2"));
    assert!(compiled["agreement"]["max_rel"].as_f64().unwrap() < 1e-4, "{compiled}");
    assert_eq!(compiled["macs"], burn["macs"]);
    for (extra, part) in [(&["--batch", "3"][..], "--batch"), (&["--resolution", "64"], "--resolution")] {
        let (status, text) = failure(&[&measure, extra].concat());
        assert!(status == 2 && text.contains(part), "{text}");
    }
    let gray = broken.path().join("gray.npy");
    npy::write(&gray, &Array { shape: vec![1, 1, 32, 32], values: vec![0.5; 1024] }).unwrap();
    let (status, text) = failure(&[&measure[..5], &[gray.to_str().unwrap()]].concat());
    assert!(status == 2 && text.contains("takes [N, 3, height, width]"), "{text}");
}

/// Every step has its bound, and the three with most time to gain are named.
#[test]
fn layers_stand_beside_their_bounds() {
    let measure = ["measure", "mobilenetv2", "--device", "flex", "--resolution", "32", "--batch", "2"];
    let short = ["--seconds", "0", "--warmup-seconds", "0"];
    let line = [&measure[..], &short, &["--compiled", "--layers"]].concat();
    let found = json(&[&line[..], &["--json"]].concat());
    let layers = &found["layers"];
    let steps = layers["steps"].as_array().unwrap();
    let macs: u64 = steps.iter().map(|step| step["macs"].as_u64().unwrap()).sum();
    // Without the bias additions.
    assert!((1..=found["macs"].as_u64().unwrap()).contains(&macs), "{macs}");
    for step in steps {
        let number = |field: &str| step[field].as_f64().unwrap();
        let larger = number("arithmetic_us").max(number("memory_us"));
        assert!(number("bound_us") == larger && larger > 0.0, "{step}");
        let by = if number("arithmetic_us") >= number("memory_us") { "arithmetic" } else { "memory" };
        assert_eq!(step["bound"], by, "{step}");
    }
    assert_eq!(layers["furthest"].as_array().unwrap().len(), 3);
    assert!(layers["gflops"].as_f64().unwrap() > 0.0 && layers["readings"][0]["bytes"] == 16 << 10);
    let text = String::from_utf8(efficientnet(&line).stdout).unwrap();
    let last = text.trim_end().lines().last().unwrap();
    assert!(last.starts_with("furthest from their bound: ") && last.matches(" us)").count() == 3, "{last}");
    assert!(text.contains("bound by") && text.contains("conv 3x3/2 3-32"), "{text}");
}

#[test]
fn only_the_compiled_network_has_layers() {
    let plain = ["measure", "mobilenetv2", "--device", "flex", "--layers"];
    let elsewhere = ["measure", "mobilenetv2", "--device", "wgpu", "--layers", "--compiled"];
    for (line, part) in [(&plain[..], "write --compiled, too"), (&elsewhere, "write --device flex")] {
        let (status, text) = failure(line);
        assert_eq!((status, text.lines().count()), (2, 1), "{text}");
        assert!(text.contains(part), "{text}");
    }
    let without =
        ["--device", "flex", "--resolution", "32", "--seconds", "0", "--warmup-seconds", "0", "--json"];
    assert_eq!(json(&[&["measure", "mobilenetv2"][..], &without].concat())["layers"], Value::Null);
}

#[test]
fn every_published_transform_is_one_that_we_have() {
    let list = json(&["weights", "list", "--json"]);
    let checkpoints = list.as_array().unwrap();
    assert!(checkpoints.len() > 50, "{}", checkpoints.len());
    for checkpoint in checkpoints {
        let line = checkpoint["transform"].as_str().unwrap();
        let transform: efficientnet_data::Transform = line.parse().unwrap();
        assert_eq!(transform.to_string(), line, "{}", checkpoint["name"]);
    }
}

struct Broken {
    folder: tempfile::TempDir,
}

impl Broken {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[test]
fn what_is_not_weights_is_refused_in_one_sentence() {
    let broken = Broken::new();
    let header_lies = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    let files = [
        broken.file("empty.safetensors", b""),
        broken.file("text.pth", b"these are no weights"),
        broken.file("lies.safetensors", &header_lies),
        broken.file("nothing.safetensors", b"\x02\0\0\0\0\0\0\0{}"),
        broken.path().to_path_buf(),
        broken.path().join("not-there.pth"),
    ];
    for file in files {
        let file = file.to_str().unwrap();
        let (status, text) = failure(&["weights", "inspect", file]);
        assert_eq!((status, text.lines().count()), (2, 1), "{file}: {text}");
        let (status, text) = failure(&["predict", "--weights", file, "cat.jpg"]);
        assert_eq!((status, text.lines().count()), (2, 1), "{file}: {text}");
    }
}

#[test]
fn a_conversion_that_fails_leaves_nothing() {
    let broken = Broken::new();
    let source = broken.file("text.pth", b"these are no weights");
    let target = broken.path().join("out.safetensors");
    let (status, _) = failure(&[
        "weights",
        "convert",
        source.to_str().unwrap(),
        "--to",
        target.to_str().unwrap(),
        "--naming",
        "timm",
    ]);
    assert_eq!(status, 2);
    assert_eq!(std::fs::read_dir(broken.path()).unwrap().count(), 1);
}
