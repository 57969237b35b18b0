//! safetensors in and out, and files that are something else: one sentence each, nothing half-written left behind.
#![allow(clippy::unwrap_used)] // A test that meets something unexpected stops there.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{header, listed, tiny};
use efficientnet_arch::{ArchSpec, Padding, TensorKind, TensorSpec};
use efficientnet_weights::{
    Format, LoadOptions, Naming, SaveOptions, Weights, WeightsError, inspect, load, save, synthetic,
};
use half::{bf16, f16};

fn rule(tensor: &TensorSpec) -> Vec<f32> {
    synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape)
}

fn one_sentence(error: &WeightsError, path: &Path) -> String {
    let sentence = error.to_string();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(sentence.contains(name), "{sentence}");
    assert!(!sentence.contains('\n'), "{sentence}");
    sentence
}

/// Written in each naming and read again, every value is back, and the file knows all about itself.
#[test]
fn saved_and_loaded_in_every_naming() {
    let folder = tempfile::tempdir().unwrap();
    for model in [
        "efficientnet-b0",
        "efficientnetv2-b0",
        "mobilenetv2",
        "mobilenetv1",
        "resnet18",
        "efficientnet-edgetpu-s",
    ] {
        let spec = tiny(model).with_padding(Padding::Symmetric).with_bn_epsilon(3e-4);
        for naming in Naming::ALL {
            let path = folder.path().join(format!("{model}-{naming}.safetensors"));
            let mut weights = Weights::from_tensors(spec.clone(), rule);
            weights.implied_mut().transform = "decode | resize(40, bilinear) | center_crop(32)".into();
            let options = SaveOptions {
                metadata: BTreeMap::from([("classes".to_string(), "a,b,c,d,e".to_string())]),
                ..SaveOptions::default()
            };
            match save(&mut weights, naming, &path, &options) {
                Ok(()) => {}
                Err(WeightsError::NoNames { instead, .. }) => {
                    assert!(!instead.contains(&naming.word()) && instead.contains(&"native"));
                    assert!(!path.exists());
                    continue;
                }
                Err(error) => panic!("{error}"),
            }
            let mut loaded = load(&path, &LoadOptions::default()).unwrap();
            assert_eq!(loaded.naming(), naming);
            assert_eq!(loaded.spec(), &spec);
            assert_eq!(loaded.implied().transform, weights.implied().transform);
            assert!(loaded.implied().facts.iter().all(|fact| !fact.assumed));
            assert_eq!(loaded.metadata()["classes"], "a,b,c,d,e");
            for tensor in spec.tensors() {
                let found = loaded.take(&tensor.name()).unwrap();
                assert_eq!(found.shape, tensor.shape);
                assert!(found.values == rule(&tensor), "{naming} {}", tensor.name());
            }
        }
    }
}

#[test]
fn pytorchs_strict_loading_finds_its_counters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("timm.safetensors");
    let mut weights = Weights::from_tensors(tiny("efficientnet-b0"), rule);
    save(&mut weights, Naming::Timm, &path, &SaveOptions::default()).unwrap();
    let bytes = fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let counter = file.tensor("blocks.1.0.bn1.num_batches_tracked").unwrap();
    assert_eq!(
        (counter.dtype(), counter.shape(), counter.data()),
        (safetensors::Dtype::I64, &[][..], &[0; 8][..])
    );
}

#[test]
fn folded_normalisation_gives_the_bias_back() {
    let spec = ArchSpec::named("mobilenetv2").unwrap();
    let mut weights = Weights::from_named(tiny("mobilenetv2"), Naming::TfSlim, |name, tensor| {
        synthetic::tensor(name, tensor.kind, &tensor.shape)
    })
    .unwrap();
    let mut value = |field: &str| weights.take(&format!("stem.bn.{field}")).unwrap().values[0];
    let (scale, shift, mean, variance) =
        (value("weight"), value("bias"), value("running_mean"), value("running_var"));
    assert_eq!((scale, mean), (1.0, 0.0));
    let factor = scale / (variance + spec.batch_norm.epsilon as f32).sqrt();
    assert!((factor - 1.0).abs() < 1e-7, "{factor}");
    assert_eq!(shift, synthetic::tensor("stem.bias", TensorKind::BnBias, &[8])[0]);
}

