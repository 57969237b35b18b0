//! One word for any source: what a path is shows by what is there.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::folder::{Folder, FolderError};
use crate::source::records::{self, Part, Records};
use crate::source::shards::{self, TarShards};
use crate::source::{CsvManifest, Shapes, Source, SourceError, csv_manifest};

/// How a source is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The classes in the network's order; a class without samples keeps its place, and one that is not in the list is an
    /// error. Without it the source's own order counts, or that of the names.
    pub classes: Option<Vec<String>>,
    /// Which part, where the data set has two: in CIFAR's and IDX files, in a folder with `train` and `val` or `test` in
    /// it, and in one with `train-0000.tar` and `val-0000.tar`.
    pub part: Part,
}

/// Opens a source: a path, or `shapes(images=10000, size=32, seed=0)` for the built-in data set.
///
/// A path may be
/// - a folder of class folders, as for [`Folder`];
/// - a tar, or a folder of them, as for [`TarShards`];
/// - a folder with CIFAR-10, CIFAR-100 or IDX files, as for [`Records`];
/// - a CSV file with the columns `path` and `label`, as for [`CsvManifest`];
/// - a folder in which one of these lies for each part. [`OpenOptions::part`] chooses, and the classes should be given for
///   the second part, should one be missing there.
///
/// A folder called `shapes` is opened as `./shapes`.
///
/// ```
/// use efficientnet_data::{OpenOptions, Source, open};
///
/// let source = open("shapes(images=100, size=48)", &OpenOptions::default())?;
/// assert_eq!(source.len(), 100);
/// assert_eq!(source.classes()[2], "crescent");
/// # Ok::<(), efficientnet_data::SourceError>(())
/// ```
///
/// # Errors
/// [`SourceError`] of the kind that the path is, and [`SourceError::Unknown`] where it is of no kind.
pub fn open(spec: &str, options: &OpenOptions) -> Result<Arc<dyn Source>, SourceError> {
    if let Some(shapes) = Shapes::parse(spec) {
        check_order(options)?;
        let shapes = shapes?;
        return Ok(match &options.classes {
            Some(order) => Arc::new(shapes.with_classes(order)?),
            None => Arc::new(shapes),
        });
    }
    open_path(Path::new(spec), options)
}

/// As [`open`], of a path; there need not be text in it.
///
/// # Errors
/// As [`open`].
pub fn open_path(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Arc<dyn Source>, SourceError> {
    let path = path.as_ref();
    check_order(options)?;
    let about = fs::metadata(path).map_err(|source| SourceError::Read { name: name(path), source })?;
    if about.is_dir() { open_folder(path, options) } else { open_file(path, options) }
}

fn open_file(path: &Path, options: &OpenOptions) -> Result<Arc<dyn Source>, SourceError> {
    let order = options.classes.as_deref();
    let begin = beginning(path).map_err(|source| SourceError::Read { name: name(path), source })?;
    let is = |extension: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension));
    let first_line = begin.split(|byte| *byte == b'\n').next().unwrap_or_default();
    // A tar of old has no mark but its checksum; opening it will say more of one that is damaged.
    let is_tar = is("tar") || begin.get(257..262) == Some(b"ustar") || shards::compression(&begin).is_some();
    if is("csv") || csv_manifest::is_header(&String::from_utf8_lossy(first_line)) {
        return Ok(Arc::new(CsvManifest::open(path, order)?));
    }
    if is_tar {
        return Ok(Arc::new(TarShards::open(path, order)?));
    }
    Err(SourceError::Unknown { path: path.to_path_buf() })
}

fn open_folder(dir: &Path, options: &OpenOptions) -> Result<Arc<dyn Source>, SourceError> {
    let order = options.classes.as_deref();
    let unreadable = |source| SourceError::Read { name: name(dir), source };
    let entries = Entries::list(dir).map_err(unreadable)?;
    if entries.has_file(records::is_cifar) {
        return Ok(Arc::new(Records::cifar(dir, options.part, order)?));
    }
    if entries.has_file(records::is_idx) {
        return Ok(Arc::new(Records::idx(dir, options.part, order)?));
    }
    if let Some(folder) = of_part(&entries.folders, options.part, dir)? {
        return open_folder(&folder, options);
    }
    let tars = shards::tars_in(dir).map_err(unreadable)?;
    // Folders beside tars do not count where there are no images in them.
    if !entries.folders.is_empty() {
        return match Folder::open(dir, order) {
            Err(FolderError::NoImage { .. }) if !tars.is_empty() => shards_of(tars, options),
            opened => Ok(Arc::new(opened?)),
        };
    }
    if tars.is_empty() {
        return Err(SourceError::Unknown { path: dir.to_path_buf() });
    }
    shards_of(tars, options)
}

