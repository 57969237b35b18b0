//! Any bytes are a CSV file that lists images, or an error; and a class list that is written as it was read, or an error.

#![no_main]

use efficientnet_data::{
    Content, CsvManifest, OpenOptions, Source, open_path, read_class_list, write_class_list,
};
use efficientnet_data_fuzz::{exercise, file, path};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    file("a.jpg", b"an image");
    let list = file("list.csv", bytes);
    let order = ["cat", "dog", "1"].map(String::from);
    for order in [None, Some(&order[..])] {
        let opened = CsvManifest::open(&list, order);
        let options = OpenOptions { classes: order.map(<[String]>::to_vec), ..OpenOptions::default() };
        assert_eq!(open_path(&list, &options).is_ok(), opened.is_ok());
        match opened {
            Ok(source) => exercise(&source, |index, content| {
                assert!(matches!(content, Content::File(_)));
                assert!(!source.key(index).is_empty());
            }),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    if let Ok(classes) = read_class_list(&list) {
        let again = path("classes.txt");
        write_class_list(&again, &classes).expect("what was read can be written");
        assert_eq!(read_class_list(&again).expect("what was written"), classes);
    }
});
