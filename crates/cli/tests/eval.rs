//! `efficientnet eval` and `predict` on a training run: the figures of its journal, whatever the batch.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use efficientnet_data::npy::{self, Array};
use efficientnet_data::{Loader, LoaderOptions, OpenOptions, Transform, open};
use efficientnet_runs::scores::Outcome;
use serde_json::Value;

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny.toml");
/// What the recipe validates on.
const DATA: &str = "shapes(images=30, size=32, seed=1)";
const IMAGES: usize = 30;

fn efficientnet(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_efficientnet")).args(args).output().unwrap()
}

fn succeed(args: &[&str]) -> String {
    let output = efficientnet(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&succeed(&[args, &["--json"]].concat())).unwrap()
}

fn refused(args: &[&str]) -> String {
    let output = efficientnet(args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    said
}

/// The folder of one finished run, for all tests.
fn run() -> &'static str {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    let folder = RUN.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("eval-run");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        succeed(&["train", RECIPE, "--out", text(&folder)]);
        folder
    });
    text(folder)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn eval(weights: &str, extra: &[&str]) -> Value {
    json(&[&["eval", "--weights", weights, "--data", DATA], extra].concat())
}

fn names() -> Vec<String> {
    let names = fs::read_to_string(Path::new(run()).join("classes.txt")).unwrap();
    names.lines().map(String::from).collect()
}

/// The ends of the run's epochs.
fn epochs() -> Vec<Value> {
    let journal = fs::read_to_string(Path::new(run()).join("journal.jsonl")).unwrap();
    let entries = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.filter(|entry| entry["event"] == "epoch").collect()
}

/// The journal has 32 bits of a figure.
fn short(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

fn agree(report: &Value, scores: &Value) {
    assert_eq!(report["images"], scores["images"]);
    for figure in ["loss", "top1", "top5"] {
        assert_eq!(short(&report[figure]), short(&scores[figure]), "{figure}: {report}");
    }
}

/// What no clock decides.
fn timeless(mut report: Value) -> Value {
    report.as_object_mut().unwrap().remove("images_per_second");
    report
}

#[test]
fn each_of_a_runs_weights_has_its_figures_of_the_journal() {
    let epochs = epochs();
    let last = epochs.last().unwrap();
    agree(&eval(run(), &["--which", "last"]), &last["validation"]);
    agree(&eval(run(), &["--which", "averaged"]), &last["averaged"]);
    // Of equally good ones the first was kept.
    let top1 = |epoch: &Value| epoch["averaged"]["top1"].as_f64().unwrap();
    let best = epochs.iter().rev().max_by(|a, b| top1(a).total_cmp(&top1(b))).unwrap();
    agree(&eval(run(), &["--which", "best"]), &best["averaged"]);

    let default = eval(run(), &[]);
    assert!(default["weights"].as_str().unwrap().ends_with("averaged.safetensors"));
    assert_ne!(default["loss"], eval(run(), &["--which", "last"])["loss"]);
    let file = Path::new(run()).join("averaged.safetensors");
    assert_eq!(timeless(eval(text(&file), &[])), timeless(default));
}

#[test]
fn a_run_brings_the_images_that_it_was_measured_on() {
    assert_eq!(timeless(json(&["eval", "--weights", run()])), timeless(eval(run(), &[])));

    let dir = tempfile::tempdir().unwrap();
    let held_out = dir.path().join("held-out");
    let settings = ["--set", "data.validation=", "--set", "data.holdout=0.25", "--set", "training.epochs=1"];
    succeed(&[&["train", RECIPE, "--out", text(&held_out)], &settings[..]].concat());
    let report = json(&["eval", "--weights", text(&held_out)]);
    let journal = fs::read_to_string(held_out.join("journal.jsonl")).unwrap();
    let last: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    agree(&report, &last["averaged"]);

    let blind = dir.path().join("blind");
    succeed(&[&["train", RECIPE, "--out", text(&blind)], &settings[..2], &settings[4..]].concat());
    let said = refused(&["eval", "--weights", text(&blind)]);
    assert!(said.contains("data.holdout") && said.contains("--data"), "{said}");
    let file = held_out.join("last.safetensors");
    let said = refused(&["eval", "--weights", text(&file)]);
    assert!(said.contains("--data"), "{said}");
}

#[test]
fn no_batch_changes_a_figure() {
    let expected = timeless(eval(run(), &["--batch", "1", "--predictions"]));
    for batch in ["4", "7", "29", "64"] {
        assert_eq!(timeless(eval(run(), &["--batch", batch, "--predictions"])), expected, "{batch}");
    }
    let some = eval(run(), &["--limit", "17", "--batch", "6"]);
    assert_eq!(some["images"], 17);
}

#[test]
fn classes_and_confusions_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("confusion.csv");
    let report = eval(run(), &["--which", "last", "--confusion", text(&csv)]);
    let classes = report["per_class"].as_array().unwrap();
    let sum = |key: &str| classes.iter().map(|class| class[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("support"), sum("predicted")), (IMAGES as u64, IMAGES as u64));
    assert_eq!(sum("correct"), report["correct"].as_u64().unwrap());
    let listed: Vec<&str> = classes.iter().map(|class| class["name"].as_str().unwrap()).collect();
    assert_eq!(listed, names());

    let lines = fs::read_to_string(&csv).unwrap();
    let rows: Vec<Vec<&str>> = lines.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][1..], listed[..]);
    let count = |row: usize, column: usize| rows[row + 1][column + 1].parse::<u64>().unwrap();
    let all = 0..listed.len();
    for (class, measures) in classes.iter().enumerate() {
        assert_eq!(rows[class + 1][0], listed[class]);
        assert_eq!(measures["support"], all.clone().map(|column| count(class, column)).sum::<u64>());
        assert_eq!(measures["predicted"], all.clone().map(|row| count(row, class)).sum::<u64>());
        assert_eq!(measures["correct"], count(class, class));
    }
    let cells = report["confusion"].as_array().unwrap();
    assert!(!cells.is_empty());
    for cell in cells {
        let [label, predicted] = ["label", "predicted"].map(|key| cell[key].as_u64().unwrap() as usize);
        assert_eq!(cell["images"], count(label, predicted));
    }
}

