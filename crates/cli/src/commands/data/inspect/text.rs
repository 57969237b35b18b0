//! A report for people.

use efficientnet_data::inspect::{Broken, ClassReport, Duplicates, Levels, Range, Report, Sizes};

use crate::output::{table, thousands};

/// More classes than this are not all shown, only the largest and smallest.
const CLASSES: usize = 50;
/// How many of each are shown then.
const EXTREMES: usize = 10;
/// Columns of the longest bar.
const BAR: u64 = 24;
/// How many broken images and groups of duplicates are shown.
const LISTED: usize = 20;
/// How many images of a group of duplicates are shown.
const OF_A_GROUP: usize = 4;

pub fn render(name: &str, report: &Report) -> String {
    let mut sections = vec![head(name, report), classes(report), facts(report)];
    sections.extend(broken(&report.broken));
    sections.extend(duplicates(report));
    sections.join("\n\n")
}

fn head(name: &str, report: &Report) -> String {
    let total: u64 = report.splits.iter().map(|split| split.images).sum();
    let parts: Vec<String> = report
        .splits
        .iter()
        .filter(|split| !split.name.is_empty())
        .map(|split| format!("{} {}", split.name, thousands(split.images)))
        .collect();
    let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    let head = format!(
        "{name}: {} images{parts}, {} classes, {}",
        thousands(total),
        report.classes.len(),
        bytes(report.bytes)
    );
    match report.complete {
        true => head,
        false => {
            format!("{head}\ninterrupted after {} images: what follows is of these", thousands(report.images))
        }
    }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

fn classes(report: &Report) -> String {
    let total = |class: &ClassReport| class.images.iter().sum::<u64>();
    let most = report.classes.iter().map(total).max().unwrap_or(0).max(1);
    let mut shown: Vec<&ClassReport> = report.classes.iter().collect();
    let mut note = String::new();
    if shown.len() > CLASSES {
        shown.sort_by_key(|class| std::cmp::Reverse(total(class)));
        let smallest = shown.split_off(shown.len() - EXTREMES);
        shown.truncate(EXTREMES);
        shown.extend(smallest);
        note = format!(
            "\n(the {EXTREMES} largest and the {EXTREMES} smallest of {} classes; --json has all)",
            report.classes.len()
        );
    }
    let splits = report.splits.iter().map(|split| if split.name.is_empty() { "images" } else { &split.name });
    let numbers: Vec<&str> = splits.collect();
    let header = [&["class"], &numbers[..], &[""]].concat();
    let rows = shown.into_iter().map(|class| {
        let counts = class.images.iter().map(|count| thousands(*count));
        let bar = "#".repeat((total(class) * BAR).div_ceil(most) as usize);
        std::iter::once(class.name.clone()).chain(counts).chain([bar]).collect()
    });
    table(&header, &numbers, rows) + &note
}

fn facts(report: &Report) -> String {
    let mut lines = Vec::new();
    if let Some(sizes) = &report.sizes {
        lines.extend(size_lines(sizes, report.images));
    }
    let formats: Vec<String> = report
        .formats
        .iter()
        .map(|format| format!("{} {}", format.format, thousands(format.images)))
        .collect();
    lines.push(format!("formats     {}", formats.join(", ")));
    if let Some(levels) = &report.levels {
        lines.extend(level_lines(levels));
    }
    let or_none = |count: usize, text: String| if count == 0 { "none".to_string() } else { text };
    let broken = report.broken.len();
    lines.push(format!("broken      {}", or_none(broken, thousands(broken as u64))));
    lines.push(format!("duplicates  {}", or_none(report.duplicates.len(), duplicate_counts(report))));
    lines.join("\n")
}

fn duplicate_counts(report: &Report) -> String {
    let count = |chosen: fn(&Duplicates) -> bool| {
        report.duplicates.iter().filter(|group| chosen(group)).count() as u64
    };
    format!(
        "{} (groups: {}, across splits: {}, with different classes: {})",
        thousands(report.superfluous() as u64),
        thousands(report.duplicates.len() as u64),
        thousands(count(|group| group.across_splits)),
        thousands(count(|group| group.across_classes))
    )
}

fn size_lines(sizes: &Sizes, images: u64) -> Vec<String> {
    let range = |range: &Range| format!("{} to {}, median {}", range.min, range.max, range.median);
    let share = |count: u64| 100.0 * count as f64 / images as f64;
    let frequent: Vec<String> = sizes
        .frequent
        .iter()
        .map(|size| format!("{} x {} ({:.1} %)", size.width, size.height, share(size.images)))
        .collect();
    let more = if sizes.different > frequent.len() {
        format!(" of {} sizes", sizes.different)
    } else {
        String::new()
    };
    vec![
        format!("width       {}", range(&sizes.width)),
        format!("height      {}", range(&sizes.height)),
        format!("sizes       {}{more}", frequent.join(", ")),
    ]
}

fn level_lines(levels: &Levels) -> Vec<String> {
    let list = |values: [f64; 3]| values.map(|value| format!("{value:.4}")).join(", ");
    vec![
        format!("mean        {} (of 0 to 1, over {} pixels)", list(levels.mean), thousands(levels.pixels)),
        format!("std         {}", list(levels.std)),
        format!("transform   normalize(mean=[{}], std=[{}])", list(levels.mean), list(levels.std)),
    ]
}

/// The first few, and how many more.
fn listed<T>(items: &[T], line: impl Fn(&T) -> String) -> String {
    let mut lines: Vec<String> = items.iter().take(LISTED).map(line).collect();
    if items.len() > LISTED {
        lines.push(format!("  and {} more; --json has all", thousands((items.len() - LISTED) as u64)));
    }
    lines.join("\n")
}

fn place(split: &str, key: &str) -> String {
    if split.is_empty() { key.to_string() } else { format!("{split}: {key}") }
}

fn broken(broken: &[Broken]) -> Option<String> {
    let line = |broken: &Broken| match broken.split.is_empty() {
        true => format!("  {}", broken.reason),
        false => format!("  {}: {}", broken.split, broken.reason),
    };
    (!broken.is_empty()).then(|| format!("broken images:\n{}", listed(broken, line)))
}

fn duplicates(report: &Report) -> Option<String> {
    let line = |group: &Duplicates| {
        let shown = group.images.iter().take(OF_A_GROUP);
        let mut names: Vec<String> = shown.map(|image| place(&image.split, &image.key)).collect();
        if group.images.len() > OF_A_GROUP {
            names.push(format!("{} more", group.images.len() - OF_A_GROUP));
        }
        let classes = if group.across_classes { " (different classes)" } else { "" };
        format!("  {}{classes}", names.join(" = "))
    };
    let groups = &report.duplicates;
    (!groups.is_empty()).then(|| format!("the same image:\n{}", listed(groups, line)))
}

#[cfg(test)]
mod tests {
    use efficientnet_data::inspect::{Duplicate, FormatReport, Size, SplitReport};

    use super::*;

    fn class(name: &str, images: &[u64]) -> ClassReport {
        ClassReport { name: name.to_string(), images: images.to_vec() }
    }

    fn duplicate(split: &str, key: &str) -> Duplicate {
        Duplicate { split: split.to_string(), key: key.to_string(), class: "cat".to_string() }
    }

    fn report() -> Report {
        let range = Range { min: 32, median: 40, max: 64 };
        let split = |name: &str, images| SplitReport { name: name.to_string(), images };
        Report {
            splits: vec![split("train", 1200), split("test", 60)],
            classes: vec![class("cat", &[1000, 50]), class("dog", &[200, 10])],
            images: 1260,
            bytes: 2_500_000,
            sizes: Some(Sizes {
                width: range,
                height: range,
                different: 2,
                frequent: vec![Size { width: 40, height: 40, images: 630 }],
            }),
            formats: vec![FormatReport { format: "JPEG", images: 1259 }],
            levels: Some(Levels { mean: [0.5, 0.25, 0.125], std: [0.1, 0.2, 0.3], pixels: 2_000_000 }),
            broken: vec![Broken {
                split: "test".into(),
                key: "cat/7.jpg".into(),
                reason: "cat/7.jpg is empty".into(),
            }],
            duplicates: vec![Duplicates {
                images: vec![duplicate("train", "cat/1.jpg"), duplicate("test", "cat/9.jpg")],
                across_splits: true,
                across_classes: false,
            }],
            complete: true,
        }
    }

    #[test]
    fn a_report_for_people() {
        let expected = "\
mine: 1,260 images (train 1,200, test 60), 2 classes, 2.5 MB

class  train  test
cat    1,000    50  ########################
dog      200    10  #####

width       32 to 64, median 40
height      32 to 64, median 40
sizes       40 x 40 (50.0 %) of 2 sizes
formats     JPEG 1,259
mean        0.5000, 0.2500, 0.1250 (of 0 to 1, over 2,000,000 pixels)
std         0.1000, 0.2000, 0.3000
transform   normalize(mean=[0.5000, 0.2500, 0.1250], std=[0.1000, 0.2000, 0.3000])
broken      1
duplicates  1 (groups: 1, across splits: 1, with different classes: 0)

broken images:
  test: cat/7.jpg is empty

the same image:
  train: cat/1.jpg = test: cat/9.jpg";
        assert_eq!(render("mine", &report()), expected);
    }

    #[test]
    fn a_thousand_classes_are_not_all_shown() {
        let classes = (0..1000).map(|index| class(&format!("c{index}"), &[index + 1, 0])).collect();
        let text = render("mine", &Report { classes, ..report() });
        assert!(text.contains("\nc999 ") && text.contains("\nc0 ") && !text.contains("\nc500 "), "{text}");
        assert!(
            text.contains("(the 10 largest and the 10 smallest of 1000 classes; --json has all)"),
            "{text}"
        );
    }

    #[test]
    fn an_interrupted_report_says_so() {
        let text = render("mine", &Report { complete: false, images: 7, ..report() });
        assert!(text.contains("\ninterrupted after 7 images"), "{text}");
    }

    /// What a report offers is what a transform takes.
    #[test]
    fn the_normalisation_parses() {
        let text = render("mine", &report());
        let line = text.lines().find_map(|line| line.strip_prefix("transform   ")).unwrap();
        let transform = format!("decode | squash(32, bilinear) | {line}");
        assert!(transform.parse::<efficientnet_data::Transform>().is_ok(), "{transform}");
    }
}
