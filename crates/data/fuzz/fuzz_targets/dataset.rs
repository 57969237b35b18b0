//! Any text is a data set's manifest whose every path stays in the data set's folder and that is written as it was read,
//! or an error.

#![no_main]

use std::path::Path;

use efficientnet_data::manifest::{DataFile, Manifest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let manifest = match Manifest::parse("fuzz.toml", text) {
        Ok(manifest) => manifest,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let folder = Path::new("folder");
    assert!(manifest.open_in(folder).is_none_or(|path| path.starts_with(folder)));
    assert!(
        manifest.files.iter().map(DataFile::file_name).all(|name| !name.is_empty() && !name.contains('/'))
    );
    assert!(manifest.images() >= manifest.classes.count as u64);
    let _ = manifest.bytes();
    let written = toml::to_string(&manifest).expect("a manifest is TOML");
    assert_eq!(Manifest::parse("again.toml", &written).as_ref(), Ok(&manifest));
});
