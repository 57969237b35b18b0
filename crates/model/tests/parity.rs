//! Every published network against the libraries that published its weights: logits and feature maps.
//!
//! `tests/parity/networks.json` (by `scripts/fixtures/parity.py`) holds what timm, torchvision, efficientnet_pytorch
//! and Keras make of weights that are drawn from the names of their tensors. The same names lead here through
//! [`Naming`]'s table, so the tests hold the architecture, the padding, the epsilon, the renaming and the layout at
//! once.
//!
//! Each backend is a test of its own, see [`common`]. timm has every network, and they run on every backend. The other
//! libraries hold the renaming, which knows no backend: they run on the first one. `EFFICIENTNET_TEST_ALL=1` (`cargo
//! xtask test --all`) runs everything everywhere, and the networks above 80 million parameters, which are left out
//! otherwise. `EFFICIENTNET_PARITY_OUT=FILE` merges the errors into a JSON file, network by network and backend by
//! backend.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::{env, fs, path::Path};

use burn::tensor::{Tensor, TensorData};
use common::{Digest, Rules, floats, on, relative};
use efficientnet_arch::{ArchSpec, Padding, TensorSpec, models};
use efficientnet_backend::{Backend, Device};
use efficientnet_model::{CompileOptions, CompiledNetwork, Network};
use efficientnet_weights::{Naming, Weights, synthetic};
use serde::Deserialize;

/// Largest difference of a logit or of a map's value, against the largest of the network or of the map.
const LIMIT: f64 = 1e-4;
const LARGE: u64 = 80_000_000;

#[derive(Deserialize)]
struct Fixture {
    input: String,
    networks: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    reference: String,
    model: String,
    naming: Naming,
    #[serde(flatten)]
    rules: Rules,
    resolution: usize,
    classes: usize,
    logits: Vec<Vec<f64>>,
    features: Option<Maps>,
}

#[derive(Deserialize)]
struct Maps {
    maps: Vec<Digest>,
    head: Digest,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("parity/networks.json")).expect("the fixture is what its script writes")
}

impl Case {
    fn spec(&self) -> ArchSpec {
        let spec = ArchSpec::named(&self.model).expect("the fixture has our names");
        spec.with_classes(self.classes)
            .with_padding(self.rules.padding)
            .with_bn_epsilon(self.rules.bn_epsilon)
    }

    fn is_large(&self) -> bool {
        self.spec().count().expect("a published network can be counted").params > LARGE
    }

    fn weights(&self) -> Weights {
        let rule = |name: &str, each: &TensorSpec| synthetic::tensor(name, each.kind, &each.shape);
        let weights = Weights::from_named(self.spec(), self.naming, rule);
        weights.expect("the library has names for such a network")
    }

    fn network(&self, device: &Device) -> Network {
        Network::from_weights(self.weights(), device).expect("the weights are complete")
    }

    fn images(&self, input: &str, device: &Device) -> Tensor<4> {
        let shape = [2, 3, self.resolution, self.resolution];
        Tensor::from_data(TensorData::new(synthetic::input(input, shape), shape), device)
    }

    /// The relative error of the logits, or what else is wrong.
    fn run(&self, input: &str, device: &Device) -> Result<f64, String> {
        let network = self.network(device);
        let images = self.images(input, device);
        if let Some(expected) = &self.features {
            expected.compare(&network, images.clone())?;
        }
        self.judge(floats(network.forward(images)))
    }

    /// As [`Case::run`], of the compiled network.
    fn run_compiled(&self, input: &str) -> Result<f64, String> {
        let network = CompiledNetwork::from_weights(self.weights(), CompileOptions::default())
            .expect("the weights are complete");
        let images = synthetic::input(input, [2, 3, self.resolution, self.resolution]);
        let logits = network.forward(&images, [2, self.resolution, self.resolution]);
        let logits = logits.map_err(|error| error.to_string())?;
        self.judge(logits.into_iter().map(f64::from).collect())
    }

    fn judge(&self, logits: Vec<f64>) -> Result<f64, String> {
        let expected: Vec<f64> = self.logits.concat();
        if logits.len() != expected.len() {
            return Err(format!("{} logits instead of {}", logits.len(), expected.len()));
        }
        let scale = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let error = relative(logits.into_iter().zip(expected), scale);
        if error <= LIMIT { Ok(error) } else { Err(format!("logits are off by {error:.1e}")) }
    }
}

impl Maps {
    fn compare(&self, network: &Network, images: Tensor<4>) -> Result<(), String> {
        let features = network.forward_features(images);
        if features.maps.len() != self.maps.len() {
            return Err(format!("{} maps instead of {}", features.maps.len(), self.maps.len()));
        }
        let expected = self.maps.iter().chain([&self.head]);
        for (index, (digest, map)) in
            expected.zip(features.maps.into_iter().chain([features.head])).enumerate()
        {
            let name = if index < 5 { format!("reduction_{}", index + 1) } else { "head".to_string() };
            let error = digest.error(map).map_err(|error| format!("{name}: {error}"))?;
            if error > LIMIT {
                return Err(format!("{name} is off by {error:.1e}"));
            }
        }
        Ok(())
    }
}

