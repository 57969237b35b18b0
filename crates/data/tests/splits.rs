//! Splits of sources, and their files.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use efficientnet_data::{Content, MINIVAL, Source, SourceError, Split, SplitError, TRAIN};
use proptest::prelude::*;
use tempfile::TempDir;

/// Keys and classes, and nothing to read.
#[derive(Debug, Clone)]
struct List {
    classes: Vec<String>,
    samples: Vec<(String, usize)>,
}

impl Source for List {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, index: usize) -> usize {
        self.samples[index].1
    }

    fn key(&self, index: usize) -> Cow<'_, str> {
        Cow::Borrowed(&self.samples[index].0)
    }

    fn read(&self, _: usize) -> Result<Content, SourceError> {
        Ok(Content::File(Vec::new()))
    }
}

/// Classes of these sizes, called `a`, `b` and so on.
fn list(sizes: &[usize]) -> List {
    let classes: Vec<String> = (b'a'..).take(sizes.len()).map(|name| char::from(name).to_string()).collect();
    let samples = sizes.iter().enumerate().flat_map(|(class, &size)| {
        let name = &classes[class];
        (0..size).map(move |number| (format!("{name}/{number}.jpg"), class))
    });
    List { samples: samples.collect(), classes }
}

fn source(list: List) -> Arc<dyn Source> {
    Arc::new(list)
}

/// The samples of each part by key.
fn parts(split: &Split, source: &Arc<dyn Source>) -> BTreeMap<String, BTreeSet<String>> {
    let keys = |part: &String| {
        let indices = split.indices(part).unwrap();
        let keys: BTreeSet<String> = indices.iter().map(|i| source.key(*i as usize).into_owned()).collect();
        assert_eq!(keys.len(), indices.len());
        (part.clone(), keys)
    };
    split.parts().iter().map(keys).collect()
}

/// How many samples of each class a part has.
fn counts(split: &Split, source: &Arc<dyn Source>, part: &str) -> Vec<usize> {
    let mut counts = vec![0; source.classes().len()];
    split.indices(part).unwrap().iter().for_each(|index| counts[source.class(*index as usize)] += 1);
    counts
}

#[test]
fn a_holdout_takes_the_nearest_number_of_every_class() {
    let source = source(list(&[100, 14, 16, 3, 2, 1, 0]));
    let split = Split::holdout(&source, 0.1, 3).unwrap();
    assert_eq!(counts(&split, &source, MINIVAL), [10, 1, 2, 1, 1, 0, 0]);
    assert_eq!(counts(&split, &source, TRAIN), [90, 13, 14, 2, 1, 1, 0]);
    assert_eq!(split.short_classes(), [5]);
    let most = Split::holdout(&source, 0.99, 3).unwrap();
    assert_eq!(counts(&most, &source, TRAIN), [1, 1, 1, 1, 1, 1, 0]);
    assert_eq!(split.subset(MINIVAL).unwrap().len(), 15);
    assert_eq!(split.subset_without(MINIVAL).unwrap().len(), 121);
    let other = Split::holdout(&source, 0.1, 4).unwrap();
    assert_ne!(parts(&split, &source), parts(&other, &source));
}

#[test]
fn a_split_hangs_on_keys_and_seed_only() {
    let whole = list(&[40, 30, 20]);
    let first = source(whole.clone());
    // The other way round, with another order of classes and one class more.
    let mut turned = whole.clone();
    turned.samples.reverse();
    turned.classes = ["z", "c", "b", "a"].map(String::from).to_vec();
    turned.samples.iter_mut().for_each(|(_, class)| *class = 3 - *class);
    let turned = source(turned);
    for make in [
        |source: &Arc<dyn Source>| Split::holdout(source, 0.25, 9).unwrap(),
        |source: &Arc<dyn Source>| Split::k_fold(source, 7, 9).unwrap(),
        |source: &Arc<dyn Source>| Split::first_n_per_class(source, 5).unwrap(),
    ] {
        assert_eq!(parts(&make(&first), &first), parts(&make(&turned), &turned));
    }
    // For ever, too: these were computed apart, from the SHA-256 of the keys and ChaCha by its definition.
    let held_out = parts(&Split::holdout(&source(list(&[6])), 0.34, 0).unwrap(), &source(list(&[6])));
    assert_eq!(held_out[MINIVAL].iter().collect::<Vec<_>>(), ["a/2.jpg", "a/5.jpg"]);
}

