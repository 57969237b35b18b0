//! Data sets from a server on this machine, which misbehaves, in archives that cannot be trusted.
#![allow(clippy::unwrap_used)] // A test that meets something unexpected stops there.

mod lists;
#[path = "../../../download/tests/common/mod.rs"]
mod loopback;

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use efficientnet_data::{FetchError, FetchOptions, FetchedSplit, Manifest, Progress, fetch};
use flate2::write::GzEncoder;
use loopback::{Does, Server, serving};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// A photograph in the archives: long enough to be cut off in the middle.
fn photograph() -> Vec<u8> {
    (0..200_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A tar with these entries. The names are written as they are, which `tar::Builder` itself would refuse.
fn tar(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn file(name: &'static str) -> (&'static str, tar::EntryType, &'static [u8]) {
    (name, tar::EntryType::Regular, b"bytes")
}

fn good() -> Vec<u8> {
    let photograph = photograph();
    gzip(&tar(&[
        ("./set/cat/", tar::EntryType::Directory, b""),
        ("./set/cat/1.jpg", tar::EntryType::Regular, &photograph),
        ("set/dog/deep/2.jpg", tar::EntryType::Regular, b"dog"),
    ]))
}

fn zip(name: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, SimpleFileOptions::default()).unwrap();
    writer.write_all(&photograph()).unwrap();
    writer.finish().unwrap().into_inner()
}

struct Case {
    folder: TempDir,
    server: Server,
    manifest: Manifest,
}

impl Case {
    fn new(name: &str, script: &[Does], archive: Vec<u8>) -> Self {
        let text = format!(
            "name = 'mine'\ntitle = 'Mine'\ncitation = 'me'\nlicence = 'MIT'\n\
            classes = {{ count = 2, from = 'folders' }}\n\
            split = [{{ name = 'all', images = 2, open = 'archive/set' }}]\n\
            file = [{{ url = 'https://example.org/some/{name}', bytes = {}, unpack = true }}]\n\
            layout = {{ source = 'folder', labels = 'folders' }}\n",
            archive.len()
        );
        Self {
            folder: tempfile::tempdir().unwrap(),
            server: serving(script, vec![(name.to_string(), archive)]),
            manifest: Manifest::parse("mine.toml", &text).unwrap(),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("mine")
    }

    fn fetch(&self) -> Result<Vec<FetchedSplit>, FetchError> {
        let options = FetchOptions {
            mirror: Some(self.server.address.clone()),
            progress: Progress::Silent,
            attempts: 3,
            pause: Duration::from_millis(1),
        };
        fetch(&self.manifest, &self.data(), &options)
    }

    fn requests(&self) -> usize {
        self.server.asked.lock().unwrap().len()
    }

    /// Everything below the folder except locks and hashes.
    fn left(&self) -> Vec<String> {
        let mut left = files(&self.data(), &self.data());
        left.retain(|name| !name.ends_with(".lock") && !name.ends_with(".sha256"));
        left.sort();
        left
    }
}

fn files(folder: &Path, root: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| match path.is_dir() {
        true => files(&path, root),
        false => vec![path.strip_prefix(root).unwrap().display().to_string()],
    };
    entries.flat_map(below).collect()
}

#[test]
fn fetched_and_unpacked_once() {
    for name in ["archive.tar.gz", "archive.tgz"] {
        let case = Case::new(name, &[Does::Serve], good());
        let splits = case.fetch().unwrap();
        assert_eq!(splits, [FetchedSplit { name: "all".into(), path: case.data().join("archive/set") }]);
        assert_eq!(fs::read(case.data().join("archive/set/cat/1.jpg")).unwrap(), photograph());
        assert_eq!(case.left(), ["archive/set/cat/1.jpg", "archive/set/dog/deep/2.jpg"]);
        assert_eq!(case.fetch().unwrap(), splits);
        assert_eq!(case.requests(), 1);
    }
}

#[test]
fn plain_tar_and_zip() {
    let plain = tar(&[("set/cat/1.jpg", tar::EntryType::Regular, b"cat")]);
    let case = Case::new("archive.tar", &[Does::Serve], plain);
    case.fetch().unwrap();
    assert_eq!(case.left(), ["archive/set/cat/1.jpg"]);
    let case = Case::new("archive.zip", &[Does::Serve], zip("set/cat/1.jpg"));
    case.fetch().unwrap();
    assert_eq!(fs::read(case.data().join("archive/set/cat/1.jpg")).unwrap(), photograph());
}

#[test]
fn continued_where_the_connection_broke() {
    let case = Case::new("archive.tar.gz", &[Does::Cut(1000), Does::HangUp, Does::Serve], good());
    case.fetch().unwrap();
    assert_eq!(*case.server.asked.lock().unwrap(), ["", "bytes=1000-", "bytes=1000-"]);
    assert_eq!(case.left().len(), 2);
}

/// Killed while it was unpacking: what is left of that is cleared away.
#[test]
fn continued_where_unpacking_broke_off() {
    let case = Case::new("archive.tar.gz", &[Does::Serve], good());
    let half = case.data().join(".unpacking-archive/set/cat");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("old.jpg"), "half").unwrap();
    fs::write(case.data().join("archive.tar.gz"), good()).unwrap();
    case.fetch().unwrap();
    assert_eq!(case.left(), ["archive/set/cat/1.jpg", "archive/set/dog/deep/2.jpg"]);
    assert_eq!(case.requests(), 0);
}

#[test]
fn what_is_not_the_published_file_is_thrown_away() {
    let mut case = Case::new("archive.tar.gz", &[Does::Tamper], good());
    case.manifest.files[0].md5 = Some("0123456789abcdef0123456789abcdef".into());
    let error = case.fetch().unwrap_err().to_string();
    assert!(error.contains("its MD5 is") && error.contains("0123456789abcdef0123456789abcdef"), "{error}");
    assert!(case.left().is_empty(), "{:?}", case.left());
}

/// Cut off before it was published: an archive with the right length and nothing behind its middle.
#[test]
fn an_archive_that_ends_too_early_leaves_nothing() {
    let whole = good();
    // In the header, in the data, in the checksum at the end.
    for length in [5, whole.len() / 2, whole.len() - 3] {
        let case = Case::new("archive.tar.gz", &[Does::Serve], whole[..length].to_vec());
        let error = case.fetch().unwrap_err();
        assert!(matches!(error, FetchError::Archive { .. }), "{length}: {error}");
        assert!(error.to_string().contains("archive.tar.gz cannot be unpacked: "), "{error}");
        assert_eq!(case.left(), ["archive.tar.gz"], "{length}");
    }
    let whole = zip("set/cat/1.jpg");
    let case = Case::new("archive.zip", &[Does::Serve], whole[..whole.len() / 2].to_vec());
    assert!(matches!(case.fetch().unwrap_err(), FetchError::Archive { .. }));
    assert_eq!(case.left(), ["archive.zip"]);
}

/// One flipped bit in the compressed data, one in the tar's header.
#[test]
fn a_damaged_archive_leaves_nothing() {
    let mut damaged = good();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x10;
    let mut header = tar(&[file("set/cat/1.jpg")]);
    header[10] ^= 1;
    for archive in [damaged, gzip(&header), gzip(b"this is no tar at all, only some text that is too short")]
    {
        let case = Case::new("archive.tar.gz", &[Does::Serve], archive);
        let error = case.fetch().unwrap_err();
        assert!(matches!(error, FetchError::Archive { .. }), "{error}");
        assert_eq!(case.left(), ["archive.tar.gz"]);
    }
}

#[test]
fn nothing_is_written_outside() {
    use tar::EntryType as Type;
    let link = |kind| ("set/link", kind, &b""[..]);
    let hostile = [
        ("outside", gzip(&tar(&[file("set/ok.jpg"), file("../escaped.jpg")]))),
        ("outside", gzip(&tar(&[file("set/../../escaped.jpg")]))),
        ("outside", gzip(&tar(&[file("/etc/escaped.jpg")]))),
        ("link", gzip(&tar(&[link(Type::Symlink), file("set/link/escaped.jpg")]))),
        ("link", gzip(&tar(&[link(Type::Link)]))),
        ("device", gzip(&tar(&[link(Type::Char)]))),
    ];
    for (word, archive) in hostile {
        let case = Case::new("archive.tar.gz", &[Does::Serve], archive);
        let error = case.fetch().unwrap_err();
        assert!(matches!(error, FetchError::Unsafe { .. }), "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(case.left(), ["archive.tar.gz"]);
        assert_eq!(fs::read_dir(case.folder.path()).unwrap().count(), 1);
    }
    for name in ["../escaped.jpg", "/escaped.jpg", "set/..\\escaped.jpg", "C:escaped.jpg"] {
        let case = Case::new("archive.zip", &[Does::Serve], zip(name));
        let error = case.fetch().unwrap_err();
        assert!(matches!(error, FetchError::Unsafe { .. }), "{name}: {error}");
        assert_eq!(case.left(), ["archive.zip"]);
    }
}

/// A file where a folder is needed: writing fails, as it does on a full disk, and leaves nothing.
#[test]
fn what_cannot_be_written_leaves_nothing() {
    let case = Case::new("archive.tar.gz", &[Does::Serve], gzip(&tar(&[file("set"), file("set/1.jpg")])));
    let error = case.fetch().unwrap_err();
    assert!(matches!(error, FetchError::Io { .. }), "{error}");
    assert_eq!(case.left(), ["archive.tar.gz"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk() {
    let case = Case::new("archive.tar.gz", &[Does::Serve], good());
    fs::create_dir_all(case.data()).unwrap();
    std::os::unix::fs::symlink("/dev/full", case.data().join("archive.tar.gz.part")).unwrap();
    let error = case.fetch().unwrap_err().to_string();
    assert!(error.ends_with("archive.tar.gz.part cannot be written: the disk is full"), "{error}");
    assert!(case.left().is_empty());
}

#[test]
fn what_has_to_be_got_by_hand() {
    let mut case = Case::new("archive.tar.gz", &[Does::Serve], good());
    case.manifest.by_hand = Some("ask the publisher".into());
    let error = case.fetch().unwrap_err();
    let sentence = format!("Mine has to be got by hand: ask the publisher; into {}", case.data().display());
    assert_eq!(error.to_string(), sentence);

    case.manifest.files[0].md5 = Some("0123456789abcdef0123456789abcdef".into());
    case.manifest.files[0].bytes = None;
    fs::write(case.data().join("archive.tar.gz"), "something else").unwrap();
    let error = case.fetch().unwrap_err().to_string();
    assert!(
        error.contains("archive.tar.gz is not the published mine (archive.tar.gz): its MD5 is "),
        "{error}"
    );

    fs::create_dir_all(case.data().join("archive/set")).unwrap();
    assert_eq!(case.fetch().unwrap().len(), 1);
    assert_eq!(case.requests(), 0);
}
