//! `efficientnet data` as people type it: what it prints, and how it fails.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn efficientnet(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_efficientnet")).arg("data").args(args).output().unwrap()
}

/// Exit status, standard output, standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    let output = efficientnet(args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, error) = (text(output.stdout), text(output.stderr));
    assert!(!error.contains("panicked"), "{args:?}: {error}");
    (output.status.code().unwrap(), out, error)
}

/// A one-pixel grey BMP.
fn pixel(level: u8) -> Vec<u8> {
    let header = [
        &b"BM"[..],
        &58u32.to_le_bytes(),
        &[0; 4],
        &54u32.to_le_bytes(),
        &40u32.to_le_bytes(),
        &1i32.to_le_bytes(),
        &1i32.to_le_bytes(),
        &[1, 0, 24, 0],
        &[0; 24],
    ];
    [&header.concat()[..], &[level, level, level, 0]].concat()
}

/// Four images of two classes, of which two are the same and one is cut off.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("cat/1.bmp", pixel(0)),
        ("cat/2.bmp", pixel(255)),
        ("dog/1.bmp", pixel(0)),
        ("dog/2.bmp", vec![b'B', b'M']),
    ];
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_data_set_is_listed() {
    let (status, out, _) = run(&["list"]);
    assert_eq!(status, 0);
    for word in ["cifar10 ", "oxford-pets ", "3,680 + 3,669", "by hand", "none needed", "170.05 MB"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let (_, out, _) = run(&["list", "--json"]);
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 11);
}

#[test]
fn what_cannot_be_fetched() {
    let (status, _, error) = run(&["fetch", "cifar1O"]);
    assert_eq!(
        (status, error.as_str()),
        (2, "error: no data set is called `cifar1O`; did you mean cifar10, cifar100?\n")
    );
    let folder = tempfile::tempdir().unwrap();
    let (status, out, error) = run(&["fetch", "imagenet-1k", "--into", text(folder.path())]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(error.contains("has to be got by hand: sign in at image-net.org"), "{error}");
    let (status, out, _) = run(&["fetch", "shapes"]);
    assert_eq!(status, 0);
    assert!(out.contains("is drawn by the program"), "{out}");
}

#[test]
fn inspected() {
    let folder = folder();
    let path = text(folder.path());
    let (status, out, _) = run(&["inspect", path]);
    assert_eq!(status, 0);
    for line in [
        ": 4 images, 2 classes, ",
        "cat         2  ####",
        "sizes       1 x 1 (75.0 %)",
        "formats     BMP 4",
        "broken      1",
        "  dog/2.bmp is a damaged BMP file (",
        "  cat/1.bmp = dog/1.bmp (different classes)",
        "normalize(mean=[0.3333, 0.3333, 0.3333], std=[0.4714, 0.4714, 0.4714])",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    let (_, out, _) = run(&["inspect", path, "--json", "--threads", "1"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["complete"], true);
    assert_eq!(report["classes"][1]["images"][0], 2);
    assert_eq!(report["broken"][0]["key"], "dog/2.bmp");

    let (status, out, error) = run(&["inspect", path, "--strict"]);
    assert_eq!(status, 1);
    assert!(
        out.contains("4 images")
            && error
                .contains("images that are broken: 1, in more than one split: 0, in more than one class: 1"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_inspected() {
    let empty = tempfile::tempdir().unwrap();
    for path in [text(empty.path()), "no/such/folder"] {
        let (status, out, error) = run(&["inspect", path]);
        assert_eq!((status, out.as_str(), error.lines().count()), (2, "", 1), "{error}");
    }
}

/// A data set in the cache goes by its name.
#[test]
fn inspected_by_name() {
    let cache = tempfile::tempdir().unwrap();
    let inspect = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_efficientnet"));
        command
            .args(["data", "inspect", "TrashNet"])
            .env("EFFICIENTNET_CACHE", cache.path())
            .output()
            .unwrap()
    };
    let output = inspect();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        error.contains("trashnet is not in the cache; type `efficientnet data fetch trashnet`"),
        "{error}"
    );

    let place = cache.path().join("datasets/trashnet/dataset-resized/dataset-resized/glass");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("1.bmp"), pixel(9)).unwrap();
    let out = String::from_utf8(inspect().stdout).unwrap();
    assert!(out.starts_with("TrashNet: 1 images, 1 classes, "), "{out}");
}

#[test]
fn split_and_written() {
    let folder = folder();
    let out_file = folder.path().join("split.txt");
    let (status, out, error) =
        run(&["split", text(folder.path()), "--k-fold", "2", "--seed", "7", "--out", text(&out_file)]);
    assert_eq!(status, 0, "{error}");
    assert!(out.contains("k_fold(folds=2, seed=7)") && out.contains("fold1"), "{out}");
    assert!(fs::read_to_string(&out_file).unwrap().contains("dog/2.bmp"));

    let (status, _, error) =
        run(&["split", text(folder.path()), "--holdout", "1.5", "--out", text(&out_file)]);
    assert_eq!(status, 2, "{error}");
    let (status, _, error) = run(&["split", text(folder.path()), "--out", text(&out_file)]);
    assert_eq!(status, 2, "{error}");
}

#[test]
fn a_preview_is_one_page_with_its_images() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("sheet.html");
    let page = page.to_str().unwrap();
    let line =
        "random_crop(32, padding=4) | flip(0.5) | randaugment(2, 9) | normalize(imagenet) | cutmix(1.0)";
    let preview = |transform: &str, force: &[&str]| {
        let arguments = ["preview", "shapes(images=40)", "--transform", transform, "--out", page];
        efficientnet(&[&arguments[..], &["--samples", "3", "--variants", "2"], force].concat())
    };
    let output = preview(line, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let html = fs::read_to_string(page).unwrap();
    // Three originals, two variants of each, and the three mixed.
    assert_eq!(html.matches("data:image/png;base64,").count(), 3 + 6 + 3);
    assert!(html.contains("randaugment: ") && html.contains("a batch, mixed: cutmix"));
    assert!(!html.contains("http"), "the page needs something from elsewhere");

    let again = preview(line, &[]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"));
    assert!(preview(line, &["--force"]).status.success());
    assert_eq!(fs::read_to_string(page).unwrap(), html, "the same seed gave another page");

    let wrong = preview("flop(0.5) | normalize(imagenet)", &["--force"]);
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{text}");
    assert!(text.contains("there is no operation `flop`") && text.trim_end().ends_with("^^^^"), "{text}");
    assert_eq!(fs::read_to_string(page).unwrap(), html);
}
