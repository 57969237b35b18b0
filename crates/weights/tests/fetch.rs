//! Checkpoints come through `efficientnet_download`, whose tests hold what servers and networks may do. Here: into which
//! place, with which hash, and what the errors say.
#![allow(clippy::unwrap_used)] // A test that meets something unexpected stops there.

#[path = "../../download/tests/common/mod.rs"]
mod loopback;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use efficientnet_download::Options;
use efficientnet_weights::registry::{self, Checkpoint};
use efficientnet_weights::{FetchOptions, Progress, WeightsError, fetch_with};
use loopback::{Does, server};

const CONTENT: &[u8] = b"these are weights";
/// First digits of the SHA-256 of `CONTENT`, by `sha256sum`.
const HASH: &str = "d5e0bdb8";

fn checkpoint(sha256: &str) -> Checkpoint {
    Checkpoint {
        name: "timm/test.tag".into(),
        url: "https://example.org/some/where/test-0123abcd.pth".into(),
        sha256: Some(sha256.into()),
        ..registry::all()[0].clone()
    }
}

fn fetch(checkpoint: &Checkpoint, does: Does, cache: PathBuf) -> Result<PathBuf, WeightsError> {
    let server = server(&[does], CONTENT.to_vec());
    let download = Options {
        mirror: Some(server.address),
        progress: Progress::Silent,
        attempts: 2,
        pause: Duration::from_millis(1),
    };
    fetch_with(checkpoint, &FetchOptions { cache_dir: Some(cache), download })
}

#[test]
fn a_checkpoint_has_a_folder_of_its_name() {
    let cache = tempfile::tempdir().unwrap();
    let path = fetch(&checkpoint(HASH), Does::Serve, cache.path().into()).unwrap();
    assert_eq!(path, cache.path().join("timm/test.tag/test-0123abcd.pth"));
    assert_eq!(fs::read(path).unwrap(), CONTENT);
}

#[test]
fn what_is_not_the_published_file() {
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(&checkpoint("0123abcd"), Does::Serve, cache.path().into()).unwrap_err();
    let WeightsError::Tampered { expected, found, .. } = &error else { panic!("{error}") };
    assert_eq!((expected.as_str(), found.as_str()), ("0123abcd", HASH));
    assert!(error.to_string().contains("its SHA-256"), "{error}");
}

#[test]
fn what_the_server_does_not_have() {
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(&checkpoint(HASH), Does::Status(404), cache.path().into()).unwrap_err();
    assert!(matches!(error, WeightsError::Download { .. }), "{error}");
    assert!(error.to_string().contains("/some/where/test-0123abcd.pth cannot be downloaded: "), "{error}");
}

#[test]
fn a_cache_that_cannot_be_written() {
    let cache = tempfile::tempdir().unwrap();
    fs::write(cache.path().join("timm"), "a file where a folder should be").unwrap();
    let error = fetch(&checkpoint(HASH), Does::Serve, cache.path().into()).unwrap_err();
    assert!(matches!(error, WeightsError::Io { action: "created", .. }), "{error}");
}