#[test]
fn nothing_is_overwritten_unasked_and_nothing_half_written_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.safetensors");
    fs::write(&path, "precious").unwrap();
    let mut weights = Weights::from_tensors(tiny("resnet18"), rule);
    let error = save(&mut weights, Naming::Timm, &path, &SaveOptions::default()).unwrap_err();
    assert!(matches!(error, WeightsError::Exists(_)));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let options = SaveOptions { overwrite: true, ..SaveOptions::default() };
    save(&mut weights, Naming::Timm, &path, &options).unwrap();
    load(&path, &LoadOptions::default()).unwrap();

    // A rule that gives too few values fails in the middle of the file.
    let mut short = Weights::from_tensors(tiny("resnet18"), |tensor| match tensor.kind {
        TensorKind::LinearBias => vec![],
        _ => rule(tensor),
    });
    let failing = folder.path().join("failing.safetensors");
    let error = save(&mut short, Naming::Timm, &failing, &SaveOptions::default()).unwrap_err();
    assert!(matches!(error, WeightsError::WrongLength { .. }), "{error}");
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["mine.safetensors"]);

    let nowhere = folder.path().join("no/such/folder/x.safetensors");
    let error = save(&mut weights, Naming::Timm, &nowhere, &SaveOptions::default()).unwrap_err();
    assert!(one_sentence(&error, &nowhere).contains("cannot be written"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_files() {
    let mut weights = Weights::from_tensors(tiny("resnet18"), rule);
    let path = Path::new("/proc/self/fd/x.safetensors");
    let error = save(&mut weights, Naming::Timm, path, &SaveOptions::default()).unwrap_err();
    one_sentence(&error, path);
}

#[test]
fn a_tensor_is_taken_once() {
    let mut weights = Weights::from_tensors(tiny("resnet18"), rule);
    weights.read("stem.conv.weight").unwrap();
    weights.take("stem.conv.weight").unwrap();
    let error = weights.take("stem.conv.weight").unwrap_err();
    assert!(error.to_string().contains("`stem.conv.weight`"));
    assert!(matches!(weights.take("nonsense"), Err(WeightsError::NoTensor { .. })));
}

fn native(spec: &ArchSpec, change: impl Fn(&str, &mut Vec<f32>)) -> Vec<u8> {
    let (mut bytes, _) = header(&listed(spec, Naming::Native).unwrap());
    for tensor in spec.tensors() {
        let mut values = rule(&tensor);
        change(&tensor.name(), &mut values);
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes
}

fn for_spec(spec: &ArchSpec) -> LoadOptions {
    LoadOptions { spec: Some(spec.clone()), ..LoadOptions::default() }
}

#[test]
fn values_that_are_not_finite_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nan.safetensors");
    let spec = tiny("efficientnet-b0");
    let spoil = |name: &str, values: &mut Vec<f32>| match name {
        "stem.bn.running_var" => values[0] = f32::INFINITY,
        "classifier.bias" => values.fill(f32::NAN),
        _ => {}
    };
    fs::write(&path, native(&spec, spoil)).unwrap();
    inspect(&path, &for_spec(&spec)).unwrap();
    let error = load(&path, &for_spec(&spec)).unwrap_err();
    let sentence = one_sentence(&error, &path);
    assert!(sentence.contains("stem.bn.running_var (1 of 8 values)"), "{sentence}");
    assert!(sentence.contains("classifier.bias (5 of 5 values)"), "{sentence}");
}

#[test]
fn half_and_double_precision_become_single() {
    let folder = tempfile::tempdir().unwrap();
    let spec = tiny("resnet18");
    type Encode = fn(f32) -> Vec<u8>;
    type Round = fn(f32) -> f32;
    let cases: [(&str, usize, Encode, Round); 3] = [
        ("F16", 2, |v| f16::from_f32(v).to_le_bytes().into(), |v| f16::from_f32(v).to_f32()),
        ("BF16", 2, |v| bf16::from_f32(v).to_le_bytes().into(), |v| bf16::from_f32(v).to_f32()),
        ("F64", 8, |v| f64::from(v).to_le_bytes().into(), |v| v),
    ];
    for (dtype, size, encode, round) in cases {
        let (mut entries, mut data) = (serde_json::Map::new(), Vec::new());
        for tensor in spec.tensors() {
            let start = data.len();
            data.extend(rule(&tensor).into_iter().flat_map(encode));
            assert_eq!(data.len() - start, size * tensor.len());
            let entry = serde_json::json!({ "dtype": dtype, "shape": tensor.shape, "data_offsets": [start, data.len()] });
            entries.insert(tensor.name(), entry);
        }
        let head = serde_json::Value::Object(entries).to_string();
        let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
        bytes.extend(head.as_bytes());
        bytes.extend(data);
        let path = folder.path().join(format!("{dtype}.safetensors"));
        fs::write(&path, bytes).unwrap();
        let mut weights = load(&path, &for_spec(&spec)).unwrap();
        for tensor in spec.tensors() {
            let expected: Vec<f32> = rule(&tensor).into_iter().map(round).collect();
            assert!(weights.take(&tensor.name()).unwrap().values == expected, "{dtype} {}", tensor.name());
        }
    }
}

#[test]
fn a_file_that_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.safetensors");
    let spec = tiny("efficientnet-b0");
    let bytes = native(&spec, |_, _| {});
    for length in [1, 7, 8, 9, 100, 5000, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = load(&path, &for_spec(&spec)).unwrap_err();
        let sentence = one_sentence(&error, &path);
        assert!(matches!(error, WeightsError::CutOff { .. }), "{length}: {sentence}");
    }
    // Shorter than it was when it was opened.
    fs::write(&path, &bytes).unwrap();
    let mut weights = load(&path, &for_spec(&spec)).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes.len() as u64 / 2).unwrap();
    let error = weights.take("classifier.weight").unwrap_err();
    assert!(matches!(error, WeightsError::CutOff { .. }), "{error}");
}

