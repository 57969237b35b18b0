//! What the classes are called, and which folder holds which.

use std::path::Path;
use std::sync::Arc;

use efficientnet_data::{OpenOptions, Part, Source, read_class_list};

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
    /// The names of `file`; without one those that the weights brought, ImageNet's where the network has as many classes,
    /// or numbers.
    pub fn for_network(
        file: Option<&Path>,
        brought: Option<Vec<String>>,
        logits: usize,
        offset: usize,
    ) -> Result<Self, CliError> {
        let classes = logits - offset.min(logits);
        let names = match (file, brought) {
            (Some(path), _) => read_class_list(path)?,
            (None, Some(names)) => names,
            _ if classes == imagenet().count() => imagenet().map(|(_, words)| words.to_string()).collect(),
            _ => (0..classes).map(|class| format!("class {class}")).collect(),
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

/// Opens labelled images for a network of `classes` classes: in the order of `file`, or of the names that the weights brought.
pub fn source(
    data: &str,
    file: Option<&Path>,
    brought: Option<Vec<String>>,
    classes: usize,
) -> Result<Arc<dyn Source>, CliError> {
    let open = |classes| efficientnet_data::open(data, &OpenOptions { classes, part: Part::Test });
    let source = match (file, brought) {
        (Some(path), _) => open(Some(read_class_list(path)?))?,
        (None, Some(names)) => open(Some(names))?,
        (None, None) => {
            let found = open(None)?;
            match imagenet_order(found.classes(), classes) {
                Some(order) => open(Some(order))?,
                None => found,
            }
        }
    };
    if source.classes().len() != classes {
        let sentence = format!(
            "{data} has {} classes, but the network has {classes}; give the network's class order with --classes FILE",
            source.classes().len()
        );
        return Err(CliError::Usage(sentence));
    }
    Ok(source)
}

/// ImageNet's order, where the network has its classes and every class found bears one of its ids.
fn imagenet_order(found: &[String], classes: usize) -> Option<Vec<String>> {
    let ids: Vec<String> = imagenet().map(|(id, _)| id.to_string()).collect();
    let known = found.iter().all(|name| ids.contains(name));
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
    fn imagenet_is_known_by_its_ids() {
        let found = ["n01440764".to_string(), "n15075141".to_string()];
        assert_eq!(imagenet_order(&found, 1000).map(|order| order[999].clone()), Some(found[1].clone()));
        assert_eq!(imagenet_order(&found, 2), None);
        assert_eq!(imagenet_order(&["cat".to_string()], 1000), None);
    }

    #[test]
    fn names_follow_the_offset() {
        let classes = Classes::for_network(None, None, 1001, 1).unwrap();
        assert_eq!(classes.name(0), "background");
        assert_eq!(classes.name(1), "tench, Tinca tinca");
        let classes = Classes::for_network(None, None, 1000, 0).unwrap();
        assert_eq!(classes.name(0), "tench, Tinca tinca");
        let classes = Classes::for_network(None, None, 7, 0).unwrap();
        assert_eq!(classes.name(3), "class 3");
        let names = Some(vec!["cat".to_string(), "dog".to_string()]);
        assert_eq!(Classes::for_network(None, names, 3, 1).unwrap().name(2), "dog");
    }
}
