//! Downloads, against a server on this machine that misbehaves in every way that servers and networks do.
#![allow(clippy::unwrap_used)] // A test that meets something unexpected stops there.

mod common;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use efficientnet_download::{DownloadError, Options, Progress, Published, fetch, verify};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use common::{Does, Server, server};

const FILE: usize = 300_000;
/// MD5 of `content(0)`, by `hashlib.md5(bytes(i % 251 for i in range(300_000))).hexdigest()`.
const MD5: &str = "34fadf2975834e9a357ec41d3e6df067";

fn content(version: u8) -> Vec<u8> {
    (0..FILE).map(|index| (index % 251) as u8 ^ version).collect()
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file with the published SHA-256, or with none.
fn published(sha256: Option<&str>) -> Published {
    Published {
        name: "test file".into(),
        url: "https://example.org/some/where/file.bin".into(),
        sha256: sha256.map(str::to_string),
        ..Published::default()
    }
}

struct Case {
    cache: TempDir,
    server: Server,
    file: Published,
}

impl Case {
    fn new(script: &[Does]) -> Self {
        let hash = hash(&content(0))[..8].to_string();
        Self {
            cache: tempfile::tempdir().unwrap(),
            server: server(script, content(0)),
            file: published(Some(&hash)),
        }
    }

    fn options(&self) -> Options {
        Options {
            mirror: Some(self.server.address.clone()),
            progress: Progress::Silent,
            attempts: 3,
            pause: Duration::from_millis(1),
        }
    }

    fn fetch(&self) -> Result<PathBuf, DownloadError> {
        let target = self.folder().join("file.bin");
        fetch(&self.file, &target, &self.options()).map(|()| target)
    }

    fn asked(&self) -> Vec<String> {
        self.server.asked.lock().unwrap().clone()
    }

    fn folder(&self) -> PathBuf {
        self.cache.path().join("some/folder")
    }

    fn is_there(&self, name: &str) -> bool {
        self.folder().join(name).exists()
    }
}

fn assert_is(path: &Path, version: u8) {
    assert!(fs::read(path).unwrap() == content(version), "{}", path.display());
}

#[test]
fn downloaded_once() {
    let case = Case::new(&[Does::Serve]);
    let path = case.fetch().unwrap();
    assert_eq!(path, case.folder().join("file.bin"));
    assert_is(&path, 0);
    assert_eq!(case.fetch().unwrap(), path);
    assert_eq!(case.asked().len(), 1);
    assert!(!case.is_there("file.bin.part"));

    // A file that has changed in the cache is fetched again.
    fs::write(&path, "something else").unwrap();
    assert_is(&case.fetch().unwrap(), 0);
    assert_eq!(case.asked().len(), 2);
}

#[test]
fn taken_up_where_it_broke_off() {
    let case =
        Case::new(&[Does::Cut(100_000), Does::HangUp, Does::Cut(50_000), Does::Status(503), Does::Serve]);
    assert_is(&case.fetch().unwrap(), 0);
    assert_eq!(case.asked(), ["", "bytes=100000-", "bytes=100000-", "bytes=150000-", "bytes=150000-"]);
}

#[test]
fn taken_up_by_the_next_call() {
    let case = Case::new(&[Does::Cut(200_000), Does::HangUp, Does::HangUp, Does::Serve]);
    let error = case.fetch().unwrap_err();
    assert!(matches!(error, DownloadError::Failed { .. }), "{error}");
    assert!(error.to_string().contains("check the connection"), "{error}");
    assert!(!case.is_there("file.bin") && case.is_there("file.bin.part"));
    assert_is(&case.fetch().unwrap(), 0);
    assert_eq!(case.asked()[3], "bytes=200000-");
}

/// Stopped between the last byte and the final name: nothing is fetched again.
#[test]
fn a_complete_part_is_accepted() {
    let case = Case::new(&[Does::Serve]);
    fs::create_dir_all(case.folder()).unwrap();
    fs::write(case.folder().join("file.bin.part"), content(0)).unwrap();
    assert_is(&case.fetch().unwrap(), 0);
    assert_eq!(case.asked(), [format!("bytes={FILE}-")]);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let case = Case::new(&[Does::Cut(100_000), Does::IgnoreRange]);
    assert_is(&case.fetch().unwrap(), 0);
}

/// The server's file has changed since the part was fetched: nothing of the part may stay.
#[test]
fn a_part_of_another_file_is_not_continued() {
    let mut case = Case::new(&[Does::Cut(100_000), Does::HangUp]);
    case.fetch().unwrap_err();
    case.server = server(&[Does::Serve], content(9));
    case.file = published(Some(&hash(&content(9))));
    assert_is(&case.fetch().unwrap(), 9);
    assert_eq!(case.asked(), ["bytes=100000-"]);
}

/// The connection always ends early: an error that says how far it came, and no file under the final name.
#[test]
fn truncated() {
    let case = Case::new(&[Does::Cut(100_000), Does::Cut(0)]);
    let error = case.fetch().unwrap_err();
    assert!(error.to_string().contains("100000"), "{error}");
    assert!(!case.is_there("file.bin"));
}

#[test]
fn tampered() {
    let case = Case::new(&[Does::Tamper]);
    let error = case.fetch().unwrap_err();
    let DownloadError::Tampered { expected, .. } = &error else { panic!("{error}") };
    assert_eq!(*expected, hash(&content(0))[..8]);
    let sentence = error.to_string();
    assert!(sentence.contains("SHA-256") && sentence.contains("thrown away"), "{sentence}");
    let left: Vec<_> = fs::read_dir(case.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["file.bin.lock"]);
}

#[test]
fn what_the_server_does_not_have() {
    for (code, word) in [(404, "does not have"), (403, "everybody"), (418, "418")] {
        let case = Case::new(&[Does::Status(code)]);
        let error = case.fetch().unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("/some/where/file.bin"), "{error}");
        assert_eq!(case.asked().len(), 1, "{error}");
    }
}

