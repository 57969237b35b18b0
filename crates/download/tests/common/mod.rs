//! A server on this machine that misbehaves in every way that servers and networks do.
#![allow(dead_code, reason = "every test crate has its own use of it")]

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the server does with a connection.
#[derive(Clone)]
pub enum Does {
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

pub struct Server {
    pub address: String,
    /// The `Range` headers that came, in order; empty where there was none.
    pub asked: Arc<Mutex<Vec<String>>>,
}

/// A server that does one thing for each connection, and the last of them for ever.
pub fn server(script: &[Does], file: Vec<u8>) -> Server {
    serving(script, vec![(String::new(), file)])
}

/// As [`server`], with a file for every path that ends so; the first one for every other path.
pub fn serving(script: &[Does], files: Vec<(String, Vec<u8>)>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut script: VecDeque<Does> = script.iter().cloned().collect();
    let log = asked.clone();
    let files = Arc::new(files);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let does = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
            let (files, log) = (files.clone(), log.clone());
            // A client that has gone away is no concern of the server's.
            thread::spawn(move || answer(stream.unwrap(), &does.unwrap(), &files, &log));
        }
    });
    Server { address, asked }
}

fn answer(
    stream: TcpStream,
    does: &Does,
    files: &[(String, Vec<u8>)],
    log: &Mutex<Vec<String>>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (mut path, mut range, mut if_range) = (String::new(), String::new(), None);
    for line in BufReader::new(&stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(request) = line.strip_prefix("GET ") {
            path = request.split(' ').next().unwrap_or_default().to_string();
        }
        let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "range" => range = value.to_string(),
            "if-range" => if_range = Some(value.to_string()),
            _ => {}
        }
    }
    log.lock().unwrap().push(range.clone());
    let of_path = files.iter().find(|(name, _)| !name.is_empty() && path.ends_with(name.as_str()));
    let file = &of_path.or(files.first()).unwrap().1;
    let tag = format!("\"{:016x}\"", tag(file));
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
        Does::Slowly => body.chunks(total.div_ceil(10)).try_for_each(|piece| {
            thread::sleep(Duration::from_millis(30));
            out.write_all(piece)
        }),
        _ => out.write_all(body),
    }
}

fn tag(file: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    file.hash(&mut hasher);
    hasher.finish()
}
