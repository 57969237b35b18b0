//! The publishers' lists of images, each in a form of its own, become tables of one form.

use std::fs;
use std::path::Path;

use csv::Writer;

use super::{FetchError, numbers};
use crate::atomic;
use crate::class_list::write_class_list;
use crate::manifest::{ListFormat, Manifest, Split, join};

/// Writes a split's table, `path,label` with paths beside it, unless it is there.
pub(super) fn write_table(manifest: &Manifest, split: &Split, into: &Path) -> Result<(), FetchError> {
    let parts = (&split.open, &split.list, &split.images_in, manifest.layout.list_format);
    let (Some(open), Some(list), Some(images_in), Some(format)) = parts else { return Ok(()) };
    let table_path = join(into, open);
    if table_path.exists() {
        return Ok(());
    }
    let list_path = join(into, list);
    let images = match format {
        ListFormat::MatlabNumbers => numbers::images(manifest, split, &list_path, into)?,
        _ => lines(format, &list_path)?,
    };
    let written = atomic::write(&table_path, |out| {
        let mut table = Writer::from_writer(out);
        table.write_record(["path", "label"])?;
        for (image, class) in images {
            table.write_record([format!("{images_in}/{image}.jpg"), class])?;
        }
        table.flush()
    });
    written.map_err(|error| FetchError::io(&table_path, "written", error))
}

/// Writes the classes in the publisher's order, where the tables have their names and would be opened in that of the names.
pub(super) fn write_classes(manifest: &Manifest, into: &Path) -> Result<(), FetchError> {
    let path = into.join("classes.txt");
    let numbered = manifest.layout.list_format == Some(ListFormat::MatlabNumbers);
    if !numbered || path.exists() {
        return Ok(());
    }
    Ok(write_class_list(&path, &manifest.classes.names)?)
}

/// The images of a list, one a line, and their classes.
fn lines(format: ListFormat, list_path: &Path) -> Result<Vec<(String, String)>, FetchError> {
    let list = fs::read_to_string(list_path).map_err(|error| FetchError::io(list_path, "read", error))?;
    let mut images = Vec::new();
    for (index, line) in list.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let (image, class) = entry(format, line.trim()).ok_or_else(|| FetchError::List {
            path: list_path.to_path_buf(),
            line: index + 1,
            expected: pattern(format),
        })?;
        images.push((image.to_string(), class.to_string()));
    }
    Ok(images)
}

/// An image's name and its class.
fn entry(format: ListFormat, line: &str) -> Option<(&str, &str)> {
    let (image, class) = match format {
        ListFormat::ImageThenClass => line.split_once(' ')?,
        ListFormat::ClassAndNumber => {
            let image = line.split(' ').next()?;
            (image, image.rsplit_once('_')?.0)
        }
        ListFormat::ClassSlashImage => (line, line.split_once('/')?.0),
        ListFormat::MatlabNumbers => return None, // It has no lines.
    };
    (!image.is_empty() && !class.trim().is_empty()).then_some((image, class.trim()))
}

fn pattern(format: ListFormat) -> &'static str {
    match format {
        ListFormat::ImageThenClass => "IMAGE CLASS",
        ListFormat::ClassAndNumber => "CLASS_NUMBER ...",
        ListFormat::ClassSlashImage => "CLASS/IMAGE",
        ListFormat::MatlabNumbers => "a MATLAB variable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_publisher() {
        let aircraft = entry(ListFormat::ImageThenClass, "0034309 Boeing 707-320");
        assert_eq!(aircraft, Some(("0034309", "Boeing 707-320")));
        let pet = entry(ListFormat::ClassAndNumber, "yorkshire_terrier_109 37 2 25");
        assert_eq!(pet, Some(("yorkshire_terrier_109", "yorkshire_terrier")));
        let food = entry(ListFormat::ClassSlashImage, "apple_pie/1005649");
        assert_eq!(food, Some(("apple_pie/1005649", "apple_pie")));
        for format in [ListFormat::ImageThenClass, ListFormat::ClassAndNumber, ListFormat::ClassSlashImage] {
            assert_eq!(entry(format, "nothing"), None);
        }
    }
}
