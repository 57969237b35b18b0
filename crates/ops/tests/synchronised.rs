//! Two processes with half of a batch each give what one gives with all of it. Here they are two threads.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use burn::tensor::{Device, Tensor};
use common::{BACKWARD, assert_close, devices, numbers, tensor};
use efficientnet_ops::{Activation, Path, norm_act, norm_sync, set_path};

/// Adds up over two threads.
fn all_reduce() -> norm_sync::AllReduce {
    let (barrier, sums) = (Barrier::new(2), Mutex::new(Vec::<f32>::new()));
    Arc::new(move |values: &mut [f32]| {
        {
            let mut sums = sums.lock().unwrap();
            match sums.is_empty() {
                true => sums.extend(&*values),
                false => sums.iter_mut().zip(&*values).for_each(|(sum, value)| *sum += value),
            }
        }
        barrier.wait();
        values.copy_from_slice(&sums.lock().unwrap());
        // Nobody begins the next exchange before both have read this one.
        if barrier.wait().is_leader() {
            sums.lock().unwrap().clear();
        }
        barrier.wait();
    })
}

/// Output, statistics and gradients of a part of the batch.
fn part(from: usize, to: usize, device: &Device) -> ([Tensor<4>; 2], [Tensor<1>; 5]) {
    let whole: Tensor<4> = tensor([5, 6, 7, 5], 1, device);
    let upstream = tensor::<4>([5, 6, 7, 5], 4, device).narrow(0, from, to - from);
    let x = whole.narrow(0, from, to - from).detach().require_grad();
    let gamma = tensor([6], 2, device).require_grad();
    let beta = tensor([6], 3, device).require_grad();
    let norm = norm_act(x.clone(), gamma.clone(), beta.clone(), 1e-3, Activation::Silu);
    let gradients = (norm.output.clone() * upstream).sum().backward();
    let unbiased = norm.unbiased_variance();
    let [dgamma, dbeta] = [gamma, beta].map(|tensor| tensor.grad(&gradients).unwrap());
    let dx = x.grad(&gradients).unwrap();
    ([norm.output.inner(), dx], [norm.mean.inner(), unbiased.inner(), norm.count.inner(), dgamma, dbeta])
}

// One test: the function is the whole process's.
#[test]
fn halves_give_what_the_whole_gives() {
    for path in [Path::Fused, Path::Composed] {
        set_path(path);
        for device in devices() {
            norm_sync::set(None);
            let (maps, vectors) = part(0, 5, &device);
            norm_sync::set(Some(all_reduce()));
            let halves = [(0, 2), (2, 5)].map(|(from, to)| {
                let device = device.clone();
                thread::spawn(move || part(from, to, &device))
            });
            let [(maps_a, vectors_a), (maps_b, vectors_b)] = halves.map(|half| half.join().unwrap());
            norm_sync::set(None);
            let what = format!("{path:?} on {device:?}");
            let pairs = maps_a.into_iter().zip(maps_b).map(|(a, b)| Tensor::cat(vec![a, b], 0));
            for (i, (found, expected)) in pairs.zip(maps).enumerate() {
                assert_close(&format!("{what}: map {i}"), found, expected, BACKWARD);
            }
            for (i, ((a, b), expected)) in vectors_a.into_iter().zip(vectors_b).zip(vectors).enumerate() {
                // Statistics are the whole's in both; gradients are parts of a sum.
                let found = match i {
                    0..3 => {
                        assert_eq!(numbers(a.clone()), numbers(b), "{what}: vector {i}");
                        a
                    }
                    _ => a + b,
                };
                assert_close(&format!("{what}: vector {i}"), found, expected, BACKWARD);
            }
        }
    }
}