#[test]
fn people_see_a_table_on_request() {
    let words = ["eval", "--weights", run(), "--data", DATA];
    let plain = succeed(&words);
    assert!(
        plain.contains("loss") && plain.contains("ECE") && plain.contains("averaged.safetensors"),
        "{plain}"
    );
    assert!(!plain.contains("precision"), "{plain}");
    let table = succeed(&[&words[..], &["--per-class"]].concat());
    for name in names() {
        assert!(table.lines().any(|line| line.starts_with(&name)), "{name}: {table}");
    }
}

/// Logits of images `[3, side, side]`, one behind the other.
fn logits(images: &[f32], side: usize, which: &str) -> Vec<f32> {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.npy"), dir.path().join("out.npy"));
    let shape = vec![images.len() / (3 * side * side), 3, side, side];
    npy::write(&input, &Array { shape, values: images.to_vec() }).unwrap();
    let words = ["predict", "--weights", run(), "--which", which];
    succeed(&[&words[..], &["--npy", text(&input), "--out", text(&out)]].concat());
    npy::read(&out, 2).unwrap().values
}

/// The validation images as the network sees them, with their labels.
fn images(transform: &str) -> (Vec<f32>, Vec<usize>, usize) {
    let transform: Transform = transform.parse().unwrap();
    let (side, normalization) = (transform.output_size()[1], transform.normalization());
    let source = open(DATA, &OpenOptions::default()).unwrap();
    let loader =
        Loader::new(source, LoaderOptions { batch_size: 1, ..LoaderOptions::new(transform) }).unwrap();
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for batch in loader.epoch(0) {
        let batch = batch.unwrap();
        values.extend(batch.values(normalization));
        labels.extend(batch.labels());
    }
    (values, labels, side)
}

#[test]
fn flip_averages_logits_with_those_of_the_mirror_image() {
    let plain = eval(run(), &["--which", "last", "--predictions"]);
    let flipped = eval(run(), &["--which", "last", "--predictions", "--flip", "--batch", "7"]);
    assert_ne!(plain["loss"], flipped["loss"]);
    assert_eq!((&plain["flip"], &flipped["flip"]), (&false.into(), &true.into()));

    let (values, labels, side) = images(plain["transform"].as_str().unwrap());
    let mut mirrored = values.clone();
    for row in mirrored.chunks_mut(side) {
        row.reverse();
    }
    let (straight, mirrored) = (logits(&values, side, "last"), logits(&mirrored, side, "last"));
    let mean: Vec<f32> = straight.iter().zip(&mirrored).map(|(a, b)| (a + b) / 2.0).collect();
    for (report, logits) in [(&plain, &straight), (&flipped, &mean)] {
        let predictions = report["predictions"].as_array().unwrap();
        assert_eq!(predictions.len(), IMAGES);
        for ((found, logits), label) in
            predictions.iter().zip(logits.chunks(logits.len() / IMAGES)).zip(&labels)
        {
            let expected = Outcome::from_logits(logits, *label, 0.0);
            assert_eq!(serde_json::from_value::<Outcome>(found.clone()).unwrap(), expected);
        }
    }
    // Burn's modules mirror on the device.
    let burn = eval(run(), &["--which", "last", "--flip", "--plain"]);
    let distance = burn["loss"].as_f64().unwrap() - flipped["loss"].as_f64().unwrap();
    assert!(burn["engine"] == "burn" && distance.abs() < 1e-4, "{burn}");
}

