//! The same batches from the same seed, whatever the number of workers and ranks.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use efficientnet_data::{
    Batch, Content, LastBatch, Loader, LoaderError, LoaderOptions, OnError, Order, Position, RgbImage8,
    Shapes, Shard, Source, SourceError,
};
use sha2::{Digest, Sha256};

const SIDE: usize = 6;

/// Pictures whose every pixel says which sample they are; sample `broken` cannot be read.
#[derive(Debug, Default)]
struct Numbers {
    count: usize,
    classes: Vec<String>,
    broken: Option<usize>,
    panics: bool,
    reads: AtomicUsize,
}

impl Numbers {
    /// Class 0 has half of the samples, class 1 half of the rest, and so on.
    fn new(count: usize) -> Self {
        Self { count, classes: (0..4).map(|class| class.to_string()).collect(), ..Self::default() }
    }
}

impl Source for Numbers {
    fn len(&self) -> usize {
        self.count
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, index: usize) -> usize {
        ((index + 1).trailing_zeros() as usize).min(3)
    }

    fn key(&self, index: usize) -> Cow<'_, str> {
        format!("number {index}").into()
    }

    fn read(&self, index: usize) -> Result<Content, SourceError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.broken == Some(index) {
            assert!(!self.panics, "out of ink\nand paper");
            let source = io::Error::other("torn");
            return Err(SourceError::Read { name: self.key(index).into_owned(), source });
        }
        Ok(Content::Pixels(RgbImage8::filled(SIDE, SIDE, [index as u8, (index / 256) as u8, 7])))
    }
}

fn options(batch_size: usize) -> LoaderOptions {
    let transform = format!("center_crop({SIDE}) | normalize(raw)").parse().unwrap();
    LoaderOptions { batch_size, workers: 2, ..LoaderOptions::new(transform) }
}

fn shuffled(batch_size: usize) -> LoaderOptions {
    LoaderOptions { order: Order::Shuffled, seed: 5, ..options(batch_size) }
}

fn loader(count: usize, options: LoaderOptions) -> Loader {
    Loader::new(Arc::new(Numbers::new(count)), options).unwrap()
}

fn batches(epoch: impl IntoIterator<Item = Result<Batch, LoaderError>>) -> Vec<Batch> {
    epoch.into_iter().map(Result::unwrap).collect()
}

/// The samples that count, in their order.
fn samples<'a>(batches: impl IntoIterator<Item = &'a Batch>) -> Vec<usize> {
    let of = |batch: &'a Batch| batch.samples().iter().zip(batch.valid());
    batches.into_iter().flat_map(of).filter(|(_, valid)| **valid).map(|(sample, _)| *sample).collect()
}

fn hash(batch: &Batch) -> String {
    let mut hasher = Sha256::new();
    hasher.update(batch.levels());
    hasher.update(format!("{:?} {:?} {:?}", batch.labels(), batch.samples(), batch.valid()));
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hashes(loader: &Loader, epochs: u64) -> Vec<String> {
    (0..epochs).flat_map(|epoch| batches(loader.epoch(epoch))).map(|batch| hash(&batch)).collect()
}

#[test]
fn any_number_of_workers_gives_the_same_batches() {
    for order in [Order::Sequential, Order::Shuffled, Order::ClassBalanced] {
        let with = |workers| loader(101, LoaderOptions { order, workers, repeats: 2, ..shuffled(8) });
        let expected = hashes(&with(0), 3);
        assert_eq!(expected.len(), 3 * 13);
        for workers in [1, 2, 8] {
            assert_eq!(hashes(&with(workers), 3), expected, "{order:?}, {workers} workers");
        }
    }
}

/// With everything random that a line can have, and a restart in the middle of an epoch.
#[test]
fn random_transforms_do_not_depend_on_workers_either() {
    let line = "random_resized_crop(24) | flip(0.5) | randaugment(2, 9, std=0.5) | color_jitter(0.4, 0.4, 0.4) | \
                random_erasing(0.5, fill=noise) | normalize(imagenet) | mixup(0.2) | cutmix(1.0)";
    let source = Arc::new(Shapes::new(60, 32, 3).unwrap());
    let with = |workers| {
        let options = LoaderOptions { transform: line.parse().unwrap(), workers, ..shuffled(8) };
        Loader::new(source.clone(), options).unwrap()
    };
    let whole = |loader: &Loader| -> Vec<String> {
        let all = (0..3).flat_map(|epoch| batches(loader.epoch(epoch)));
        all.map(|batch| format!("{} {:?} {:?}", hash(&batch), batch.mix(), batch.soft_targets(10, 0.1)))
            .collect()
    };
    let expected = whole(&with(0));
    let mut distinct = expected.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 3 * 8);
    for workers in [1, 2, 8] {
        let loader = with(workers);
        assert_eq!(whole(&loader), expected, "{workers} workers");
        let position = loader.epoch(1).nth(2).unwrap().unwrap().next_position();
        let rest: Vec<String> = batches(loader.resume(position).unwrap()).iter().map(hash).collect();
        let tail: Vec<&str> =
            expected[8 + 3..16].iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(rest, tail, "{workers} workers");
    }
}