#[test]
fn a_sample_more_moves_at_most_one_other() {
    fn minival(list: List) -> BTreeSet<String> {
        let source = source(list);
        parts(&Split::holdout(&source, 0.3, 1).unwrap(), &source).remove(MINIVAL).unwrap()
    }
    let old = minival(list(&[50]));
    for number in 0..20 {
        let mut more = list(&[50]);
        more.samples.push((format!("a/new{number}.jpg"), 0));
        let new = minival(more);
        assert!(old.symmetric_difference(&new).filter(|key| !key.contains("new")).count() <= 1);
    }
}

#[test]
fn folds_are_even_and_cover_everything() {
    let source = source(list(&[23, 17, 4, 0, 1]));
    let split = Split::k_fold(&source, 5, 0).unwrap();
    assert_eq!(split.parts(), ["fold0", "fold1", "fold2", "fold3", "fold4"]);
    let sizes: Vec<usize> = split.parts().iter().map(|part| split.indices(part).unwrap().len()).collect();
    assert_eq!(sizes, [9; 5]);
    for class in 0..2 {
        let each: Vec<usize> =
            split.parts().iter().map(|part| counts(&split, &source, part)[class]).collect();
        assert!(each.iter().max().unwrap() - each.iter().min().unwrap() <= 1, "{each:?}");
    }
    assert_eq!(split.short_classes(), [2, 4]);
    let (measured, trained) = (split.subset("fold2").unwrap(), split.subset_without("fold2").unwrap());
    let measured: BTreeSet<&u32> = measured.indices().iter().collect();
    assert!(trained.indices().iter().all(|index| !measured.contains(index)));
    assert_eq!(trained.len() + measured.len(), 45);
}

#[test]
fn the_first_of_every_class() {
    let mut reversed = list(&[12, 2]);
    reversed.samples.reverse();
    let source = source(reversed);
    let split = Split::first_n_per_class(&source, 3).unwrap();
    let first = &parts(&split, &source)["first"];
    assert_eq!(first.iter().collect::<Vec<_>>(), ["a/0.jpg", "a/1.jpg", "a/10.jpg", "b/0.jpg", "b/1.jpg"]);
    assert_eq!(split.short_classes(), [1]);
    assert_eq!(split.indices("rest").unwrap().len(), 9);
}

#[test]
fn numbers_that_make_no_split_are_refused() {
    let source = source(list(&[4]));
    let message = |result: Result<Split, SplitError>| result.unwrap_err().to_string();
    for fraction in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(
            message(Split::holdout(&source, fraction, 0))
                .contains("cannot be held out; give one between 0 and 1")
        );
    }
    assert_eq!(
        message(Split::k_fold(&source, 1, 0)),
        "there cannot be 1 folds of these samples; give a number from 2 to 4"
    );
    assert!(Split::k_fold(&source, 5, 0).is_err() && Split::first_n_per_class(&source, 0).is_err());
    let split = Split::first_n_per_class(&source, 4).unwrap();
    assert!(
        split.subset("rest").unwrap_err().to_string().starts_with("the part `rest` of the split is empty")
    );
    assert_eq!(
        split.subset("val").unwrap_err().to_string(),
        "the split has no part `val`; it has first, rest"
    );
}

fn saved(split: &Split) -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("split.txt");
    split.save(&path).unwrap();
    (dir, path)
}

#[test]
fn a_file_brings_the_split_back() {
    let mut odd = list(&[9, 5]);
    odd.samples[3].0 = "a/tab\there, line\nfeed and back\\slash.jpg".to_string();
    let first = source(odd.clone());
    let split = Split::holdout(&first, 0.3, 11).unwrap();
    let (_dir, path) = saved(&split);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("efficientnet-split-1\tholdout(fraction=0.3, seed=11)\t14\tsha256:"), "{text}");
    assert!(text.contains("\ta/tab\there, line\\nfeed and back\\\\slash.jpg\n"), "{text}");
    assert_eq!(text.lines().count(), 15);

    odd.samples.reverse();
    let turned = source(odd);
    let loaded = Split::load(&path, &turned).unwrap();
    assert_eq!((loaded.recipe(), loaded.parts()), (split.recipe(), split.parts()));
    assert_eq!(parts(&loaded, &turned), parts(&split, &first));
    // An editor's line ends, and lines in another order, change nothing.
    let (header, lines) = text.split_once('\n').unwrap();
    let lines: Vec<&str> = lines.lines().rev().collect();
    fs::write(&path, format!("{header}\r\n{}\r\n", lines.join("\r\n"))).unwrap();
    assert_eq!(parts(&Split::load(&path, &turned).unwrap(), &turned), parts(&split, &first));
}

