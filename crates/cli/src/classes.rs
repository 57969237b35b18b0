//! What the classes are called, and which folder holds which.

use std::path::Path;

use efficientnet_data::{Folder, read_class_list};

use crate::error::CliError;

/// WordNet id, tab, words; line 1 is class 0.
const IMAGENET: &str = include_str!("../../../datasets/imagenet-1k.tsv");

fn imagenet() -> impl Iterator<Item = (&'static str, &'static str)> {
    IMAGENET.lines().filter_map(|line| line.split_once('\t'))
}

/// Names for a network's logits.
pub struct Classes {
    names: Vec<String>,
    /// Logits in front of the first class: 1 where logit 0 is the background.
    offset: usize,
}

impl Classes {
    /// The names of `file`; without one ImageNet's, where the network has as many classes; else numbers.
    pub fn for_network(file: Option<&Path>, logits: usize, offset: usize) -> Result<Self, CliError> {
        let classes = logits - offset.min(logits);
        let names = match file {
            Some(path) => read_class_list(path)?,
            None if classes == imagenet().count() => imagenet().map(|(_, words)| words.to_string()).collect(),
            None => (0..classes).map(|class| format!("class {class}")).collect(),
        };
        if names.len() != classes {
            let file = file.map_or(String::new(), |path| path.display().to_string());
            let sentence = format!("{file} names {} classes, but the network has {classes}", names.len());
            return Err(CliError::Usage(sentence));
        }
        Ok(Self { names, offset })
    }

    /// The name behind a logit.
    pub fn name(&self, logit: usize) -> String {
        match logit.checked_sub(self.offset) {
            Some(class) => self.names[class].clone(),
            None => "background".to_string(),
        }
    }
}

/// Opens a folder of class folders for a network of `classes` classes.
pub fn folder(data: &Path, file: Option<&Path>, classes: usize) -> Result<Folder, CliError> {
    let order = match file {
        Some(path) => Some(read_class_list(path)?),
        None => imagenet_order(data, classes),
    };
    let folder = Folder::open(data, order.as_deref())?;
    if folder.classes().len() != classes {
        let sentence = format!(
            "{} has {} classes, but the network has {classes}; give the network's class order with --classes FILE",
            data.display(),
            folder.classes().len()
        );
        return Err(CliError::Usage(sentence));
    }
    Ok(folder)
}

/// ImageNet's order, where the network has its classes and every folder bears one of its ids.
fn imagenet_order(data: &Path, classes: usize) -> Option<Vec<String>> {
    let ids: Vec<String> = imagenet().map(|(id, _)| id.to_string()).collect();
    let mut folders =
        std::fs::read_dir(data).ok()?.flatten().filter(|entry| entry.path().is_dir()).peekable();
    folders.peek()?;
    let known = folders.all(|entry| ids.iter().any(|id| entry.file_name().to_str() == Some(id)));
    (known && ids.len() == classes).then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imagenet_has_its_thousand_classes() {
        assert_eq!(imagenet().count(), 1000);
        assert_eq!(imagenet().next(), Some(("n01440764", "tench, Tinca tinca")));
    }

    #[test]
    fn names_follow_the_offset() {
        let classes = Classes::for_network(None, 1001, 1).unwrap();
        assert_eq!(classes.name(0), "background");
        assert_eq!(classes.name(1), "tench, Tinca tinca");
        let classes = Classes::for_network(None, 1000, 0).unwrap();
        assert_eq!(classes.name(0), "tench, Tinca tinca");
        let classes = Classes::for_network(None, 7, 0).unwrap();
        assert_eq!(classes.name(3), "class 3");
    }
}
