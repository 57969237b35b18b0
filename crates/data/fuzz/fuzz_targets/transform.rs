//! Any text is a pipeline that reads back as itself, or an error that points into the text.

#![no_main]

use efficientnet_data::Transform;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<Transform>() {
        Ok(transform) => assert_eq!(transform.to_string().parse(), Ok(transform)),
        Err(error) => assert!(text.get(error.place.clone()).is_some(), "{error}"),
    }
});
