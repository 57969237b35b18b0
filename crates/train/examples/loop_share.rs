//! What the training loop costs beside its steps: whole runs of a recipe in turn with the same number of bare updates
//! (forward, backward, optimiser, average) on images that are on the device already.
//!
//! ```text
//! cargo run --release -p efficientnet-train --example loop_share -- size=128 batch=8 steps=20 rounds=5 device=flex
//! ```
//!
//! Both do RMSProp, clipping and averaging on EfficientNet-B0; the loop besides reads, augments and normalises its images in other
//! threads, writes its journal and shows its progress to nobody. Prints the median of a step of each, the share between, and
//! of it what was waited for images.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::{Device, Distribution, Int, Tensor};
use efficientnet_data::NormalizeOn;
use efficientnet_model::Network;
use efficientnet_runs::folder::Environment;
use efficientnet_runs::recipe::Recipe;
use efficientnet_train::{
    Alone, Average, Example, Job, Leave, Optimizer, Place, clip, options, pass, start, train_quietly,
};

const CLASSES: usize = 10;

fn recipe(size: usize, batch: usize, steps: usize) -> Result<Recipe, Box<dyn Error>> {
    let text = format!(
        r#"
name = "loop-share"

[model]
name = "efficientnet-b0"

[data]
train = "shapes(images={images}, size={size}, seed=0)"
transform = "random_crop({size}, padding=4) | flip(0.5) | normalize(imagenet)"
eval_transform = "center_crop({size}) | normalize(imagenet)"
batch_size = {batch}
workers = 1

[training]
epochs = 1
clip_norm = 1e9

[optimizer]
kind = "rmsprop_tf"
weight_decay = 1e-5

[schedule]
rate = 1e-4

[average]
"#,
        images = batch * steps
    );
    Ok(Recipe::parse(&text, "loop-share")?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: HashMap<String, String> = std::env::args()
        .skip(1)
        .map(|word| match word.split_once('=') {
            Some((key, value)) => Ok((key.to_string(), value.to_string())),
            None => Err(format!("`{word}` is not of the form key=value")),
        })
        .collect::<Result<_, _>>()?;
    let number = |key: &str, otherwise: usize| words.get(key).map_or(Ok(otherwise), |value| value.parse());
    let (size, batch) = (number("size", 128)?, number("batch", 8)?);
    let (steps, rounds) = (number("steps", 20)?.max(1), number("rounds", 5)?.max(1));
    let device = efficientnet_backend::device(words.get("device").map_or("flex", String::as_str))?;
    let recipe = recipe(size, batch, steps)?;

    let (mut bare, mut whole, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let (loop_ms, waited_ms) = run(&recipe, &device, steps)?;
        let bare_ms = updates(&recipe, &device, [batch, size, steps])?;
        // The first round warms up.
        if round > 0 {
            println!("round {round}: loop {loop_ms:.1} ms a step, bare {bare_ms:.1} ms");
            bare.push(bare_ms);
            whole.push(loop_ms);
            waiting.push(waited_ms);
        }
    }
    let ratios = whole.iter().zip(&bare).map(|(whole, bare)| 100.0 * (whole / bare - 1.0)).collect();
    println!(
        "B0, {size} px, batch {batch}: loop {:.1} ms, bare {:.1} ms; the loop's share {:.1} % (median of {rounds} pairs); waited \
         for images {:.2} ms",
        median(whole),
        median(bare),
        median(ratios),
        median(waiting)
    );
    Ok(())
}

/// Milliseconds of a step in a run, and of those what it waited for images.
fn run(recipe: &Recipe, device: &Device, steps: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("efficientnet-loop-share-{}", std::process::id()));
    let place = Place {
        device: device.clone(),
        normalize_on: NormalizeOn::Host,
        compile: false,
        read_every: 1,
        ranks: Arc::new(Alone),
        stop: Arc::default(),
    };
    let environment = Environment::of_this_machine(env!("CARGO_PKG_VERSION"));
    let job = Job { leave: Leave::Nothing, ..Job::new(recipe.clone(), &folder, environment) };
    let finished = train_quietly(job, &place, &mut |_| ());
    let times = fs::read_to_string(folder.join("times.jsonl")).unwrap_or_default();
    fs::remove_dir_all(&folder)?;
    let waited: f64 = times
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()?["waited_for_data"].as_f64())
        .sum();
    let milliseconds = |seconds: f64| 1e3 * seconds / steps as f64;
    Ok((milliseconds(finished?.spent), milliseconds(waited)))
}

/// Milliseconds of a bare update.
fn updates(
    recipe: &Recipe,
    device: &Device,
    [batch, size, steps]: [usize; 3],
) -> Result<f64, Box<dyn Error>> {
    let device = device.clone().autodiff();
    let spec = start::spec(recipe, start::of_recipe(recipe)?, CLASSES, None)?;
    let mut network: Network = start::network(recipe, &spec, None, &device)?;
    let mut optimizer = Optimizer::new(&options(recipe), &network);
    let mut average = Average::new(&network);
    let labels: Vec<i32> = (0..batch).map(|image| (image % CLASSES) as i32).collect();
    let labels = Tensor::<1, Int>::from_ints(labels.as_slice(), &device);
    let example = Example {
        images: Tensor::random([batch, 3, size, size], Distribution::Normal(0.0, 1.0), &device),
        targets: labels.clone().one_hot(CLASSES).float(),
        labels,
    };
    let begin = Instant::now();
    for _ in 0..steps {
        let passed = pass(&network, example.clone(), 1.0);
        let (gradients, norm) = clip(passed.gradients, &network, 1e9);
        network = optimizer.step(1e-4, network, gradients);
        average.update(&network, 0.99);
        // As the loop does on a processor.
        let _: f32 = passed.loss.into_scalar();
        let _: f32 = norm.into_scalar();
    }
    Ok(1e3 * begin.elapsed().as_secs_f64() / steps as f64)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
