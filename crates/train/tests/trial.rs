//! A run whose network and images come from outside, as a search's trials do.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use efficientnet_arch::ArchSpec;
use efficientnet_data::{NormalizeOn, Shapes};
use efficientnet_runs::checkpoint::Checkpoint;
use efficientnet_runs::folder::Environment;
use efficientnet_runs::recipe::Recipe;
use efficientnet_train::{Alone, Finished, Images, Job, Leave, Place, TrainError, train_quietly};

const RECIPE: &str = r#"
name = "trial"
seed = 5

[model]
name = "efficientnet-b0"
width = 0.25
blocks = ["r1_k3_s11_e1_i32_o16_se0.25", "r2_k3_s22_e4_i16_o24_se0.25"]
dropout = 0.2
drop_path = 0.3
bn_momentum = 0.1

[data]
train = "shapes(images=40, size=32, seed=0)"
validation = "shapes(images=30, size=32, seed=1)"
transform = "random_crop(16, padding=3) | normalize(imagenet)"
eval_transform = "center_crop(16) | normalize(imagenet)"
batch_size = 8

[training]
epochs = 3

[optimizer]
kind = "sgd"
momentum = 0.9

[schedule]
rate = 0.05
decay = "constant"

[average]
decay = 0.9
"#;

fn recipe() -> Recipe {
    Recipe::parse(RECIPE, "trial").unwrap()
}

fn network() -> ArchSpec {
    recipe().model.spec(16).unwrap()
}

fn place(stop: &Arc<AtomicBool>) -> Place {
    Place {
        device: efficientnet_backend::device("flex").unwrap(),
        normalize_on: NormalizeOn::Host,
        compile: true,
        read_every: 1,
        ranks: Arc::new(Alone),
        stop: Arc::clone(stop),
    }
}

fn job(folder: &Path) -> Job {
    let job = Job::new(recipe(), folder, Environment::of_this_machine("0"));
    Job { network: Some(network()), leave: Leave::Nothing, ..job }
}

fn run(job: Job) -> Result<Finished, TrainError> {
    train_quietly(job, &place(&Arc::default()), &mut |_| {})
}

/// A device's random numbers are the process's: two runs at a time would share them out between them.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(job: Job) -> String {
    run(job).map(|finished| finished.steps).unwrap_err().to_string()
}

/// Everything of a measurement that counts.
fn scores(finished: &Finished) -> String {
    assert!(finished.complete);
    format!("{:?}", finished.evaluation.as_ref().unwrap().tally.measures())
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_network_from_outside_trains_as_the_same_one_of_the_recipe() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let (own, given, other) = (dir.path().join("own"), dir.path().join("given"), dir.path().join("other"));
    let expected = run(Job { network: None, ..job(&own) }).unwrap();
    // What the recipe's [model] would be does not count then.
    let mut recipe = recipe();
    recipe.model.blocks = None;
    recipe.model.dropout = Some(0.5);
    let found = run(Job { recipe, ..job(&given) }).unwrap();
    assert_eq!(scores(&found), scores(&expected));
    let journal = |folder: &Path| fs::read(folder.join("journal.jsonl")).unwrap();
    assert_eq!(journal(&given), journal(&own));

    let without = ArchSpec { dropout: 0.0, ..network() };
    run(Job { network: Some(without), ..job(&other) }).unwrap();
    assert_ne!(journal(&other), journal(&own), "dropout is the given network's");
}

#[test]
fn images_from_outside_take_the_place_of_the_recipes() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let expected = run(job(&dir.path().join("opened"))).unwrap();
    let images = Images {
        train: Arc::new(Shapes::new(40, 32, 0).unwrap()),
        validation: Some(Arc::new(Shapes::new(30, 32, 1).unwrap())),
    };
    let mut recipe = recipe();
    (recipe.data.train, recipe.data.validation) = ("/no/such/images".to_string(), None);
    let shared = Job { recipe, images: Some(images), ..job(&dir.path().join("shared")) };
    assert_eq!(scores(&run(shared).unwrap()), scores(&expected));
}

#[test]
fn a_trial_stopped_anywhere_goes_on_and_leaves_nothing() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let mut shares = Vec::new();
    let finished = train_quietly(job(&whole), &place(&Arc::default()), &mut |done| shares.push(done));
    let expected = scores(&finished.unwrap());
    assert!(shares.is_sorted() && shares.last() == Some(&1.0), "{shares:?}");
    assert_eq!(shares.len(), 15);
    let left = names(&whole);
    for name in ["last.safetensors", "averaged.safetensors", "best.safetensors", "report.html"] {
        assert!(!left.contains(name), "{left:?}");
    }
    assert!(!left.iter().any(|name| name.contains("tfevents")), "{left:?}");

    for stop_at in [1, 5, 7, 14, 15] {
        let folder = dir.path().join(format!("stopped-{stop_at}"));
        let (stop, mut updates) = (Arc::new(AtomicBool::new(false)), 0);
        // The update after the one that was told is the last one.
        let mut tell = |_: f64| {
            updates += 1;
            stop.store(updates >= stop_at, Ordering::SeqCst);
        };
        let stopped = train_quietly(job(&folder), &place(&stop), &mut tell).unwrap();
        assert!(!stopped.complete && stopped.evaluation.is_none());
        assert!(stopped.steps < 15 || stop_at >= 14);
        let went_on = run(Job { resume: true, ..job(&folder) }).unwrap();
        assert_eq!(scores(&went_on), expected, "stopped at {stop_at}");
    }
}

#[test]
fn a_folder_of_another_network_is_refused() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    run(job(dir.path())).unwrap();
    let resumed = || Job { resume: true, ..job(dir.path()) };
    let mut wider = network();
    wider.coefficients.width *= 2.0;
    let wider = wider.rescaled(wider.coefficients).unwrap();
    let said = refused(Job { network: Some(wider), ..resumed() });
    assert!(said.contains("another network"), "{said}");
    let dropout = ArchSpec { dropout: 0.3, ..network() };
    assert!(refused(Job { network: Some(dropout), ..resumed() }).contains("another network"));
    // The recipe's own network is another one, too, as far as one can tell.
    assert!(refused(Job { network: None, ..resumed() }).contains("another recipe"));
    assert!(run(resumed()).is_ok());
}

#[test]
fn a_checkpoint_of_another_program_is_no_fresh_start() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    run(job(dir.path())).unwrap();
    let path = fs::read_dir(dir.path().join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).max();
    let path = path.unwrap();
    let mut checkpoint = Checkpoint::read(&path).unwrap();
    checkpoint.state.extra = serde_json::json!({ "sums": "none" });
    fs::remove_file(&path).unwrap();
    checkpoint.write(&path).unwrap();
    let said = refused(Job { resume: true, ..job(dir.path()) });
    assert!(said.contains("not those of this program"), "{said}");
}