#[test]
fn a_run_goes_on_where_it_stopped() {
    let loader = loader(101, shuffled(8));
    let whole = batches(loader.epoch(4));
    for had in [1, 7, 12] {
        let position = whole[had - 1].next_position();
        // As a checkpoint keeps it.
        let position: Position = serde_json::from_str(&serde_json::to_string(&position).unwrap()).unwrap();
        let rest = batches(loader.resume(position).unwrap());
        assert_eq!(
            rest.iter().map(hash).collect::<Vec<_>>(),
            whole[had..].iter().map(hash).collect::<Vec<_>>()
        );
    }
    let end = whole.last().unwrap().next_position();
    assert!(loader.resume(end).unwrap().next().is_none());
    let error = loader.resume(Position { epoch: 4, places: 999 }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an epoch of 101 images has no place 999; the position belongs to another data set"
    );
}

#[test]
fn every_sample_is_had_once_an_epoch_in_another_order_each_time() {
    let loader = loader(50, shuffled(8));
    let epochs: Vec<Vec<usize>> = (0..3).map(|epoch| samples(&batches(loader.epoch(epoch)))).collect();
    assert_ne!(epochs[0], epochs[1]);
    assert_ne!(epochs[1], epochs[2]);
    for mut epoch in epochs {
        epoch.sort_unstable();
        assert_eq!(epoch, (0..50).collect::<Vec<_>>());
    }
    let other_seed = LoaderOptions { seed: 6, ..shuffled(8) };
    assert_ne!(samples(&batches(loader.epoch(0))), samples(&batches(self::loader(50, other_seed).epoch(0))));
}

#[test]
fn images_labels_and_samples_belong_together() {
    let source = Numbers::new(300);
    for batch in batches(loader(300, shuffled(7)).epoch(1)) {
        for (place, image) in batch.levels().chunks(SIDE * SIDE * 3).enumerate() {
            let sample = batch.samples()[place];
            assert_eq!(batch.labels()[place], source.class(sample));
            if batch.valid()[place] {
                assert_eq!(image[..3], [sample as u8, (sample / 256) as u8, 7]);
            }
        }
    }
}

#[test]
fn ranks_share_the_batches_of_one() {
    for count in [64, 50, 41] {
        let alone = loader(count, shuffled(8));
        let rank = |rank| {
            loader(count, LoaderOptions { batch_size: 4, shard: Shard { rank, world: 2 }, ..shuffled(4) })
        };
        let (alone, ranks) =
            (batches(alone.epoch(2)), [batches(rank(0).epoch(2)), batches(rank(1).epoch(2))]);
        assert_eq!([ranks[0].len(), ranks[1].len()], [alone.len(); 2], "{count}");
        for (index, batch) in alone.iter().enumerate() {
            let together = samples([&ranks[0][index], &ranks[1][index]]);
            assert_eq!(together, samples([batch]), "batch {index} of {count}");
            assert_eq!(ranks[0][index].next_position(), batch.next_position());
        }
    }
}

#[test]
fn another_number_of_ranks_takes_over_in_mid_epoch() {
    let before = batches(loader(61, shuffled(8)).epoch(0));
    let position = before[2].next_position();
    let mut seen = samples(&before[..3]);
    for rank in 0..3 {
        let shard = Shard { rank, world: 3 };
        let loader = loader(61, LoaderOptions { shard, ..shuffled(5) });
        let rest = batches(loader.resume(position).unwrap());
        assert_eq!(rest.len(), 3);
        seen.extend(samples(&rest));
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..61).collect::<Vec<_>>());
}

#[test]
fn the_last_batch_is_padded_or_dropped() {
    let padded = batches(loader(10, options(4)).epoch(0));
    assert_eq!(padded.iter().map(Batch::valid_count).collect::<Vec<_>>(), [4, 4, 2]);
    let last = &padded[2];
    assert_eq!(last.shape(), [4, SIDE, SIDE, 3]);
    assert_eq!(last.valid(), [true, true, false, false]);
    let image = SIDE * SIDE * 3;
    assert_eq!(last.levels()[2 * image..3 * image], last.levels()[..image]);

    let dropped = loader(10, LoaderOptions { last_batch: LastBatch::Drop, ..options(4) });
    assert_eq!(dropped.batches(), 2);
    assert_eq!(samples(&batches(dropped.epoch(0))), (0..8).collect::<Vec<_>>());
}