#[test]
fn headers_that_lie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("liar.safetensors");
    let file = |length: u64, json: &str, data: usize| {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    };
    let exact = |json: &str, data: usize| file(json.len() as u64, json, data);
    let cases = [
        ("an endless header", file(u64::MAX, "{}", 0)),
        ("a header beyond the file", file(1 << 20, "{}", 0)),
        ("no JSON", exact("{\"a\": nonsense}", 0)),
        (
            "a shape that is not its bytes",
            exact(r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8),
        ),
        (
            "a shape without end",
            exact(r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,16],"data_offsets":[0,8]}}"#, 8),
        ),
        ("offsets that run backwards", exact(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#, 8)),
        ("values that nobody owns", exact(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 12)),
        ("an unknown type", exact(r#"{"a":{"dtype":"Q7","shape":[1],"data_offsets":[0,4]}}"#, 4)),
        ("no tensors", exact("{}", 0)),
    ];
    for (what, bytes) in cases {
        fs::write(&path, bytes).unwrap();
        let error = load(&path, &LoadOptions::default()).err().unwrap_or_else(|| panic!("{what}"));
        one_sentence(&error, &path);
    }
    // The right name and shape, and no numbers to compute with.
    let spec = tiny("resnet18");
    let text = String::from_utf8(header(&listed(&spec, Naming::Native).unwrap()).0[8..].to_vec()).unwrap();
    let integers = text.replace("F32", "I32");
    let values: usize = spec.tensors().iter().map(TensorSpec::len).sum();
    fs::write(&path, exact(&integers, 4 * values)).unwrap();
    let error = load(&path, &for_spec(&spec)).unwrap_err();
    assert!(one_sentence(&error, &path).contains("floating-point"), "{error}");
}

/// What a file says about its network is not believed where no such network can be.
#[test]
fn designs_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("design.safetensors");
    let mut weights = Weights::from_tensors(tiny("resnet18"), rule);
    save(&mut weights, Naming::Native, &path, &SaveOptions::default()).unwrap();
    load(&path, &LoadOptions::default()).unwrap();
    let bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap();
    for (from, to) in [
        (r#"\"divisor\":8"#, r#"\"divisor\":0"#),
        (r#"\"stem_max_pool\":[3,2]"#, r#"\"stem_max_pool\":[3,0]"#),
        (r#"\"stem_filters\":64"#, r#"\"stem_filters\":18446744073709551615"#),
        (r#"\"stem_kernel\":7"#, r#"\"stem_kernel\":7000000000"#),
        (r#"\"depth\":0.3"#, r#"\"depth\":49.9"#),
        ("r2_k3_s22", "r2000000000_k3_s22"),
        ("_o512_", "_o512000000000000_"),
    ] {
        assert!(header.contains(from), "{from}\n{header}");
        let changed = header.replace(from, to);
        let mut file = (changed.len() as u64).to_le_bytes().to_vec();
        file.extend(changed.as_bytes());
        file.extend(&bytes[8 + length..]);
        fs::write(&path, file).unwrap();
        let error = load(&path, &LoadOptions::default()).unwrap_err();
        assert!(one_sentence(&error, &path).contains("no known network"), "{error}");
    }
}

#[test]
fn weights_go_to_other_threads() {
    fn goes<T: Send>(_: &T) {}
    goes(&Weights::from_tensors(tiny("resnet18"), rule));
}

#[test]
fn files_that_are_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u8], &str); 8] = [
        ("image.png", b"\x89PNG\r\n\x1a\n0000000000", "PNG"),
        ("keras.h5", b"\x89HDF\r\n\x1a\n0000000000", "HDF5"),
        ("page.pth", b"<!DOCTYPE html><html>", "web page"),
        ("pointer.safetensors", b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        ("empty.safetensors", b"", "empty"),
        ("text.safetensors", b"these are not the weights you are looking for", "no known format"),
        ("plain.zip", b"PK\x03\x04nothing else", "zip"),
        ("pickle.pth", b"\x80\x02K\x07.", "PyTorch"),
    ];
    for (name, bytes, word) in cases {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = load(&path, &LoadOptions::default()).unwrap_err();
        let sentence = one_sentence(&error, &path);
        assert!(sentence.contains(word), "{sentence}");
    }
    let error = load(folder.path(), &LoadOptions::default()).unwrap_err();
    assert!(one_sentence(&error, folder.path()).contains("it is a folder"), "{error}");
    let absent = folder.path().join("absent.pth");
    let error = load(&absent, &LoadOptions::default()).unwrap_err();
    assert!(one_sentence(&error, &absent).contains("no such file"), "{error}");
}

/// The real files, where they are there.
#[test]
fn the_assets_are_recognised() {
    let Some(assets) = common::assets() else { return };
    let keras = assets.join("efficientnetv2-b0/efficientnetv2_b0_imagenet_keras_layout.safetensors");
    let found = inspect(&keras, &LoadOptions::default()).unwrap();
    assert_eq!(
        (found.format, found.naming, found.model.as_str()),
        (Format::Safetensors, Naming::Keras, "efficientnetv2-b0")
    );
    assert_eq!((found.tensors, found.values, found.num_classes), (361, 7_200_312, 1000));
    assert_eq!((found.implied.padding, found.implied.bn_epsilon), (Padding::Same, 1e-3));
    assert_eq!(
        found.implied.transform,
        "decode | resize(256, bicubic) | center_crop(224) | normalize(imagenet)"
    );
    let mut weights = load(&keras, &LoadOptions::default()).unwrap();

    // Saved again under Keras' names, the values are the same bytes.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.safetensors");
    save(&mut weights, Naming::Keras, &copy, &SaveOptions::default()).unwrap();
    let (a, b) = (fs::read(&keras).unwrap(), fs::read(&copy).unwrap());
    let (a, b) = (
        safetensors::SafeTensors::deserialize(&a).unwrap(),
        safetensors::SafeTensors::deserialize(&b).unwrap(),
    );
    assert_eq!(a.len(), b.len());
    for (name, tensor) in a.iter() {
        let copied = b.tensor(name).unwrap();
        assert!(copied.shape() == tensor.shape() && copied.data() == tensor.data(), "{name}");
    }

    let slim = assets.join("mobilenetv2/mobilenet_v2_1.0_224_folded.safetensors");
    let found = inspect(&slim, &LoadOptions::default()).unwrap();
    assert_eq!((found.naming, found.model.as_str()), (Naming::TfSlim, "mobilenetv2"));
    assert_eq!((found.num_classes, found.implied.class_offset), (1001, 1));
    load(&slim, &LoadOptions::default()).unwrap();
}
