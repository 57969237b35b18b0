//! From the files of tars to samples with classes.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;

use super::Place;
use super::error::{EntryError, TarError};
use super::headers::{Headers, Member};
use super::position;
use crate::decode::MAX_FILE_BYTES;
use crate::folder::is_named_like_an_image;
use crate::source::Names;
use crate::source::labels::{Labels, Numbers};

/// As many as any format needs to be recognised.
const MAGIC_BYTES: u64 = 16;
/// A longer `.cls` file holds no class name.
const MAX_LABEL_BYTES: u64 = 1024;

/// What has been found in the tars so far.
pub struct Gathered<'a> {
    order: Option<&'a [String]>,
    images: Images,
    /// Of WebDataset pairs.
    labels: Labels<'a>,
    /// The label's number of each image, where there are pairs.
    ids: Vec<u32>,
    /// The first shards with images that are pairs, and that are not.
    paired: Option<usize>,
    unpaired: Option<usize>,
}

/// Images before their classes are known.
#[derive(Default)]
struct Images {
    keys: Names,
    places: Vec<Place>,
    /// By shard, how many bytes of its keys are the tar's name.
    prefixes: Vec<usize>,
}

impl Images {
    fn shard(&self, index: usize) -> usize {
        self.places[index].shard as usize
    }

    /// An image's path in its tar.
    fn entry(&self, index: usize) -> &str {
        &self.keys.get(index)[self.prefixes[self.shard(index)]..]
    }
}

/// All that a source needs to know.
pub struct Listing {
    pub classes: Vec<String>,
    pub keys: Names,
    pub labels: Vec<u32>,
    pub places: Vec<Place>,
}

impl<'a> Gathered<'a> {
    pub fn new(order: Option<&'a [String]>) -> Self {
        let labels = Labels::new(order, Numbers::Indices);
        Self { order, images: Images::default(), labels, ids: Vec::new(), paired: None, unpaired: None }
    }

    /// Adds a tar's images; its name goes in front of their keys if it is `named`.
    pub fn add(&mut self, path: &Path, file: &File, named: bool) -> Result<(), TarError> {
        let length = file.metadata().map_err(|source| TarError::read(path, source))?.len();
        let shard = self.images.prefixes.len();
        let first = self.images.keys.len();
        let prefix = match path.file_name() {
            Some(name) if named => format!("{}/", name.to_string_lossy()),
            _ => String::new(),
        };
        self.images.prefixes.push(prefix.len());
        // The class of each pair's key, and whether an image has taken it.
        let mut classes: HashMap<String, (u32, bool)> = HashMap::new();
        let mut headers = Headers::new(path, file, length);
        while let Some(member) = headers.next()? {
            if is_hidden(&member.path) {
                continue;
            }
            let problem = |problem| TarError::entry(path, &member.path, problem);
            if let Some(key) = member.path.strip_suffix(".cls") {
                let id = self.label(&member, path, file)?;
                if classes.insert(key.to_string(), (id, false)).is_some() {
                    return Err(problem(EntryError::Repeated));
                }
            } else if is_image(&member, file).map_err(|source| TarError::read(path, source))? {
                let place = place(&member, shard as u32).map_err(problem)?;
                self.images.keys.push(&format!("{prefix}{}", member.path));
                self.images.places.push(place);
            }
        }
        if self.images.keys.len() > first {
            let kind = if classes.is_empty() { &mut self.unpaired } else { &mut self.paired };
            kind.get_or_insert(shard);
        }
        if classes.is_empty() { Ok(()) } else { self.pair(path, first, classes) }
    }

    /// The number of the label in a `.cls` file.
    fn label(&mut self, member: &Member, path: &Path, file: &File) -> Result<u32, TarError> {
        let problem = |problem| TarError::entry(path, &member.path, problem);
        if member.is_link {
            return Err(problem(EntryError::Link));
        }
        if member.length > MAX_LABEL_BYTES {
            return Err(problem(EntryError::LongLabel { length: member.length }));
        }
        let mut bytes = vec![0; member.length as usize];
        position::read_exact_at(file, &mut bytes, member.offset)
            .map_err(|source| TarError::read(path, source))?;
        let label = std::str::from_utf8(&bytes).map_err(|_| problem(EntryError::NotUtf8))?;
        self.labels.add(label).map_err(|error| problem(EntryError::Label(error)))
    }

    /// Gives the images from `first` on the classes of their pairs.
    fn pair(
        &mut self,
        path: &Path,
        first: usize,
        mut classes: HashMap<String, (u32, bool)>,
    ) -> Result<(), TarError> {
        for index in first..self.images.keys.len() {
            let entry = self.images.entry(index);
            let problem = |problem| TarError::entry(path, entry, problem);
            let (id, taken) = classes.get_mut(pair_key(entry)).ok_or_else(|| problem(EntryError::NoLabel))?;
            if std::mem::replace(taken, true) {
                return Err(problem(EntryError::Repeated));
            }
            self.ids.push(*id);
        }
        // Of several the first by name, so that the same tar gives the same error.
        let alone = classes.iter().filter(|(_, (_, taken))| !taken).map(|(key, _)| key).min();
        match alone {
            Some(key) => Err(TarError::entry(path, &format!("{key}.cls"), EntryError::NoImage)),
            None => Ok(()),
        }
    }

