//! What the fuzz targets share: a folder for readers that take paths, and the questions that any source has to answer.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};
use std::{env, fs, panic, process};

use efficientnet_data::{Content, Source};

/// A folder of this process, in memory where the system has such a place, which is left as it is when the process ends.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { env::temp_dir() };
    let folder = parent.join(format!("efficientnet-fuzz-{}", process::id()));
    fs::create_dir_all(&folder).expect("a folder for the files of this process");
    folder
});

/// The place of a file of this name, which is not written.
pub fn path(name: &str) -> PathBuf {
    FOLDER.join(name)
}

/// From now on a panic in another crate, which `efficientnet-data` turns into an error, is written down once and lived
/// with; any other one ends the process as before.
pub fn let_decoders_panic() {
    static SEEN: Mutex<Vec<(String, u32)>> = Mutex::new(Vec::new());
    let fatal = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let Some(place) = panic.location().filter(|place| is_of_others(place.file())) else {
            return fatal(panic);
        };
        let mut seen = SEEN.lock().expect("nobody panics here");
        let place = (place.file().to_string(), place.line());
        if !seen.contains(&place) {
            eprintln!("LIVED WITH: {panic}");
            seen.push(place);
        }
    }));
}

/// Whether a source file was downloaded by cargo.
fn is_of_others(file: &str) -> bool {
    file.replace('\\', "/").contains("/registry/src/")
}

/// A file of this name with these bytes.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = path(name);
    fs::write(&path, bytes).expect("a file in memory");
    path
}

/// Asks a source everything, and hands every content that is read to `content` with its number.
///
/// # Panics
/// If an answer is out of range, or a key is there twice.
pub fn exercise(source: &dyn Source, mut content: impl FnMut(usize, Content)) {
    assert!(source.len() > 0);
    let mut keys = HashSet::new();
    for index in 0..source.len() {
        assert!(source.class(index) < source.classes().len());
        let key = source.key(index).into_owned();
        assert!(keys.insert(key), "the key {} is there twice", source.key(index));
        match source.read(index) {
            Ok(read) => content(index, read),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
