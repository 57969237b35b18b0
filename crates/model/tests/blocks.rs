//! Every kind of block alone, against timm's: both paddings, stride 1 and 2, odd and even sizes.
//!
//! `tests/parity/blocks.json` (by `scripts/fixtures/parity.py`) names a block by the string that it is built from; the
//! values of its tensors come from our own names of them. A whole network that is wrong says little about where; this
//! does. Backends are chosen as in `parity.rs`.

mod common;

use burn::tensor::{Tensor, TensorData};
use common::{Digest, Rules, on};
use efficientnet_arch::{
    Activation, ArchSpec, Baseline, BatchNorm, BlockArgs, Coefficients, Padding, TensorSpec,
};
use efficientnet_backend::{Backend, Device};
use efficientnet_model::Network;
use efficientnet_weights::{Weights, synthetic};
use serde::Deserialize;

/// Largest difference of an output's value against its largest. A single block rounds little.
const LIMIT: f64 = 1e-5;

#[derive(Deserialize)]
struct Fixture {
    input: String,
    blocks: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    row: BlockArgs,
    /// Kernel of the stem, where the case is a stem.
    stem: Option<usize>,
    activation: Activation,
    #[serde(flatten)]
    rules: Rules,
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    size: usize,
    #[serde(flatten)]
    digest: Digest,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("parity/blocks.json")).expect("the fixture is what its script writes")
}

impl Case {
    /// A network of nothing but the row, behind a stem that gives it its channels.
    fn spec(&self) -> ArchSpec {
        let baseline = Baseline {
            stem_filters: self.row.input_filters,
            stem_kernel: self.stem.unwrap_or(3),
            stem_max_pool: (self.stem == Some(7)).then_some((3, 2)),
            rows: vec![self.row.clone()],
            head: None,
            activation: self.activation,
            padding: self.rules.padding,
            batch_norm: BatchNorm { epsilon: self.rules.bn_epsilon, momentum: 0.01 },
            ..Baseline::efficientnet()
        };
        baseline.scaled(Coefficients::unscaled(32), 0.0).expect("the fixture's rows are in range")
    }

    fn forward(&self, network: &Network, x: Tensor<4>) -> Tensor<4> {
        match self.stem {
            None => network.stages[0].blocks[0].forward(x),
            Some(7) => network.forward_features(x).head,
            Some(_) => network.stem.forward(x),
        }
    }

    fn run(&self, input: &str, device: &Device, failures: &mut Vec<String>) {
        let rule = |each: &TensorSpec| synthetic::tensor(&each.name(), each.kind, &each.shape);
        let weights = Weights::from_tensors(self.spec(), rule);
        let network = Network::from_weights(weights, device).expect("the weights are complete");
        let channels = if self.stem.is_some() { 3 } else { self.row.input_filters };
        for Output { size, digest } in &self.outputs {
            let shape = [2, channels, *size, *size];
            let x = Tensor::from_data(TensorData::new(synthetic::input(input, shape), shape), device);
            let reason = match digest.error(self.forward(&network, x)) {
                Ok(error) if error <= LIMIT => continue,
                Ok(error) => format!("off by {error:.1e}"),
                Err(error) => error,
            };
            let Rules { padding, .. } = self.rules;
            failures.push(format!("{} stem {:?} {padding:?} {size} px: {reason}", self.row, self.stem));
        }
    }
}

fn blocks_on(backend: Backend, device: &Device) {
    let Fixture { input, blocks } = fixture();
    let mut failures = Vec::new();
    for case in &blocks {
        case.run(&input, device, &mut failures);
    }
    assert!(failures.is_empty(), "{backend}:\n{}", failures.join("\n"));
}

#[test]
fn flex() {
    on(Backend::Flex, |device, _| blocks_on(Backend::Flex, device));
}

#[test]
fn ndarray() {
    on(Backend::NdArray, |device, _| blocks_on(Backend::NdArray, device));
}

#[test]
fn tch() {
    on(Backend::Tch, |device, _| blocks_on(Backend::Tch, device));
}

#[test]
fn wgpu() {
    on(Backend::Wgpu, |device, _| blocks_on(Backend::Wgpu, device));
}

#[test]
fn vulkan() {
    on(Backend::Vulkan, |device, _| blocks_on(Backend::Vulkan, device));
}

#[test]
fn cuda() {
    on(Backend::Cuda, |device, _| blocks_on(Backend::Cuda, device));
}

#[test]
fn cpu() {
    on(Backend::Cpu, |device, _| blocks_on(Backend::Cpu, device));
}

#[test]
fn the_fixture_has_both_strides_under_both_paddings_at_odd_and_even_sizes() {
    use efficientnet_arch::BlockKind::*;
    let blocks = fixture().blocks;
    for kind in [MbConv, FusedMbConv, Separable, Basic, Bottleneck] {
        for stride in [1, 2] {
            let mut of_kind =
                blocks.iter().filter(|case| case.row.kind == kind && case.row.stride == stride).peekable();
            assert!(of_kind.peek().is_some(), "{kind:?} with stride {stride}");
            for case in of_kind {
                let sizes: Vec<usize> = case.outputs.iter().map(|output| output.size).collect();
                assert!(sizes.iter().any(|size| size % 2 == 0) && sizes.iter().any(|size| size % 2 == 1));
            }
        }
    }
    let count = |wanted| blocks.iter().filter(|case| case.rules.padding == wanted).count();
    let (same, symmetric) = (count(Padding::Same), count(Padding::Symmetric));
    assert!(same >= 15 && symmetric >= same, "{same} cases with SAME, {symmetric} with symmetric padding");
}