/// The tars in a folder, of one part where they are of several.
fn shards_of(tars: Vec<PathBuf>, options: &OpenOptions) -> Result<Arc<dyn Source>, SourceError> {
    let roles: Option<Vec<Role>> = tars.iter().map(|tar| role_of_tar(tar)).collect();
    let chosen = match roles {
        Some(roles) if roles.contains(&Role::Train) && roles.iter().any(|role| *role != Role::Train) => {
            let role = chosen_role(&roles, options.part);
            let tars = tars.into_iter().zip(roles);
            tars.filter(|(_, of)| Some(*of) == role).map(|(tar, _)| tar).collect()
        }
        _ => tars,
    };
    // A single tar is the same source whether it or its folder is named.
    let several = chosen.len() > 1;
    Ok(Arc::new(TarShards::of_files(chosen, several, options.classes.as_deref())?))
}

/// The folder of a part, where all folders are such: classes are not called `train` and `val`.
fn of_part(folders: &[PathBuf], part: Part, dir: &Path) -> Result<Option<PathBuf>, SourceError> {
    let roles: Option<Vec<Role>> = folders.iter().map(|folder| role_of_folder(folder)).collect();
    let Some(roles) = roles.filter(|roles| roles.contains(&Role::Train)) else { return Ok(None) };
    let role = chosen_role(&roles, part);
    let found = roles.iter().position(|of| Some(*of) == role);
    let missing = || SourceError::NoPart { path: dir.to_path_buf() };
    found.map(|at| Some(folders[at].clone())).ok_or_else(missing)
}

/// What a name says that samples are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Train,
    Test,
    Validation,
}

/// Which samples make up a part. Where there are both, validation is what is measured on: the test labels are often held
/// back, and when they are not, they should not be looked at.
fn chosen_role(roles: &[Role], part: Part) -> Option<Role> {
    let is_of_part = |role: &Role| (*role == Role::Train) == (part == Part::Train);
    roles.iter().copied().filter(is_of_part).max()
}

/// `val.tar`, `imagenet-val-0001.tar`.
fn role_of_tar(path: &Path) -> Option<Role> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.split(|c: char| !c.is_ascii_alphabetic()).rfind(|word| !word.is_empty()).and_then(role)
}

fn role_of_folder(path: &Path) -> Option<Role> {
    path.file_name().and_then(|name| name.to_str()).and_then(role)
}

fn role(word: &str) -> Option<Role> {
    match word.to_ascii_lowercase().as_str() {
        "train" | "training" => Some(Role::Train),
        "test" => Some(Role::Test),
        "val" | "valid" | "validation" => Some(Role::Validation),
        _ => None,
    }
}

/// What is in a folder, without hidden things.
struct Entries {
    files: Vec<String>,
    /// By name.
    folders: Vec<PathBuf>,
}

impl Entries {
    fn list(dir: &Path) -> io::Result<Self> {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match name.starts_with('.') {
                true => {}
                false if path.is_dir() => folders.push(path),
                false => files.push(name),
            }
        }
        folders.sort_unstable();
        Ok(Self { files, folders })
    }

    fn has_file(&self, is: impl Fn(&str) -> bool) -> bool {
        self.files.iter().any(|name| is(name))
    }
}

/// The first bytes of a file.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    File::open(path)?.take(512).read_to_end(&mut begin)?;
    Ok(begin)
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

/// A class has one index.
fn check_order(options: &OpenOptions) -> Result<(), SourceError> {
    let mut names: Vec<&String> = options.classes.iter().flatten().collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(SourceError::RepeatedClass { name: pair[0].clone() }),
        None => Ok(()),
    }
}
