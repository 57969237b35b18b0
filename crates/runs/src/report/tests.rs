//! Pages are made of ordinary, empty and hostile runs and looked at as text.

use super::*;
use crate::journal::{Epoch, Scores, Step};
use crate::scores::Outcome;

const HOSTILE: &str = "<script>alert('x')</script> & \"quoted\"";

fn step(step: u64, loss: f32) -> Entry {
    Entry::Step(Step {
        step,
        epoch: (step - 1) / 10,
        rate: 0.01 / step as f64,
        loss,
        top1: 0.5,
        gradient_norm: None,
    })
}

fn epoch(epoch: u64, top1: f32) -> Entry {
    let scores = |top1| Scores { images: 50, loss: 1.0 - top1, top1, top5: None };
    Entry::Epoch(Epoch {
        epoch,
        step: (epoch + 1) * 10,
        train: scores(0.5),
        validation: Some(scores(top1)),
        averaged: Some(scores(top1 + 0.02)),
    })
}

fn journal() -> Vec<Entry> {
    let tops = [0.5, 0.75, 0.7];
    (0..3)
        .flat_map(|index| {
            (1..=10)
                .map(move |place| step(index * 10 + place, 1.0 / place as f32))
                .chain([epoch(index, tops[index as usize])])
        })
        .collect()
}

/// Every class right three times of four, the others taken for the next one.
fn tally(classes: usize) -> Tally {
    let mut tally = Tally::new(classes);
    for place in 0..classes * 4 {
        let label = place / 4;
        let predicted = if place % 4 == 3 { (label + 1) % classes } else { label };
        let outcome =
            Outcome { label, top: vec![predicted], confidence: 0.9, label_probability: 0.1, loss: 0.5 };
        tally.add(&outcome).unwrap();
    }
    tally
}

fn mistake(name: &str) -> Mistake {
    Mistake {
        name: name.into(),
        label: 0,
        predicted: 1,
        confidence: 0.97,
        picture: Some(RgbImage8::filled(8, 8, [9, 9, 9])),
    }
}

/// The names of the elements are balanced and every attribute is quoted.
fn assert_well_formed(page: &str) {
    let (head, body) = page.split_once("<style>").unwrap();
    let body = body.split_once("</style>").unwrap().1;
    let mut open = Vec::new();
    for part in format!("{head}{body}").split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("an open < before {part:?}"));
        assert!(!text.contains('>'), "an open > in {text:?}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '\n', '/']).next().unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "before {text:?}");
        } else if !tag.ends_with('/') && !["!doctype", "meta", "img", "wbr"].contains(&name) {
            open.push(name.to_string());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for absent in ["http", "<script", "<link", "url(", "@import", "NaN", "inf%", "\"inf"] {
        assert!(!page.contains(absent), "{absent}");
    }
}

#[test]
fn an_ordinary_run() {
    let (tally, mistakes) = (tally(6), [mistake("glass/1.jpg")]);
    let classes = ["cardboard", "glass", "metal", "paper", "plastic", "trash"].map(String::from);
    let environment = [("device".to_string(), "flex".to_string())];
    let page = Report {
        title: "Trash",
        command: "efficientnet train trash.toml",
        recipe: "epochs = 3\n",
        environment: &environment,
        journal: &journal(),
        times: Times { seconds: Some(2472.0), images_per_second: Some(1234.4) },
        evaluation: Some(Evaluation { what: "averaged weights", tally: &tally, mistakes: &mistakes }),
        classes: &classes,
        baseline: Some(Baseline { name: "a linear model", top1: 0.5 }),
    }
    .to_html();
    assert_well_formed(&page);
    let page = page.replace('\u{a0}', " ");
    for present in [
        "<h1>Trash</h1>",
        "75.0 %<small>18 of 24 images",
        "72.0 %<small>best 77.0 % after 2 epochs",
        "70.0 %<small>best 75.0 % after 2 epochs",
        "15.0 %<small>calibration error",
        "1,234<small>in training",
        "41 min 12 s",
        "30<small>3 epochs",
        "25.0 points more",
        "<b>Loss</b>",
        "<b>Learning rate</b>",
        "trash taken for cardboard: 1 (25.0 %)",
        "says 90.0 % on average and is right for 75.0 % of the images: it is surer than it should be",
        "cardboard → <b>glass</b> 97 %<small>glass/<wbr>1.jpg",
        "data:image/png;base64,",
        "efficientnet train trash.toml",
        "epochs = 3",
        "<dt>device</dt><dd>flex</dd>",
        "prefers-color-scheme",
    ] {
        assert!(page.contains(present), "{present} in\n{page}");
    }
}

#[test]
fn hostile_names_are_text() {
    let (tally, mistakes) = (tally(2), [mistake(HOSTILE)]);
    let classes = [HOSTILE, "\u{1b}[31mred"].map(String::from);
    let environment = [(HOSTILE.to_string(), HOSTILE.to_string())];
    let page = Report {
        title: HOSTILE,
        command: HOSTILE,
        recipe: HOSTILE,
        environment: &environment,
        journal: &journal(),
        evaluation: Some(Evaluation { what: HOSTILE, tally: &tally, mistakes: &mistakes }),
        classes: &classes,
        baseline: Some(Baseline { name: HOSTILE, top1: f64::NAN }),
        ..Report::default()
    }
    .to_html();
    assert_well_formed(&page);
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;quoted&quot;"));
    assert!(!page.contains('\u{1b}'));
}

#[test]
fn nothing_at_all() {
    let page = Report::default().to_html();
    assert_well_formed(&page);
    assert!(page.contains("Nothing was trained and nothing was evaluated.") && !page.contains("<section>"));
    let tally = Tally::new(0);
    let evaluation = Some(Evaluation { what: "", tally: &tally, mistakes: &[] });
    assert_well_formed(&Report { evaluation, ..Report::default() }.to_html());
}

#[test]
fn from_one_class_to_a_thousand() {
    for (classes, matrix, folded) in [
        (1, false, false),
        (2, true, false),
        (7, true, false),
        (20, true, false),
        (100, true, true),
        (1000, false, true),
    ] {
        let tally = tally(classes);
        let evaluation = Some(Evaluation { what: "", tally: &tally, mistakes: &[] });
        let page = Report { evaluation, ..Report::default() }.to_html();
        assert_well_formed(&page);
        assert_eq!(page.contains("class=\"matrix\""), matrix, "{classes}");
        assert_eq!(page.contains("<details>"), folded, "{classes}");
        assert!(page.contains("taken for</th>"), "{classes}");
    }
}

#[test]
fn a_run_that_broke() {
    let mut tally = Tally::new(2);
    tally.add(&Outcome::from_logits(&[f32::NAN, 0.0], 0, 0.1)).unwrap();
    let evaluation = Some(Evaluation { what: "", tally: &tally, mistakes: &[] });
    let journal = [step(1, f32::NAN), step(2, f32::INFINITY), epoch(0, f32::NAN)];
    let page = Report { evaluation, journal: &journal, ..Report::default() }.to_html();
    assert_well_formed(&page);
    assert!(page.replace('\u{a0}', " ").contains("No answer for 1 image."), "{page}");
}

#[test]
fn a_long_run_is_a_small_page() {
    let journal: Vec<Entry> = (1..=100_000).map(|place| step(place, (place % 17) as f32)).collect();
    let page = Report { journal: &journal, ..Report::default() }.to_html();
    assert!(page.len() < 60_000, "{} bytes", page.len());
}
