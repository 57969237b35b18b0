//! Splits as text.
//!
//! ```text
//! efficientnet-split-1 <TAB> holdout(fraction=0.1, seed=7) <TAB> 2019 <TAB> sha256:… <TAB> train,minival
//! train <TAB> cardboard/cardboard1.jpg
//! ```
//!
//! The third field of the first line is the number of samples, the fourth the SHA-256 of all keys in the order of their
//! bytes, each with a line feed behind it. Lines are sorted by key, so the files of two splits can be compared. In a key
//! a backslash and line breaks are written as `\\`, `\n` and `\r`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Split, SplitError, sorted_keys};
use crate::atomic;
use crate::source::Source;

const FORMAT: &str = "efficientnet-split-1";
/// No part has this number.
const NO_PART: u16 = u16::MAX;

pub fn save(split: &Split, path: &Path) -> Result<(), SplitError> {
    let keys = sorted_keys(split.source.as_ref());
    let write = |out: &mut dyn Write| -> io::Result<()> {
        let fingerprint = fingerprint(&keys);
        let (recipe, parts) = (&split.recipe, split.parts.join(","));
        writeln!(out, "{FORMAT}\t{recipe}\t{}\t{fingerprint}\t{parts}", keys.len())?;
        for (key, sample) in &keys {
            let part = &split.parts[usize::from(split.part_of[*sample as usize])];
            writeln!(out, "{part}\t{}", escaped(key))?;
        }
        Ok(())
    };
    atomic::write(path, write).map_err(|source| SplitError::Write { path: path.to_path_buf(), source })
}

pub fn load(path: &Path, source: &Arc<dyn Source>) -> Result<Split, SplitError> {
    let text =
        fs::read_to_string(path).map_err(|source| SplitError::Read { path: path.to_path_buf(), source })?;
    let header = text.lines().next().and_then(Header::read);
    let header = header.ok_or_else(|| SplitError::NotASplit { path: path.to_path_buf() })?;
    let mut split = Split::new(source, header.recipe.to_string(), header.parts.iter().copied())?;
    let keys = sorted_keys(source.as_ref());
    assign(&mut split, path, &text, &keys, header.samples)?;
    if header.fingerprint != fingerprint(&keys) {
        return Err(SplitError::Changed { path: path.to_path_buf() });
    }
    Ok(split)
}

/// What the first line says.
struct Header<'a> {
    recipe: &'a str,
    samples: usize,
    fingerprint: &'a str,
    parts: Vec<&'a str>,
}

impl<'a> Header<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [FORMAT, recipe, samples, fingerprint, parts] = fields[..] else { return None };
        let parts: Vec<&str> = parts.split(',').collect();
        let distinct = parts.iter().enumerate().all(|(at, part)| !parts[..at].contains(part));
        let usable = distinct && parts.len() < usize::from(NO_PART) && !parts.contains(&"");
        usable.then_some(Self { recipe, samples: samples.parse().ok()?, fingerprint, parts })
    }
}

/// Puts the samples into the parts that the lines behind the first say.
fn assign(
    split: &mut Split,
    path: &Path,
    text: &str,
    keys: &[(Cow<'_, str>, u32)],
    expected: usize,
) -> Result<(), SplitError> {
    let wrong = |line, problem| SplitError::Line { path: path.to_path_buf(), line, problem };
    split.part_of.fill(NO_PART);
    let (mut found, mut lacking, mut first_lacking) = (0, 0, None);
    for (line, text) in text.lines().enumerate().skip(1).map(|(at, text)| (at + 1, text)) {
        let fields = text.split_once('\t');
        let (part, key) = fields.ok_or_else(|| wrong(line, "is not a part, a tab and a key"))?;
        let part = split.number(part).map_err(|_| wrong(line, "has a part that the first line lacks"))?;
        let key = unescaped(key).ok_or_else(|| wrong(line, "has a backslash that stands for nothing"))?;
        found += 1;
        let Ok(place) = keys.binary_search_by(|(other, _)| other.as_ref().cmp(&key)) else {
            lacking += 1;
            first_lacking.get_or_insert_with(|| (line, key.into_owned()));
            continue;
        };
        let part_of = &mut split.part_of[keys[place].1 as usize];
        if std::mem::replace(part_of, part) != NO_PART {
            return Err(wrong(line, "has a sample of an earlier line"));
        }
    }
    let path = path.to_path_buf();
    if found != expected {
        return Err(SplitError::Count { path, found, expected });
    }
    if let Some((line, key)) = first_lacking {
        return Err(match lacking == found {
            true => SplitError::OtherSource { path, key, samples: found },
            false => SplitError::Lacking { path, line, key, count: lacking },
        });
    }
    let mut unknown = keys.iter().filter(|(_, sample)| split.part_of[*sample as usize] == NO_PART);
    match unknown.next() {
        None => Ok(()),
        Some((key, _)) => Err(SplitError::Unknown { path, key: key.to_string(), count: 1 + unknown.count() }),
    }
}

fn fingerprint(keys: &[(Cow<'_, str>, u32)]) -> String {
    let mut hash = Sha256::new();
    for (key, _) in keys {
        hash.update(key.as_bytes());
        hash.update(b"\n");
    }
    let mut text = "sha256:".to_string();
    for byte in hash.finalize() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn escaped(key: &str) -> Cow<'_, str> {
    match key.contains(['\\', '\n', '\r']) {
        false => Cow::Borrowed(key),
        true => Cow::Owned(key.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")),
    }
}

fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut key = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        key.push(match letter {
            '\\' => match letters.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            letter => letter,
        });
    }
    Some(Cow::Owned(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_anything_in_them_come_back() {
        for key in ["a/b.jpg", "tab\there", "line\nfeed\r\n", "back\\slash\\n", "\\"] {
            let written = escaped(key).into_owned();
            assert_eq!(written.lines().count(), 1);
            assert_eq!(unescaped(&written).as_deref(), Some(key));
        }
        assert_eq!(unescaped("a\\b"), None);
        assert_eq!(unescaped("a\\"), None);
    }
}
