//! CSV files of paths and labels.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::fs;

use efficientnet_data::{Content, CsvManifest, Source};
use tempfile::TempDir;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// `class key` of every sample, or the error without the folder.
fn read(text: impl AsRef<[u8]>, order: Option<&[&str]>) -> Result<Vec<String>, String> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("list.csv");
    fs::write(&path, text).unwrap();
    let order = order.map(names);
    let source = CsvManifest::open(&path, order.as_deref());
    let source =
        source.map_err(|error| error.to_string().replace(&path.display().to_string(), "list.csv"))?;
    assert!((0..source.len()).all(|index| source.class(index) < source.classes().len()));
    Ok((0..source.len()).map(|i| format!("{} {}", source.class(i), source.key(i))).collect())
}

fn error(text: impl AsRef<[u8]>) -> String {
    read(text, None).unwrap_err()
}

#[test]
fn labels_are_names_or_indices() {
    assert_eq!(read("path,label\na.jpg,dog\nb/c.jpg,cat\n", None), Ok(names(&["1 a.jpg", "0 b/c.jpg"])));
    assert_eq!(read("path,label\na.jpg,2\nb.jpg,0", None), Ok(names(&["2 a.jpg", "0 b.jpg"])));
    let order = Some(&["emu", "cat", "dog"][..]);
    assert_eq!(read("path,label\na.jpg,dog\nb.jpg,1\n", order), Ok(names(&["2 a.jpg", "1 b.jpg"])));
    let more = "\u{feff}id,label , path\r\n7,\"a, b\",\"x, y.jpg\"\r\n\r\n8,c,z.jpg\r\n";
    assert_eq!(read(more, None), Ok(names(&["0 x, y.jpg", "1 z.jpg"])));
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    assert_eq!(
        error("file,label\na.jpg,1\n"),
        "list.csv has no column `path`, its first line is `file,label`; write `path,label` there"
    );
    assert!(error("").starts_with("list.csv has no column `path`, its first line is ``"));
    assert_eq!(
        error("path,label\n"),
        "list.csv lists no images; write one `path,label` a line behind the header"
    );
    assert_eq!(
        error("path,label\na.jpg,1\n\nb, c.jpg,2\n"),
        "list.csv: line 4 has 3 columns, but the header 2; put quotes around text with a comma"
    );
    assert_eq!(
        error("path,label\na.jpg,1\n,2\n"),
        "list.csv: line 3 has no path; write the image's, from the CSV's folder on"
    );
    assert_eq!(
        error("path,label\na.jpg,\n"),
        "list.csv: line 2: the label is empty; write a class name or an index"
    );
    assert_eq!(error(b"path,label\na\xe9.jpg,1\n"), "list.csv: line 2 is not UTF-8; save the file as UTF-8");
    assert_eq!(
        error("path,label\na.jpg,1\nb.jpg,1\na.jpg,2\n"),
        "list.csv: line 4 repeats a.jpg of line 2; list every image once"
    );
    assert_eq!(
        error("path,label\na.jpg,1\nb.jpg,99999999\n"),
        "list.csv: line 3: label 99999999 asks for more than 100000 classes; correct it, or give a class list"
    );
    let listed = |label: &str| read(format!("path,label\na.jpg,{label}\n"), Some(&["x", "y"])).unwrap_err();
    assert_eq!(
        listed("2"),
        "list.csv: line 2: label 2 is out of range: 2 classes have the indices 0 to 1; \
         correct the label, or give the list that belongs to it"
    );
    assert!(listed("z").starts_with("list.csv: line 2: `z` is not in the class list of 2 classes"));
    let missing = CsvManifest::open("no/such.csv", None).unwrap_err().to_string();
    assert!(missing.starts_with("no/such.csv cannot be read: "), "{missing}");
}

#[test]
fn images_are_looked_for_when_they_are_read() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("list.csv");
    fs::create_dir(dir.path().join("b")).unwrap();
    fs::write(dir.path().join("b/1.jpg"), b"bytes").unwrap();
    fs::write(&path, "path,label\na.jpg,x\n\nb/1.jpg,x\n").unwrap();
    let source = CsvManifest::open(&path, None).unwrap();
    assert!(matches!(source.read(1).unwrap(), Content::File(bytes) if bytes == b"bytes"));
    let error = source.read(0).unwrap_err().to_string();
    let expected = format!(
        "{} is missing, which {} lists in line 2; paths are taken from the CSV's folder on",
        dir.path().join("a.jpg").display(),
        path.display()
    );
    assert_eq!(error, expected);
}

/// Two seconds are for a release build; a debug build may take longer, and reads fewer.
#[test]
fn a_million_lines_open() {
    let lines = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let mut text = "path,label\n".to_string();
    for line in 0..lines {
        // Not in order, as after shuffling.
        let number = line * 617 % lines;
        writeln!(
            text,
            "train/n{:08}/n{:08}_{number}.JPEG,n{:08}",
            number % 1000,
            number % 1000,
            number % 1000
        )
        .unwrap();
    }
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("list.csv");
    fs::write(&path, text).unwrap();
    let source = CsvManifest::open(&path, None).unwrap();
    assert_eq!((source.len(), source.classes().len()), (lines, 1000));
    assert_eq!(
        source.key(lines - 1),
        format!("train/n{0:08}/n{0:08}_{1}.JPEG", (lines - 617) % 1000, lines - 617)
    );
}
