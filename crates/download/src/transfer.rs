//! The transfer itself: one file over HTTP into `NAME.part`, taken up where it broke off.
//!
//! A part is continued only if the server still has the same file: the validator (`ETag`, else `Last-Modified`) of the
//! first answer is kept beside the part and sent back as `If-Range`, which makes a server with another file start over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use crate::DownloadError;
use crate::fetch::{Options, Published};

const MAX_REDIRECTS: usize = 6;
const CONNECT: Duration = Duration::from_secs(15);
const ANSWER: Duration = Duration::from_secs(30);
/// A body that takes longer is cut and continued: a stalled connection ends some time.
const BODY: Duration = Duration::from_secs(300);
/// The same where the server cannot continue, and a cut would mean to start over.
const WHOLE_BODY: Duration = Duration::from_secs(6 * 3600);

pub(crate) struct Transfer<'a> {
    url: &'a str,
    part: &'a Path,
    file: &'a Published,
    options: &'a Options,
    agent: Agent,
    /// SHA-256 that a server announced for the file.
    announced: Option<String>,
    /// The server sent the whole file where a part was asked for.
    only_whole: bool,
}

/// How one connection ended.
enum End {
    Complete,
    /// To be taken up again.
    Broken(String),
}

impl<'a> Transfer<'a> {
    pub fn new(url: &'a str, part: &'a Path, file: &'a Published, options: &'a Options) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .user_agent(concat!("efficientnet/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { url, part, file, options, agent, announced: None, only_whole: false }
    }

    /// Downloads until the part is complete. Gives the SHA-256 that the server announced, where it did.
    pub fn run(&mut self) -> Result<Option<String>, DownloadError> {
        let mut failures = 0;
        let mut pause = self.options.pause;
        loop {
            let before = self.have();
            match self.connect()? {
                End::Complete => return Ok(self.announced.take()),
                End::Broken(reason) => {
                    if self.have() > before {
                        (failures, pause) = (0, self.options.pause);
                    }
                    failures += 1;
                    if failures >= self.options.attempts.max(1) {
                        return Err(self.give_up(&reason));
                    }
                    self.options
                        .progress
                        .say(&format!("{reason}; trying again in {} s", pause.as_secs_f32()));
                    sleep(pause);
                    pause *= 2;
                }
            }
        }
    }

    fn give_up(&self, reason: &str) -> DownloadError {
        self.failed(format!(
            "{reason}; check the connection and try again, what has come so far is kept (or put the file at {} yourself)",
            self.part.with_extension("").display()
        ))
    }

    fn failed(&self, reason: String) -> DownloadError {
        DownloadError::Failed { url: self.url.to_string(), reason }
    }

    /// Bytes that have come so far.
    fn have(&self) -> u64 {
        fs::metadata(self.part).map_or(0, |about| about.len())
    }

    /// One connection, from where the part ends.
    fn connect(&mut self) -> Result<End, DownloadError> {
        let have = self.have();
        let validator = fs::read_to_string(validator_path(self.part)).ok().filter(|text| !text.is_empty());
        // A part of nobody knows which file is only worth continuing where a hash will tell.
        let from = if validator.is_some() || self.file.has_hash() { have } else { 0 };
        let response = match self.request(from, validator.as_deref()) {
            Ok(response) => response,
            Err(Refusal::Broken(reason)) => return Ok(End::Broken(reason)),
            Err(Refusal::Final(reason)) => return Err(self.failed(reason)),
        };
        let status = response.status().as_u16();
        match status {
            200 => {
                self.only_whole |= from > 0;
                self.receive(response, 0)
            }
            206 => match range_start(response.headers()) {
                Some(start) if start == from => self.receive(response, from),
                _ => {
                    forget(self.part);
                    Ok(End::Broken("the server sent another part than was asked for".to_string()))
                }
            },
            // There is nothing behind the part: it is complete, or of another file. A hash is the judge of a complete one.
            416 if range_total(response.headers()) == Some(from) => Ok(End::Complete),
            416 => {
                forget(self.part);
                Ok(End::Broken("the server's file has changed".to_string()))
            }
            408 | 425 | 429 | 500..=599 => Ok(End::Broken(format!("the server answers {status}"))),
            404 | 410 => {
                Err(self.failed(format!("the server answers {status}, it does not have the file (any more)")))
            }
            401 | 403 => {
                Err(self
                    .failed(format!("the server answers {status}, it does not give the file to everybody")))
            }
            _ => Err(self.failed(format!("the server answers {status}"))),
        }
    }

    /// Sends the request and follows redirections by hand: a hub tells the file's hash in the answer that redirects.
    fn request(&mut self, from: u64, validator: Option<&str>) -> Result<Response<Body>, Refusal> {
        let mut url = self.url.to_string();
        for _ in 0..MAX_REDIRECTS {
            // Compressed on the way, lengths and ranges would mean something else.
            let mut request = self.agent.get(&url).header("Accept-Encoding", "identity");
            if from > 0 {
                request = request.header("Range", format!("bytes={from}-"));
                if let Some(validator) = validator {
                    request = request.header("If-Range", validator);
                }
            }
            let body = if self.only_whole { WHOLE_BODY } else { BODY };
            let request = request.config().timeout_recv_body(Some(body)).build();
            let response = request.call().map_err(|error| explain(&url, error))?;
            if let Some(hash) = header(response.headers(), "x-linked-etag") {
                let hash = hash.trim_matches('"').to_ascii_lowercase();
                let is_sha256 = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
                self.announced = is_sha256.then_some(hash);
            }
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = header(response.headers(), "location").unwrap_or_default();
            url = redirected(&url, location)
                .ok_or_else(|| Refusal::Final(format!("the server sends us to `{location}`")))?;
        }
        Err(Refusal::Final("the server sends us on and on".to_string()))
    }

    /// Writes the body behind the first `from` bytes of the part.
    fn receive(&self, response: Response<Body>, from: u64) -> Result<End, DownloadError> {
        let headers = response.headers().clone();
        let total = match from {
            0 => header(&headers, "content-length").and_then(|text| text.parse().ok()),
            _ => range_total(&headers),
        };
        let write_error = |error: io::Error| self.write_error(error);
        let mut file = self.open_part(from).map_err(write_error)?;
        if from == 0 {
            self.keep_validator(&headers).map_err(write_error)?;
        }
        let mut meter = self.options.progress.meter("downloading", &self.file.name, total, from);
        let mut done = from;
        let mut body = response.into_body().into_reader();
        let mut piece = vec![0; 1 << 16];
        let broken = loop {
            match body.read(&mut piece) {
                Ok(0) => break None,
                Ok(length) => {
                    file.write_all(&piece[..length]).map_err(write_error)?;
                    done += length as u64;
                    meter.at(done);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(format!("the connection broke after {done} bytes ({error})")),
            }
        };
        file.sync_all().map_err(write_error)?;
        meter.finish(done);
        Ok(match (broken, total) {
            (Some(reason), _) => End::Broken(reason),
            (None, Some(total)) if done < total => {
                End::Broken(format!("the connection ended after {done} of {total} bytes"))
            }
            (None, _) => End::Complete,
        })
    }

    fn open_part(&self, from: u64) -> io::Result<File> {
        match from {
            0 => File::create(self.part),
            _ => OpenOptions::new().append(true).open(self.part),
        }
    }

    fn keep_validator(&self, headers: &HeaderMap) -> io::Result<()> {
        // A weak tag says only that files mean the same, not that their bytes are.
        let etag = header(headers, "etag").filter(|tag| !tag.starts_with("W/"));
        let validator = etag.or_else(|| header(headers, "last-modified"));
        fs::write(validator_path(self.part), validator.unwrap_or_default())
    }

    /// A full disk does not get better by keeping the part.
    fn write_error(&self, error: io::Error) -> DownloadError {
        if error.kind() == io::ErrorKind::StorageFull {
            forget(self.part);
        }
        DownloadError::io(self.part, "written", error)
    }
}

/// Why there is no answer.
enum Refusal {
    /// Worth another attempt.
    Broken(String),
    Final(String),
}

fn explain(url: &str, error: ureq::Error) -> Refusal {
    let host = url.split('/').nth(2).unwrap_or(url);
    match error {
        ureq::Error::BadUri(_) => Refusal::Final("the address is not one".to_string()),
        ureq::Error::HostNotFound => {
            Refusal::Broken(format!("{host} is not known, or this computer is offline"))
        }
        ureq::Error::Timeout(_) => Refusal::Broken(format!("{host} does not answer")),
        ureq::Error::Io(error) => Refusal::Broken(format!("no connection to {host} ({error})")),
        other => Refusal::Broken(format!("no connection to {host} ({other})")),
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// `bytes 100-199/200`: 100.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = header(headers, "content-range")?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

/// `bytes 100-199/200` and `bytes */200`: 200.
fn range_total(headers: &HeaderMap) -> Option<u64> {
    header(headers, "content-range")?.rsplit_once('/')?.1.trim().parse().ok()
}

/// The address that a redirection leads to; none that would give up encryption.
fn redirected(url: &str, location: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let next = if location.starts_with('/') {
        format!("{scheme}://{}{location}", rest.split('/').next()?)
    } else {
        location.to_string()
    };
    let is_safe = next.starts_with("https://") || (scheme == "http" && next.starts_with("http://"));
    is_safe.then_some(next)
}

fn validator_path(part: &Path) -> PathBuf {
    part.with_extension("part-of")
}

/// Removes a part and what is known about it.
pub(crate) fn forget(part: &Path) {
    // What is not there need not be removed, and what cannot be removed is overwritten.
    let _ = fs::remove_file(part);
    let _ = fs::remove_file(validator_path(part));
}
