//! What a manifest has to satisfy beyond its grammar.

use std::collections::HashSet;
use std::path::{Component, Path};

use super::{DataFile, ListFormat, Manifest, Reader};

/// The first thing that does not fit, if anything does not.
pub(super) fn contradiction(manifest: &Manifest) -> Option<String> {
    let checks = [identity, classes, splits, files, layout];
    checks.iter().find_map(|check| check(manifest).err())
}

fn ensure(holds: bool, reason: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(reason.into()) }
}

fn identity(manifest: &Manifest) -> Result<(), String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let named = !manifest.name.is_empty() && manifest.name.chars().all(is_name);
    ensure(named, "a name is made of lower-case letters, digits and hyphens")?;
    let texts = [&manifest.title, &manifest.citation, &manifest.licence];
    ensure(texts.iter().all(|text| !text.trim().is_empty()), "title, citation and licence are not empty")
}

fn classes(manifest: &Manifest) -> Result<(), String> {
    let classes = &manifest.classes;
    ensure(classes.count >= 2, "there are at least two classes")?;
    let names = &classes.names;
    let counted = names.is_empty() || names.len() == classes.count;
    ensure(counted, format!("{} names for {} classes", names.len(), classes.count))?;
    let different: HashSet<&String> = names.iter().collect();
    ensure(different.len() == names.len(), "two classes have the same name")
}

fn splits(manifest: &Manifest) -> Result<(), String> {
    ensure(!manifest.splits.is_empty(), "there is no split")?;
    let names: HashSet<&String> = manifest.splits.iter().map(|split| &split.name).collect();
    ensure(names.len() == manifest.splits.len(), "two splits have the same name")?;
    for split in &manifest.splits {
        let enough = split.images >= manifest.classes.count as u64;
        ensure(enough, format!("split {} has fewer images than classes", split.name))?;
        let inside =
            [&split.open, &split.list, &split.images_in].into_iter().flatten().all(|path| is_inside(path));
        ensure(inside, format!("split {} leaves the data set's folder", split.name))?;
        let listed = split.list.is_some();
        let whole = listed == split.images_in.is_some() && (!listed || split.open.is_some());
        ensure(whole, format!("split {} has a list without `images_in` or `open`", split.name))?;
        let read = !listed || manifest.layout.list_format.is_some();
        ensure(read, format!("split {} has a list, but `list_format` is not given", split.name))?;
        let of_variables = listed && manifest.layout.list_format == Some(ListFormat::MatlabNumbers);
        let fits = of_variables != split.variables.is_empty();
        ensure(fits, format!("split {} has `variables` without a MATLAB list, or the reverse", split.name))?;
    }
    let images = manifest.splits.iter().try_fold(0u64, |sum, split| sum.checked_add(split.images));
    ensure(images.is_some(), "its splits have more images together than can be counted")
}

fn files(manifest: &Manifest) -> Result<(), String> {
    let names: HashSet<&str> = manifest.files.iter().map(DataFile::file_name).collect();
    ensure(names.len() == manifest.files.len(), "two files have the same name")?;
    for file in &manifest.files {
        let name = file.file_name();
        ensure(!name.is_empty() && !name.contains(['/', '\\']) && is_inside(name), "a file has no name")?;
        let is_web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        ensure(file.url.as_ref().is_none_or(is_web), format!("{name} has an address that is not HTTP"))?;
        let by_hand = file.url.is_some() || manifest.by_hand.is_some();
        ensure(by_hand, format!("{name} has no address, and `by_hand` does not say how to get it"))?;
        ensure(is_hash(&file.md5, 32), format!("the MD5 of {name} is not 32 hexadecimal digits"))?;
        ensure(is_hash(&file.sha256, 64), format!("the SHA-256 of {name} is not 64 hexadecimal digits"))?;
    }
    let mut bytes = manifest.files.iter().filter_map(|file| file.bytes);
    let bytes = bytes.try_fold(0u64, u64::checked_add);
    ensure(bytes.is_some(), "its files have more bytes together than can be counted")
}

fn layout(manifest: &Manifest) -> Result<(), String> {
    let drawn = manifest.layout.source == Reader::Shapes;
    ensure(drawn != has_origin(manifest), "files or `by_hand`, unless the program draws the images")?;
    let layout = &manifest.layout;
    let inside = [&layout.open, &layout.labels_in].into_iter().flatten().all(|path| is_inside(path));
    ensure(inside, "`open` or `labels_in` leaves the data set's folder")?;
    let of_numbers = layout.list_format == Some(ListFormat::MatlabNumbers);
    ensure(of_numbers == layout.labels_in.is_some(), "`labels_in` and lists of numbers go together")?;
    ensure(!of_numbers || !manifest.classes.names.is_empty(), "numbers are classes, but none has a name")
}

fn has_origin(manifest: &Manifest) -> bool {
    !manifest.files.is_empty() || manifest.by_hand.is_some()
}

fn is_hash(hash: &Option<String>, digits: usize) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    hash.as_ref().is_none_or(|hash| hash.len() == digits && hash.bytes().all(is_digit))
}

/// Whether a path stays below where it begins.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}
