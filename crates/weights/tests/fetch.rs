//! Downloads, against a server on this machine that misbehaves in every way that servers and networks do.
#![allow(clippy::unwrap_used)] // A test that meets something unexpected stops there.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use efficientnet_weights::registry::{self, Checkpoint};
use efficientnet_weights::{FetchOptions, Progress, WeightsError, fetch_with};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// What the server does with a connection.
#[derive(Clone)]
enum Does {
    /// Sends the file, from where it is asked to.
    Serve,
    /// As `Serve`, slowly.
    Slowly,
    /// Promises the whole rest and closes the connection after some bytes of it.
    Cut(usize),
    /// Sends the file from the start whatever it is asked for.
    IgnoreRange,
    /// Answers with a status and nothing else.
    Status(u16),
    /// Sends other bytes of the same number.
    Tamper,
    /// Closes the connection without an answer.
    HangUp,
    /// Sends the client elsewhere, and announces the file's hash as a hub does.
    Redirect(String, Option<String>),
}

struct Server {
    address: String,
    /// The `Range` headers that came, in order; empty where there was none.
    asked: Arc<Mutex<Vec<String>>>,
}

const FILE: usize = 300_000;

fn content(version: u8) -> Vec<u8> {
    (0..FILE).map(|index| (index % 251) as u8 ^ version).collect()
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server that does one thing for each connection, and the last of them for ever.
fn server(script: &[Does], file: Vec<u8>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut script: VecDeque<Does> = script.iter().cloned().collect();
    let log = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let does = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
            let (file, log) = (file.clone(), log.clone());
            // A client that has gone away is no concern of the server's.
            thread::spawn(move || answer(stream.unwrap(), &does.unwrap(), &file, &log));
        }
    });
    Server { address, asked }
}

fn answer(stream: TcpStream, does: &Does, file: &[u8], log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (mut range, mut if_range) = (String::new(), None);
    for line in BufReader::new(&stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "range" => range = value.to_string(),
            "if-range" => if_range = Some(value.to_string()),
            _ => {}
        }
    }
    log.lock().unwrap().push(range.clone());
    let tag = format!("\"{}\"", &hash(file)[..16]);
    let is_same = if_range.is_none_or(|wanted| wanted == tag);
    let start = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse::<usize>().ok());
    let start = start.filter(|_| is_same && !matches!(does, Does::IgnoreRange));
    let mut out = &stream;
    let close = "Connection: close\r\n";
    match does {
        Does::HangUp => return Ok(()),
        Does::Status(code) => {
            return write!(out, "HTTP/1.1 {code} No\r\nContent-Length: 0\r\n{close}\r\n");
        }
        Does::Redirect(location, hash) => {
            let linked = hash.as_ref().map_or(String::new(), |hash| format!("X-Linked-ETag: \"{hash}\"\r\n"));
            return write!(
                out,
                "HTTP/1.1 302 Found\r\nLocation: {location}\r\n{linked}Content-Length: 0\r\n{close}\r\n"
            );
        }
        _ => {}
    }
    let total = file.len();
    match start {
        Some(start) if start >= total => {
            return write!(
                out,
                "HTTP/1.1 416 No\r\nContent-Range: bytes */{total}\r\nContent-Length: 0\r\n{close}\r\n"
            );
        }
        Some(start) => write!(
            out,
            "HTTP/1.1 206 Partial\r\nContent-Range: bytes {start}-{}/{total}\r\nContent-Length: {}\r\n",
            total - 1,
            total - start
        )?,
        None => write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n")?,
    }
    write!(out, "ETag: {tag}\r\n{close}\r\n")?;
    let body = &file[start.unwrap_or(0)..];
    match does {
        Does::Cut(length) => out.write_all(&body[..*length]),
        Does::Tamper => out.write_all(&body.iter().map(|byte| !byte).collect::<Vec<u8>>()),
        Does::Slowly => body.chunks(FILE / 10).try_for_each(|piece| {
            thread::sleep(Duration::from_millis(30));
            out.write_all(piece)
        }),
        _ => out.write_all(body),
    }
}

/// A checkpoint with the published hash of `file`, or with none.
fn checkpoint(sha256: Option<&str>) -> Checkpoint {
    Checkpoint {
        name: "timm/test.tag".into(),
        url: "https://example.org/some/where/test-0123abcd.pth".into(),
        sha256: sha256.map(str::to_string),
        ..registry::all()[0].clone()
    }
}

