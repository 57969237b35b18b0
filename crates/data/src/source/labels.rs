//! From labels as they are written to class indices.

use std::collections::HashMap;

/// The most classes that numbers without a class list may ask for.
pub const MAX_CLASSES: usize = 100_000;

/// Gathers the labels of samples, and puts them into an order when all are known.
///
/// With a class list a label is a name of the list or, where numbers are allowed, a place in it; a name goes first.
/// Without one, labels that are all numbers are class indices (the classes are called by their numbers, up to the
/// largest), and any others are names, whose order is the classes'.
#[derive(Debug)]
pub struct Labels<'a> {
    order: Option<&'a [String]>,
    numbers: Numbers,
    ids: HashMap<String, u32>,
    /// Without a class list: the labels by number.
    found: Vec<String>,
}

/// Whether a label may be a class index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// `7` is class 7.
    Indices,
    /// `7` is a name, as of a folder.
    Names,
}

/// What is wrong with a label; the sentence goes behind the file and place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// There is none.
    #[error("the label is empty; write a class name or an index")]
    Empty,
    /// A name that the class list does not have.
    #[error(
        "`{label}` is not in the class list of {classes} classes, which begins with `{first}`; \
         correct the label, or give the list that belongs to it"
    )]
    NotListed {
        /// The label.
        label: String,
        /// Length of the class list.
        classes: usize,
        /// Its first name.
        first: String,
    },
    /// An index beyond the class list.
    #[error(
        "label {label} is out of range: {classes} classes have the indices 0 to {last}; \
         correct the label, or give the list that belongs to it",
        last = classes.saturating_sub(1)
    )]
    OutOfRange {
        /// The label.
        label: String,
        /// How many classes there are.
        classes: usize,
    },
    /// An index that nobody can mean.
    #[error("label {label} asks for more than {MAX_CLASSES} classes; correct it, or give a class list")]
    TooLarge {
        /// The label.
        label: String,
    },
}

/// The classes in their order, and the class of every label by its number in order of appearance.
pub struct Resolved {
    pub classes: Vec<String>,
    pub class_of: Vec<u32>,
}

impl<'a> Labels<'a> {
    pub fn new(order: Option<&'a [String]>, numbers: Numbers) -> Self {
        // With a list, a label's number is its class: the first of equal names, should there be two.
        let mut ids = HashMap::new();
        for (index, name) in order.unwrap_or_default().iter().enumerate() {
            ids.entry(name.clone()).or_insert(index as u32);
        }
        Self { order, numbers, ids, found: Vec::new() }
    }

    /// A label's number.
    pub fn add(&mut self, label: &str) -> Result<u32, LabelError> {
        let label = label.trim();
        if let Some(&id) = self.ids.get(label) {
            return Ok(id);
        }
        if label.is_empty() {
            return Err(LabelError::Empty);
        }
        if let Some(order) = self.order {
            return listed(label, order, self.numbers);
        }
        let id = self.found.len() as u32;
        self.found.push(label.to_string());
        self.ids.insert(label.to_string(), id);
        Ok(id)
    }

    /// The classes; an error comes with the number of the label.
    pub fn resolve(self) -> Result<Resolved, (u32, LabelError)> {
        if let Some(order) = self.order {
            return Ok(Resolved { classes: order.to_vec(), class_of: (0..order.len() as u32).collect() });
        }
        let are_numbers = self.numbers == Numbers::Indices && self.found.iter().all(|label| is_number(label));
        if are_numbers { by_number(&self.found) } else { Ok(by_name(&self.found)) }
    }
}

fn listed(label: &str, order: &[String], numbers: Numbers) -> Result<u32, LabelError> {
    let classes = order.len();
    if numbers == Numbers::Indices && is_number(label) {
        let index = label.parse().ok().filter(|index: &u32| (*index as usize) < classes);
        return index.ok_or_else(|| LabelError::OutOfRange { label: label.to_string(), classes });
    }
    let first = order.first().cloned().unwrap_or_default();
    Err(LabelError::NotListed { label: label.to_string(), classes, first })
}

