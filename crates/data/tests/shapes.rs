//! The built-in data set: the same for ever, and out of reach of what does not see shapes.
#![allow(clippy::unwrap_used)]

use efficientnet_data::{Purpose, Random, Shapes, Source};
use sha2::{Digest, Sha256};

/// Each picture's mean red, green and blue in `side` x `side` squares, around 0, and a 1 for the bias.
fn features(shapes: &Shapes, side: usize) -> Vec<Vec<f32>> {
    let features = |index: usize| {
        let image = shapes.picture(index);
        let square = image.width() / side;
        let mut values = vec![0.0; side * side * 3];
        for (at, pixel) in image.pixels().chunks_exact(3).enumerate() {
            let (x, y) = (at % image.width() / square, at / image.width() / square);
            for (value, level) in values[(y * side + x) * 3..].iter_mut().zip(pixel) {
                *value += f32::from(*level) / (255 * square * square) as f32;
            }
        }
        values.iter_mut().for_each(|value| *value -= 0.5);
        values.push(1.0);
        values
    };
    (0..shapes.len()).map(features).collect()
}

const EPOCHS: usize = 15;

fn scores(weights: &[Vec<f32>], x: &[f32]) -> Vec<f32> {
    weights.iter().map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
}

/// The test accuracy of a softmax classifier on the pixels of `side` x `side` squares.
fn linear_accuracy(side: usize, train: &Shapes, test: &Shapes) -> f64 {
    let (x, test_x) = (features(train, side), features(test, side));
    let mut weights = vec![vec![0.0; x[0].len()]; train.classes().len()];
    let mut order: Vec<usize> = (0..x.len()).collect();
    let mut random = Random::new(0, 0, 0, Purpose::Order);
    for epoch in 0..EPOCHS {
        let rate = 0.05 * (1.0 - epoch as f32 / EPOCHS as f32);
        random.shuffle(&mut order);
        for &index in &order {
            let mut scores = scores(&weights, &x[index]);
            let largest = scores.iter().copied().fold(f32::MIN, f32::max);
            scores.iter_mut().for_each(|score| *score = (*score - largest).exp());
            let sum: f32 = scores.iter().sum();
            for (class, row) in weights.iter_mut().enumerate() {
                let expected = if class == train.class(index) { 1.0 } else { 0.0 };
                let step = rate * (scores[class] / sum - expected);
                row.iter_mut().zip(&x[index]).for_each(|(w, x)| *w -= step * x);
            }
        }
    }
    let right = |index: &usize| {
        let scores = scores(&weights, &test_x[*index]);
        let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        best == Some(test.class(*index))
    };
    (0..test.len()).filter(right).count() as f64 / test.len() as f64
}

/// Chance is 0.1. Without optimisation fewer pictures and coarser pixels are taken.
#[test]
fn a_linear_model_fails() {
    let (count, tested, side) = if cfg!(debug_assertions) { (500, 500, 8) } else { (4000, 2000, 16) };
    let (train, test) = (Shapes::new(count, 32, 1).unwrap(), Shapes::new(tested, 32, 2).unwrap());
    let on_pixels = linear_accuracy(side, &train, &test);
    assert!(on_pixels < 0.35, "{on_pixels} on pixels");
    let on_colour = linear_accuracy(1, &train, &test);
    assert!(on_colour < 0.16, "{on_colour} on the mean colour");
}

/// Mean and spread of brightness are those of a picture, not of a class: the classes' averages differ by no more than those
/// of as many pictures that have nothing to do with each other.
#[test]
fn brightness_does_not_give_the_class_away() {
    let each = if cfg!(debug_assertions) { 40 } else { 400 };
    let shapes = Shapes::new(10 * each, 32, 5).unwrap();
    let mut sums = vec![[0.0f64; 2]; 10];
    for index in 0..shapes.len() {
        let levels = shapes.picture(index).into_pixels();
        let mean = |of: &dyn Fn(f64) -> f64| {
            levels.iter().map(|level| of(f64::from(*level))).sum::<f64>() / levels.len() as f64
        };
        let average = mean(&|level| level);
        let spread = mean(&|level| (level - average).powi(2)).sqrt();
        let sum = &mut sums[shapes.class(index)];
        *sum = [sum[0] + average / each as f64, sum[1] + spread / each as f64];
    }
    // From picture to picture the mean scatters by 35 levels and the spread by 15; of ten averages the outer ones are
    // rarely more than five of their own deviations apart.
    for (which, scatter) in [(0, 35.0), (1, 15.0)] {
        let values = sums.iter().map(|sum| sum[which]);
        let range = values.clone().fold(f64::MIN, f64::max) - values.fold(f64::MAX, f64::min);
        assert!(range < 5.0 * scatter / f64::from(each as u32).sqrt(), "{range}: {sums:?}");
    }
}

/// Somebody's figures hang on these pictures.
#[test]
fn the_pictures_never_change() {
    let hash = |shapes: &Shapes| {
        let mut hash = Sha256::new();
        (0..shapes.len()).for_each(|index| hash.update(shapes.picture(index).pixels()));
        hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    assert_eq!(hash(&Shapes::new(100, 32, 0).unwrap()), "eaf0f9f14d2d6f47");
    assert_eq!(hash(&Shapes::new(20, 96, 7).unwrap()), "1eb41cd661a1c4c3");
}

#[test]
fn seed_and_index_count_and_nothing_else() {
    let shapes = |images, seed| Shapes::new(images, 48, seed).unwrap();
    assert_eq!(shapes(100, 1).picture(57), shapes(60, 1).picture(57));
    assert_ne!(shapes(100, 1).picture(57), shapes(100, 2).picture(57));
    assert_ne!(shapes(100, 1).picture(57), shapes(100, 1).picture(67));
    assert_eq!(shapes(100, 1).key(57), "shapes-1/square/000057");
    let order: Vec<String> = shapes(1, 0).classes().iter().rev().cloned().collect();
    let reordered = shapes(100, 1).with_classes(&order).unwrap();
    assert_eq!((reordered.class(57), reordered.key(57)), (2, shapes(100, 1).key(57)));
    assert_eq!(reordered.classes()[2], "square");
    assert!(shapes(1, 0).with_classes(&order[1..]).is_err());
}