#[test]
fn classes_are_balanced() {
    let loader = loader(400, LoaderOptions { order: Order::ClassBalanced, ..shuffled(8) });
    let epoch = batches(loader.epoch(0));
    let mut classes = BTreeMap::new();
    for label in epoch.iter().flat_map(Batch::labels) {
        *classes.entry(*label).or_insert(0) += 1;
    }
    assert_eq!(classes, BTreeMap::from([(0, 100), (1, 100), (2, 100), (3, 100)]));
    // A class of 50 gives each sample twice before any one a third time.
    let rare: Vec<usize> =
        samples(&epoch).into_iter().filter(|sample| Numbers::new(400).class(*sample) == 3).collect();
    let mut times = BTreeMap::new();
    rare.iter().for_each(|sample| *times.entry(*sample).or_insert(0) += 1);
    assert!(times.len() == 50 && times.values().all(|times| *times == 2), "{times:?}");
}

#[test]
fn repeated_samples_stand_in_a_row() {
    let epoch = samples(&batches(loader(20, LoaderOptions { repeats: 3, ..shuffled(4) }).epoch(0)));
    assert_eq!(epoch.len(), 20);
    assert!(epoch.chunks(3).all(|group| group.iter().all(|sample| *sample == group[0])), "{epoch:?}");
    let mut distinct: Vec<usize> = epoch.iter().step_by(3).copied().collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 7);
}

#[test]
fn workers_go_no_further_ahead_than_they_may() {
    let source = Arc::new(Numbers::new(1000));
    let batch_bytes = 8 * SIDE * SIDE * 3;
    let options = LoaderOptions { prefetch_bytes: 3 * batch_bytes + 5, workers: 4, ..options(8) };
    let loader = Loader::new(source.clone(), options).unwrap();
    let mut epoch = loader.epoch(0);
    for had in 1..=20 {
        epoch.next().unwrap().unwrap();
        let reads = source.reads.load(Ordering::SeqCst);
        assert!(reads <= (had + 3) * 8, "{reads} reads after {had} batches");
    }
    // Nobody reads on after the end: the threads are gone when the drop returns.
    drop(epoch);
    let reads = source.reads.load(Ordering::SeqCst);
    assert!(reads < 200);
    std::thread::yield_now();
    assert_eq!(source.reads.load(Ordering::SeqCst), reads);
}

#[test]
fn an_unreadable_image_stops_the_run_with_its_name() {
    for workers in [0, 3] {
        let source = Arc::new(Numbers { broken: Some(17), ..Numbers::new(40) });
        let loader = Loader::new(source, LoaderOptions { workers, ..options(8) }).unwrap();
        let mut epoch = loader.epoch(0);
        assert_eq!(samples(&[epoch.next().unwrap().unwrap(), epoch.next().unwrap().unwrap()]).len(), 16);
        let error = epoch.next().unwrap().unwrap_err().to_string();
        assert_eq!(error, "number 17 cannot be read: torn; check the path and its permissions");
        assert!(epoch.next().is_none());
    }
}

#[test]
fn or_is_left_out_and_listed() {
    let source = Arc::new(Numbers { broken: Some(17), ..Numbers::new(40) });
    let loader = Loader::new(source, LoaderOptions { on_error: OnError::Skip, ..options(8) }).unwrap();
    let epoch = batches(loader.epoch(0));
    assert_eq!(samples(&epoch), (0..40).filter(|sample| *sample != 17).collect::<Vec<_>>());
    let skipped: Vec<_> = epoch.iter().flat_map(Batch::skipped).collect();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].sample, 17);
    assert!(skipped[0].reason.starts_with("number 17 cannot be read"), "{skipped:?}");
    // Its place holds a real image all the same.
    assert_eq!(epoch[2].valid()[..3], [true, false, true]);
    assert_eq!(epoch[2].levels()[SIDE * SIDE * 3], 16);
    // What is to be said of it is that image's class, 0, and not the 1 of what could not be read.
    assert_eq!(epoch[2].labels()[..2], [0, 1]);
    assert_eq!(epoch[2].soft_targets(4, 0.0)[4..8], [1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_decoder_that_panics_is_an_error_like_others() {
    let source = Arc::new(Numbers { broken: Some(3), panics: true, ..Numbers::new(8) });
    let error = Loader::new(source, options(8)).unwrap().epoch(0).next().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "number 3 made the decoder fail (out of ink); take it out of the data set, and please report it"
    );
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |options| Loader::new(Arc::new(Numbers::new(10)), options).unwrap_err().to_string();
    assert_eq!(refused(options(0)), "a batch of 0 images was asked for; give a batch size of at least 1");
    assert!(refused(LoaderOptions { repeats: 0, ..options(1) }).contains("repeated 0 times"));
    let shard = Shard { rank: 2, world: 2 };
    assert_eq!(refused(LoaderOptions { shard, ..options(1) }), "there is no rank 2 of 2; ranks count from 0");
    let shard = Shard { rank: 0, world: 3 };
    assert_eq!(
        refused(LoaderOptions { shard, last_batch: LastBatch::Drop, ..options(4) }),
        "a batch of 12 images (on all ranks together) is larger than the data set of 10; lower the batch size, \
         or pad the last batch"
    );
    assert!(refused(options(usize::MAX / 2)).contains("too large for this computer"));
}
