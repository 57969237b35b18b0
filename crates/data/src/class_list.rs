//! The names of classes in a network's order, one a line; line 1 is class 0.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::atomic;

/// Why a file is no list of classes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassListError {
    /// The file could not be read as text.
    #[error("{path} cannot be read: {source}; a class list is a text file with one name a line", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no name in it.
    #[error("{path} names no class; write one name a line, line 1 for class 0", path = path.display())]
    NoClass {
        /// The file.
        path: PathBuf,
    },
    /// A line without a name.
    #[error("{path}: line {line} is empty; write the name of class {class} there", path = path.display(), class = line - 1)]
    EmptyLine {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A name twice.
    #[error("{path}: line {line} repeats `{name}` of line {first}; every class has a name of its own", path = path.display())]
    Repeated {
        /// The file.
        path: PathBuf,
        /// The second line, from 1.
        line: usize,
        /// The first line, from 1.
        first: usize,
        /// The name.
        name: String,
    },
    /// The file could not be written.
    #[error("{path} cannot be written: {source}; check the folder and its permissions", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name that would not be read back as it is.
    #[error(
        "the class name {name:?} cannot stand in a class list; rename it, without line breaks and spaces around it"
    )]
    Unwritable {
        /// The name.
        name: String,
    },
}

/// Reads a list of classes: one name a line, line 1 is class 0. Spaces around a name, a byte order mark in front of it
/// (which is where two files were put together) and empty lines at the end do not count.
///
/// # Errors
/// [`ClassListError`] for a file that cannot be read, has no name, an empty line or a name twice.
pub fn read_class_list(path: impl AsRef<Path>) -> Result<Vec<String>, ClassListError> {
    let path = path.as_ref();
    let text = fs::read_to_string(path)
        .map_err(|source| ClassListError::Read { path: path.to_path_buf(), source })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut first_lines = HashMap::new();
    let mut names = Vec::new();
    for (index, line) in text.trim_end().lines().enumerate() {
        let name = line.trim_end().trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let (path, line) = (path.to_path_buf(), index + 1);
        if name.is_empty() {
            return Err(ClassListError::EmptyLine { path, line });
        }
        if let Some(first) = first_lines.insert(name, line) {
            return Err(ClassListError::Repeated { path, line, first, name: name.to_string() });
        }
        names.push(name.to_string());
    }
    if names.is_empty() {
        return Err(ClassListError::NoClass { path: path.to_path_buf() });
    }
    Ok(names)
}

/// Writes a list of classes that [`read_class_list`] reads back; an old file stays until the new one is complete.
///
/// # Errors
/// [`ClassListError`] for a file that cannot be written, no names, a name twice, or one that would be read as another.
pub fn write_class_list(path: impl AsRef<Path>, names: &[String]) -> Result<(), ClassListError> {
    let path = path.as_ref();
    if names.is_empty() {
        return Err(ClassListError::NoClass { path: path.to_path_buf() });
    }
    let mut first_lines = HashMap::new();
    for (index, name) in names.iter().enumerate() {
        if name.trim() != name || name.is_empty() || name.contains('\n') || name.starts_with('\u{feff}') {
            return Err(ClassListError::Unwritable { name: name.clone() });
        }
        if let Some(first) = first_lines.insert(name, index + 1) {
            let (path, name) = (path.to_path_buf(), name.clone());
            return Err(ClassListError::Repeated { path, line: index + 1, first, name });
        }
    }
    let write = |out: &mut dyn io::Write| names.iter().try_for_each(|name| writeln!(out, "{name}"));
    atomic::write(path, write).map_err(|source| ClassListError::Write { path: path.to_path_buf(), source })
}
