//! What a path is shows by what is there.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::{env, fs};

use efficientnet_data::{Content, OpenOptions, Part, decode_bytes, open, open_path};
use tempfile::TempDir;

/// A folder with these files, empty ones but for what has `=content` behind its name.
fn folder(files: &[&str]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for file in files {
        let (name, content) = file.split_once('=').unwrap_or((file, ""));
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

fn put_tar(path: impl AsRef<Path>, files: &[&str]) {
    let mut builder = tar::Builder::new(fs::File::create(path).unwrap());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        builder.append_data(&mut header, file, &b""[..]).unwrap();
    }
    builder.finish().unwrap();
}

fn names(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(ToString::to_string).collect())
}

fn opened(path: &Path, options: &OpenOptions) -> String {
    match open(path.to_str().unwrap(), options) {
        Ok(source) => {
            let keys: Vec<_> = (0..source.len()).map(|i| source.key(i).into_owned()).collect();
            format!("{}: {}", source.classes().join(" "), keys.join(" "))
        }
        Err(error) => {
            let prefix = format!("{}{}", path.display(), std::path::MAIN_SEPARATOR);
            error.to_string().replace(&prefix, "").replace(&path.display().to_string(), "IT")
        }
    }
}

#[test]
fn every_kind_is_recognised() {
    let default = OpenOptions::default();
    let classes = folder(&["cat/1.jpg", "dog/1.jpg", "list.tar"]);
    assert_eq!(opened(classes.path(), &default), "cat dog: cat/1.jpg dog/1.jpg");

    let tars = folder(&["notes/readme.txt"]);
    put_tar(tars.path().join("a.tar"), &["cat/1.jpg"]);
    assert_eq!(opened(tars.path(), &default), "cat: cat/1.jpg");
    put_tar(tars.path().join("b.tar"), &["dog/1.jpg"]);
    assert_eq!(opened(tars.path(), &default), "cat dog: a.tar/cat/1.jpg b.tar/dog/1.jpg");
    fs::rename(tars.path().join("a.tar"), tars.path().join("a.dat")).unwrap();
    assert_eq!(opened(&tars.path().join("a.dat"), &default), "cat: cat/1.jpg");

    let csv = folder(&["list.csv=path,label\n1.jpg,0\n", "list.txt=label,path\n0,2.jpg\n"]);
    assert_eq!(opened(&csv.path().join("list.csv"), &default), "0: 1.jpg");
    assert_eq!(opened(&csv.path().join("list.txt"), &default), "0: 2.jpg");

    let cifar = folder(&["train.bin"]);
    fs::write(cifar.path().join("test.bin"), vec![1; 3074]).unwrap();
    assert!(opened(cifar.path(), &default).starts_with("train.bin has 0 bytes, but records of 3074 bytes"));
    let test = OpenOptions { part: Part::Test, ..default.clone() };
    assert!(opened(cifar.path(), &test).ends_with("test/00000"));

    let idx = folder(&["t10k-images-idx3-ubyte"]);
    assert!(opened(idx.path(), &test).starts_with("t10k-images-idx3-ubyte is not an IDX file of images"));
    assert!(opened(idx.path(), &default).starts_with("IT has no train-images-idx3-ubyte"));

    assert_eq!(open("shapes(images=5)", &default).unwrap().len(), 5);
    assert_eq!(open("shapes(images=five)", &default).unwrap_err().to_string().lines().count(), 3);
}