fn is_number(label: &str) -> bool {
    label.bytes().all(|byte| byte.is_ascii_digit())
}

fn by_number(found: &[String]) -> Result<Resolved, (u32, LabelError)> {
    let number = |(id, label): (usize, &String)| {
        let number = label.parse().ok().filter(|number: &u32| (*number as usize) < MAX_CLASSES);
        number.ok_or_else(|| (id as u32, LabelError::TooLarge { label: label.clone() }))
    };
    let class_of = found.iter().enumerate().map(number).collect::<Result<Vec<u32>, _>>()?;
    let count = class_of.iter().max().map_or(0, |largest| largest + 1);
    Ok(Resolved { classes: (0..count).map(|class| class.to_string()).collect(), class_of })
}

fn by_name(found: &[String]) -> Resolved {
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_unstable_by_key(|id| &found[*id]);
    let mut class_of = vec![0; found.len()];
    for (class, &id) in order.iter().enumerate() {
        class_of[id] = class as u32;
    }
    Resolved { classes: order.into_iter().map(|id| found[id].clone()).collect(), class_of }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(
        labels: &[&str],
        order: Option<&[&str]>,
        numbers: Numbers,
    ) -> Result<(Vec<String>, Vec<u32>), String> {
        let order = order.map(|order| order.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut all = Labels::new(order.as_deref(), numbers);
        let ids = labels.iter().map(|label| all.add(label));
        let ids = ids.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let resolved = all.resolve().map_err(|(id, error)| format!("{id}: {error}"))?;
        Ok((resolved.classes, ids.into_iter().map(|id| resolved.class_of[id as usize]).collect()))
    }

    fn ok(classes: &[&str], indices: &[u32]) -> Result<(Vec<String>, Vec<u32>), String> {
        Ok((classes.iter().map(ToString::to_string).collect(), indices.to_vec()))
    }

    #[test]
    fn names_are_sorted_and_numbers_are_indices() {
        use Numbers::{Indices, Names};
        assert_eq!(classes(&["dog", "cat", "dog "], None, Indices), ok(&["cat", "dog"], &[1, 0, 1]));
        assert_eq!(classes(&["3", "0", "3"], None, Indices), ok(&["0", "1", "2", "3"], &[3, 0, 3]));
        assert_eq!(classes(&["10", "9"], None, Names), ok(&["10", "9"], &[0, 1]));
        assert_eq!(classes(&["10", "nine"], None, Indices), ok(&["10", "nine"], &[0, 1]));
    }

    #[test]
    fn a_list_fixes_the_indices() {
        use Numbers::{Indices, Names};
        let order = Some(&["emu", "1", "cat"][..]);
        assert_eq!(classes(&["cat", "0", "1"], order, Indices), ok(&["emu", "1", "cat"], &[2, 0, 1]));
        assert_eq!(
            classes(&["3"], order, Indices).unwrap_err(),
            "label 3 is out of range: 3 classes have the indices 0 to 2; \
             correct the label, or give the list that belongs to it"
        );
        assert_eq!(
            classes(&["0"], order, Names).unwrap_err(),
            "`0` is not in the class list of 3 classes, which begins with `emu`; \
             correct the label, or give the list that belongs to it"
        );
    }

    #[test]
    fn an_absurd_number_makes_no_classes() {
        let error = classes(&["1", "4294967295"], None, Numbers::Indices).unwrap_err();
        assert!(error.starts_with("1: label 4294967295 asks for more than 100000 classes"), "{error}");
        assert!(classes(&["99999999999999999999"], None, Numbers::Indices).is_err());
        assert!(classes(&[" "], None, Numbers::Indices).unwrap_err().starts_with("the label is empty"));
    }
}
