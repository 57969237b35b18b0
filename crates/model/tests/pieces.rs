//! Networks in pieces: what one puts out fits what the next takes, and each can be timed.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

mod common;

use burn::tensor::Tensor;
use common::on;
use efficientnet_arch::{ArchSpec, Coefficients, Piece, PieceKind};
use efficientnet_backend::Backend;
use efficientnet_model::{CompileOptions, CompiledPiece, Network};
use efficientnet_weights::{Weights, synthetic};

const NETWORKS: [&str; 5] = ["efficientnet-b0", "efficientnetv2-s", "mobilenetv1", "mobilenetv2", "resnet50"];

/// On images of 32 pixels.
fn small(name: &str) -> ArchSpec {
    let spec = ArchSpec::named(name).unwrap();
    spec.rescaled(Coefficients { resolution: 32, ..spec.coefficients }).unwrap()
}

/// Each once.
fn pieces(spec: &ArchSpec) -> Vec<Piece> {
    let mut pieces = spec.pieces();
    pieces.dedup();
    pieces
}

fn weights(piece: &Piece) -> Weights {
    let rule = |tensor: &efficientnet_arch::TensorSpec| {
        synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape)
    };
    Weights::from_tensors(piece.spec().clone(), rule)
}

#[test]
fn modules_of_pieces_fit_each_other() {
    on(Backend::Flex, |device, _| {
        for name in NETWORKS {
            let spec = small(name);
            let mut shape = [2, 3, 32, 32];
            for piece in pieces(&spec) {
                let [channels, height, width] = piece.input();
                assert_eq!(shape, [2, channels, height, width], "{name}: {}", piece.key());
                let network = Network::init(piece.spec(), device).unwrap();
                shape = network.forward_piece(piece.kind(), Tensor::ones(shape, device)).dims();
            }
            assert_eq!(shape, [2, 1000, 1, 1], "{name}");
        }
    });
}

#[test]
fn compiled_pieces_have_times() {
    for name in NETWORKS {
        for piece in pieces(&small(name)) {
            let compiled =
                CompiledPiece::new(&piece, weights(&piece), CompileOptions { threads: 2 }).unwrap();
            for batch in [1, 3] {
                let images = vec![0.5; compiled.input_len(batch)];
                let time = compiled.time(&images, batch).unwrap();
                assert!(!time.is_zero(), "{name}: {}", piece.key());
                assert!(compiled.time(&images[1..], batch).is_err());
            }
            if piece.kind() != PieceKind::Stem {
                let [_, height, width] = piece.input();
                assert_eq!(compiled.input_len(1), height * width, "one channel enters {}", piece.key());
            }
        }
    }
}
