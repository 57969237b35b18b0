//! A checkpoint is read as it was written, or refused.

use std::io::{self, Write};

use efficientnet_data::{Position, write_atomically};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::lines::Mark;

fn example() -> Checkpoint {
    let state = State {
        step: 1234,
        epoch: 3,
        position: Position { epoch: 3, places: 96 },
        score: Some(0.1 + 0.2),
        best: vec![Best { step: 1000, score: 0.75 }, Best { step: 1234, score: 0.1 + 0.2 }],
        written: Written { journal: Mark { bytes: 99, entries: 3 }, times: Mark { bytes: 7, entries: 1 } },
        seconds: 12.5,
        extra: json!({ "random": [1, u64::MAX], "name": "a \"quoted\" line\nand \u{fffd}" }),
    };
    let tensor = |name: &str, shape: &[usize], values: &[f32]| Tensor {
        name: name.to_string(),
        shape: shape.to_vec(),
        values: values.to_vec(),
    };
    let tensors = vec![
        tensor("stem.weight", &[2, 3], &[0.0, -0.0, 1.5, f32::MIN_POSITIVE, f32::INFINITY, 1e-45]),
        tensor("optimizer/stem.weight", &[1], &[0.1]),
        tensor("counter", &[], &[7.0]),
        tensor("empty", &[0, 5], &[]),
    ];
    Checkpoint { state, tensors }
}

fn bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoded::new(checkpoint).unwrap().write(&mut bytes).unwrap();
    bytes
}

fn parsed(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    read::whole_of(Path::new("step-00001234.safetensors"), bytes, bytes.len() as u64)
}

fn refusal(bytes: &[u8]) -> CheckpointError {
    let error = parsed(bytes).unwrap_err();
    assert!(error.to_string().starts_with("step-00001234.safetensors "), "{error}");
    error
}

#[test]
fn what_is_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    example().write(&path).unwrap();
    let read = Checkpoint::read(&path).unwrap();
    assert_eq!(read, example());
    let bits = |checkpoint: &Checkpoint| {
        let values = checkpoint.tensors.iter().flat_map(|tensor| &tensor.values);
        values.map(|value| value.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(&read), bits(&example()));
    assert_eq!(State::read(&path).unwrap(), example().state);
    assert_eq!(std::fs::read(&path).unwrap(), bytes(&example()));
}

#[test]
fn tensors_longer_than_a_chunk_are_whole() {
    let values: Vec<f32> = (0..2 * CHUNK + 3).map(|index| index as f32).collect();
    let tensor = Tensor { name: "long".to_string(), shape: vec![values.len()], values };
    let checkpoint = Checkpoint { state: State::default(), tensors: vec![tensor] };
    assert_eq!(parsed(&bytes(&checkpoint)).unwrap(), checkpoint);
}

#[test]
fn other_tools_open_it() {
    let bytes = bytes(&example());
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), 4);
    let weight = file.tensor("stem.weight").unwrap();
    assert_eq!((weight.dtype(), weight.shape()), (safetensors::Dtype::F32, &[2, 3][..]));
    let values: Vec<u8> = example().tensors[0].values.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(weight.data(), values);
    let (_, about) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let state: State = serde_json::from_str(&about.metadata().as_ref().unwrap()["state"]).unwrap();
    assert_eq!(state, example().state);
}

#[test]
fn every_byte_counts() {
    let whole = bytes(&example());
    for index in 0..whole.len() {
        for changed in [whole[index] ^ 1, whole[index] ^ 0x80, b' ', b'\t', b'0', 0] {
            let mut bytes = whole.clone();
            bytes[index] = changed;
            if bytes != whole {
                refusal(&bytes);
            }
        }
    }
}

#[test]
fn every_length_but_its_own_is_refused() {
    let whole = bytes(&example());
    for end in 0..whole.len() {
        let error = refusal(&whole[..end]);
        assert!(matches!(error, CheckpointError::CutOff { .. }), "{end}: {error}");
    }
    for more in [1, 8, 4096] {
        let mut longer = whole.clone();
        longer.resize(whole.len() + more, 0);
        assert!(matches!(refusal(&longer), CheckpointError::Damaged { .. }));
    }
}

#[test]
fn sentences() {
    let whole = bytes(&example());
    let told = |bytes: &[u8]| {
        let error = refusal(bytes).to_string();
        error.trim_start_matches("step-00001234.safetensors ").to_string()
    };
    let cut = format!(
        "is cut off: it has {} of {} bytes; use the checkpoint before it",
        whole.len() - 5,
        whole.len()
    );
    assert_eq!(told(&whole[..whole.len() - 5]), cut);
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let damaged = "is damaged (its SHA-256 is not that of its content); use the checkpoint before it";
    assert_eq!(told(&flipped), damaged);
    let other = "is not a training checkpoint (it does not begin as a safetensors file does); \
                 give one from a run's checkpoints folder";
    assert_eq!(told(b"\x89PNG\r\n\x1a\n and so on"), other);
    let weights = safetensors::serialize::<&str, safetensors::tensor::TensorView<'_>, _>([], None).unwrap();
    let weights = [&weights[..], b""].concat();
    assert!(told(&weights).contains("it holds tensors, but no state of a training run"));
}

