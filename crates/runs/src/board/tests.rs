//! Event files are read back by code that shares nothing with what wrote them.

use std::collections::BTreeMap;

use super::*;

/// An event, as far as it matters here.
#[derive(Debug, Default, PartialEq)]
struct Event {
    step: u64,
    version: String,
    restart: bool,
    values: BTreeMap<String, f32>,
}

/// Castagnoli's checksum, bit by bit, with TFRecord's mask.
fn checksum(bytes: &[u8]) -> u32 {
    let shifted = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    let crc =
        bytes.iter().fold(!0u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shifted(crc)));
    let crc = u64::from(!crc);
    let rotated = (crc >> 15 | crc << 17) & 0xffff_ffff;
    ((rotated + 0xa282_ead8) & 0xffff_ffff) as u32
}

fn frames(mut file: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while !file.is_empty() {
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        assert_eq!(u32::from_le_bytes(file[8..12].try_into().unwrap()), checksum(&file[..8]));
        let (event, rest) = file[12..].split_at(length);
        assert_eq!(u32::from_le_bytes(rest[..4].try_into().unwrap()), checksum(event));
        frames.push(event.to_vec());
        file = &rest[4..];
    }
    frames
}

/// The fields of a message: number, and the content of a varint or of bytes.
fn fields(mut message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let varint = |message: &mut &[u8]| {
        let mut number = 0u64;
        for place in 0.. {
            let byte = message[0];
            *message = &message[1..];
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                break;
            }
        }
        number
    };
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let content = match key & 7 {
            0 => varint(&mut message).to_le_bytes().to_vec(),
            kind => {
                let length = match kind {
                    1 => 8,
                    5 => 4,
                    2 => varint(&mut message) as usize,
                    _ => panic!("kind {kind}"),
                };
                let (content, rest) = message.split_at(length);
                message = rest;
                content.to_vec()
            }
        };
        fields.push((key >> 3, content));
    }
    fields
}

fn event(bytes: &[u8]) -> Event {
    let mut event = Event::default();
    for (number, content) in fields(bytes) {
        match number {
            1 => assert!(f64::from_le_bytes(content.try_into().unwrap()) > 1.7e9),
            2 => event.step = u64::from_le_bytes(content.try_into().unwrap()),
            3 => event.version = String::from_utf8(content).unwrap(),
            5 => event.values.extend(fields(&content).iter().map(|(number, content)| {
                assert_eq!(*number, 1);
                let [(1, tag), (2, value)] = &fields(content)[..] else { panic!("not a value") };
                let value = f32::from_le_bytes(value[..].try_into().unwrap());
                (String::from_utf8(tag.clone()).unwrap(), value)
            })),
            7 => event.restart = fields(&content) == [(1, 1u64.to_le_bytes().to_vec())],
            _ => panic!("field {number}"),
        }
    }
    event
}

fn events(path: &Path) -> Vec<Event> {
    frames(&fs::read(path).unwrap()).iter().map(|bytes| event(bytes)).collect()
}

fn values(values: &[(&str, f32)]) -> BTreeMap<String, f32> {
    values.iter().map(|(tag, value)| (tag.to_string(), *value)).collect()
}

#[test]
fn the_checksum_is_castagnolis() {
    // The check value of CRC-32C, from the catalogue of parametrised CRC algorithms.
    assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn steps_and_epochs_are_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut board = Board::create(dir.path(), 1).unwrap();
    let step = Step { step: 300, epoch: 0, rate: 0.5, loss: 2.5, top1: 0.0, gradient_norm: None };
    board.step(&step).unwrap();
    let scores = |loss, top1| Scores { images: 10, loss, top1, top5: None };
    let epoch = Epoch {
        epoch: 0,
        step: 300,
        train: scores(3.0, 0.1),
        validation: Some(scores(2.0, 0.2)),
        averaged: Some(scores(1.0, 0.3)),
    };
    board.epoch(&epoch).unwrap();
    board.epoch(&Epoch { validation: None, averaged: None, ..epoch }).unwrap();
    board.flush().unwrap();
    let expected = [
        Event { version: "brain.Event:2".to_string(), ..Event::default() },
        Event { step: 1, restart: true, ..Event::default() },
        Event {
            step: 300,
            values: values(&[("train/rate", 0.5), ("train/loss", 2.5), ("train/top1", 0.0)]),
            ..Event::default()
        },
        Event {
            step: 300,
            values: values(&[
                ("validation/loss", 2.0),
                ("validation/top1", 0.2),
                ("averaged/loss", 1.0),
                ("averaged/top1", 0.3),
            ]),
            ..Event::default()
        },
    ];
    assert_eq!(events(board.path()), expected);
}

#[test]
fn a_run_that_goes_on_has_a_new_file_that_sorts_after_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let first = Board::create(dir.path(), 1).unwrap();
    fs::write(dir.path().join("events.out.tfevents.elsewhere"), "").unwrap();
    let second = Board::create(dir.path(), 1235).unwrap();
    assert!(first.path().file_name() < second.path().file_name());
    let restart = Event { step: 1235, restart: true, ..Event::default() };
    assert_eq!(events(second.path())[1], restart);
}

#[test]
fn a_missing_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = Board::create(&dir.path().join("none"), 1).unwrap_err().to_string();
    assert!(error.ends_with("none cannot be written: there is no such file or folder"), "{error}");
}
