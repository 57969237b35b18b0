//! A report of made-up numbers, to look at: `cargo run -p efficientnet-runs --example report -- [FILE] [CLASSES]`.
//!
//! The mistakes have pictures where `EFFICIENTNET_ASSETS` names the folder that has `trashnet`, or it lies beside the
//! repository.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use efficientnet_data::{Purpose, Random, RgbImage8, decode};
use efficientnet_runs::journal::{Entry, Epoch, Scores, Step};
use efficientnet_runs::report::{Baseline, Evaluation, Mistake, Report, Times};
use efficientnet_runs::scores::{Outcome, Tally};

const EPOCHS: u64 = 20;
const STEPS: u64 = 63;
const TRASH: [&str; 6] = ["cardboard", "glass", "metal", "paper", "plastic", "trash"];

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let path = PathBuf::from(arguments.next().unwrap_or_else(|| "report.html".to_string()));
    let classes = arguments.next().and_then(|number| number.parse().ok()).unwrap_or(TRASH.len());
    let names: Vec<String> = (0..classes)
        .map(|class| {
            TRASH.get(class).map_or_else(|| format!("class number {class}"), |name| (*name).to_string())
        })
        .collect();
    let tally = tally(classes);
    let mistakes = mistakes();
    let environment = [
        ("device", "flex, 2 threads"),
        ("processor", "an example"),
        ("data", "TrashNet, a stratified fifth held out"),
        ("weights", "efficientnetv2-b0, ImageNet-1k"),
    ];
    let report = Report {
        title: "EfficientNetV2-B0 on TrashNet",
        command: "efficientnet train --finetune efficientnetv2-b0.safetensors --data trashnet --out runs/trash",
        recipe: "model = \"efficientnetv2-b0\"\nepochs = 20\nbatch = 32\n\n[optimizer]\nname = \"adamw\"\nrate = 4e-4\n",
        environment: &environment.map(|(name, value)| (name.to_string(), value.to_string())),
        journal: &journal(),
        times: Times { seconds: Some(2472.0), images_per_second: Some(16.3) },
        evaluation: Some(Evaluation {
            what: "Made-up numbers: averaged weights on the held-out images",
            tally: &tally,
            mistakes: &mistakes,
        }),
        classes: &names,
        baseline: Some(Baseline { name: "a linear model", top1: 0.412 }),
    };
    fs::write(&path, report.to_html())?;
    println!("{}", path.display());
    Ok(())
}

/// A loss that falls with noise, a warm-up and a cosine.
fn journal() -> Vec<Entry> {
    let mut random = Random::new(1, 0, 0, Purpose::Picture);
    let mut entries = Vec::new();
    let last = (EPOCHS * STEPS) as f64;
    for step in 1..=EPOCHS * STEPS {
        let done = step as f64 / last;
        let warm = (step as f64 / (2 * STEPS) as f64).min(1.0);
        let loss = 0.55 + 1.3 * (-done * 7.0).exp() + 0.25 * (random.unit() - 0.5);
        entries.push(Entry::Step(Step {
            step,
            epoch: (step - 1) / STEPS,
            rate: 4e-4 * warm * (0.5 + 0.5 * (done * std::f64::consts::PI).cos()),
            loss: loss as f32,
            top1: 0.5,
            gradient_norm: None,
        }));
        if step % STEPS == 0 {
            let scores = |loss: f64, top1: f64| Scores {
                images: 506,
                loss: loss as f32,
                top1: top1 as f32,
                top5: None,
            };
            let noise = 0.02 * (random.unit() - 0.5);
            let risen = 1.0 - (-done * 6.0).exp();
            entries.push(Entry::Epoch(Epoch {
                epoch: step / STEPS - 1,
                step,
                train: scores(loss, 0.3 + 0.67 * risen),
                validation: Some(scores(0.75 + (-done * 6.0).exp() + noise, 0.4 + 0.49 * risen + noise)),
                averaged: Some(scores(0.72 + 1.3 * (-done * 5.0).exp(), 0.2 + 0.71 * risen)),
            }));
        }
    }
    entries
}

/// About nine of ten right, with some classes harder than others.
fn tally(classes: usize) -> Tally {
    let mut random = Random::new(2, 0, 0, Purpose::Picture);
    let mut tally = Tally::new(classes);
    for place in 0..classes.max(20) * 80 {
        let label = place % classes;
        let mut logits: Vec<f32> = (0..classes).map(|_| (random.unit() * 4.0) as f32).collect();
        logits[label] += (random.unit() * 7.0) as f32 + if label % 5 == 1 { 0.0 } else { 2.0 };
        logits[(label + 1) % classes] += 1.5;
        if let Err(error) = tally.add(&Outcome::from_logits(&logits, label, 0.1)) {
            eprintln!("{error}");
        }
    }
    tally
}

/// Two photographs of each class, as if they had been taken for the next one.
fn mistakes() -> Vec<Mistake> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets");
    let assets = env::var_os("EFFICIENTNET_ASSETS").map_or_else(beside, PathBuf::from);
    let picture = |name: &str| -> Option<RgbImage8> { decode(assets.join("trashnet").join(name)).ok() };
    (0..12)
        .map(|place| {
            let label = place % TRASH.len();
            let name = format!("{0}/{0}{1}.jpg", TRASH[label], [11, 101][place / TRASH.len()]);
            Mistake {
                picture: picture(&name),
                name,
                label,
                predicted: (label + 1) % TRASH.len(),
                confidence: 0.99 - place as f32 * 0.013,
            }
        })
        .collect()
}