#[test]
fn parts_are_chosen_and_never_mixed() {
    let (train, test) = (OpenOptions::default(), OpenOptions { part: Part::Test, ..OpenOptions::default() });
    let both = folder(&["train/cat/1.jpg", "train/dog/1.jpg", "val/dog/2.jpg"]);
    assert_eq!(opened(both.path(), &train), "cat dog: cat/1.jpg dog/1.jpg");
    // The class that is missing there keeps its index, if it is said.
    assert_eq!(opened(both.path(), &test), "dog: dog/2.jpg");
    let listed = OpenOptions { classes: names(&["cat", "dog"]), part: Part::Test };
    let source = open_path(both.path(), &listed).unwrap();
    assert_eq!((source.classes().len(), source.class(0)), (2, 1));
    let wrong = OpenOptions { classes: names(&["cat"]), part: Part::Test };
    assert!(opened(both.path(), &wrong).contains("dog is not in the class list of 1 classes"));

    let alone = folder(&["train/cat/1.jpg"]);
    assert!(opened(alone.path(), &test).starts_with("IT does not have the part that was asked for"));
    let classes = folder(&["train/1.jpg", "aeroplane/1.jpg"]);
    assert_eq!(opened(classes.path(), &train), "aeroplane train: aeroplane/1.jpg train/1.jpg");

    let tars = folder(&[]);
    for name in ["set-train-00.tar", "set-train-01.tar", "set-val-00.tar"] {
        put_tar(tars.path().join(name), &["cat/1.jpg"]);
    }
    let expected = "cat: set-train-00.tar/cat/1.jpg set-train-01.tar/cat/1.jpg";
    assert_eq!(opened(tars.path(), &train), expected);
    assert_eq!(opened(tars.path(), &test), "cat: cat/1.jpg");
    put_tar(tars.path().join("set-test-00.tar"), &["dog/1.jpg"]);
    assert_eq!(opened(tars.path(), &test), "cat: cat/1.jpg");
    let three = folder(&["train/cat/1.jpg", "val/cat/2.jpg", "test/cat/3.jpg"]);
    assert_eq!(opened(three.path(), &test), "cat: cat/2.jpg");
}

#[test]
fn what_is_nothing_is_told_what_would_be_something() {
    let default = OpenOptions::default();
    let sentence = "IT is no data set; give a folder of class folders, a .tar of class folders or WebDataset pairs or a \
                    folder of them, a .csv with the columns path and label, or a folder with CIFAR or IDX binaries";
    let nothing = folder(&["readme.txt", "1.jpg"]);
    assert_eq!(opened(nothing.path(), &default), sentence);
    assert_eq!(opened(&nothing.path().join("readme.txt"), &default), sentence);
    assert!(opened(&nothing.path().join("missing"), &default).starts_with("IT cannot be read: "));
    let empty = folder(&["cat/notes.txt"]);
    assert!(opened(empty.path(), &default).contains("has class folders, but no image in any of them"));
    fs::write(empty.path().join("a.tgz"), b"\x1f\x8b\x08\0").unwrap();
    assert!(
        opened(&empty.path().join("a.tgz"), &default).contains("is compressed with gzip") || {
            // Shorter than a header, but still what it is.
            false
        }
    );
    let twice = OpenOptions { classes: names(&["cat", "dog", "cat"]), ..default };
    assert_eq!(
        opened(nothing.path(), &twice),
        "the class list has `cat` twice; every class has a name of its own"
    );
    assert!(open("shapes", &twice).is_err());
}

/// Sources that were all recognised give images that decode.
fn check(path: PathBuf, options: &OpenOptions, samples: usize, classes: usize) {
    let source = open_path(&path, options).unwrap();
    assert_eq!((source.len(), source.classes().len()), (samples, classes), "{}", path.display());
    for index in [0, samples / 2, samples - 1] {
        let key = source.key(index).into_owned();
        let Content::File(bytes) = source.read(index).unwrap() else { panic!("{key} is a file") };
        decode_bytes(&bytes, &key).unwrap();
        assert!(key.starts_with(&source.classes()[source.class(index)]), "{key}");
    }
}

#[test]
fn real_data_sets_are_opened() {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets");
    let assets = env::var_os("EFFICIENTNET_ASSETS").map_or_else(beside, PathBuf::from);
    if !assets.join("trashnet").is_dir() {
        eprintln!(
            "SKIPPED: no data sets; set EFFICIENTNET_ASSETS to the folder that has trashnet and others"
        );
        return;
    }
    let default = OpenOptions::default();
    check(assets.join("trashnet"), &default, 2019, 6);
    check(assets.join("imagenet-samples/images"), &default, 100, 100);
    check(assets.join("cifar10-small/train.tar"), &default, 10_000, 10);
    check(assets.join("cifar10-small"), &default, 10_000, 10);
    check(assets.join("cifar10-small"), &OpenOptions { part: Part::Test, ..default }, 2000, 10);
    let wnids = efficientnet_data::read_class_list(assets.join("imagenet-samples/wnids.txt")).unwrap();
    let listed = OpenOptions { classes: Some(wnids), ..OpenOptions::default() };
    check(assets.join("imagenet-samples/images"), &listed, 100, 1000);
}
