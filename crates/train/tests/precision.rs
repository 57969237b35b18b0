//! Passes and runs in 16 bits beside the same in 32.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use efficientnet_arch::{ArchSpec, TensorSpec};
use efficientnet_data::NormalizeOn;
use efficientnet_model::Network;
use efficientnet_runs::folder::Environment;
use efficientnet_runs::journal::{self, Entry};
use efficientnet_runs::recipe::{Precision, Recipe};
use efficientnet_train::{
    Alone, Example, Job, Leave, Optimizer, OptimizerOptions, Place, Rule, TrainError, flatten, pass,
    train_quietly,
};
use efficientnet_weights::{Weights, synthetic};

const CLASSES: usize = 10;
const BATCH: usize = 8;
const SIZE: usize = 48;

/// Those of the environment's list that compute in 16 bits; a software graphics adapter does not.
fn backends() -> Vec<String> {
    let named = std::env::var("EFFICIENTNET_TEST_BACKENDS").unwrap_or_else(|_| "flex".to_string());
    named.split(',').filter(|name| ["flex", "tch"].contains(name)).map(String::from).collect()
}

/// Every kind of layer: squeeze-and-excitation, residuals, stride 1 and 2. Nothing random.
fn spec() -> ArchSpec {
    let mut spec = ArchSpec::named("efficientnet-b0").unwrap().with_classes(CLASSES);
    spec.baseline.drop_path = 0.0;
    spec.dropout = 0.0;
    spec.baseline.rows.truncate(4);
    spec.rescaled(spec.coefficients).unwrap()
}

fn network(device: &Device) -> Network {
    let rule = |tensor: &TensorSpec| synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape);
    Network::from_weights(Weights::from_tensors(spec(), rule), device).unwrap()
}

fn example(device: &Device) -> Example {
    let labels: Vec<i32> = (0..BATCH).map(|image| (image * 3 % CLASSES) as i32).collect();
    let target = |image: usize, class: usize| f32::from(u8::from(image * 3 % CLASSES == class));
    let targets: Vec<f32> =
        (0..BATCH).flat_map(|image| (0..CLASSES).map(move |class| target(image, class))).collect();
    let shape = [BATCH, 3, SIZE, SIZE];
    Example {
        images: Tensor::from_data(TensorData::new(synthetic::input("precision", shape), shape), device),
        targets: Tensor::from_data(TensorData::new(targets, [BATCH, CLASSES]), device),
        labels: Tensor::<1, Int>::from_data(TensorData::new(labels, [BATCH]), device),
    }
}

/// What a pass gave: loss, gradients, and where the running statistics went.
struct Passed {
    loss: f64,
    gradients: Vec<f64>,
    statistics: Vec<f64>,
}

fn passed(precision: Precision, device: &Device) -> Passed {
    let network = network(device);
    let passed = pass(&network, example(device).in_precision(precision), 1.0);
    // `flatten` refuses what is not f32.
    let gradients = flatten(&passed.gradients, &network).unwrap();
    let statistics = network
        .to_host()
        .unwrap()
        .into_iter()
        .filter(|(name, _)| name.contains("running"))
        .flat_map(|(_, tensor)| tensor.values);
    Passed {
        loss: f64::from(passed.loss.into_scalar::<f32>()),
        gradients: gradients.into_iter().map(f64::from).collect(),
        statistics: statistics.map(f64::from).collect(),
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Length of the difference, as a share of the length.
fn difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let apart: Vec<f64> = found.iter().zip(expected).map(|(found, expected)| found - expected).collect();
    norm(&apart) / norm(expected)
}

#[test]
fn sixteen_bits_are_close_to_thirty_two() {
    for backend in backends() {
        let device = efficientnet_backend::device(&backend).unwrap().autodiff();
        let expected = passed(Precision::F32, &device);
        // Half a unit in the last place is 2e-3 of a `bf16` and 2.4e-4 of an `f16`; it goes through some twenty layers.
        for (precision, of_loss, of_gradients, of_statistics) in
            [(Precision::Bf16, 2e-2, 0.15, 2e-3), (Precision::F16, 2e-3, 0.02, 3e-4)]
        {
            let found = passed(precision, &device);
            let loss = (found.loss / expected.loss - 1.0).abs();
            let gradients = difference(&found.gradients, &expected.gradients);
            let statistics = difference(&found.statistics, &expected.statistics);
            println!(
                "{backend} {precision:?}: loss {loss:.1e}, gradients {gradients:.1e}, statistics {statistics:.1e}"
            );
            assert!(loss < of_loss, "{backend} {precision:?}: {} and not {}", found.loss, expected.loss);
            assert!(gradients < of_gradients, "{backend} {precision:?}: {gradients}");
            assert!(statistics < of_statistics, "{backend} {precision:?}: {statistics}");
            // Were it computed in f32 after all, it would be equal.
            assert!(gradients > 1e-4, "{backend} {precision:?}: {gradients}");
        }
    }
}

/// Fails at a parameter that is not f32.
struct Masters(usize);

impl ModuleVisitor for Masters {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        assert_eq!(param.val().dtype(), DType::F32, "{:?}", param.val().dims());
        self.0 += 1;
    }
}

