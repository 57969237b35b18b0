//! Class folders and class lists.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use efficientnet_data::{Content, Folder, FolderError, Source, read_class_list, write_class_list};
use tempfile::TempDir;

fn folder(files: &[&str]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for file in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    dir
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// `class/path` of every sample, the path without the folder's.
fn samples(folder: &Folder, dir: &Path) -> Vec<String> {
    let sample = |sample: efficientnet_data::Sample| {
        format!("{} {}", sample.class, sample.path.strip_prefix(dir).unwrap().display())
    };
    folder.samples().map(sample).collect()
}

#[test]
fn class_folders_in_the_order_of_their_names_are_the_classes() {
    let dir = folder(&[
        "dog/2.PNG",
        "dog/1.jpeg",
        "cat/deep/er/3.webp",
        "cat/ILSVRC2012_val_1",
        "cat/notes.txt",
        "cat/.hidden.jpg",
        ".git/x.jpg",
        "readme.jpg",
    ]);
    let folder = Folder::open(dir.path(), None).unwrap();
    assert_eq!(folder.classes(), ["cat", "dog"]);
    let expected = ["0 cat/ILSVRC2012_val_1", "0 cat/deep/er/3.webp", "1 dog/1.jpeg", "1 dog/2.PNG"];
    assert_eq!(samples(&folder, dir.path()), expected);
    assert_eq!(folder.len(), 4);
}

#[test]
fn a_class_list_gives_the_indices_and_keeps_missing_classes() {
    let dir = folder(&["cat/1.jpg", "dog/1.jpg"]);
    let order = names(&["dog", "emu", "cat"]);
    let folder = Folder::open(dir.path(), Some(&order)).unwrap();
    assert_eq!(folder.classes(), order);
    assert_eq!(samples(&folder, dir.path()), ["0 dog/1.jpg", "2 cat/1.jpg"]);
}

#[test]
fn folders_that_are_none_are_named_with_what_to_do() {
    let missing = Folder::open("no/such/folder", None).unwrap_err();
    assert!(missing.to_string().starts_with("no/such/folder cannot be listed: "), "{missing}");

    let flat = folder(&["1.jpg"]);
    let error = Folder::open(flat.path(), None).unwrap_err();
    assert!(
        error.to_string().contains(" has no class folders; put the images of each class into"),
        "{error}"
    );

    let empty = folder(&["cat/notes.txt"]);
    let error = Folder::open(empty.path(), None).unwrap_err();
    assert!(matches!(error, FolderError::NoImage { .. }), "{error}");

    let other = folder(&["cat/1.jpg", "eel/1.jpg"]);
    let error = Folder::open(other.path(), Some(&names(&["cat", "dog"]))).unwrap_err();
    assert!(
        error.to_string().contains("eel is not in the class list of 2 classes, which begins with `cat`"),
        "{error}"
    );
}

#[test]
fn a_class_list_is_one_name_a_line() {
    let read = |text: &str| {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("classes.txt");
        fs::write(&path, text).unwrap();
        read_class_list(&path).map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
    };
    assert_eq!(read("tench, Tinca tinca\r\ngoldfish \n\n"), Ok(names(&["tench, Tinca tinca", "goldfish"])));
    assert_eq!(read("\u{feff}tench"), Ok(names(&["tench"])));
    let error = |text| read(text).unwrap_err();
    assert_eq!(error("a\n\nb\n"), "FILE: line 2 is empty; write the name of class 1 there");
    assert_eq!(error("a\nb\na\n"), "FILE: line 3 repeats `a` of line 1; every class has a name of its own");
    assert_eq!(error(" \n"), "FILE names no class; write one name a line, line 1 for class 0");
    let missing = read_class_list("no/such/list.txt").unwrap_err().to_string();
    assert!(missing.starts_with("no/such/list.txt cannot be read: "), "{missing}");
}

#[test]
fn a_class_list_is_written_as_it_is_read() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("classes.txt");
    let classes = names(&["tench, Tinca tinca", "goldfish"]);
    write_class_list(&path, &classes).unwrap();
    assert_eq!(read_class_list(&path).unwrap(), classes);
    let error = |classes: &[&str]| write_class_list(&path, &names(classes)).unwrap_err().to_string();
    assert!(error(&["a", "b", "a"]).contains("line 3 repeats `a` of line 1"));
    assert!(error(&["a\nb"]).starts_with("the class name \"a\\nb\" cannot stand in a class list"));
    assert!(error(&[]).contains("names no class"));
    assert_eq!(read_class_list(&path).unwrap(), classes, "the old list is still there");
    let nowhere = write_class_list(dir.path().join("no/such.txt"), &classes).unwrap_err().to_string();
    assert!(nowhere.contains("cannot be written: "), "{nowhere}");
}

#[test]
fn a_folder_is_a_source() {
    let dir = folder(&["cat/deep/1.jpg", "dog/2.jpg"]);
    fs::write(dir.path().join("dog/2.jpg"), b"bytes").unwrap();
    let source = Folder::open(dir.path(), None).unwrap();
    assert_eq!((source.key(0).as_ref(), source.key(1).as_ref()), ("cat/deep/1.jpg", "dog/2.jpg"));
    assert_eq!((source.class(0), source.class(1)), (0, 1));
    assert!(matches!(source.read(1).unwrap(), Content::File(bytes) if bytes == b"bytes"));
    fs::remove_file(dir.path().join("dog/2.jpg")).unwrap();
    assert!(source.read(1).unwrap_err().to_string().contains("2.jpg cannot be read: "));
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;
    let dir = folder(&["cat/1.jpg", "dog/1.jpg"]);
    let outside = folder(&["2.jpg"]);
    symlink(outside.path(), dir.path().join("cat/more")).unwrap();
    symlink(outside.path(), dir.path().join("emu")).unwrap();
    let opened = Folder::open(dir.path(), None).unwrap();
    assert_eq!(
        samples(&opened, dir.path()),
        ["0 cat/1.jpg", "0 cat/more/2.jpg", "1 dog/1.jpg", "2 emu/2.jpg"]
    );

    symlink("../dog", dir.path().join("cat/other")).unwrap();
    symlink("../cat", dir.path().join("dog/other")).unwrap();
    let error = Folder::open(dir.path(), None).unwrap_err().to_string();
    assert!(error.contains("is a link to a folder above it"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = folder(&["cat/1.jpg"]);
    fs::write(dir.path().join("cat").join(OsStr::from_bytes(b"\xe9.jpg")), b"").unwrap();
    let error = Folder::open(dir.path(), None).unwrap_err().to_string();
    assert!(error.ends_with(" has a name that is not UTF-8; rename it"), "{error}");
}
