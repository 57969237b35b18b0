//! What the training loop costs beside its steps: whole runs of a recipe in turn with the same number of bare updates
//! (images from the same loader, forward, backward, clipping, optimiser, average) written out one after the other.
//!
//! ```text
//! cargo run --release -p efficientnet-train --example loop_share -- size=128 batch=8 steps=20 rounds=5 device=flex
//! ```
//!
//! Both do RMSProp, clipping and averaging on EfficientNet-B0; the loop besides keeps its journal, its sums and its place, and
//! looks for checkpoints and Ctrl-C. Prints a step's wall-clock and processor time of each, and the share between: the
//! processor's is what a busy machine does not blur.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Device;
use efficientnet_data::NormalizeOn;
use efficientnet_model::Network;
use efficientnet_runs::folder::Environment;
use efficientnet_runs::recipe::Recipe;
use efficientnet_train::{
    Alone, Average, Example, Images, Job, Leave, Optimizer, Place, clip, options, pass, start, train_quietly,
};

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
    let (steps, rounds) = (number("steps", 20)?.max(2), number("rounds", 5)?.max(1));
    let device = efficientnet_backend::device(words.get("device").map_or("flex", String::as_str))?;
    let recipe = recipe(size, batch, steps)?;

    println!("B0, {size} px, batch {batch}; ms of a step: loop, bare");
    let mut shares = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        let whole = run(&recipe, &device, steps)?;
        let bare = updates(&recipe, &device, steps)?;
        // The first round warms up.
        if round == 0 {
            continue;
        }
        let [wall, processor] = [0, 1].map(|clock| format!("{:.1}, {:.1}", whole[clock], bare[clock]));
        println!("round {round}: wall clock {wall}; processor {processor}");
        for (clock, shares) in shares.iter_mut().enumerate() {
            shares.push(100.0 * (whole[clock] / bare[clock] - 1.0));
        }
    }
    let [wall, processor] = shares.map(median);
    println!(
        "the loop's share, median of {rounds} pairs: {wall:+.1} % by the wall clock, {processor:+.1} % of processor time"
    );
    Ok(())
}

/// Milliseconds of a step in a run: of the wall clock, and of all threads on their processors.
fn run(recipe: &Recipe, device: &Device, steps: usize) -> Result<[f64; 2], Box<dyn Error>> {
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
    let clocks = Clocks::start();
    // Not the last checkpoint, and not what there is to open.
    let mut first = None;
    let mut last = [0.0; 2];
    let finished = train_quietly(job, &place, &mut |_| {
        first.get_or_insert_with(|| clocks.read());
        last = clocks.read();
    });
    fs::remove_dir_all(&folder)?;
    finished?;
    Ok(between(first.unwrap_or_default(), last, steps))
}

/// As [`run`], of bare updates.
fn updates(recipe: &Recipe, device: &Device, steps: usize) -> Result<[f64; 2], Box<dyn Error>> {
    let images = Images::open(recipe)?;
    let loader = images.training(recipe, &Alone)?;
    let normalization = loader.options().transform.normalization();
    let device = device.clone().autodiff();
    let spec = start::spec(recipe, start::of_recipe(recipe)?, images.classes(), None)?;
    let mut network: Network = start::network(recipe, &spec, None, &device)?;
    let mut optimizer = Optimizer::new(&options(recipe), &network);
    let mut average = Average::new(&network);
    let clocks = Clocks::start();
    let mut first = None;
    for batch in loader.epoch(0) {
        let targets = (images.classes(), 0.0);
        let example = Example::new(&batch?, normalization, targets, &device, NormalizeOn::Host);
        let passed = pass(&network, example, 1.0);
        let (gradients, norm) = clip(passed.gradients, &network, 1e9);
        network = optimizer.step(1e-4, network, gradients);
        average.update(&network, 0.99);
        // As the loop does on a processor.
        let _: f32 = passed.loss.into_scalar();
        let _: f32 = norm.into_scalar();
        first.get_or_insert_with(|| clocks.read());
    }
    Ok(between(first.unwrap_or_default(), clocks.read(), steps))
}

/// Milliseconds of a step from the end of the first to the end of the last.
fn between(first: [f64; 2], last: [f64; 2], steps: usize) -> [f64; 2] {
    [0, 1].map(|clock| 1e3 * (last[clock] - first[clock]) / (steps - 1) as f64)
}

struct Clocks {
    wall: Instant,
}

impl Clocks {
    fn start() -> Self {
        Self { wall: Instant::now() }
    }

    /// Seconds of the wall clock, and of this process' threads on their processors; 0 where the system does not say.
    fn read(&self) -> [f64; 2] {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // Behind the name, which may hold anything, the 12th and 13th word, in hundredths of a second.
        let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks: f64 = words.filter_map(|word| word.parse::<f64>().ok()).sum();
        [self.wall.elapsed().as_secs_f64(), ticks / 100.0]
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
