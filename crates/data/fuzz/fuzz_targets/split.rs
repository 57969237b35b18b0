//! Any bytes are a split of a source, with every sample in one part and written as it was read, or an error.

#![no_main]

use std::sync::{Arc, LazyLock};

use efficientnet_data::{CsvManifest, Source, Split};
use efficientnet_data_fuzz::{file, path};
use libfuzzer_sys::fuzz_target;

/// Six samples, one of which has a key with a line break and a backslash.
static SOURCE: LazyLock<Arc<dyn Source>> = LazyLock::new(|| {
    let list = file("list.csv", include_bytes!("../seeds/split.csv"));
    Arc::new(CsvManifest::open(list, None).expect("a list of this folder"))
});

fuzz_target!(|bytes: &[u8]| {
    let split = match Split::load(file("split.txt", bytes), &SOURCE) {
        Ok(split) => split,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let indices = |split: &Split| -> Vec<Vec<u32>> {
        split.parts().iter().map(|part| split.indices(part).expect("a part of its own")).collect()
    };
    let parts = indices(&split);
    let mut all = parts.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..SOURCE.len() as u32));
    let again = path("again.txt");
    split.save(&again).expect("a file in memory");
    let loaded = Split::load(&again, &SOURCE).expect("what was written");
    assert_eq!((loaded.recipe(), loaded.parts()), (split.recipe(), split.parts()));
    assert_eq!(indices(&loaded), parts);
});