    /// The samples of the tars with these paths.
    pub fn finish(self, paths: &[&Path]) -> Result<Listing, TarError> {
        let mut images = self.images;
        if images.places.is_empty() {
            return Err(TarError::NoImage { path: paths[0].to_path_buf() });
        }
        if let (Some(paired), Some(unpaired)) = (self.paired, self.unpaired) {
            let (path, other) = (paths[paired].to_path_buf(), paths[unpaired].to_path_buf());
            return Err(TarError::Mixed { path, other });
        }
        let problem =
            |index, problem| TarError::entry(paths[images.shard(index)], images.entry(index), problem);
        if let Some((_, again)) = images.keys.repeated() {
            return Err(problem(again, EntryError::Repeated));
        }
        let (labels, ids) = match self.paired {
            Some(_) => (self.labels, self.ids),
            None => label_by_folder(&images, self.order, paths)?,
        };
        let resolved = labels.resolve().map_err(|(id, error)| {
            let index = ids.iter().position(|label| *label == id).unwrap_or(0);
            problem(index, EntryError::Label(error))
        })?;
        let labels = ids.iter().map(|id| resolved.class_of[*id as usize]).collect();
        images.keys.shrink();
        images.places.shrink_to_fit();
        Ok(Listing { classes: resolved.classes, keys: images.keys, labels, places: images.places })
    }
}

/// Gives every image the class of its folder, or of its tar where there are several tars and no folders.
fn label_by_folder<'a>(
    images: &Images,
    order: Option<&'a [String]>,
    paths: &[&Path],
) -> Result<(Labels<'a>, Vec<u32>), TarError> {
    let mut labels = Labels::new(order, Numbers::Names);
    let count = images.places.len();
    let wrappers = wrappers(images, order);
    let flat = (0..count).all(|index| !images.entry(index).contains('/'));
    let by_tar = flat && images.prefixes.iter().all(|prefix| *prefix > 0);
    let mut ids = Vec::with_capacity(count);
    for index in 0..count {
        let (entry, path) = (images.entry(index), paths[images.shard(index)]);
        let problem = |problem| TarError::entry(path, entry, problem);
        let tar = path.file_stem().unwrap_or_default().to_string_lossy();
        let class = if by_tar { Some(&*tar) } else { folders(entry).nth(wrappers) };
        let id = labels.add(class.ok_or_else(|| problem(EntryError::NoClass))?);
        ids.push(id.map_err(|error| problem(EntryError::Label(error)))?);
    }
    Ok((labels, ids))
}

/// How many folders lie around the class folders: all that every image lies in, but for the last folder of one of them
/// and for what the class list names.
fn wrappers(images: &Images, order: Option<&[String]>) -> usize {
    let mut common: Vec<&str> = folders(images.entry(0)).collect();
    let mut fewest = common.len();
    for index in 1..images.places.len() {
        let entry = images.entry(index);
        fewest = fewest.min(folders(entry).count());
        let equal = common.iter().zip(folders(entry)).take_while(|(a, b)| *a == b).count();
        common.truncate(equal);
    }
    common.truncate(fewest.saturating_sub(1));
    let listed = |folder: &&str| order.is_some_and(|order| order.iter().any(|name| name == folder));
    common.iter().position(listed).unwrap_or(common.len())
}

/// The folders that an entry lies in, outermost first.
fn folders(entry: &str) -> impl Iterator<Item = &str> {
    entry.rsplit_once('/').into_iter().flat_map(|(folders, _)| folders.split('/'))
}

fn place(member: &Member, shard: u32) -> Result<Place, EntryError> {
    if member.is_link {
        return Err(EntryError::Link);
    }
    let fits = u32::try_from(member.length).ok().filter(|_| member.length <= MAX_FILE_BYTES);
    let length = fits.ok_or(EntryError::TooLarge { length: member.length })?;
    Ok(Place { offset: member.offset, length, shard })
}

/// Whether it is one by its name or, without an extension, by its first bytes: a `README` beside the class folders must not
/// become a class.
fn is_image(member: &Member, file: &File) -> io::Result<bool> {
    let name = Path::new(&member.path);
    if name.extension().is_some() {
        return Ok(is_named_like_an_image(name));
    }
    let mut begin = vec![0; member.length.min(MAGIC_BYTES) as usize];
    position::read_exact_at(file, &mut begin, member.offset)?;
    Ok(image::guess_format(&begin).is_ok())
}

/// WebDataset's key: the path up to the first dot of the file's name.
fn pair_key(path: &str) -> &str {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    path[name..].find('.').map_or(path, |dot| &path[..name + dot])
}

/// As in a folder, what begins with a dot does not count.
fn is_hidden(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_at_the_first_dot_of_the_name() {
        assert_eq!(pair_key("v1.0/000.seg.png"), "v1.0/000");
        assert_eq!(pair_key("000.jpg"), "000");
        assert_eq!(pair_key("a/000"), "a/000");
    }

    #[test]
    fn hidden_files_are_recognised_at_any_depth() {
        assert!(is_hidden("cat/._1.jpg") && is_hidden(".thumbnails/1.jpg"));
        assert!(!is_hidden("cat/1.jpg"));
    }
}