#[test]
fn an_update_too_small_for_sixteen_bits_is_kept() {
    for backend in backends() {
        let device = efficientnet_backend::device(&backend).unwrap().autodiff();
        let options = OptimizerOptions {
            rule: Rule::Sgd { momentum: 0.0, nesterov: false },
            weight_decay: 0.0,
            decay_norm: false,
            decay_bias: false,
            layer_decay: 1.0,
            head_rate: 1.0,
        };
        let mut network = network(&device);
        let before = network.classifier.weight.val().into_data().try_to_vec::<f32>().unwrap();
        let mut optimizer = Optimizer::new(&options, &network);
        let passed = pass(&network, example(&device).in_precision(Precision::Bf16), 1.0);
        network = optimizer.step(1e-4, network, passed.gradients);
        let after = network.classifier.weight.val().into_data().try_to_vec::<f32>().unwrap();
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        let lost = |(before, after): &(&f32, &f32)| {
            before != after && (*after - *before).abs() < before.abs() * 2f32.powi(-9)
        };
        let lost = before.iter().zip(&after).filter(lost).count();
        assert!(moved > before.len() * 9 / 10, "{backend}: {moved} of {} weights moved", before.len());
        assert!(lost > before.len() / 2, "{backend}: {lost} of {} updates were small", before.len());
        let mut masters = Masters(0);
        network.visit(&mut masters);
        assert!(masters.0 > 50, "{backend}: {} parameters", masters.0);
    }
}

const RECIPE: &str = r#"
name = "sixteen"
seed = 5

[model]
name = "efficientnet-b0"
width = 0.25
blocks = ["r1_k3_s11_e1_i32_o16_se0.25", "r2_k3_s22_e4_i16_o24_se0.25"]
dropout = 0
drop_path = 0
bn_momentum = 0.1

[data]
train = "shapes(images=120, size=32, seed=0)"
transform = "center_crop(32) | normalize(imagenet)"
eval_transform = "center_crop(32) | normalize(imagenet)"
batch_size = 8

[training]
epochs = 5

[optimizer]
kind = "sgd"

[schedule]
rate = 0.02
warmup_epochs = 1
decay = "cosine"

[average]
decay = 0.9
"#;

/// Training losses of the epochs.
fn run(precision: &str, backend: &str) -> Result<Vec<f64>, TrainError> {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let recipe = Recipe::parse(RECIPE, "sixteen").unwrap();
    let recipe = recipe.with_all([format!("training.precision={precision}").as_str()]).unwrap();
    let place = Place {
        device: efficientnet_backend::device(backend).unwrap(),
        normalize_on: NormalizeOn::Host,
        compile: false,
        read_every: 1,
        ranks: Arc::new(Alone),
        stop: Arc::default(),
    };
    let environment = Environment::of_this_machine("0");
    let job = Job { leave: Leave::Nothing, ..Job::new(recipe, &folder, environment) };
    train_quietly(job, &place, &mut |_| ())?;
    let journal = journal::read(&folder.join("journal.jsonl")).unwrap();
    let epochs = journal.into_iter().filter_map(|entry| match entry {
        Entry::Epoch(epoch) => Some(f64::from(epoch.train.loss)),
        Entry::Step(_) => None,
    });
    Ok(epochs.collect())
}

#[test]
fn whole_runs_learn_alike() {
    for backend in backends() {
        let expected = run("f32", &backend).unwrap();
        let (first, last) = (expected[0], expected[expected.len() - 1]);
        assert!(last < 0.9 * first, "{backend}: {expected:?}");
        for precision in ["bf16", "f16"] {
            let found = run(precision, &backend).unwrap();
            println!("{backend} {precision}: losses {found:.3?}, f32 {expected:.3?}");
            let found = found[found.len() - 1];
            assert!((found / last - 1.0).abs() < 0.05, "{backend} {precision}: {found}, f32 {last}");
            assert!(found != last, "{backend} {precision} is f32");
        }
    }
}

#[test]
fn a_device_that_cannot_says_so() {
    let named = std::env::var("EFFICIENTNET_TEST_BACKENDS").unwrap_or_default();
    // `flex` has every format: where it is the only backend, what is refused is nothing.
    let Some(backend) = named.split(',').find(|name| *name == "ndarray") else {
        assert!(run("bf16", "flex").is_ok());
        return;
    };
    let refused = run("bf16", backend).unwrap_err();
    assert!(matches!(refused, TrainError::Precision("bf16")));
    assert!(refused.to_string().contains("training.precision = \"f32\""), "{refused}");
}
