//! The publishers' lists of images become tables.

use std::fs;

use efficientnet_data::manifest::ListFormat;
use efficientnet_data::{Content, Manifest, inspect, read_class_list};

use crate::loopback::{Does, serving};
use crate::{Case, file, gzip, tar};

#[test]
fn lines_become_tables() {
    let list = b"0034309 Boeing 707-320, early\n0034958 F-16A/B\n";
    let archive =
        gzip(&tar(&[("set/train.txt", tar::EntryType::Regular, list), file("set/images/0034309.jpg")]));
    let mut case = Case::new("archive.tar.gz", &[Does::Serve], archive);
    let split = &mut case.manifest.splits[0];
    split.open = Some("train.csv".into());
    split.list = Some("archive/set/train.txt".into());
    split.images_in = Some("archive/set/images".into());
    case.manifest.layout.list_format = Some(ListFormat::ImageThenClass);
    let splits = case.fetch().unwrap();
    assert_eq!(splits[0].path, case.data().join("train.csv"));
    let table = fs::read_to_string(&splits[0].path).unwrap();
    let expected = "path,label\n\
        archive/set/images/0034309.jpg,\"Boeing 707-320, early\"\n\
        archive/set/images/0034958.jpg,F-16A/B\n";
    assert_eq!(table, expected);
    // What `inspect` and training then find.
    let parts = inspect::open_splits(case.data().to_str().unwrap(), None).unwrap();
    assert_eq!((parts.len(), parts[0].name.as_str(), parts[0].source.len()), (1, "train", 2));
    assert_eq!(parts[0].source.classes(), ["Boeing 707-320, early", "F-16A/B"]);
    let Content::File(bytes) = parts[0].source.read(0).unwrap() else { panic!("not a file") };
    assert_eq!(bytes, b"bytes");

    fs::remove_file(&splits[0].path).unwrap();
    fs::write(case.data().join("archive/set/train.txt"), "0034309 F-16A/B\nnothing\n").unwrap();
    let error = case.fetch().unwrap_err().to_string();
    assert!(error.contains("train.txt: line 2 is not `IMAGE CLASS`"), "{error}");
}

/// Nine images of three classes, as Oxford Flowers-102 is published; by `scripts/fixtures/flowers.py`.
const LABELS: &[u8] = include_bytes!("../fixtures/flowers/imagelabels.mat");
const SETS: &[u8] = include_bytes!("../fixtures/flowers/setid.mat");

/// The real manifest but for its sizes, with these two files on the server.
fn flowers(labels: &[u8], sets: &[u8]) -> Case {
    let names: Vec<String> = (1..=9).map(|number| format!("jpg/image_{number:05}.jpg")).collect();
    let images: Vec<_> =
        names.iter().map(|name| (name.as_str(), tar::EntryType::Regular, name.as_bytes())).collect();
    let mut manifest = Manifest::get("flowers102").unwrap().clone();
    manifest.classes.count = 3;
    manifest.classes.names.truncate(3);
    for (split, images) in manifest.splits.iter_mut().zip([5, 4]) {
        split.images = images;
    }
    for file in &mut manifest.files {
        (file.bytes, file.md5) = (None, None);
    }
    let files = [
        ("102flowers.tgz".to_string(), gzip(&tar(&images))),
        ("imagelabels.mat".to_string(), labels.to_vec()),
        ("setid.mat".to_string(), sets.to_vec()),
    ];
    let server = serving(&[Does::Serve, Does::Serve, Does::Serve], files.to_vec());
    Case { folder: tempfile::tempdir().unwrap(), server, manifest }
}

#[test]
fn numbers_in_matlab_files_become_tables() {
    let case = flowers(LABELS, SETS);
    let splits = case.fetch().unwrap();
    let names: Vec<&str> = splits.iter().map(|split| split.name.as_str()).collect();
    assert_eq!(names, ["train", "test"]);
    assert_eq!(
        fs::read_to_string(&splits[0].path).unwrap(),
        "path,label\n\
        102flowers/jpg/image_00004.jpg,pink primrose\n\
        102flowers/jpg/image_00001.jpg,hard-leaved pocket orchid\n\
        102flowers/jpg/image_00003.jpg,canterbury bells\n\
        102flowers/jpg/image_00007.jpg,hard-leaved pocket orchid\n\
        102flowers/jpg/image_00005.jpg,pink primrose\n"
    );
    // The publisher's order, in which others number the classes, is there as well.
    let classes = read_class_list(case.data().join("classes.txt")).unwrap();
    assert_eq!(classes, case.manifest.classes.names);
    let parts = inspect::open_splits(case.data().to_str().unwrap(), Some(classes)).unwrap();
    let sizes: Vec<_> = parts.iter().map(|part| (part.name.as_str(), part.source.len())).collect();
    assert_eq!(sizes, [("train", 5), ("test", 4)]);
    let test = &parts[1].source;
    assert_eq!((0..4).map(|index| test.class(index)).collect::<Vec<_>>(), [2, 1, 2, 0]);
    let Content::File(bytes) = test.read(0).unwrap() else { panic!("not a file") };
    assert_eq!(bytes, b"jpg/image_00009.jpg");

    assert_eq!(case.fetch().unwrap(), splits);
    assert_eq!(case.requests(), 3);
}

#[test]
fn matlab_files_that_do_not_fit_are_named() {
    let said = |labels: &[u8], sets: &[u8], change: fn(&mut Manifest)| {
        let mut case = flowers(labels, sets);
        change(&mut case.manifest);
        let error = case.fetch().unwrap_err().to_string();
        let left = case.left();
        assert!(!left.iter().any(|name| name.ends_with(".csv") || name.ends_with(".txt")), "{left:?}");
        error.strip_prefix(&format!("{}/", case.data().display())).unwrap().to_string()
    };
    let kept = |_: &mut Manifest| {};
    let unfit = "is not the MATLAB file that is needed:";
    let again = "remove it and fetch it again";
    let mut flipped = LABELS.to_vec();
    flipped[150] ^= 1;
    let error = said(&flipped, SETS, kept);
    assert!(error.starts_with(&format!("imagelabels.mat {unfit} it is damaged (")), "{error}");
    assert_eq!(
        said(b"<html>", SETS, kept),
        format!("imagelabels.mat {unfit} it ends in its header; {again}")
    );
    assert_eq!(said(LABELS, &SETS[..200], kept), format!("setid.mat {unfit} it is cut off; {again}"));
    let sentence = format!("setid.mat {unfit} it has no variable `trnid`; {again}");
    assert_eq!(said(LABELS, LABELS, kept), sentence);

    let report = "the publisher has changed the list, report it";
    let more = said(LABELS, SETS, |manifest| manifest.splits[0].images = 6);
    assert_eq!(more, format!("setid.mat: 5 images for train instead of 6; {report}"));
    let classes = said(LABELS, SETS, |manifest| manifest.classes.names.truncate(2));
    assert_eq!(classes, format!("imagelabels.mat: image 3 has class 3 of 2; {report}"));
    let labels = |manifest: &mut Manifest| manifest.layout.labels_in = Some("setid.mat".into());
    assert_eq!(said(LABELS, SETS, labels), format!("setid.mat {unfit} it has no variable `labels`; {again}"));
}