#[test]
fn a_folder_and_a_missing_file() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Checkpoint::read(dir.path()).is_err());
    let error = Checkpoint::read(&dir.path().join("none")).unwrap_err().to_string();
    assert!(error.ends_with("none cannot be read: there is no such file or folder"), "{error}");
}

#[test]
fn what_cannot_be_kept_is_refused_before_a_byte_is_written() {
    let refused = |change: fn(&mut Checkpoint)| {
        let mut checkpoint = example();
        change(&mut checkpoint);
        let dir = tempfile::tempdir().unwrap();
        let error = checkpoint.write(&dir.path().join("checkpoint")).unwrap_err();
        assert!(matches!(error, CheckpointError::Unfit { .. }), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        error.to_string()
    };
    let error = refused(|checkpoint| checkpoint.tensors[1].shape = vec![2]);
    assert!(error.ends_with("tensor `optimizer/stem.weight` of shape [2] was given 1 values"), "{error}");
    refused(|checkpoint| checkpoint.tensors[1].shape = vec![usize::MAX, 2]);
    refused(|checkpoint| checkpoint.tensors[1].name = "counter".to_string());
    refused(|checkpoint| checkpoint.tensors[1].name = "__metadata__".to_string());
    refused(|checkpoint| checkpoint.state.score = Some(f64::NAN));
    refused(|checkpoint| checkpoint.state.seconds = f64::INFINITY);
    refused(|checkpoint| checkpoint.state.best[0].score = f64::NAN);
}

/// A disk with room for so many bytes.
struct Full<'a> {
    out: &'a mut dyn Write,
    room: usize,
}

impl Write for Full<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let count = bytes.len().min(self.room);
        self.room -= count;
        self.out.write(&bytes[..count])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[test]
fn a_full_disk_leaves_the_older_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    example().write(&path).unwrap();
    let old = std::fs::read(&path).unwrap();
    let mut newer = example();
    newer.tensors[1].values = vec![0.2];
    let encoded = Encoded::new(&newer).unwrap();
    for room in 0..old.len() {
        let error = write_atomically(&path, |out| encoded.write(&mut Full { out, room })).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
    assert_eq!(std::fs::read(&path).unwrap(), old);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let room = old.len();
    write_atomically(&path, |out| encoded.write(&mut Full { out, room })).unwrap();
    assert_eq!(Checkpoint::read(&path).unwrap(), newer);
}

proptest! {
    #[test]
    fn any_damage_is_found(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let whole = bytes(&example());
        let mut damaged = whole.clone();
        for (index, value) in changes {
            damaged[index.index(whole.len())] = value;
        }
        damaged.truncate(end.map_or(whole.len(), |end| end.index(whole.len())));
        if damaged != whole {
            refusal(&damaged);
        }
    }

    #[test]
    fn any_bytes_are_refused(garbage in prop::collection::vec(any::<u8>(), 0..300)) {
        refusal(&garbage);
    }

    #[test]
    fn any_header_is_refused(header in "\\{[\"a-z_:{}\\[\\]0-9, ]{0,80}\\}", length in prop::option::of(any::<u64>())) {
        let length = length.unwrap_or(header.len() as u64);
        refusal(&[&length.to_le_bytes()[..], header.as_bytes(), &[0; 16]].concat());
    }

    #[test]
    fn any_checkpoint_is_read_as_it_was_written(
        (step, places, score) in (any::<u64>(), any::<u64>(), prop::option::of(-1e300..1e300f64)),
        text in ".*",
        shapes in prop::collection::vec(prop::collection::vec(0..4usize, 0..4), 0..5),
    ) {
        let position = Position { epoch: 0, places };
        let state = State { step, position, score, extra: json!({ text.as_str(): text }), ..State::default() };
        let tensor = |(index, shape): (usize, Vec<usize>)| Tensor {
            name: format!("{text}{index}"),
            values: (0..shape.iter().product()).map(|value: usize| value as f32).collect(),
            shape,
        };
        let checkpoint = Checkpoint { state, tensors: shapes.into_iter().enumerate().map(tensor).collect() };
        prop_assert_eq!(parsed(&bytes(&checkpoint)).unwrap(), checkpoint);
    }
}