struct Case {
    cache: TempDir,
    server: Server,
    checkpoint: Checkpoint,
}

impl Case {
    fn new(script: &[Does]) -> Self {
        let published = hash(&content(0))[..8].to_string();
        Self {
            cache: tempfile::tempdir().unwrap(),
            server: server(script, content(0)),
            checkpoint: checkpoint(Some(&published)),
        }
    }

    fn options(&self) -> FetchOptions {
        FetchOptions {
            cache_dir: Some(self.cache.path().into()),
            mirror: Some(self.server.address.clone()),
            progress: Progress::Silent,
            attempts: 3,
            pause: Duration::from_millis(1),
        }
    }

    fn fetch(&self) -> Result<PathBuf, WeightsError> {
        fetch_with(&self.checkpoint, &self.options())
    }

    fn asked(&self) -> Vec<String> {
        self.server.asked.lock().unwrap().clone()
    }

    fn folder(&self) -> PathBuf {
        self.cache.path().join("timm/test.tag")
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
    assert_eq!(path, case.folder().join("test-0123abcd.pth"));
    assert_is(&path, 0);
    assert_eq!(case.fetch().unwrap(), path);
    assert_eq!(case.asked().len(), 1);
    assert!(!case.is_there("test-0123abcd.pth.part"));

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
    assert!(matches!(error, WeightsError::Download { .. }), "{error}");
    assert!(error.to_string().contains("check the connection"), "{error}");
    assert!(!case.is_there("test-0123abcd.pth") && case.is_there("test-0123abcd.pth.part"));
    assert_is(&case.fetch().unwrap(), 0);
    assert_eq!(case.asked()[3], "bytes=200000-");
}

/// Stopped between the last byte and the final name: nothing is fetched again.
#[test]
fn a_complete_part_is_accepted() {
    let case = Case::new(&[Does::Serve]);
    fs::create_dir_all(case.folder()).unwrap();
    fs::write(case.folder().join("test-0123abcd.pth.part"), content(0)).unwrap();
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
    case.checkpoint = checkpoint(Some(&hash(&content(9))));
    assert_is(&case.fetch().unwrap(), 9);
    assert_eq!(case.asked(), ["bytes=100000-"]);
}

/// The connection always ends early: an error that says how far it came, and no file under the final name.
#[test]
fn truncated() {
    let case = Case::new(&[Does::Cut(100_000), Does::Cut(0)]);
    let error = case.fetch().unwrap_err();
    assert!(error.to_string().contains("100000"), "{error}");
    assert!(!case.is_there("test-0123abcd.pth"));
}

#[test]
fn tampered() {
    let case = Case::new(&[Does::Tamper]);
    let error = case.fetch().unwrap_err();
    let WeightsError::Tampered { expected, .. } = &error else { panic!("{error}") };
    assert_eq!(*expected, hash(&content(0))[..8]);
    let sentence = error.to_string();
    assert!(sentence.contains("SHA-256") && sentence.contains("thrown away"), "{sentence}");
    let left: Vec<_> = fs::read_dir(case.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["test-0123abcd.pth.lock"]);
}

#[test]
fn what_the_server_does_not_have() {
    for (code, word) in [(404, "does not have"), (403, "everybody"), (418, "418")] {
        let case = Case::new(&[Does::Status(code)]);
        let error = case.fetch().unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("/some/where/test-0123abcd.pth"), "{error}");
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
        case.checkpoint.sha256 = None;
        case
    };
    assert_is(&hub(&hash(&content(0))).fetch().unwrap(), 0);
    let error = hub(&hash(&content(1))).fetch().unwrap_err();
    assert!(matches!(error, WeightsError::Tampered { .. }), "{error}");
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
    case.checkpoint.sha256 = None;
    let path = case.fetch().unwrap();
    let record = fs::read_to_string(case.folder().join("test-0123abcd.pth.sha256")).unwrap();
    assert_eq!(record.trim(), hash(&content(0)));
    fs::write(&path, content(3)).unwrap();
    assert_is(&case.fetch().unwrap(), 0);
    assert_eq!(case.asked().len(), 2);

    fs::remove_file(&path).unwrap();
    case.server = server(&[Does::Serve], content(3));
    let error = case.fetch().unwrap_err();
    assert!(matches!(error, WeightsError::Tampered { .. }), "{error}");
}