#[test]
fn offline() {
    let mut case = Case::new(&[Does::Serve]);
    // A port that nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    case.server.address = format!("http://{free}");
    let error = case.fetch().unwrap_err().to_string();
    assert!(error.contains("no connection to 127.0.0.1") && error.contains("yourself"), "{error}");
}

#[test]
fn two_at_once_download_once() {
    let case = Case::new(&[Does::Slowly]);
    let paths: Vec<PathBuf> = thread::scope(|scope| {
        let fetches: Vec<_> = (0..2).map(|_| scope.spawn(|| case.fetch().unwrap())).collect();
        fetches.into_iter().map(|fetch| fetch.join().unwrap()).collect()
    });
    assert_eq!(paths[0], paths[1]);
    assert_is(&paths[0], 0);
    assert_eq!(case.asked().len(), 1);
}

#[test]
fn a_hub_announces_the_hash() {
    let hub = |announced: &str| {
        let behind = server(&[Does::Serve], content(0));
        let mut case =
            Case::new(&[Does::Redirect(format!("{}/real", behind.address), Some(announced.into()))]);
        case.file.sha256 = None;
        case
    };
    assert_is(&hub(&hash(&content(0))).fetch().unwrap(), 0);
    let error = hub(&hash(&content(1))).fetch().unwrap_err();
    assert!(matches!(error, DownloadError::Tampered { .. }), "{error}");
}

#[test]
fn redirected_in_circles() {
    let case = Case::new(&[Does::Redirect("/again".into(), None)]);
    assert!(case.fetch().unwrap_err().to_string().contains("on and on"));
}

/// Without a published hash the first download's is kept, and later changes of the file are found.
#[test]
fn trusted_on_first_use() {
    let mut case = Case::new(&[Does::Serve]);
    case.file.sha256 = None;
    let path = case.fetch().unwrap();
    let record = fs::read_to_string(case.folder().join("file.bin.sha256")).unwrap();
    assert_eq!(record.trim(), hash(&content(0)));
    fs::write(&path, content(3)).unwrap();
    assert_is(&case.fetch().unwrap(), 0);
    assert_eq!(case.asked().len(), 2);

    fs::remove_file(&path).unwrap();
    case.server = server(&[Does::Serve], content(3));
    let error = case.fetch().unwrap_err();
    assert!(matches!(error, DownloadError::Tampered { .. }), "{error}");
}

/// Publishers of data sets give an MD5: it judges what came, and it makes a part worth continuing.
#[test]
fn an_md5_counts() {
    let mut case = Case::new(&[Does::Serve]);
    case.file.sha256 = None;
    case.file.md5 = Some(MD5.into());
    case.file.bytes = Some(FILE as u64);
    fs::create_dir_all(case.folder()).unwrap();
    fs::write(case.folder().join("file.bin.part"), &content(0)[..1000]).unwrap();
    assert_is(&case.fetch().unwrap(), 0);
    assert_eq!(case.asked(), ["bytes=1000-"]);

    case.cache = tempfile::tempdir().unwrap();
    case.server = server(&[Does::Tamper], content(0));
    let error = case.fetch().unwrap_err().to_string();
    assert!(error.contains("its MD5") && error.contains(MD5), "{error}");
    assert!(!case.is_there("file.bin") && !case.is_there("file.bin.part"));

    case.server = server(&[Does::Serve], content(0));
    case.file.bytes = Some(7);
    let error = case.fetch().unwrap_err().to_string();
    assert!(error.contains("its length in bytes is 300000 and should be 7"), "{error}");
}

/// What somebody put there by hand is compared and never removed.
#[test]
fn verified_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("by-hand.bin");
    fs::write(&path, content(0)).unwrap();
    let file = Published { md5: Some(MD5.into()), ..published(None) };
    verify(&file, &path).unwrap();
    fs::write(&path, content(1)).unwrap();
    let error = verify(&file, &path).unwrap_err().to_string();
    assert!(error.contains("by-hand.bin is not the published test file: its MD5 is "), "{error}");
    assert!(path.exists());
}

/// Every write to `/dev/full` fails as on a full disk; the part, which cannot grow, is not kept.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk() {
    let case = Case::new(&[Does::Serve]);
    fs::create_dir_all(case.folder()).unwrap();
    std::os::unix::fs::symlink("/dev/full", case.folder().join("file.bin.part")).unwrap();
    let error = case.fetch().unwrap_err().to_string();
    assert!(error.ends_with("file.bin.part cannot be written: the disk is full"), "{error}");
    assert!(!case.folder().join("file.bin.part").is_symlink() && !case.is_there("file.bin"));
}
