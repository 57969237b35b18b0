//! Batches of the loader as tensors, on every backend: normalised in our memory and on the device.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::borrow::Cow;
use std::sync::Arc;

use common::{floats, on, relative};
use efficientnet_backend::{Backend, Device};
use efficientnet_data::{
    Content, Loader, LoaderOptions, Normalization, NormalizeOn, Purpose, Random, RgbImage8, Source,
    SourceError, Transform,
};

/// Five pictures of noise, of 7 x 5 pixels: no part of a batch is a multiple of four bytes.
#[derive(Debug)]
struct Noise(Vec<String>);

impl Source for Noise {
    fn len(&self) -> usize {
        5
    }

    fn classes(&self) -> &[String] {
        &self.0
    }

    fn class(&self, index: usize) -> usize {
        index % 2
    }

    fn key(&self, index: usize) -> Cow<'_, str> {
        index.to_string().into()
    }

    fn read(&self, index: usize) -> Result<Content, SourceError> {
        let mut random = Random::new(0, 0, index as u64, Purpose::Picture);
        let pixels = (0..7 * 5 * 3).map(|_| random.below(256) as u8).collect();
        Ok(Content::Pixels(RgbImage8::new(7, 5, pixels).unwrap()))
    }
}

fn batches_become_tensors(device: &Device) {
    levels_become_values(device);
    batches_are_mixed(device);
}

/// MixUp and CutMix on the device are what they are in our memory, images and targets.
fn batches_are_mixed(device: &Device) {
    let source = Arc::new(Noise(vec!["a".to_string(), "b".to_string()]));
    for mixing in ["mixup(1.0)", "cutmix(1.0)"] {
        let line = format!("center_crop(5, 7) | normalize(unit) | {mixing}");
        let options = LoaderOptions { batch_size: 5, ..LoaderOptions::new(line.parse().unwrap()) };
        let loader = Loader::new(source.clone(), options).unwrap();
        let batch = loader.epoch(0).next().unwrap().unwrap();
        assert!(batch.mix().is_some(), "{line}");
        let expected = batch.values(Normalization::Unit).into_iter().map(f64::from);
        let images = batch.images(Normalization::Unit, device, NormalizeOn::Device);
        let error = relative(floats(images).into_iter().zip(expected), 1.0);
        assert!(error < 1e-6, "{line}: {error}");
        let targets = floats(batch.soft_targets_on(2, 0.1, device));
        let expected = batch.soft_targets(2, 0.1).into_iter().map(f64::from);
        assert_eq!(relative(targets.into_iter().zip(expected), 1.0), 0.0);
    }
}

fn levels_become_values(device: &Device) {
    let source = Arc::new(Noise(vec!["a".to_string(), "b".to_string()]));
    for normalization in ["imagenet", "tf_lite", "raw"] {
        let transform: Transform = format!("center_crop(5, 7) | normalize({normalization})").parse().unwrap();
        let expected: Vec<f64> = (0..3)
            .flat_map(|index| match source.read(index).unwrap() {
                Content::Pixels(image) => transform.apply(&image),
                Content::File(_) => Vec::new(),
            })
            .map(f64::from)
            .collect();
        let options = LoaderOptions { batch_size: 3, ..LoaderOptions::new(transform.clone()) };
        let batches: Vec<_> =
            Loader::new(source.clone(), options).unwrap().epoch(0).map(Result::unwrap).collect();
        for on in [NormalizeOn::Host, NormalizeOn::Device] {
            let images = batches[0].images(transform.normalization(), device, on);
            assert_eq!(images.dims(), [3, 3, 5, 7]);
            let error = relative(floats(images).into_iter().zip(expected.iter().copied()), 1.0);
            // The device may divide by 255 and by the deviation in another rounding.
            assert!(error <= if on == NormalizeOn::Host { 0.0 } else { 2e-6 * 255.0 }, "{on:?}: {error}");
        }
        assert_eq!(batches[0].targets(device).into_data().iter::<i64>().collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!(floats(batches[1].weights(device)), [1.0, 1.0, 0.0]);
    }
}

#[test]
fn flex() {
    on(Backend::Flex, |device, _| batches_become_tensors(device));
}

#[test]
fn ndarray() {
    on(Backend::NdArray, |device, _| batches_become_tensors(device));
}

#[test]
fn tch() {
    on(Backend::Tch, |device, _| batches_become_tensors(device));
}

#[test]
fn wgpu() {
    on(Backend::Wgpu, |device, _| batches_become_tensors(device));
}

#[test]
fn vulkan() {
    on(Backend::Vulkan, |device, _| batches_become_tensors(device));
}

#[test]
fn cuda() {
    on(Backend::Cuda, |device, _| batches_become_tensors(device));
}
