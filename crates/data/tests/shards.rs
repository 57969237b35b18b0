//! Tar files as sources: the layouts, and everything that can be wrong with a tar.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use efficientnet_data::{Content, Source, TarShards};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

/// A tar of these files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A tar of one entry of this kind, by its name as it is.
fn entry(kind: EntryType, name: &str, size: u64, bytes: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    tar.extend(bytes);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}

fn written(tars: &[(&str, Vec<u8>)]) -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    for (name, bytes) in tars {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let path = if tars.len() == 1 { dir.path().join(tars[0].0) } else { dir.path().to_path_buf() };
    (dir, path)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// `class key` of every sample.
fn samples(source: &dyn Source) -> Vec<String> {
    (0..source.len()).map(|i| format!("{} {}", source.class(i), source.key(i))).collect()
}

fn bytes(source: &dyn Source, index: usize) -> Vec<u8> {
    match source.read(index).unwrap() {
        Content::File(bytes) => bytes,
        Content::Pixels(_) => panic!("a tar holds files"),
    }
}

/// The error of a tar, without the folder in front.
fn error(tars: &[(&str, Vec<u8>)], order: Option<&[String]>) -> String {
    let (dir, path) = written(tars);
    let error = TarShards::open(&path, order).unwrap_err().to_string();
    error.replace(&format!("{}{}", dir.path().display(), std::path::MAIN_SEPARATOR), "")
}

#[test]
fn class_folders_in_a_tar() {
    let long = format!("dog/{}.png", "x".repeat(150));
    let files: [(&str, &[u8]); 8] = [
        ("./dog/1.jpg", b"dog one"),
        ("cat/a/2.JPEG", b""),
        ("readme.txt", b"no image"),
        ("dog/._1.jpg", b"hidden"),
        (&long, b"long"),
        ("cat/0", b"\x89PNG\r\n\x1a\n without an extension"),
        ("LICENSE", b"no image either"),
        ("cat/empty.json", b"{}"),
    ];
    let (_dir, path) = written(&[("a.tar", tar(&files))]);
    let source = TarShards::open(&path, None).unwrap();
    assert_eq!(source.classes(), ["cat", "dog"]);
    assert_eq!(samples(&source), ["1 dog/1.jpg", "0 cat/a/2.JPEG", &format!("1 {long}"), "0 cat/0"]);
    assert_eq!(bytes(&source, 0), b"dog one");
    assert_eq!(bytes(&source, 1), b"");
    assert_eq!(bytes(&source, 2), b"long");

    let order = names(&["emu", "dog", "cat"]);
    let source = TarShards::open(&path, Some(&order)).unwrap();
    assert_eq!(source.classes(), order);
    assert_eq!([source.class(0), source.class(1)], [1, 2]);
    let unlisted = error(&[("a.tar", tar(&files))], Some(&names(&["dog"])));
    assert_eq!(
        unlisted,
        "cat/a/2.JPEG in a.tar is no class: `cat` is not in the class list of 1 classes, which begins with `dog`; \
         correct the label, or give the list that belongs to it"
    );
}

#[test]
fn folders_around_the_classes_are_no_classes() {
    let files: [(&str, &[u8]); 2] = [("set/train/dog/1.jpg", b""), ("set/train/cat/1.jpg", b"")];
    let (_dir, path) = written(&[("a.tar", tar(&files))]);
    assert_eq!(TarShards::open(&path, None).unwrap().classes(), ["cat", "dog"]);

    let single: [(&str, &[u8]); 2] = [("dog/1.jpg", b""), ("dog/2.jpg", b"")];
    let (_dir, path) = written(&[("a.tar", tar(&single))]);
    assert_eq!(TarShards::open(&path, None).unwrap().classes(), ["dog"]);

    let deep: [(&str, &[u8]); 2] = [("dog/young/1.jpg", b""), ("dog/old/2.jpg", b"")];
    let (_dir, path) = written(&[("a.tar", tar(&deep))]);
    let listed = names(&["cat", "dog"]);
    assert_eq!(samples(&TarShards::open(&path, Some(&listed)).unwrap())[0], "1 dog/young/1.jpg");
}

#[test]
fn pairs_of_an_image_and_its_class() {
    let shard = |numbers: [&str; 2]| {
        tar(&[
            ("x/000.jpg", b"first"),
            ("x/000.cls", numbers[0].as_bytes()),
            ("x/000.json", b"{}"),
            ("001.cls", numbers[1].as_bytes()),
            ("001.seg.png", b"another one's"),
            ("001.png", b"second"),
        ])
    };
    let (_dir, path) = written(&[("s-0.tar", shard(["2", "0\n"])), ("s-1.tar", shard(["1", "2"]))]);
    // Keys may be the same in every shard; `001.seg.png` has the key of `001.png`.
    let doubled = TarShards::open(&path, None).unwrap_err().to_string();
    assert!(doubled.starts_with("001.png in ") && doubled.contains("s-0.tar is there twice"), "{doubled}");

    let shard = |numbers: [&str; 2]| {
        tar(&[
            ("x/000.jpg", b"first"),
            ("x/000.cls", numbers[0].as_bytes()),
            ("001.cls", numbers[1].as_bytes()),
            ("001.png", b"second"),
        ])
    };
    let (_dir, path) = written(&[("s-0.tar", shard(["2", "0\n"])), ("s-1.tar", shard(["4", "2"]))]);
    let source = TarShards::open(&path, None).unwrap();
    assert_eq!(source.classes(), ["0", "1", "2", "3", "4"]);
    let expected = ["2 s-0.tar/x/000.jpg", "0 s-0.tar/001.png", "4 s-1.tar/x/000.jpg", "2 s-1.tar/001.png"];
    assert_eq!(samples(&source), expected);
    assert_eq!(bytes(&source, 3), b"second");

    let order = names(&["a", "b", "c", "d", "e"]);
    assert_eq!(TarShards::open(&path, Some(&order)).unwrap().classes(), order);
    let short = TarShards::open(&path, Some(&order[..4])).unwrap_err().to_string();
    assert!(
        short.starts_with("x/000.cls in ") && short.contains("label 4 is out of range: 4 classes"),
        "{short}"
    );

    let (_dir, path) = written(&[("s.tar", shard(["emu", "cat"]))]);
    assert_eq!(samples(&TarShards::open(&path, None).unwrap()), ["1 x/000.jpg", "0 001.png"]);
}

#[test]
fn halves_of_pairs_are_named() {
    let no_class = tar(&[("0.jpg", b""), ("0.cls", b"1"), ("1.jpg", b"")]);
    assert_eq!(
        error(&[("a.tar", no_class.clone())], None),
        "1.jpg in a.tar has no .cls file with its class, as other images of the tar have; add it"
    );
    let no_image = tar(&[("0.jpg", b""), ("0.cls", b"1"), ("1.cls", b"1"), ("2.cls", b"1")]);
    assert_eq!(
        error(&[("a.tar", no_image)], None),
        "1.cls in a.tar has no image with the same name; add it, or remove the .cls file"
    );
    let pairs = tar(&[("0.jpg", b""), ("0.cls", b"1")]);
    let folders = tar(&[("cat/0.jpg", b"")]);
    assert!(
        error(&[("a.tar", pairs), ("b.tar", folders)], None)
            .starts_with("a.tar has images with .cls files and b.tar")
    );
    let absurd = tar(&[("0.jpg", b""), ("0.cls", b"1"), ("1.jpg", b""), ("1.cls", b"4000000000")]);
    assert!(
        error(&[("a.tar", absurd)], None)
            .starts_with("1.jpg in a.tar is no class: label 4000000000 asks for more")
    );
    let long = tar(&[("0.jpg", b""), ("0.cls", &[b'7'; 2000])]);
    assert!(
        error(&[("a.tar", long)], None).starts_with("0.cls in a.tar has 2000 bytes, which is no class name")
    );
    let empty = tar(&[("0.jpg", b""), ("0.cls", b"\n")]);
    assert!(error(&[("a.tar", empty)], None).starts_with("0.cls in a.tar is no class: the label is empty"));
}

#[test]
fn tars_of_one_class_each_give_it_their_name() {
    let files: [(&str, &[u8]); 2] = [("1.JPEG", b"one"), ("2.JPEG", b"two")];
    let (_dir, path) = written(&[("n02.tar", tar(&files)), ("n01.tar", tar(&files[..1]))]);
    let source = TarShards::open(&path, None).unwrap();
    assert_eq!(source.classes(), ["n01", "n02"]);
    assert_eq!(samples(&source), ["0 n01.tar/1.JPEG", "1 n02.tar/1.JPEG", "1 n02.tar/2.JPEG"]);
    let lost = "1.JPEG in a.tar lies in no class folder and has no .cls file; \
                put the images of each class into a folder with its name";
    assert_eq!(error(&[("a.tar", tar(&files))], None), lost);
    let mixed = tar(&[("cat/1.JPEG", b""), ("1.JPEG", b"")]);
    assert_eq!(error(&[("a.tar", mixed)], None), lost);
}

#[test]
fn every_cut_is_noticed() {
    let whole = tar(&[("cat/1.jpg", &[7; 700]), ("dog/1.jpg", &[8; 5])]);
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    for length in 0..end {
        let error = error(&[("a.tar", whole[..length].to_vec())], None);
        assert!(error.contains("is cut off") || error.contains("is not a tar file"), "{length}: {error}");
    }
    assert_eq!(
        error(&[("a.tar", whole[..600].to_vec())], None),
        "a.tar is cut off: it has 600 bytes and ends in cat/1.jpg; fetch or make it again"
    );
    assert!(
        error(&[("a.tar", whole[..512 + 1024].to_vec())], None)
            .contains("has 1536 bytes and ends without the empty blocks of a tar's end")
    );
}

#[test]
fn a_second_tar_behind_the_first_is_read_too() {
    let mut both = tar(&[("cat/1.jpg", b"one")]);
    both.extend(tar(&[("dog/1.jpg", b"two")]));
    let (_dir, path) = written(&[("a.tar", both.clone())]);
    let source = TarShards::open(&path, None).unwrap();
    assert_eq!(samples(&source), ["0 cat/1.jpg", "1 dog/1.jpg"]);
    assert_eq!(bytes(&source, 1), b"two");
    both.extend([1; 512]);
    assert!(error(&[("a.tar", both)], None).contains("is damaged at byte 4096 (no header is there)"));
}

#[test]
fn what_is_no_tar_is_named() {
    let gz = [&b"\x1f\x8b\x08"[..], &[0; 1000]].concat();
    assert_eq!(
        error(&[("a.tar.gz", gz)], None),
        "a.tar.gz is compressed with gzip; decompress it first, images hardly get smaller by it anyway"
    );
    assert!(error(&[("a.tar", vec![3; 2000])], None).starts_with("a.tar is not a tar file"));
    assert!(error(&[("a.tar", vec![])], None).starts_with("a.tar is not a tar file"));
    assert!(error(&[("a.tar", vec![0; 1024])], None).starts_with("a.tar has no images in it"));
    assert!(error(&[("a.tar", tar(&[("cat/1.txt", b"")]))], None).starts_with("a.tar has no images in it"));
    assert!(
        error(&[("a.txt", vec![]), ("b.txt", vec![])], None)
            .ends_with("has no .tar files; give a tar, or a folder of them")
    );
    let missing = TarShards::open("no/such.tar", None).unwrap_err().to_string();
    assert!(missing.starts_with("no/such.tar cannot be read: "), "{missing}");
}

#[test]
fn entries_that_are_no_files_are_named() {
    let cases: [(Vec<u8>, &str); 8] = [
        (entry(EntryType::Regular, "cat/", 0, b""), "has no images in it"),
        (entry(EntryType::Link, "cat/1.jpg", 0, b""), "is a link, not an image"),
        (entry(EntryType::Symlink, "cat/1.jpg", 0, b""), "is a link, not an image"),
        (
            entry(EntryType::GNUSparse, "cat/1.jpg", 0, b""),
            "is stored with holes; make the tar without --sparse",
        ),
        (entry(EntryType::Regular, "cat/../../1.jpg", 1, b"x"), "leads out of the tar with `..`"),
        (entry(EntryType::Regular, "cat/1.jpg", 1 << 40, b"x"), "is cut off"),
        (entry(EntryType::Regular, "cat/1.jpg", u64::MAX, b"x"), "is cut off"),
        (entry(EntryType::GNULongName, "././@LongLink", 1 << 30, b"x"), "its name has more than a mebibyte"),
    ];
    for (bytes, expected) in cases {
        let error = error(&[("a.tar", bytes)], None);
        assert!(error.contains(expected), "{error}");
    }
    let twice = tar(&[("cat/1.jpg", b"old"), ("cat/1.jpg", b"new")]);
    assert_eq!(
        error(&[("a.tar", twice)], None),
        "cat/1.jpg in a.tar is there twice; make the tar anew, without appending"
    );
    let mut latin = entry(EntryType::Regular, "cat/x.jpg", 0, b"");
    let mut header = Header::from_byte_slice(&latin[..512]).clone();
    header.as_old_mut().name[4] = 0xe9;
    header.set_cksum();
    latin[..512].copy_from_slice(header.as_bytes());
    assert!(error(&[("a.tar", latin)], None).contains("has a name that is not UTF-8"));
}

#[test]
fn pax_headers_are_obeyed() {
    let long = format!("cat/{}/ü.jpg", "y".repeat(300));
    let mut builder = Builder::new(Vec::new());
    builder.append_pax_extensions([("path", long.as_bytes()), ("mtime", b"1.5")]).unwrap();
    let mut header = Header::new_ustar();
    header.set_size(3);
    builder.append_data(&mut header, "short", &b"pax"[..]).unwrap();
    let (_dir, path) = written(&[("a.tar", builder.into_inner().unwrap())]);
    let source = TarShards::open(&path, None).unwrap();
    assert_eq!(samples(&source), [format!("0 {long}")]);
    assert_eq!(bytes(&source, 0), b"pax");

    let mut builder = Builder::new(Vec::new());
    builder.append_pax_extensions([("GNU.sparse.major", &b"1"[..])]).unwrap();
    builder.append_data(&mut header, "cat/1.jpg", &b"pax"[..]).unwrap();
    assert!(error(&[("a.tar", builder.into_inner().unwrap())], None).contains("is stored with holes"));
}

#[test]
fn several_threads_read_at_once() {
    let contents: Vec<Vec<u8>> = (0..200usize).map(|i| vec![i as u8; 100 + 37 * i]).collect();
    let paths: Vec<String> = (0..200).map(|i| format!("c{}/{i}.jpg", i % 7)).collect();
    let files: Vec<(&str, &[u8])> =
        paths.iter().zip(&contents).map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let (_dir, path) = written(&[("a.tar", tar(&files))]);
    let source: Arc<dyn Source> = Arc::new(TarShards::open(&path, None).unwrap());
    thread::scope(|scope| {
        for start in 0..4 {
            let (source, contents) = (&source, &contents);
            scope.spawn(move || {
                for index in (start..200).chain(0..start) {
                    assert_eq!(bytes(source.as_ref(), index), contents[index]);
                }
            });
        }
    });
}

#[test]
fn a_file_that_shrank_is_an_error_when_it_is_read() {
    let (_dir, path) = written(&[("a.tar", tar(&[("cat/1.jpg", b"one")]))]);
    let source = TarShards::open(&path, None).unwrap();
    fs::write(&path, b"").unwrap();
    let error = source.read(0).unwrap_err().to_string();
    assert!(error.starts_with("cat/1.jpg in ") && error.contains("cannot be read: "), "{error}");
}

#[test]
fn more_tars_than_may_be_open_are_read() {
    let tars: Vec<(String, Vec<u8>)> =
        (0..150).map(|i| (format!("{i:03}.tar"), tar(&[("cat/1.jpg", format!("{i}").as_bytes())]))).collect();
    let tars: Vec<(&str, Vec<u8>)> =
        tars.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let (_dir, path) = written(&tars);
    let source = TarShards::open(Path::new(&path), None).unwrap();
    assert_eq!(source.len(), 150);
    assert_eq!(bytes(&source, 149), b"149");
}