#[test]
fn a_file_that_does_not_fit_is_explained() {
    let source_of = |sizes: &[usize]| source(list(sizes));
    let whole = source_of(&[5, 5]);
    let (_dir, path) = saved(&Split::holdout(&whole, 0.2, 0).unwrap());
    let text = fs::read_to_string(&path).unwrap();
    let message = |text: &str, source: &Arc<dyn Source>| {
        fs::write(&path, text).unwrap();
        Split::load(&path, source).unwrap_err().to_string().replace(&path.display().to_string(), "FILE")
    };
    assert_eq!(
        message(&text, &source_of(&[5, 3])),
        "FILE: the source lacks `b/3.jpg` of line 10 and 1 other sample; bring the samples back, or make the split again"
    );
    assert_eq!(
        message(&text, &source_of(&[8, 5])),
        "FILE does not know the source's `a/5.jpg` and 2 other samples; take the samples out, or make the split again"
    );
    let mut others = list(&[5, 5]);
    others.samples.iter_mut().for_each(|(key, _)| key.insert(0, 'x'));
    assert_eq!(
        message(&text, &source(others)),
        "FILE was made from another source: it begins with `a/0.jpg`, and this source has none of its 10 samples; \
         give the source that it belongs to"
    );
    let cut: String = text.lines().take(7).map(|line| format!("{line}\n")).collect();
    assert_eq!(message(&cut, &whole), "FILE has 6 samples, but was written with 10; make the split again");
    let last = text.trim_end().rsplit_once('\n').unwrap().1;
    let repeated = text.replacen(last, "train\ta/0.jpg", 1);
    assert_eq!(
        message(&repeated, &whole),
        "FILE: line 11 has a sample of an earlier line; make the split again"
    );
    let part = text.replacen(last, "trian\tb/4.jpg", 1);
    assert_eq!(
        message(&part, &whole),
        "FILE: line 11 has a part that the first line lacks; make the split again"
    );
    assert!(
        message(&text.replacen(last, "b/4.jpg", 1), &whole)
            .contains("line 11 is not a part, a tab and a key")
    );
    assert!(
        message(&text.replacen(last, "train\tb\\4.jpg", 1), &whole)
            .contains("line 11 has a backslash that stands")
    );
    let other_hash = text.replacen("sha256:", "sha256:0", 1);
    assert!(message(&other_hash, &whole).starts_with("FILE has been changed by hand"));
    for nonsense in
        ["", "train\ta/0.jpg\n", "efficientnet-split-2\tx\t1\ty\ta\n", "efficientnet-split-1\tx\t1\ty\ta,a\n"]
    {
        assert!(message(nonsense, &whole).starts_with("FILE is not a split"), "{nonsense}");
    }
    assert!(
        Split::load("no/such/split.txt", &whole)
            .unwrap_err()
            .to_string()
            .starts_with("no/such/split.txt cannot be read: ")
    );
    let split = Split::holdout(&whole, 0.2, 0).unwrap();
    assert!(
        split
            .save("no/such/split.txt")
            .unwrap_err()
            .to_string()
            .starts_with("no/such/split.txt cannot be written: ")
    );
}

/// Without optimisation a hash takes fifty times as long, so fewer samples are split.
#[test]
fn a_hundred_thousand_samples_are_split() {
    let each = if cfg!(debug_assertions) { 100 } else { 10_000 };
    let source = source(list(&[each; 10]));
    let split = Split::holdout(&source, 0.02, 1).unwrap();
    assert_eq!(split.subset(MINIVAL).unwrap().len(), each / 5);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn every_split_is_stratified_and_comes_back(
        sizes in prop::collection::vec(0usize..20, 1..6), fraction in 0.01f64..0.99, seed: u64,
    ) {
        prop_assume!(sizes.iter().sum::<usize>() > 0);
        let source = source(list(&sizes));
        let split = Split::holdout(&source, fraction, seed).unwrap();
        for (size, held_out) in sizes.iter().zip(counts(&split, &source, MINIVAL)) {
            let off = (held_out as f64 - *size as f64 * fraction).abs();
            prop_assert!(off <= 1.0 && (*size < 2 || (1..*size).contains(&held_out)));
        }
        let (_dir, path) = saved(&split);
        prop_assert_eq!(parts(&Split::load(&path, &source).unwrap(), &source), parts(&split, &source));
    }

    #[test]
    fn no_text_is_read_as_a_split_that_it_is_not(text in "(efficientnet-split-1\tr\t[0-9]{1,3}\ts\ta,b\n)?([ab\\\\]?\t?[a-c/\\\\]{0,3}\n?){0,8}") {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("split.txt");
        fs::write(&path, text).unwrap();
        prop_assert!(Split::load(&path, &source(list(&[2]))).is_err());
    }
}