#[test]
fn a_record_is_gone_on_with_to_the_same_figures() {
    let dir = tempfile::tempdir().unwrap();
    let record = dir.path().join("eval.jsonl");
    let out = ["--out", text(&record), "--predictions"];
    let whole = timeless(eval(run(), &[&out[..], &["--batch", "7"]].concat()));
    // Header and two batches stay, and half of a third.
    let lines: Vec<String> =
        fs::read_to_string(&record).unwrap().lines().map(|line| format!("{line}\n")).collect();
    let half = &lines[3][..lines[3].len() / 2];
    fs::write(&record, lines[..3].concat() + half).unwrap();
    let resumed = eval(run(), &[&out[..], &["--batch", "4", "--resume"]].concat());
    assert_eq!(timeless(resumed), whole);

    let words = ["eval", "--weights", run(), "--data", DATA, "--out", text(&record), "--resume"];
    let other = |extra: &[&str]| refused(&[&words[..], extra].concat());
    assert!(other(&["--flip"]).contains("another evaluation"));
    assert!(other(&["--which", "last"]).contains("another evaluation"));
    // As the first release wrote it.
    let mut header: Value = serde_json::from_str(&lines[0]).unwrap();
    header.as_object_mut().unwrap().retain(|key, _| key != "format" && key != "flip");
    fs::write(&record, format!("{header}\n")).unwrap();
    assert!(other(&[]).contains("another release"));
}

/// A grey BMP of this side.
fn grey(side: u32, level: u8) -> Vec<u8> {
    bmp(side, |_| level)
}

/// A BMP of this side with patches of many colours.
fn patches(side: u32, seed: u32) -> Vec<u8> {
    bmp(side, |i| {
        let (row, column, colour) = (i / 3 / side / 5, i / 3 % side / 7, i % 3);
        let mixed = (row * 31 + column * 17 + colour * 7 + seed * 101 + 1).wrapping_mul(2_654_435_761);
        (mixed >> 24) as u8
    })
}

fn bmp(side: u32, level: impl Fn(u32) -> u8) -> Vec<u8> {
    let length = 3 * side * side;
    assert!(side.is_multiple_of(4), "rows end at multiples of four bytes");
    let header = [
        &b"BM"[..],
        &(54 + length).to_le_bytes(),
        &[0; 4],
        &54u32.to_le_bytes(),
        &40u32.to_le_bytes(),
        &side.to_le_bytes(),
        &side.to_le_bytes(),
        &[1, 0, 24, 0],
        &[0; 24],
    ];
    [header.concat(), (0..length).map(level).collect()].concat()
}

#[test]
fn predict_calls_classes_by_the_names_of_the_training_images() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("grey.bmp");
    fs::write(&image, grey(32, 128)).unwrap();
    let names = names();
    let best = |extra: &[&str]| {
        let words = ["predict", "--weights", run(), text(&image), "--top", "3"];
        json(&[&words[..], extra].concat())["images"][0]["predictions"].clone()
    };
    let found = best(&[]);
    assert_eq!(found.as_array().unwrap().len(), 3);
    for prediction in found.as_array().unwrap() {
        assert_eq!(prediction["name"], names[prediction["class"].as_u64().unwrap() as usize].as_str());
    }
    assert_ne!(best(&["--which", "last"])[0]["logit"], found[0]["logit"]);

    // A list that is given stands before the file's.
    let list = dir.path().join("names.txt");
    let others: Vec<String> = names.iter().map(|name| format!("my {name}")).collect();
    fs::write(&list, others.join("\n")).unwrap();
    let renamed = best(&["--classes", text(&list)]);
    assert_eq!(renamed[0]["name"], format!("my {}", found[0]["name"].as_str().unwrap()));
}