/// Runs the networks on one backend and fails with all that went wrong.
fn networks_on(backend: Backend, device: &Device, first: bool) {
    let all = env::var("EFFICIENTNET_TEST_ALL").is_ok_and(|value| value == "1");
    let Fixture { input, networks } = fixture();
    let mut errors: BTreeMap<String, f64> = BTreeMap::new();
    let mut failures = Vec::new();
    let chosen = |case: &&Case| all || (!case.is_large() && (first || case.naming == Naming::Timm));
    for case in networks.iter().filter(chosen) {
        match case.run(&input, device) {
            Ok(error) => {
                println!("{backend:8} {:40} {error:.1e}", case.reference);
                let largest = errors.entry(case.model.clone()).or_default();
                *largest = largest.max(error);
            }
            Err(reason) => failures.push(format!("{backend} {}: {reason}", case.reference)),
        }
    }
    if let Some(path) = env::var_os("EFFICIENTNET_PARITY_OUT") {
        record(Path::new(&path), backend, &errors);
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), networks.len(), failures.join("\n"));
}

/// Merges a backend's errors into the file: network, then backend. Backends come one at a time, see [`on`].
fn record(path: &Path, backend: Backend, errors: &BTreeMap<String, f64>) {
    let mut table: BTreeMap<String, BTreeMap<String, f64>> = match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).expect("the file is one of ours"),
        Err(_) => BTreeMap::new(),
    };
    for (model, error) in errors {
        table.entry(model.clone()).or_default().insert(backend.to_string(), *error);
    }
    let text = serde_json::to_string_pretty(&table).expect("a table of numbers");
    let partial = path.with_extension("partial");
    fs::write(&partial, text + "\n").expect("the folder of EFFICIENTNET_PARITY_OUT can be written");
    fs::rename(&partial, path).expect("the file of EFFICIENTNET_PARITY_OUT can be replaced");
}

/// The compiled network, which no backend is under: the same fixtures, every network.
#[test]
fn compiled() {
    let all = env::var("EFFICIENTNET_TEST_ALL").is_ok_and(|value| value == "1");
    let Fixture { input, networks } = fixture();
    let mut failures = Vec::new();
    for case in networks.iter().filter(|case| all || !case.is_large()) {
        match case.run_compiled(&input) {
            Ok(error) => println!("compiled {:40} {error:.1e}", case.reference),
            Err(reason) => failures.push(format!("{}: {reason}", case.reference)),
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), networks.len(), failures.join("\n"));
}

#[test]
fn flex() {
    on(Backend::Flex, |device, first| networks_on(Backend::Flex, device, first));
}

#[test]
fn ndarray() {
    on(Backend::NdArray, |device, first| networks_on(Backend::NdArray, device, first));
}

#[test]
fn tch() {
    on(Backend::Tch, |device, first| networks_on(Backend::Tch, device, first));
}

#[test]
fn wgpu() {
    on(Backend::Wgpu, |device, first| networks_on(Backend::Wgpu, device, first));
}

#[test]
fn vulkan() {
    on(Backend::Vulkan, |device, first| networks_on(Backend::Vulkan, device, first));
}

#[test]
fn cuda() {
    on(Backend::Cuda, |device, first| networks_on(Backend::Cuda, device, first));
}

#[test]
fn cpu() {
    on(Backend::Cpu, |device, first| networks_on(Backend::Cpu, device, first));
}

#[test]
fn the_fixture_has_every_published_network_and_tells_inputs_apart() {
    let networks = fixture().networks;
    let covered: BTreeSet<&str> = networks.iter().map(|case| case.model.as_str()).collect();
    let published: BTreeSet<&str> = models().iter().map(|model| model.name).collect();
    assert_eq!(covered, published);
    for family in models().iter().map(|model| model.family()).collect::<BTreeSet<_>>() {
        let of_family = |case: &&Case| case.spec().baseline.family == family;
        assert!(networks.iter().filter(of_family).any(|case| case.features.is_some()), "{family:?}");
    }
    for padding in [Padding::Same, Padding::Symmetric] {
        assert!(networks.iter().any(|case| case.rules.padding == padding && case.features.is_some()));
    }
    for case in &networks {
        let norm = |row: &[f64]| row.iter().map(|value| value * value).sum::<f64>().sqrt();
        let apart: Vec<f64> = case.logits[0].iter().zip(&case.logits[1]).map(|(a, b)| a - b).collect();
        assert!(norm(&apart) > 0.05 * norm(&case.logits[0]).max(norm(&case.logits[1])), "{}", case.reference);
    }
}