#[test]
fn a_network_is_quantized_and_says_what_that_costs() {
    let dir = tempfile::tempdir().unwrap();
    let (images, ranges) = (dir.path().join("images/some"), dir.path().join("ranges.json"));
    fs::create_dir_all(&images).unwrap();
    let above = images.parent().unwrap();
    let words = ["quantize", "--weights", run(), "--images", text(above), "--out", text(&ranges)];
    assert!(refused(&words).contains("give more"));
    for seed in 0..9 {
        fs::write(images.join(format!("{seed}.bmp")), patches(32, seed)).unwrap();
    }
    fs::write(above.join("9.bmp"), patches(32, 9)).unwrap();
    let cost = json(&words);
    assert_eq!((&cost["watched"], &cost["compared"]), (&Value::from(5), &Value::from(5)));
    assert!(cost["convolutions"].as_u64().unwrap() >= 5, "{cost}");
    // Steps of a hundredth or so, and not none.
    assert!((1e-4..0.3).contains(&cost["logits"].as_f64().unwrap()), "{cost}");
    assert!(refused(&words).contains("--force"));

    let exact = eval(run(), &["--predictions"]);
    let found = eval(run(), &["--predictions", "--int8", text(&ranges)]);
    assert_eq!((&exact["engine"], &found["engine"]), (&"compiled".into(), &"compiled, 8 bits".into()));
    // How near they are, was asked above, on images such as the ranges are of.
    assert_eq!(found["images"], exact["images"]);
    assert_ne!(found["predictions"], exact["predictions"]);

    let eval_with = |file: &Path, extra: &[&str]| {
        let words = ["eval", "--weights", run(), "--data", DATA, "--int8", text(file)];
        refused(&[&words[..], extra].concat())
    };
    assert!(eval_with(&ranges, &["--device", "ndarray"]).contains("--device flex"));
    assert!(eval_with(&images.join("0.bmp"), &[]).contains("cannot be read"));
    let others = fs::read_to_string(&ranges).unwrap().replace("stages.1", "stages.9");
    fs::write(&ranges, others).unwrap();
    assert!(eval_with(&ranges, &[]).contains("other layers"));
    fs::write(&ranges, "{}").unwrap();
    assert!(eval_with(&ranges, &[]).contains("efficientnet quantize"));
}

#[test]
fn images_are_sorted_by_the_files_classes() {
    let dir = tempfile::tempdir().unwrap();
    let labels = |report: &Value| -> Vec<u64> {
        let predictions = report["predictions"].as_array().unwrap();
        predictions.iter().map(|prediction| prediction["label"].as_u64().unwrap()).collect()
    };
    let reversed: Vec<String> = names().into_iter().rev().collect();
    let file = dir.path().join("reversed.safetensors");
    let mut weights =
        efficientnet_weights::load(Path::new(run()).join("last.safetensors"), &Default::default()).unwrap();
    let metadata = BTreeMap::from([("efficientnet.classes".to_string(), reversed.join("\n"))]);
    let options = efficientnet_weights::SaveOptions { overwrite: false, metadata };
    efficientnet_weights::save(&mut weights, efficientnet_weights::Naming::Native, &file, &options).unwrap();

    let expected = labels(&eval(run(), &["--predictions"]));
    let highest = reversed.len() as u64 - 1;
    let found = eval(text(&file), &["--predictions"]);
    assert_eq!(labels(&found), expected.iter().map(|label| highest - label).collect::<Vec<_>>());
    assert_eq!(found["per_class"][0]["name"], reversed[0].as_str());

    let list = dir.path().join("classes.txt");
    fs::write(&list, names().join("\n")).unwrap();
    assert_eq!(labels(&eval(text(&file), &["--predictions", "--classes", text(&list)])), expected);
    // Another naming keeps the names.
    let converted = dir.path().join("timm.safetensors");
    succeed(&["weights", "convert", text(&file), "--to", text(&converted), "--naming", "timm"]);
    assert_eq!(labels(&eval(text(&converted), &["--predictions"])), labels(&found));
}

#[test]
fn what_a_run_does_not_have_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let words = ["eval", "--weights", text(folder), "--data", DATA];
    let refuse = |extra: &[&str]| refused(&[&words[..], extra].concat());
    assert!(refuse(&[]).contains("no training run"));
    fs::copy(Path::new(run()).join("recipe.toml"), folder.join("recipe.toml")).unwrap();
    assert!(refuse(&[]).contains("not finished") && refuse(&[]).contains("--resume"));
    assert!(refuse(&["--which", "best"]).contains("not measured yet"));
    fs::copy(Path::new(run()).join("best.safetensors"), folder.join("best.safetensors")).unwrap();
    assert!(refuse(&[]).contains("--which best"));
    assert_eq!(eval(text(folder), &["--which", "best"])["images"], IMAGES as u64);

    let file = Path::new(run()).join("last.safetensors");
    let said = refused(&["predict", "--weights", text(&file), "--which", "last", "cat.jpg"]);
    assert!(said.contains("no run's folder"), "{said}");
}

#[test]
fn a_run_is_finetuned_by_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("tuned");
    let data = "shapes(images=60, size=32, seed=2)";
    let settings = ["--epochs", "1", "--set", "data.batch_size=8", "--out", text(&out)];
    let words = ["train", "--finetune", run(), "--which", "last", "--data", data];
    succeed(&[&words[..], &settings].concat());
    let recipe = fs::read_to_string(out.join("recipe.toml")).unwrap();
    assert!(recipe.contains("last.safetensors"), "{recipe}");
    let report = eval(text(&out), &[]);
    assert_eq!(report["images"], IMAGES as u64);
    assert_ne!(report["loss"], eval(run(), &["--which", "last"])["loss"]);
}
